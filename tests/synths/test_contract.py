"""What every engine promises, checked on every engine there is."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import Remote, instrument

RATE, SECONDS = 44_100, 1.5
NOTE = Note(hold_seconds=0.5)
SAME_DB = -68.0  # What a used engine of Vital was measured to hold; see synths/vital.py.


# Engines of the paper's 16 parameters, for tests that name some.
PAPERS = pytest.mark.parametrize("make", ["vital", "testbed"], indirect=True)

# The first operator is heard in every algorithm.
LOUD = {"op1_level": 99, "op1_left_depth": 0, "op1_right_depth": 0, "op1_lfo_depth": 0}
LOUD |= {f"op1_eg_{what}{n}": 99 for what in ("rate", "level") for n in (1, 2, 3)}


@pytest.fixture(params=["vital", "dexed", "testbed"])
def make(request):
  if request.param != "testbed":
    if request.param == "dexed":
      pytest.importorskip("dexed")
    yield registry.engine(request.param).make
    return
  engine = Engine(name="testbed", plugin=instrument(), path=str(request.getfixturevalue("testbed")))
  made = []

  def remote():
    made.append(Remote(engine))
    return made[-1]

  yield remote
  for synth in made:
    synth.close()


def render(synth, patch, note=NOTE, seconds=SECONDS):
  return synth.render(patch, note=note, seconds=seconds, sample_rate=RATE)


def patches(synth, count, seed=0):
  rng = np.random.default_rng(seed)
  presets = prior.load("presets" if synth.name == "vital" else "uniform", synth.space)
  drawn = [synth.space.decode(prior.sample(presets, synth.space, rng)) for _ in range(count)]
  return [patch | (LOUD if synth.name == "dexed" else {}) for patch in drawn]


def middle(synth):
  """A patch in which every control can be heard: all sources on, both filters in the way."""
  controls = dict.fromkeys(synth.space.names, 0.5)
  controls |= {"filter1_cut_prm_1": 0.55, "filter2_cut_prm_1": 0.3, "osc2_pitch": 0.6}
  controls |= {"envelope4_att_tme": 0.3, "envelope1_att_tme": 0.3, "envelope1_att_lev": 0.3}
  return np.array([controls[n] for n in synth.space.names], np.float32)


def difference_db(target, estimate):
  """Largest difference below the target's peak, in dB."""
  return 20 * np.log10(np.abs(target - estimate).max() / np.abs(target).max() + 1e-12)


@PAPERS
def test_a_sound_has_its_length_is_finite_and_starts_with_the_note(make):
  synth = make()
  at_once = synth.space.decode(middle(synth)) | {"envelope4_att_tme": 0.0}
  audio = render(synth, at_once, seconds=2.0)
  assert np.abs(audio[: RATE // 50]).max() > 0.3 * np.abs(audio).max()
  assert audio.shape == (2 * RATE,)
  assert audio.dtype == np.float32
  assert np.isfinite(audio).all()
  assert loudness_db(audio, RATE) > -40


@PAPERS
def test_a_sound_begins_in_silence_whatever_was_played_before(make):
  synth = make()
  loud = synth.space.decode(middle(synth))
  slow = synth.space.decode(middle(synth)) | {"envelope4_att_tme": 2.0}
  before = np.abs(render(synth, loud)).max()
  # The tail of the loud sound, reverb included, must not leak into the slow one's beginning. The
  # test instrument's own attack is heard earlier than Vital's.
  beginning = RATE // (100 if synth.name == "vital" else 500)
  after = render(synth, slow)
  assert np.abs(after[:beginning]).max() < before * 10 ** (SAME_DB / 20)
  assert difference_db(render(make(), slow), after) < SAME_DB


def test_the_same_patch_twice_sounds_the_same(make):
  synth = make()
  for patch in patches(synth, 3):
    assert difference_db(render(synth, patch), render(synth, patch)) < SAME_DB


def test_a_patch_sounds_the_same_after_any_other(make):
  synth = make()
  (a, *others) = patches(synth, 6, seed=1)
  first = render(synth, a)
  for other in others:
    render(synth, other)
    assert difference_db(first, render(synth, a)) < SAME_DB


def test_new_engines_agree_to_the_last_bit(make):
  one, two = make(), make()
  for patch in patches(one, 4):
    np.testing.assert_array_equal(render(one, patch), render(two, patch))


def test_another_process_agrees_to_the_last_bit(make, tmp_path):
  synth = make()
  if synth.parallelism == "process":
    pytest.skip("every engine is in another process: see the test of two new engines")
  chosen = patches(synth, 2)
  program = f"""
import json, numpy as np
from synthmatch_jax.audio.note import Note
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import Remote, instrument
synth = registry.engine({synth.name!r}).make()
patches, note = json.loads({json.dumps(chosen)!r}), Note(hold_seconds={NOTE.hold_seconds})
sounds = [synth.render(p, note=note, seconds={SECONDS}, sample_rate={RATE}) for p in patches]
np.save({str(tmp_path / "sounds.npy")!r}, np.stack(sounds))
"""
  subprocess.run([sys.executable, "-c", program], check=True)
  expected = np.stack([render(synth, p) for p in chosen])
  np.testing.assert_array_equal(np.load(tmp_path / "sounds.npy"), expected)


def test_two_threads_do_not_disturb_each_other(make):
  if make().parallelism != "thread":
    pytest.skip("one process per engine")
  chosen = patches(make(), 4)

  def work(part):
    synth = make()
    return [render(synth, p) for p in part]

  with ThreadPoolExecutor(2) as pool:
    together = list(pool.map(work, [chosen, chosen[::-1]]))
  alone = [work(chosen), work(chosen[::-1])]
  np.testing.assert_array_equal(together, alone)


@PAPERS
def test_every_control_is_heard(make):
  synth = make()
  controls = middle(synth)
  reference = render(synth, synth.space.decode(controls))
  for i, name in enumerate(synth.space.names):
    for value in (0.15, 0.85):
      changed = controls.copy()
      changed[i] = value
      heard = render(synth, synth.space.decode(changed))
      assert difference_db(reference, heard) > -40, f"{name} at {value} is not heard"


@PAPERS
def test_the_pitch_is_played(make):
  synth = make()
  patch = synth.space.decode(middle(synth)) | {"osc2_amp": 0.0, "noise_amp": 0.0}
  for pitch in (48, 60, 72):
    audio = render(synth, patch, note=Note(pitch=pitch, hold_seconds=1.0))[RATE // 2 : RATE]
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    expected = 440 * 2 ** ((pitch - 69) / 12)
    # The period is that of the note: all energy lies on its harmonics.
    harmonics = np.arange(1, 21) * expected * len(audio) / RATE
    near = np.concatenate([np.arange(round(h) - 3, round(h) + 4) for h in harmonics])
    assert (spectrum[near] ** 2).sum() > 0.99 * (spectrum**2).sum()


def test_values_are_read_back(make):
  synth = make()
  for patch in patches(synth, 10):
    render(synth, patch, seconds=0.1)
    read = synth.space.encode(synth.read_back())
    np.testing.assert_allclose(read, synth.space.encode(patch), atol=1e-6)


def test_values_out_of_range_are_clamped(make):
  synth = make()
  top = synth.space.place(dict.fromkeys(synth.space.names, 1.0))
  numbers = [p.name for p in synth.space.parameters if len(p.outputs) == 1]
  wild = synth.space.decode(top) | dict.fromkeys(numbers, 1e9)
  assert np.isfinite(render(synth, wild)).all()
  np.testing.assert_allclose(synth.space.encode(synth.read_back()), top, atol=1e-6)


def test_a_preset_loads_again_and_sounds_the_same(make, tmp_path):
  synth = make()
  patch = patches(synth, 1, seed=2)[0]
  path = synth.save_preset(patch, tmp_path / f"mine{synth.preset_suffix}")
  assert difference_db(render(synth, patch), render(loaded(synth, path), patch)) < SAME_DB


def test_a_preset_is_read_as_the_patch_that_was_saved(make, tmp_path):
  synth = make()
  patch = patches(synth, 1, seed=2)[0]
  path = synth.save_preset(patch, tmp_path / f"mine{synth.preset_suffix}")
  found = synth.space.encode(make().read_preset(path))
  np.testing.assert_allclose(found, synth.space.encode(patch), atol=1e-4)


def loaded(synth, path):
  """Another engine with the preset loaded: one that knows nothing of the project."""
  known = {"vital": loaded_vital, "dexed": loaded_dexed}
  return known[synth.name](path) if synth.name in known else synth.with_preset(path)


def loaded_vital(path):
  """A bare vita synth that knows nothing of the project, with the preset loaded."""
  vita = pytest.importorskip("vita")
  plain = vita.Synth()
  plain.set_sample_rate(RATE)
  assert plain.load_json(path.read_text())

  class Plain:
    def render(self, patch, *, note, seconds, sample_rate):
      del patch, sample_rate  # The preset holds what is to be played.
      plain.render(note.pitch, 0.0, 0.25, 0.5)
      return plain.render(note.pitch, note.velocity / 127, note.hold_seconds, seconds).mean(0)

  return Plain()


def loaded_dexed(path):
  """Dexed itself, with the voice loaded."""
  dexed = pytest.importorskip("dexed")
  voice = dexed.Patch.from_sysex(path.read_bytes()[6:-2])
  assert voice.name.strip() == path.stem

  class Plain:
    def render(self, patch, *, note, seconds, sample_rate):
      del patch
      plain = dexed.DexedSynth(sample_rate)
      plain.load_patch(voice)
      return plain.render(note.pitch, note.velocity, note.hold_seconds, seconds)

  return Plain()


@pytest.mark.parametrize("seconds", [0.7, 1.3])
def test_a_sound_is_as_long_as_asked_for(make, seconds):
  """1.3 and 44,100 as 32-bit floats have a product under a whole number of samples."""
  synth = make()
  (patch,) = patches(synth, 1)
  assert render(synth, patch, seconds=seconds).shape == (round(seconds * RATE),)
