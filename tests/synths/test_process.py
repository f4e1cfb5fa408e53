"""Plugins crash, hang, leak, drift and lie; what comes out is that of a flawless one."""

import gc
import itertools
import os
import time
from operator import methodcaller

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths import hosts
from synthmatch_jax.synths.base import Closed, RenderError
from synthmatch_jax.synths.description import Care, Description
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import CANARY, instrument, play_scripted

VALUES = [i / 20 for i in range(20)]


@pytest.fixture
def host(testbed, monkeypatch):
  """Makes a host of the test instrument in a variant; its reports are in `.told`."""
  made = []

  def make(variant="", *, care=None, **changes):
    monkeypatch.setenv("TESTBED", variant)
    plain = Care(render_seconds=5.0, load_seconds=30.0, canary_every=8, canary=CANARY)
    plugin = instrument(care=care or plain, **changes)
    told = []
    one = hosts.host(Engine(name="testbed", plugin=plugin, path=str(testbed)), report=told.append)
    one.told = told
    made.append(one)
    return one

  yield make
  for one in made:
    one.close()


def steadily(host, values=VALUES):
  return list(host.steadily(lambda v: host.call(play_scripted, v), values))


@pytest.fixture(scope="module")
def flawless(testbed):
  """What the well-behaved instrument plays."""
  assert not os.environ.get("TESTBED")
  with hosting(Engine(name="testbed", plugin=instrument(), path=str(testbed))) as one:
    return steadily(one)


def test_steady_work_gives_what_single_calls_give(host, flawless):
  single = host()
  np.testing.assert_array_equal(flawless, [single.call(play_scripted, v) for v in VALUES])
  assert len({sound.tobytes() for sound in flawless}) == len(VALUES)


@pytest.mark.parametrize(
  "at", [3, 30, *(pytest.param(at, marks=pytest.mark.slow) for at in (2, 4, 7))]
)
def test_a_plugin_that_crashes_every_few_sounds_costs_time_only(host, flawless, at):
  crashing = host(f"crash@{at}")
  values = VALUES[:6] if at < 4 else VALUES
  if at == 2:  # Note 1 is that with which the engine warms up, 2 is the canary's.
    with pytest.raises(UserError, match=r"testbed does not come up: 5 times in a row it crashed"):
      steadily(crashing, values)
    return
  np.testing.assert_array_equal(steadily(crashing, values), flawless[: len(values)])
  if at < 20:
    assert "crashed in a render (SIGSEGV)" in crashing.told


def test_a_hanging_plugin_is_ended_after_its_limit(host, flawless):
  care = Care(render_seconds=1.0, load_seconds=30.0, canary_every=8, canary=CANARY)
  hanging = host("hang@12", care=care)
  np.testing.assert_array_equal(steadily(hanging), flawless)
  assert "gave no answer for 1 s in a render" in hanging.told


def test_nan_is_rendered_again(host, flawless):
  odd = host("nan@5")
  np.testing.assert_array_equal(steadily(odd), flawless)
  assert "NaN or infinite samples" in odd.told


def test_what_was_rendered_since_the_last_good_canary_of_a_drifting_plugin_is_redone(
  host, flawless
):
  drifting = host("drift@6")
  np.testing.assert_array_equal(steadily(drifting), flawless)
  assert any(sentence.startswith("drifted") for sentence in drifting.told)


def test_work_that_was_broken_off_does_not_disturb_the_next(host, flawless):
  drifting = host("drift@12", care=Care(canary_every=16, canary=CANARY))
  held = []

  def broken_off():
    work = drifting.steadily(lambda v: drifting.call(play_scripted, v), VALUES[:3])
    next(work)
    raise OSError("disk full")

  try:
    broken_off()
  except OSError as error:
    held.append(error)
  count = itertools.count()

  def do(value):
    if next(count) == 13:  # Whatever held the exception, and with it the work, lets go.
      held.clear()
      gc.collect()
    return drifting.call(play_scripted, value)

  np.testing.assert_array_equal(list(drifting.steadily(do, VALUES)), flawless)
  assert any("drifted" in sentence for sentence in drifting.told)


def test_a_canary_that_nobody_hears_is_refused(host):
  silent = {"osc1_amp": 0.0, "osc2_amp": 0.0, "noise_amp": 0.0}
  with pytest.raises(UserError, match="the canary of testbed is silent"):
    steadily(host(care=Care(canary=silent)))


def test_a_leaking_process_is_replaced(host, flawless):
  care = Care(render_seconds=5.0, load_seconds=30.0, megabytes=100.0, canary=CANARY)
  leaking = host("leak", care=care)
  np.testing.assert_array_equal(steadily(leaking), flawless)
  assert any("growth of its memory" in sentence for sentence in leaking.told)


def test_a_process_is_replaced_after_so_many_sounds(host, flawless):
  care = Care(render_seconds=5.0, load_seconds=30.0, renders=7, canary=CANARY)
  counted = host(care=care)
  np.testing.assert_array_equal(steadily(counted), flawless)
  assert 2 <= len(counted.told) <= 4


@pytest.mark.slow
def test_a_patch_that_always_fails_is_told_and_blocks_nothing(host, flawless):
  odd = host("crash>osc1_position=0.5")

  def do(value):
    try:
      return odd.call(play_scripted, value)
    except RenderError as error:
      return str(error)

  results = list(odd.steadily(do, VALUES))
  for value, result, sound in zip(VALUES, results, flawless, strict=True):
    if value > 0.5:
      assert result == "crashed in a render (SIGSEGV)"
    else:
      np.testing.assert_array_equal(result, sound)


def test_a_value_that_does_not_stick_is_named(host):
  with pytest.raises(RenderError, match=r"osc2_pitch was set to 0\.\d+ and reads back as 0"):
    patch = dict.fromkeys(instrument().space.names, 0.7)
    host("stuck").call(methodcaller("save_preset", patch, None))
  reverting = "revert"
  moved = [0.5] * 2 + [0.9] + [0.5] * 13  # osc2_pitch is the third.
  with pytest.raises(RenderError, match=r"osc2_pitch was set to 0\.9000"):
    host(reverting, reset="instance").call(play_controls, moved)
  assert np.isfinite(host(reverting, reset="clear").call(play_controls, moved)).all()


def play_controls(synth, controls):
  from synthmatch_jax.audio.note import Note

  patch = synth.space.decode(controls)
  return synth.render(patch, note=Note(hold_seconds=0.1), seconds=0.2, sample_rate=44_100)


def test_a_plugin_that_never_repeats_itself_is_given_up_with_a_sentence(host):
  with pytest.raises(UserError, match="does not repeat itself under the reset policy"):
    steadily(host("lfo"))


def test_a_process_for_every_sound_cures_what_only_that_can(host, flawless):
  values = VALUES[:4]
  with pytest.raises(UserError, match="does not repeat itself"):
    steadily(host("lfo-global", reset="instance"))
  first = steadily(host("lfo-global", reset="process"), values)
  again = steadily(host("lfo-global", reset="process"), values[::-1])[::-1]
  np.testing.assert_array_equal(first, again)


def test_the_sound_does_not_depend_on_the_policy(host, flawless):
  for reset in ("instance", "process"):
    np.testing.assert_array_equal(steadily(host(reset=reset), VALUES[:3]), flawless[:3])


def test_a_base_preset_that_is_ignored_is_an_error(host):
  state = host().call(capture)
  values = dict.fromkeys(instrument().space.names, 0.25)
  from synthmatch_jax.synths.description import pack

  good = host(state=pack(state), values=values)
  assert good.call(methodcaller("read_back")) == values
  for variant in ("ignore-state", "no-state"):
    with pytest.raises(UserError, match="base preset was not taken by the plugin: osc1_position"):
      host(variant, state=pack(state), values=values).call(methodcaller("fingerprint"))


def capture(synth):
  for parameter in synth.plugin.parameters.values():
    parameter.raw_value = 0.25
  synth.plugin([], 0.1, 44_100)
  return synth.plugin.raw_state


def test_what_is_no_instrument_gets_a_sentence(host, testbed, tmp_path):
  with pytest.raises(UserError, match="is an effect; sound matching needs an instrument"):
    host("effect").call(methodcaller("fingerprint"))
  host()  # Well-behaved from here on.
  (tmp_path / "Testbed.vst3").write_text("no plugin")
  engine = Engine(name="x", plugin=instrument(), path=str(tmp_path))
  with pytest.raises(UserError, match=r"Testbed\.vst3 cannot be loaded as a plugin"):
    hosts.host(engine).call(methodcaller("fingerprint"))
  wrong = instrument().to_dict()
  wrong["controls"] = [{"name": "osc3_amp", "meaning": ""}]
  engine = Engine(name="x", plugin=Description.from_dict(wrong), path=str(testbed))
  with pytest.raises(UserError, match=r"has no parameter osc3_amp; it has osc1_position, osc1_amp"):
    hosts.host(engine).call(methodcaller("fingerprint"))


@pytest.mark.parametrize("variant", ["hang@1", "hang@2"])  # While it loads, and in a call.
def test_a_closed_host_ends_the_call_under_way(host, variant):
  import threading

  hanging = host(variant, care=Care(render_seconds=60.0))
  threading.Timer(2.0, hanging.close).start()
  start = time.monotonic()
  with pytest.raises(Closed):
    hanging.call(play_scripted, 0.5)
  assert time.monotonic() - start < 20
