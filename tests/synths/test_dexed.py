"""What is Dexed's own; what every engine promises is in test_contract.py."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.search import begin
from synthmatch_jax.spaces import dx7, prior
from synthmatch_jax.synths import registry
from tests.spaces.test_dx7 import singles, voices

pytest.importorskip("dexed")
RATE = 44_100
UNIFORM = prior.load("uniform", dx7.space())


def play(synth, patch, rate=RATE):
  return synth.render(patch, note=Note(hold_seconds=0.3), seconds=0.5, sample_rate=rate)


def shaken(count):
  """Voices with a free LFO of every wave, and without key sync: what may be left of a sound."""
  free = {"lfo_sync": 0, "key_sync": 0, "lfo_pitch_depth": 60, "pitch_sensitivity": 5}
  waves = next(p for p in dx7.space().parameters if p.name == "lfo_wave").options
  for number, voice in enumerate(voices(count)):
    yield voice.patch | free | {"lfo_wave": waves[number % len(waves)], "lfo_delay": 0}


def test_a_sound_is_the_same_to_the_last_bit_whatever_came_before():
  engine = registry.engine("dexed")
  patches = list(shaken(12))
  new = [play(engine.make(), patch) for patch in patches]
  used = engine.make()
  for order in (range(12), reversed(range(12)), [3, 3, 3]):
    for i in order:
      np.testing.assert_array_equal(play(used, patches[i]), new[i])


def test_engines_of_two_rates_wait_for_each_other():
  patches, rates = list(shaken(6)), (RATE, 48_000)

  def work(rate):
    synth = registry.engine("dexed").make()
    return [play(synth, patch, rate) for patch in patches]

  alone = [work(rate) for rate in rates]
  with ThreadPoolExecutor(4) as pool:
    together = list(pool.map(work, [*rates, *rates]))
  for expected, found in zip([*alone, *alone], together, strict=True):
    np.testing.assert_array_equal(expected, found)


def test_what_is_said_not_to_be_heard_is_not():
  synth, space, rng = registry.engine("dexed").make(), dx7.space(), np.random.default_rng(0)
  quiet = {"op2_level": 0, "op4_level": 0, "pitch_sensitivity": 0, "lfo_level_depth": 0}
  level = {f"pitch_eg_level{n}": 50 for n in range(1, 5)}
  curves = {f"op{n}_{side}_curve": "-lin" for n in (2, 4) for side in ("left", "right")}
  patch = voices(1)[0].patch | quiet | level | curves | {"op1_level": 99, "op1_eg_level1": 99}
  (heard,) = space.heard(space.encode(patch)[None])
  unheard = [name for name, is_heard in zip(space.names, heard, strict=True) if not is_heard]
  assert {"key_sync", "lfo_speed", "lfo_pitch_depth", "pitch_eg_rate1", "op2_coarse"} <= set(
    unheard
  )
  assert {"algorithm", "op2_level", "pitch_sensitivity", "op1_fine"}.isdisjoint(unheard)
  before = play(synth, patch)
  for name in unheard:
    if name in ("lfo_pitch_depth", "lfo_level_depth"):
      continue  # What they are multiplied by is among the unheard, too.
    (parameter,) = [p for p in space.parameters if p.name == name]
    changed = patch | {name: parameter.decode(parameter.place(float(rng.random())))}
    apart = np.abs(play(synth, changed) - before).max() / np.abs(before).max()
    assert apart < 10 ** (-60 / 20), name


def test_a_voice_of_a_bank_is_chosen_by_its_number(tmp_path):
  synth, some = registry.engine("dexed").make(), voices(3)
  (tmp_path / "bank.syx").write_bytes(singles(some))
  assert synth.read_preset(tmp_path / "bank.syx#2") == some[1].patch
  for name in ("bank.syx", "bank.syx#0", "bank.syx#4"):
    with pytest.raises(UserError, match=r"holds 3 voices: choose one as bank\.syx#1 to #3"):
      synth.read_preset(tmp_path / name)
  recipe = Recipe(engine="dexed", fingerprint="", space=synth.space, prior=UNIFORM)
  found = begin.read(tmp_path / "bank.syx#3", recipe, registry.engine("dexed"))
  assert synth.space.decode(found) == some[2].patch
  with pytest.raises(UserError, match=r"the start .*none.syx#3 cannot be read"):
    begin.read(tmp_path / "none.syx#3", recipe, registry.engine("dexed"))


def test_a_preset_that_is_none_is_told_in_a_sentence(tmp_path):
  synth = registry.engine("dexed").make()
  (tmp_path / "text.syx").write_text("a voice")
  with pytest.raises(UserError, match=r"text.syx is no preset of Dexed: .*; give a .syx"):
    synth.read_preset(tmp_path / "text.syx")
  with pytest.raises(UserError, match=r"none.syx cannot be read \(no such file"):
    synth.read_preset(tmp_path / "none.syx")


def test_a_missing_library_is_told(monkeypatch):
  monkeypatch.setitem(sys.modules, "dexed", None)
  with pytest.raises(UserError, match="pip install dexed-py"):
    registry.engine("dexed").make()
