"""Voices of the DX7, against the reader of dexed-py, and files of every kind."""

import functools

import numpy as np
import pytest

from synthmatch_jax.spaces import dx7


@functools.cache
def voices(count):
  """Random voices."""
  rng = np.random.default_rng(0)
  drawn = (bytes(rng.integers(0, 100, dx7.VALUES).tolist()) for _ in range(count))
  return [dx7.Voice(name=f"VOICE {n}", patch=dx7.of_bytes(one)) for n, one in enumerate(drawn)]


def singles(some):
  return b"".join(dx7.dump(voice.patch, voice.name) for voice in some)


def test_the_space_has_the_145_parameters_of_a_voice_and_its_kinds():
  space = dx7.space()
  kinds = [p.kind for p in space.parameters]
  counted = {kind: kinds.count(kind) for kind in set(kinds)}
  assert counted == {"integer": 117, "choice": 20, "switch": 8}
  assert space.width == 117 + 8 + (32 + 6 + 6 * (2 * 4 + 32))
  assert [n for n in space.names if n.startswith("op3_")] == [
    n.replace("op1_", "op3_") for n in space.names if n.startswith("op1_")
  ]


def test_a_dump_says_to_dexed_what_the_patch_says():
  dexed = pytest.importorskip("dexed")
  for voice in voices(20):
    patch, data = voice.patch, dx7.dump(voice.patch, voice.name)
    assert len(data) == 163
    assert (sum(data[6:162]) & 127, data[-1]) == (0, 0xF7)
    there = dexed.Patch.from_sysex(data[6:161])
    assert there.name.strip() == voice.name
    assert there.algorithm == int(patch["algorithm"]) - 1
    assert there.transpose - 24 == patch["transpose"]
    assert there.osc_key_sync == patch["key_sync"]
    assert there.lfo.amp_mod_depth == patch["lfo_level_depth"]
    assert there.pitch_envelope.levels == [patch[f"pitch_eg_level{n}"] for n in range(1, 5)]
    for number, op in enumerate(there.op, start=1):
      own = {n.removeprefix(f"op{number}_"): v for n, v in patch.items() if f"op{number}_" in n}
      assert op.output_level == own["level"]
      assert op.detune - 7 == own["detune"]
      assert op.frequency_mode == own["fixed"]
      assert (op.amp_mod_sensitivity, op.velocity_sensitivity) == (
        own["lfo_depth"],
        own["velocity"],
      )
      assert op.envelope.rates == [own[f"eg_rate{n}"] for n in range(1, 5)]
      if not own["fixed"]:
        assert op.frequency_ratio == pytest.approx(float(own["coarse"]) * (1 + own["fine"] / 100))


def test_files_of_every_kind_hold_the_same_voices(tmp_path):
  dexed = pytest.importorskip("dexed")
  some = voices(32)
  there = [dexed.Patch.from_sysex(dx7.dump(v.patch, v.name)[6:161]) for v in some]
  dexed.Patch.save_to_bank(str(tmp_path / "bank.syx"), there)
  (tmp_path / "singles.syx").write_bytes(b"\xf0\x41\x10\xf7" + singles(some))
  (tmp_path / "raw.dx7").write_bytes(b"".join(one.to_packed() for one in there))
  for name in ("bank.syx", "singles.syx", "raw.dx7"):
    assert dx7.read(tmp_path / name) == some


def test_a_broken_or_foreign_file_is_told(tmp_path):
  (voice,) = voices(1)
  whole = singles([voice])
  for data, reason in {
    b"": "holds no voice of a DX7",
    bytes(range(128)): "holds no voice of a DX7",
    b"\xf0\x41\x10\x42\xf7": "holds no voice of a DX7",  # Of another maker.
    whole[:100]: "cut off",
    whole + b"text": "cut off, or is no file",
    whole[:50] + whole[51:]: "does not have the 155 bytes",
    whole[:50] + b"\x80" + whole[51:]: "does not have the 155 bytes",
    whole[:50] + bytes([whole[50] ^ 1]) + whole[51:]: "checksum",
    b"\xf0\xf7\xf0\x43\xf7": "holds no voice of a DX7",
    bytes(1 << 21): "larger",
  }.items():
    path = tmp_path / "strange.syx"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=reason):
      dx7.read(path)


def test_a_file_with_any_bytes_changed_gives_voices_or_a_reason(tmp_path):
  rng, space, path = np.random.default_rng(0), dx7.space(), tmp_path / "odd.syx"
  whole, told = singles(voices(3)), 0
  for _ in range(100):
    data = bytearray(whole)
    for place in rng.integers(0, len(data), size=rng.integers(0, 3)):
      data[place] = rng.choice([0, 9, 0x43, 0x7F, 0xF0, 0xF7, rng.integers(256)])
    path.write_bytes(data[: rng.integers(1, 2 * len(data))])
    try:
      found = dx7.read(path)
    except ValueError as error:
      told += 1
      assert "\n" not in str(error)
    else:
      assert all(space.decode(space.encode(voice.patch)) == voice.patch for voice in found)
  assert 40 < told < 95


def test_values_out_of_range_are_clamped():
  assert dx7.of_bytes(bytes([127] * dx7.VALUES)) == dx7.space().decode(
    dx7.space().place(dict.fromkeys(dx7.space().names, 1.0))
  )
  (voice,) = voices(1)
  assert dx7.of_bytes(dx7.to_bytes(voice.patch | {"feedback": 1e9, "transpose": -1e9})) == (
    voice.patch | {"feedback": 7, "transpose": -24}
  )
