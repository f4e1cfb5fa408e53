"""The probe on the test instrument: as it should be, and misbehaving."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from synthmatch_jax.audio.note import Note
from synthmatch_jax.errors import UserError
from synthmatch_jax.probing import (
  audible,
  choice,
  draws,
  examine,
  priors,
  probed_plugin,
  resets,
  roundtrip,
)
from synthmatch_jax.probing.inventory import take_inventory
from synthmatch_jax.probing.plugin_parameter import options
from synthmatch_jax.probing.probe_report import ProbeReport
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.discrete import Choice, Integer, Switch
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths import description as descriptions
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.play import hosting
from tests.plugin import build

SECONDS = 1.0


@pytest.fixture(autouse=True)
def _plain(monkeypatch):
  monkeypatch.delenv("TESTBED", raising=False)


@pytest.fixture
def misbehave(monkeypatch):
  """Makes the instrument misbehave in the processes that start from now on."""
  return lambda how: monkeypatch.setenv("TESTBED", how)


@pytest.fixture(scope="module")
def found(testbed):
  return probed_plugin.find(str(testbed))


@pytest.fixture(scope="module")
def controls(found):
  return registry.described()["massive"].controls


def listen(found, **options):
  """A quick probe: the description, and what was told."""
  console = Console(file=io.StringIO(), record=True, highlight=False)
  try:
    described = examine.examine(found, report=ProbeReport(console), effort="quick", **options)
  except UserError as error:
    described = error
  return described, console.file.getvalue()


@pytest.fixture(scope="module")
def probed(found, tmp_path_factory):
  """The file that a probe wrote, and what it told."""
  with pytest.MonkeyPatch.context() as patch:
    patch.delenv("TESTBED", raising=False)
    out = tmp_path_factory.mktemp("probe") / "testbed.json"
    _, told = listen(found, out=out)
  return out, told


def mine(synth, note, seconds):
  return synth.render(
    dict.fromkeys(synth.space.names, 0.4), note=note, seconds=seconds, sample_rate=44_100
  )


def save(synth, folder, values):
  """Presets with all controls at these values."""
  for i, value in enumerate(values):
    synth.save_preset(dict.fromkeys(synth.space.names, value), Path(folder) / f"{i}.vstpreset")


def test_a_good_instrument_is_cleared_and_exact(probed, testbed):
  out, told = probed
  described = descriptions.read(out)
  assert (described.name, described.files) == ("testbed", (testbed.name,))
  assert (described.reset, described.repeatable_db) == ("clear", None)
  assert {c.name: c.meaning for c in described.controls} == TABLE_1
  assert described.tolerance == 0.001
  assert described.state and set(described.values) == set(TABLE_1)
  assert set(described.care.canary) == set(TABLE_1)
  assert described.care.render_seconds >= 10
  assert "Taken: clear, the cheapest that is repeatable to the last bit" in " ".join(told.split())
  assert "a new process takes it; values agree" in told
  assert max(map(len, told.splitlines()[:-6])) <= 100
  assert out.with_suffix(".html").exists()


def test_the_engine_of_the_file_sounds_like_the_instrument(probed, testbed):
  out, _ = probed
  engine = registry.engine(str(out), path=str(testbed))
  with hosting(engine) as host:
    sound = host.call(mine, Note(), SECONDS)
  native = build.native(testbed)(np.full(16, 0.4), note=Note(), seconds=SECONDS, sample_rate=44_100)
  np.testing.assert_array_equal(sound, native.mean(0, dtype=np.float32))


@pytest.mark.slow
def test_a_second_probe_keeps_the_choice_and_takes_presets(probed, testbed, tmp_path):
  out, _ = probed
  edited = json.loads(out.read_text())
  edited["controls"] = edited["controls"][1:5]
  edited["controls"][0]["high"] = 0.75
  edited["values"] = {c["name"]: edited["values"][c["name"]] for c in edited["controls"]}
  (tmp_path / "presets").mkdir()
  with hosting(registry.engine(str(out), path=str(testbed))) as host:
    host.call(save, str(tmp_path / "presets"), [0.3, 0.3125, 0.5, 0.7])
  (tmp_path / "presets" / "broken.vstpreset").write_bytes(b"VST3 and nothing else")
  mine = tmp_path / "mine.json"
  mine.write_text(json.dumps(edited))
  again = probed_plugin.find(str(mine), plugin=str(testbed))
  preset = tmp_path / "presets" / "3.vstpreset"
  described, told = listen(again, preset=preset, presets=tmp_path / "presets")
  assert [c.name for c in described.controls] == list(TABLE_1)[1:5]
  assert described.controls[0].high == 0.75
  assert all(value == pytest.approx(0.7, abs=1e-6) for value in described.values.values())
  assert described.state != edited["state"]
  lines = {line["name"] for line in described.others}
  assert lines == set(TABLE_1) - {c.name for c in described.controls}
  assert all(isinstance(Continuous(**line), Continuous) for line in described.others)
  loaded = prior.load(described.prior, described.space)
  assert loaded.controls["osc2_amp"]["count"] == 4
  assert "4 presets were read" in told
  assert "not broken.vstpreset" in told


def differ(found, controls, *policies):
  """The trials of some policies, and the one that is chosen."""

  def make(reset):
    return found.engine(controls, reset=reset)

  space = make("clear").space
  patches = [space.decode(np.full(16, x)) for x in (0.3, 0.45)]
  trials = resets.compare(make, patches, fresh=1, policies=policies)
  return {t.reset: t for t in trials}, resets.choose(trials, tolerance=0.001)


def test_an_lfo_needs_a_new_instance(found, controls, misbehave):
  misbehave("lfo")
  trials, best = differ(found, controls, "clear", "instance")
  assert trials["clear"].worst_db > -20
  assert not trials["clear"].qualifies(0.001)
  assert best.reset == "instance" and best.exact


def test_an_lfo_of_the_process_needs_a_new_process(found, controls, misbehave):
  misbehave("lfo-global")
  trials, best = differ(found, controls, "instance", "process")
  assert trials["instance"].worst_db > -20
  assert best.reset == "process" and best.exact


def test_a_long_tail_is_not_cleared(found, controls, misbehave):
  misbehave("tail")
  trials, best = differ(found, controls, "clear")
  assert trials["clear"].worst_db > -60
  assert not best.qualifies(0.001)


def test_a_value_that_falls_back_is_found_where_it_does(found, controls, misbehave):
  misbehave("revert")
  trials, best = differ(found, controls, "instance", "clear")
  assert trials["instance"].parameter == "osc2_pitch"
  assert trials["instance"].deviation > 0.01
  assert best.reset == "clear" and best.exact


@pytest.mark.parametrize(("how", "low", "high"), [("snap", 0.005, 0.0075), ("stuck", 0.001, 0.001)])
def test_a_step_is_tolerated_and_a_stuck_value_is_not(found, controls, misbehave, how, low, high):
  misbehave(how)
  drawn = draws.draw(found.engine(controls, reset="clear"), count=12, seed=0)
  assert low <= drawn.tolerance <= high
  assert not drawn.failed


@pytest.mark.parametrize("how", ["midi-cc", "midi-cc-dpf"])
def test_midi_controllers_are_counted_and_cost_nothing(found, misbehave, how):
  misbehave(how)
  about = take_inventory(found)
  assert [p.name for p in about.parameters] == list(TABLE_1)
  assert about.midi == 2000
  assert about.load_seconds < 10  # 16 s and more, if they were all asked for their texts.


@pytest.mark.parametrize("how", [pytest.param("no-state", marks=pytest.mark.slow), "ignore-state"])
def test_a_plugin_without_state_is_found_out(found, misbehave, how):
  misbehave(how)
  about = take_inventory(found)
  assert not about.silent
  assert about.parameter("osc1_amp").value == pytest.approx(0.8)
  values, reason = roundtrip.proven(found, about.parameters, about.state)
  assert values == {} and reason
  trip = roundtrip.round_trip(found, about.parameters, "raw_state")
  assert set(trip.wrong) == set(TABLE_1)


def test_silence_is_said(found, misbehave):
  misbehave("silence")
  about = take_inventory(found)
  assert about.silent
  console = Console(file=io.StringIO(), record=True, highlight=False)
  ProbeReport(console).inventory(found, about)
  assert "Its base state is silent" in console.file.getvalue()


@pytest.mark.slow  # pedalboard waits seconds for a sound at every load.
def test_silence_ends_the_probe_and_nothing_is_written(found, misbehave, tmp_path):
  misbehave("silence")
  error, told = listen(found, out=tmp_path / "x.json")
  assert "Its base state is silent" in told
  assert isinstance(error, UserError)
  assert "silent" in str(error) and "--base_preset" in str(error)
  assert not list(tmp_path.iterdir())


def test_a_parameter_that_crashes_is_no_end(found, controls, misbehave):
  misbehave("crash>noise_amp=0.9")
  drawn = draws.draw(found.engine(controls[5:6], reset="clear"), count=12, seed=0)
  assert drawn.failed and drawn.done
  assert "SIGSEGV" in drawn.failed[0]


def test_controls_are_chosen_among_what_there_is(found):
  about = take_inventory(found)
  chosen = choice.fixed(about, None, ["osc2_amp", "osc1_amp"])
  assert [c.name for c in chosen] == ["osc2_amp", "osc1_amp"]
  with pytest.raises(UserError, match=r"no parameter osc3_amp; it has osc1_position, osc1_amp"):
    choice.fixed(about, None, ["osc3_amp"])
  with pytest.raises(UserError, match="twice"):
    choice.fixed(about, None, ["osc1_amp", "osc1_amp"])


NOISE, TYPE, OCTAVE = "noise_on", "filter1_type", "octave"


def play_and_save(synth, folder, patches):
  """Plays patches and saves them as presets; gives how many did not come back, and the sounds."""
  wrong, sounds = 0, []
  for i, patch in enumerate(patches):
    sounds.append(synth.render(patch, note=Note(), seconds=0.3, sample_rate=44_100))
    wrong += synth.read_back() != patch
    synth.save_preset(patch, Path(folder) / f"{i}.vstpreset")
  wrong += sum(
    synth.read_preset(Path(folder) / f"{i}.vstpreset") != p for i, p in enumerate(patches)
  )
  return wrong, len({sound.tobytes() for sound in sounds})


def test_switches_choices_and_whole_numbers_are_found_played_and_measured(
  found, misbehave, tmp_path
):
  misbehave("kinds")
  about = take_inventory(found)
  assert choice.fixed(about, None, ()) == choice.fixed(about, None, list(TABLE_1))
  chosen = choice.fixed(about, None, [NOISE, TYPE, OCTAVE])
  assert [type(c) for c in chosen] == [Switch, Choice, Integer]
  assert chosen[1].options == ("Low Pass", "Band Pass", "High Pass")
  assert (chosen[2].low, chosen[2].high) == (-2, 2)
  assert [about.parameter(n).positions for n in (NOISE, TYPE)] == [[0.0], [0.5, 1.0]]
  engine = found.engine(chosen, reset="clear")
  described = descriptions.Description.from_dict(json.loads(json.dumps(engine.plugin.to_dict())))
  assert described.space == engine.space
  values = [(0, "Low Pass", 0), (1, "Band Pass", 0), (1, "High Pass", 0), (1, "High Pass", -2)]
  patches = [dict(zip((NOISE, TYPE, OCTAVE), value, strict=True)) for value in values]
  with hosting(engine) as host:
    assert host.call(play_and_save, str(tmp_path), patches) == (0, 4)
  learnt = priors.extract(engine, tmp_path).prior.controls
  assert learnt[TYPE]["weights"] == {"Low Pass": 1, "Band Pass": 1, "High Pass": 2}
  assert learnt[NOISE]["quantiles"] == [0.0, 1.0, 1.0, 1.0]


def test_steps_that_are_not_at_even_distances_or_share_a_name_are_no_options():
  thirds = {(0.0, 0.334): "a", (0.334, 0.667): "b", (0.667, 1.0): "c"}
  assert options(thirds) == ("a", "b", "c")
  assert options({(0.0, 0.7): "a", (0.7, 0.9): "b", (0.9, 1.0): "c"}) == ()
  assert options(dict(zip(thirds, "aba", strict=True))) == ()


def test_what_is_heard_best_is_chosen_elsewhere(found):
  about = take_inventory(found)
  names = enumerate(TABLE_1)
  lines = {n: audible.SoundChange(change_db=float(i), deviation=0.0) for i, n in names}
  lines["noise_amp"] = audible.SoundChange(change_db=9.0, deviation=0.5)
  heard = audible.Audibility(reset="clear", floor_db=0.5, heard=lines)
  names = [c.name for c in choice.best_heard(about, heard)]
  # Under three times what the plugin does by itself nothing counts; nor what does not stick.
  assert names == [n for n in list(TABLE_1)[2:] if n != "noise_amp"]
  assert [c.name for c in choice.best_heard(about, heard, most=2)] == list(TABLE_1)[-2:]
