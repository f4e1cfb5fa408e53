"""The map is true: what it names exists, and what exists is named."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "WORKSPACE.md").read_text()


def named():
  return {w for w in re.findall(r"`([\w./-]+)`", MAP) if "/" in w or w.endswith((".py", ".vital"))}


def test_what_the_map_names_exists():
  files = {p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if ".venv" not in p.parts}
  for name in named():
    stem = name.rstrip("/")
    assert any(f == stem or f.endswith("/" + stem) for f in files), f"{name} does not exist"


def test_every_folder_and_module_on_the_map():
  package = ROOT / "synthmatch_jax"
  units = [p.name for p in package.iterdir() if p.suffix == ".py" and p.stem != "__init__"]
  units += [f"{p.parent.name}/" for p in package.glob("*/__init__.py")]
  units += [f"{d}/" for d in ("configs", "datasets/massive16", "examples", "tests")]
  for unit in units:
    assert f"`{unit}`" in MAP or f"`synthmatch_jax/{unit}`" in MAP, f"{unit} is not on the map"


def test_the_top_level_is_what_was_agreed():
  for name in ("synthmatch_jax", "datasets", "configs", "tests", "setup.cfg", "WORKSPACE.md"):
    assert (ROOT / name).exists()
  assert not (ROOT / "datasets" / "__init__.py").exists()  # TFDS needs the name for itself.


def test_every_dependency_is_pinned():
  pinned = {
    line.split("==")[0].lower().replace("_", "-")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if "==" in line
  }
  text = (ROOT / "setup.cfg").read_text()
  wanted = text.split("install_requires =")[1].split("[options.entry_points")[0]
  wanted += text.split("[options.extras_require]")[1].split("[tool:pytest]")[0]
  for line in wanted.splitlines():
    name = re.match(r"    ([A-Za-z0-9_.-]+)", line)
    if name and name[1] != "synthmatch_jax":
      assert name[1].lower().replace("_", "-") in pinned, f"{name[1]} is not pinned"
