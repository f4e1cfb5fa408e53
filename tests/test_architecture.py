"""Imports point down (see WORKSPACE.md)."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "synthmatch_jax"

# From the bottom up; a unit imports what is on floors below its own.
FLOORS = (
  {"errors"},
  {"untrusted", "cores", "extras", "bundled"},
  {"files"},
  {"cli", "completion", "startup", "checksums", "arrays", "audio", "spaces"},
  {"data"},
  {"models", "programs", "metrics", "synths", "reports"},
  {"config", "exported", "selection"},
  {"training", "generation", "probing"},
  {"inference", "inspection"},
  {"search"},
  {"evaluation", "matching"},
  {"web"},
  {
    "__main__",
    "train",
    "eval",
    "match",
    "app",
    "build",
    "probe",
    "describe",
    "compare",
    "ood",
    "preferences",
    "export",
    "follow",
    "index",
    "snap",
  },
)
BINARIES = FLOORS[-1]
ENGINES = {"vita", "pedalboard", "dexed"}


def sources():
  return sorted(p for p in PACKAGE.rglob("*.py") if p.name != "__init__.py" or p.parent != PACKAGE)


def unit(parts):
  return parts[1] if len(parts) > 1 else ""


def imports(path):
  """Modules that a file imports, with whether at its top level."""
  for node in ast.walk(tree := ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      assert node.level == 0, f"{path}: relative import"
      names = [f"{node.module}.{a.name}" for a in node.names]
    else:
      continue
    for name in names:
      yield name, node in tree.body


def floor(name):
  (found,) = [number for number, units in enumerate(FLOORS) if name in units]
  return found


def test_every_module_has_a_floor():
  units = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in sources()}
  assert units == set.union(*FLOORS)


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
  here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
  for name, _ in imports(path):
    if not name.startswith("synthmatch_jax."):
      continue
    there = unit(name.split("."))
    assert there == here or floor(there) < floor(here), (
      f"{path.name} on floor {floor(here)} imports {name} on floor {floor(there)}"
    )
    assert there not in BINARIES, f"{path.name} imports the binary {name}"


@pytest.mark.parametrize("part", ["data", "models", "training", "inference.py"])
def test_training_never_imports_a_synth(part):
  root = PACKAGE / part
  for path in root.rglob("*.py") if root.is_dir() else [root]:
    for name, _ in imports(path):
      assert not name.startswith(("synthmatch_jax.synths", "synthmatch_jax.generation"))


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_engine_libraries_are_imported_lazily_and_by_their_engine_alone(path):
  for name, top in imports(path):
    if name.split(".")[0] in ENGINES:
      assert path.parent.name == "synths", f"{path.name} imports {name}"
      assert not top, f"{path.name} imports {name} at its top"


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_stay_short(path):
  assert len(path.read_text().splitlines()) <= 300


def test_a_match_loads_neither_flax_nor_matplotlib():
  """They are loaded where a model is built, and what was traced of it is kept (`programs`)."""
  todo, seen = ["synthmatch_jax.matching.bulk", "synthmatch_jax.matching.output"], set()
  while todo:
    parts = todo.pop().split(".")
    for count in range(1, len(parts) + 1):
      place = PACKAGE.parent.joinpath(*parts[:count])
      for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.exists() and path not in seen:
          seen.add(path)
          todo += [name for name, at_top in imports(path) if at_top]
    assert parts[0] not in {"flax", "optax", "matplotlib", "orbax", "tensorflow_datasets"}
  assert PACKAGE / "inference.py" in seen
