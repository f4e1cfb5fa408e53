"""What a stranger with bad intent, or a bad disk, may send; every item follows from its seed."""

import copy
import json
import os
import random
import shutil
import struct
from pathlib import Path

from synthmatch_jax.bundled import VITAL16
from synthmatch_jax.synths.registry import described
from tests.synths.remote import instrument

VALUES = [
  *(None, True, -1, 0, 1, 0.5, -0.0, 1e-300, 1e300, 2**31, 2**63, -(2**63), 10**18),
  *(float("nan"), float("inf"), float("-inf"), "", "x", "0", "1e9", "../x", "/dev/zero", "\0"),
  *("\ud800", "{{ 7 * 7 }}", "<script>", "__import__('os')", "%s%n", "a" * 100_000, "\x1b[2J"),
  *([], {}, [[]], [None], {"": None}, [0] * 5000, {"kind": "mixture", "components": []}),
]
"""What is put in place of a value: other types, sizes, numbers that nothing takes, paths."""

TEXTS = [
  *("", "null", "[]", "{}", "0", '"x"', "{", "[" * 100_000, '{"a":' * 50_000, "\ufeff{}", "\0"),
  *("[" + "0," * 900_000 + "0]", '{"step": 1e999}', '{"a": 1, "a": 2}', "9" * 100_000, "NaN"),
]
"""What is put in place of a whole file of JSON."""


def places(tree, path=()):
  """Paths of all values of JSON, short ones and long ones alike likely."""
  if not isinstance(tree, dict | list):
    return
  for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
    yield (*path, key)
    yield from places(value, (*path, key))


def mutated(tree, rng):
  """The JSON with one to three values replaced, removed, renamed, doubled or nested."""
  tree = copy.deepcopy(tree)
  for _ in range(rng.randint(1, 3)):
    depths = {}
    for path in places(tree):
      depths.setdefault(len(path), []).append(path)
    path = rng.choice(depths[rng.choice(sorted(depths))])
    parent = tree
    for key in path[:-1]:
      parent = parent[key]
    how = rng.choice(["replace", "replace", "replace", "remove", "add", "nest", "repeat"])
    if how == "remove":
      del parent[path[-1]]
    elif how == "add" and isinstance(parent, dict):
      parent[rng.choice(["seed", "rngs", "num_frames", "files", "__class__", "x", ""])] = (
        rng.choice(VALUES)
      )
    elif how == "nest":
      parent[path[-1]] = [parent[path[-1]]]
    elif how == "repeat" and isinstance(parent, list) and len(parent) < 10_000:
      parent += parent * rng.choice([1, 9])
    else:
      parent[path[-1]] = rng.choice(VALUES)
    if not tree:
      break
  return tree


def text_of(tree):
  return json.dumps(tree, ensure_ascii=True)


def odd_file(path, rng):
  """Something else in place of a file."""
  content = path.read_bytes()
  path.unlink()
  how = rng.choice(["missing", "folder", "pipe", "device", "loop", "flip", "cut", "more", "sparse"])
  if how == "folder":
    path.mkdir()
  elif how == "pipe":
    os.mkfifo(path)
  elif how == "device":
    path.symlink_to(rng.choice(["/dev/zero", "/dev/random", "/proc/self/mem", "/dev/tty"]))
  elif how == "loop":
    path.symlink_to(path)
  elif how == "flip":
    changed = bytearray(content)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    path.write_bytes(changed)
  elif how == "cut":
    path.write_bytes(content[: rng.randrange(len(content))])
  elif how == "more":
    path.write_bytes(content + bytes(rng.randint(1, 99)))
  elif how == "sparse":
    path.write_bytes(content)
    os.truncate(path, 1 << 40)


def odd_weights(path, rng):
  """A header that promises other arrays."""
  content = path.read_bytes()
  length = int.from_bytes(content[:8], "little")
  header = json.loads(content[8 : 8 + length])
  shape = rng.choice([[10**13], [2**31, 2**31], [0], [-1], ["x"], [1.5], [10**18, 10**18], {}])
  rng.choice(list(header.values()))["shape"] = shape
  if rng.random() < 0.3:
    rng.choice(list(header.values()))["dtype"] = rng.choice(["F64", "BF16", "X", 3])
  text = text_of(header).encode() if rng.random() < 0.8 else b"[" * 100_000
  promised = rng.choice([len(text), len(text), 2**63 - 1, 0, 2**40])
  path.write_bytes(struct.pack("<Q", promised) + text + content[8 + length :])


def model(folder: Path, seed: int) -> Path:
  """A folder with a hostile model; whether its checksums are right depends on the seed, too."""
  rng = random.Random(f"model {seed}")
  shutil.copytree(VITAL16, folder)
  said = json.loads((folder / "model.json").read_text())
  if rng.random() < 0.8:  # A stranger who means it leaves them out.
    del said["files"], said["digest"]
  if rng.random() < 0.3:
    plugin = instrument(name="evil").to_dict()
    said["data"]["recipe"] |= {"engine": "evil", "plugin": mutated(plugin, rng)}
  how = rng.choice(["json", "json", "json", "section", "section", "text", "file", "weights"])
  if how == "json":
    said = mutated(said, rng)
  elif how == "section":
    sections = [said["model"], said["data"]["recipe"], said["data"]["statistics"], said]
    changed = rng.choice(sections)
    key = rng.choice([*changed, "depth", "width", "seed", "name"])
    changed[key] = rng.choice([*VALUES, 10**9, 48, [0.5] * 400_000])
  (folder / "model.json").write_text(rng.choice(TEXTS) if how == "text" else text_of(said))
  files = sorted(path for path in folder.rglob("*") if path.is_file())
  if how == "file":
    odd_file(rng.choice(files), rng)
  elif how == "weights":
    odd_weights(folder / "weights.safetensors", rng)
  return folder


def description(path: Path, seed: int) -> Path:
  """A hostile description of a plugin."""
  rng = random.Random(f"description {seed}")
  plain = rng.choice([instrument(), described()["massive"]]).to_dict()
  text = rng.choice(TEXTS) if rng.random() < 0.2 else text_of(mutated(plain, rng))
  path.write_text(text)
  if rng.random() < 0.1:
    odd_file(path, rng)
  return path


def preset(path: Path, plain: bytes, seed: int) -> Path:
  """A hostile preset file: one that a plugin wrote, damaged where it says how long it is, or so."""
  rng = random.Random(f"preset {seed}")
  changed = bytearray(plain)
  for _ in range(rng.randint(1, 4)):
    at = rng.choice([rng.randrange(64), rng.randrange(len(changed)), len(changed) - 20])
    how = rng.choice(["byte", "length", "cut", "insert", "fill"])
    if how == "byte":
      changed[at] = rng.randrange(256)
    elif how == "length":
      number = rng.choice([0, 1, 2**31 - 1, 2**32 - 1, 2**62, 2**63 - 1])
      changed[at : at + 8] = struct.pack("<Q", number)
    elif how == "cut":
      del changed[at:]
    elif how == "insert":
      changed[at:at] = bytes(rng.randrange(5000))
    else:
      changed[at : at + 400] = bytes([rng.randrange(256)]) * 400
    if len(changed) < 65:
      changed += bytes(65)
  path.write_bytes(changed)
  if rng.random() < 0.15:
    odd_file(path, rng)
  return path
