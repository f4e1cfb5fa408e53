"""Files of strangers: bounds of size, depth and number, each met within a second."""

import io
import itertools
import json
import math
import os
import time
import zipfile

import numpy as np
import pytest

from synthmatch_jax import files, untrusted

ODD_JSON = {
  "deep": "[" * 100_000 + "]" * 100_000,
  "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
  "deep and open": "[" * 3_000_000,
  "65 levels": "[" * 65 + "]" * 65,
  "a million values": json.dumps([0] * 1_000_000),
  "a million strings": json.dumps([""] * 1_000_000),
  "a million empty lists": "[" + ",".join(["[]"] * 1_000_000) + "]",
  "NaN": '{"a": NaN}',
  "Infinity": "[Infinity]",
  "-Infinity": "[-Infinity]",
  "infinite in digits": "[1e999]",
  "-infinite in digits": "[-1e400]",
  "a thousand digits": "[" + "9" * 1000 + "]",
  "a million digits": "[" + "9" * 1_000_000 + "]",
  "a key twice": '{"a": 1, "a": 2}',
  "a key twice, deeper": '[{"b": {"a": 1, "a": 1}}]',
  "half a character": '["\\ud800"]',
  "half a character as key": '{"\\uDfff": 1}',
  "no end of a string": '"' + "\\" * 1_000_001,
  "quotes": '"\\"' * 500_000,
  "open quotes": '["' + '\\"' * 1_000_000,
  "nothing": "",
  "two": "{} {}",
  "a mark": "\ufeff{}",
}


@pytest.mark.parametrize("text", ODD_JSON.values(), ids=ODD_JSON)
def test_odd_json_is_refused_at_once(text):
  started = time.process_time()
  with pytest.raises(ValueError, match=r"."):
    untrusted.parse_json(text)
  assert time.process_time() - started < 5  # Of the processor.


@pytest.mark.parametrize(
  "value",
  [
    {"a": [1, 2.5, -3e-10, True, None, 'x\n"\\ \u00e9 \U0001f3b9 [{,'], "b": {}, "": []},
    json.loads("[" * 64 + "]" * 64),
    list(range(40_000)),
    -(2**63),
    "\U0001f3b9",
  ],
)
def test_plain_json_is_read_as_it_is(value):
  assert untrusted.parse_json(json.dumps(value)) == value
  assert untrusted.parse_json(json.dumps(value, ensure_ascii=False, indent=2)) == value


def test_only_regular_files_are_read(tmp_path):
  os.mkfifo(tmp_path / "pipe")
  (tmp_path / "to_pipe").symlink_to(tmp_path / "pipe")
  (tmp_path / "to_zero").symlink_to("/dev/zero")
  (tmp_path / "loop").symlink_to(tmp_path / "loop")
  (tmp_path / "proc").symlink_to("/proc/self/status")
  names = ("pipe", "to_pipe", "to_zero", "loop", "proc", ".", "missing")
  for name in names:
    with pytest.raises((OSError, ValueError)):
      untrusted.read_bytes(tmp_path / name, most=100)
  (tmp_path / "file").write_bytes(b"abc")
  (tmp_path / "to_file").symlink_to(tmp_path / "file")  # As the caches of model hubs have them.
  assert untrusted.read_bytes(tmp_path / "to_file", most=3) == b"abc"
  with pytest.raises(ValueError, match="larger"):
    untrusted.read_bytes(tmp_path / "file", most=2)


def test_a_checksum_is_looked_at(tmp_path):
  (tmp_path / "file").write_bytes(b"abc")
  right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1.
  assert untrusted.read_bytes(tmp_path / "file", most=9, sha256=right) == b"abc"
  (tmp_path / "file").write_bytes(b"abb")
  with pytest.raises(ValueError, match="file is damaged: its checksum"):
    untrusted.read_bytes(tmp_path / "file", most=9, sha256=right)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_read_as_numpy_wrote_them(tmp_path, save):
  arrays = {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.ones(5), "n": np.zeros(0)}
  save(tmp_path / "x.npz", **arrays)
  read = untrusted.read_arrays(tmp_path / "x.npz", list(arrays))
  for name, array in arrays.items():
    np.testing.assert_array_equal(read[name], array, strict=True)
  with pytest.raises(KeyError):
    untrusted.read_arrays(tmp_path / "x.npz", ["d"])


def npy(header, data=b""):
  text = header.encode() + b"\n"
  return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def described(shape, descr="<f8"):
  return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"


ODD_ARRAYS = {
  "huge": npy(described("(10000000000000,)")),
  "huger": npy(described(f"({10**40},)")),
  "brackets": npy("(" * 5000),
  "minus": npy("-" * 5000 + "1"),
  "object": npy(described("(1,)", "|O"), b"cos\nsystem\n(S'touch pwned'\ntR."),
  "code": npy("__import__('os').system('touch pwned')"),
  "short": npy(described("(3,)"), bytes(16)),
  "long": npy(described("(1,)"), bytes(16)),
  "odd dtype": npy(described("(1,)", "<f9"), bytes(9)),
  "no header": b"\x93NUMPY\x01\x00\xff",
  "pickle": b"cos\nsystem\n(S'touch pwned'\ntR.",
  "empty": b"",
}


@pytest.mark.parametrize("content", ODD_ARRAYS.values(), ids=ODD_ARRAYS)
def test_odd_arrays_are_refused(tmp_path, monkeypatch, content):
  monkeypatch.chdir(tmp_path)
  with zipfile.ZipFile("x.npz", "w") as archive:
    archive.writestr("a.npy", content)
  with pytest.raises((ValueError, TypeError)):
    untrusted.read_arrays(tmp_path / "x.npz", ["a"])
  assert [path.name for path in tmp_path.iterdir()] == ["x.npz"]


def test_a_bomb_is_not_unpacked(tmp_path):
  """A quarter of a gigabyte and one byte of zeros, in 260 kB; and one that lies about its size."""
  packed = io.BytesIO()
  with (
    zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    archive.open("a.npy", "w", force_zip64=True) as member,
  ):
    for _ in range(257):
      member.write(bytes(1 << 20))
  (tmp_path / "x.npz").write_bytes(packed.getvalue())
  with pytest.raises(ValueError, match="too large"):
    untrusted.read_arrays(tmp_path / "x.npz", ["a"])
  for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", method) as archive:
      archive.writestr("a.npy", npy(described("(2,)"), bytes(16)))
    with pytest.raises(ValueError, match="packed in an unknown way"):
      untrusted.read_arrays(tmp_path / "x.npz", ["a"])


def test_every_bit_of_an_array_file_is_read_or_refused(tmp_path):
  """Flips of which the checksums of zip tell nothing give the same numbers or a refusal."""
  np.savez(tmp_path / "x.npz", a=np.arange(3.0))
  whole = (tmp_path / "x.npz").read_bytes()
  for at, bit in itertools.product(range(len(whole)), range(8)):
    damaged = bytearray(whole)
    damaged[at] ^= 1 << bit
    (tmp_path / "x.npz").write_bytes(damaged)
    try:
      found = untrusted.read_arrays(tmp_path / "x.npz", ["a"])["a"]
    except files.UNREADABLE:
      continue
    assert found.tolist() == [0.0, 1.0, 2.0]
    assert math.isfinite(found.sum())


@pytest.mark.parametrize(("at", "value"), [(6, 99), (8, 0x20), (8, 0x40), (8, 0x41), (10, 77)])
def test_archives_of_unknown_kinds_are_refused(tmp_path, at, value):
  """A version, flags or a method that zipfile does not know (PKWARE, APPNOTE.TXT 4.3.12)."""
  np.savez(tmp_path / "x.npz", a=np.arange(3.0))
  changed = bytearray((tmp_path / "x.npz").read_bytes())
  changed[changed.index(b"PK\1\2") + at] = value
  (tmp_path / "x.npz").write_bytes(changed)
  with pytest.raises(ValueError, match=r"no archive of arrays|packed in an unknown way"):
    untrusted.read_arrays(tmp_path / "x.npz", ["a"])
