"""Preset files in and out, on the test instrument."""

import json
import struct
import subprocess
import sys

import numpy as np
import pytest

from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import states
from synthmatch_jax.synths.description import Description
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.plugin import Plugin, load
from synthmatch_jax.synths.registry import Engine, described

CONTROLS = described()["massive"].controls  # The instrument has parameters of these names.
NAMES = tuple(control.name for control in CONTROLS)
CLASS_ID = b"5465737462656453796E746831360001"  # In testbed.cpp.
RATE = 44_100


def patch(seed):
  return dict(zip(NAMES, np.random.default_rng(seed).random(16).tolist(), strict=True))


def set_values(plugin, values):
  for name, value in values.items():
    plugin.parameters[name].raw_value = value


def values(plugin):
  return {name: parameter.raw_value for name, parameter in plugin.parameters.items()}


def sound(plugin):
  return plugin([([0x90, 60, 127], 0.0), ([0x80, 60, 0], 0.5)], 1.0, RATE)


def riff(name, body):
  return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def nksf(state):
  """Chunks as in the files described by jhorology and PresetMagician; one of odd length."""
  chunks = [(b"NISI", b"\1\0\0\0\x80\x80\x80"), (b"PLID", b"\1\0\0\0\x80")]
  chunks.append((b"PCHK", b"\1\0\0\0" + state))
  return riff(b"RIFF", b"NIKS" + b"".join(riff(*chunk) for chunk in chunks))


def component(preset):
  """The chunk of a .vstpreset that holds the plugin's own state, by Steinberg's description."""
  (at,) = struct.unpack_from("<q", preset, 40)
  mark, count = struct.unpack_from("<4si", preset, at)
  assert mark == b"List"
  entries = [struct.unpack_from("<4sqq", preset, at + 8 + 20 * i) for i in range(count)]
  (found,) = [preset[start : start + size] for name, start, size in entries if name == b"Comp"]
  return found


@pytest.fixture
def plugin(testbed, monkeypatch):
  monkeypatch.delenv("TESTBED", raising=False)
  return load(testbed)


@pytest.fixture
def presets(testbed, tmp_path, monkeypatch):
  """One sound in every format, with its values and its samples."""
  monkeypatch.delenv("TESTBED", raising=False)
  source = load(testbed)
  set_values(source, patch(1))
  audio = sound(source)
  (tmp_path / "a.vstpreset").write_bytes(source.preset_data)
  (tmp_path / "a.nksf").write_bytes(nksf(component(source.preset_data)))
  (tmp_path / "a.state").write_bytes(source.raw_state)
  return tmp_path, values(source), audio


@pytest.mark.parametrize("name", ["a.vstpreset", "a.nksf", "a.state"])
def test_a_preset_brings_its_values_and_its_sound(presets, plugin, name):
  folder, wanted, audio = presets
  set_values(plugin, patch(2))
  states.apply(plugin, folder / name)
  assert values(plugin) == wanted
  np.testing.assert_array_equal(sound(plugin), audio)


def test_suffixes_may_be_capitals(presets, plugin):
  folder, wanted, _ = presets
  (folder / "a.vstpreset").rename(folder / "B.VSTPRESET")
  states.apply(plugin, folder / "B.VSTPRESET")
  assert values(plugin) == wanted


def test_values_that_still_wait_for_a_block_are_captured(plugin, testbed, tmp_path):
  set_values(plugin, patch(3))
  (tmp_path / "b.state").write_bytes(states.capture(plugin))
  other = load(testbed)
  states.apply(other, tmp_path / "b.state")
  assert values(other) == pytest.approx(patch(3), abs=1e-6)


@pytest.mark.parametrize("name", ["a.vstpreset", "a.nksf", "a.state"])
@pytest.mark.parametrize("variant", ["no-state", "ignore-state"])
def test_a_plugin_that_takes_no_states_is_found_out(presets, testbed, monkeypatch, name, variant):
  monkeypatch.setenv("TESTBED", variant)
  with pytest.raises(UserError, match="Testbed does not take states"):
    states.apply(load(testbed), presets[0] / name)


def test_a_state_that_is_ignored_in_silence_is_found_out(presets, plugin):
  folder, _, _ = presets
  strange = (
    b'<?xml version="1.0"?><VST3PluginState><IComponent>3.xyz</IComponent></VST3PluginState>'
  )
  framed = b"VC2!" + struct.pack("<I", len(strange)) + strange + b"\0"
  (folder / "strange.state").write_bytes(framed)
  with pytest.raises(UserError, match=r"strange\.state was not taken by Testbed: osc1_position"):
    states.apply(plugin, folder / "strange.state")


def test_a_state_that_is_refused_gets_a_sentence(presets, plugin):
  (presets[0] / "odd.nksf").write_bytes(nksf(b"not a state of Testbed"))
  with pytest.raises(UserError, match=r"Testbed refuses odd\.nksf"):
    states.apply(plugin, presets[0] / "odd.nksf")


def test_a_preset_of_another_plugin_is_refused(presets, plugin):
  path = presets[0] / "a.vstpreset"
  path.write_bytes(path.read_bytes().replace(CLASS_ID, b"0" * 32))
  with pytest.raises(UserError, match=r"another plugin: class 0{32}, here is 5465"):
    states.apply(plugin, path)


@pytest.mark.parametrize("name", ["a.vstpreset", "a.nksf"])
def test_no_truncated_preset_is_loaded(presets, plugin, name):
  path = presets[0] / name
  whole = path.read_bytes()
  for length in range(len(whole)):
    path.write_bytes(whole[:length])
    with pytest.raises(UserError, match=r"^[^\n]+$"):
      states.apply(plugin, path)


@pytest.mark.parametrize("number", [-(2**63), -1, 0, 47, 10**6, 2**31, 2**63 - 1])
@pytest.mark.parametrize("place", ["list", "offset", "size"])
def test_no_hostile_length_reaches_the_plugin(presets, plugin, number, place):
  path = presets[0] / "a.vstpreset"
  hostile = bytearray(path.read_bytes())
  (at,) = struct.unpack_from("<q", hostile, 40)
  struct.pack_into("<q", hostile, {"list": 40, "offset": at + 12, "size": at + 20}[place], number)
  path.write_bytes(hostile)
  if (number, place) in ((0, "size"), (47, "size")):
    expected = "Testbed refuses|was not taken"  # Well-formed, but no state of the instrument's.
  else:
    expected = "is no whole .vstpreset"
  with pytest.raises(UserError, match=expected):
    states.apply(plugin, path)


def test_random_bytes_are_refused_in_every_format(presets, plugin):
  noise = np.random.default_rng(0).bytes(500)
  for name in ("x.vstpreset", "x.nksf", "x.state", "x.fxp", "empty.state"):
    (presets[0] / name).write_bytes(noise if name[0] == "x" else b"")
    with pytest.raises(UserError, match=f"^{name} is no "):
      states.apply(plugin, presets[0] / name)


@pytest.mark.parametrize("name", ["Sound.nmsv", "Sound.KSD"])
def test_massives_own_formats_get_the_way_out(tmp_path, plugin, name):
  (tmp_path / name).write_bytes(b"hsin")
  with pytest.raises(UserError, match=r"Massive's own format.*docs/massive\.md"):
    states.apply(plugin, tmp_path / name)


def test_a_missing_preset_gets_a_sentence(tmp_path, plugin):
  with pytest.raises(UserError, match=r"cannot read the preset .*gone\.state: No such file"):
    states.apply(plugin, tmp_path / "gone.state")


def test_an_editor_that_cannot_be_shown_gets_a_sentence(plugin):
  # Without a display, pedalboard says so; with one, that the instrument has no editor.
  with pytest.raises(UserError, match=r"the editor of Testbed cannot be opened .*--base_preset"):
    states.edit(plugin)


def save_and_render(synth, patches, paths):
  assert isinstance(synth, Plugin)
  for one, path in zip(patches, paths, strict=True):
    synth.save_preset(one, path)
  note = Note(hold_seconds=0.5)
  return [synth.render(p, note=note, seconds=1.0, sample_rate=RATE) for p in patches]


@pytest.fixture
def saved(testbed, tmp_path, monkeypatch):
  """Five patches, the presets that the engine wrote, and its sounds."""
  monkeypatch.delenv("TESTBED", raising=False)
  plain = Description(name="testbed", files=(testbed.name,), controls=CONTROLS, reset="clear")
  patches = [patch(seed) for seed in range(5)]
  paths = [tmp_path / f"{i}.vstpreset" for i in range(5)]
  with hosting(Engine(name="testbed", plugin=plain, path=str(testbed))) as host:
    return patches, paths, host.call(save_and_render, patches, paths)


def test_a_saved_preset_loads_elsewhere_with_the_same_values_and_sound(saved, testbed, tmp_path):
  patches, paths, sounds = saved
  program = f"""
import json, numpy, pedalboard
heard, read = [], []
for path in {[str(path) for path in paths]!r}:
  plugin = pedalboard.load_plugin({str(testbed)!r})
  plugin.load_preset(path)
  read.append({{name: p.raw_value for name, p in plugin.parameters.items()}})
  heard.append(plugin([([0x90, 60, 127], 0.0), ([0x80, 60, 0], 0.5)], 1.0, {RATE}))
numpy.save({str(tmp_path / "heard.npy")!r}, numpy.stack(heard).mean(1, dtype=numpy.float32))
print(json.dumps(read))
"""
  done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
  for one, read in zip(patches, json.loads(done.stdout), strict=True):
    assert {name: np.float32(v) for name, v in one.items()} == read
  heard = np.load(tmp_path / "heard.npy")
  assert np.abs(heard).max(1).min() > 0.001
  np.testing.assert_array_equal(heard, np.stack(sounds))


def test_a_saved_preset_has_the_form_that_daws_read(saved):
  for one, path in zip(*saved[:2], strict=True):
    data = path.read_bytes()
    mark, version, class_id, at = struct.unpack_from("<4si32sq", data)
    assert (mark, version, class_id) == (b"VST3", 1, CLASS_ID)
    name, count = struct.unpack_from("<4si", data, at)
    assert name == b"List"
    assert at + 8 + 20 * count == len(data)
    magic, version, number, *stored = struct.unpack("<4sII16f", component(data))
    assert (magic, version, number) == (b"TBED", 1, 16)
    np.testing.assert_array_equal(np.float32(stored), np.float32(list(one.values())))
