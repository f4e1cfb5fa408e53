"""The note in a model: what it is told, what it predicts, and that neither leaks into the other."""

import jax
import jax.numpy as jnp
import librosa
import numpy as np
import pytest
from flax import nnx

from synthmatch_jax import models
from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.errors import UserError
from synthmatch_jax.models import note as notes
from synthmatch_jax.models.note import PITCHES, NoteHead

CENTRES = tuple(100.0 * (bin + 1) for bin in range(32))
SIZE = {"num_frames": 40, "num_bins": 32, "centres": CENTRES, "num_controls": 16}
WAYS = [("ast_tiny", "token"), ("mlp_tiny", "film"), ("ast_tiny", "aligned")]
NOTES = jnp.array([[48.0, 127.0, 0.1], [60.25, 127.0, 1.0], [84.0, 64.0, 3.0]])
UNKNOWN = jnp.full((3, 3), jnp.nan)
MELS = jnp.asarray(np.random.default_rng(0).standard_normal((3, 40, 32), np.float32))
KEYS = jax.random.split(jax.random.key(0), 3)


def test_features_are_of_unit_size_and_zero_where_nothing_is_known():
  found = np.asarray(notes.features(NOTES))
  assert np.abs(found).max() < 1.4
  np.testing.assert_array_equal(found[:, :3], 1)
  np.testing.assert_allclose(found[:, 3], (np.asarray(NOTES)[:, 0] - 64) / 32)
  np.testing.assert_allclose(found[:, 5], np.log2(np.asarray(NOTES)[:, 2] / 0.5) / 2.5, rtol=1e-5)
  assert not np.asarray(notes.features(UNKNOWN)).any()
  partly = np.asarray(notes.features(NOTES.at[:, 0].set(jnp.nan)))
  np.testing.assert_array_equal(partly[:, [1, 2, 4, 5]], found[:, [1, 2, 4, 5]])
  assert not np.delete(partly, [1, 2, 4, 5], axis=1).any()


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_an_answer_depends_on_what_is_known_of_its_own_note(name, way, with_random_weights):
  model = with_random_weights(lambda: models.create(name, **SIZE, note=way, seed=0))
  answer = nnx.jit(lambda model, note: model.answers(MELS, note, keys=KEYS, count=1)[:, 0])
  untold, told = answer(model, UNKNOWN), answer(model, NOTES)
  np.testing.assert_array_equal(answer(model, None), untold)
  for changed in range(3):
    for value in range(3):
      other = answer(model, NOTES.at[changed, value].multiply(1.1))
      moved = np.abs(other - told).max(axis=1) > 1e-4
      np.testing.assert_array_equal(moved, np.arange(3) == changed)
  assert np.abs(told - untold).max(axis=1).min() > 1e-3


def test_partials_of_equal_rank_lie_in_the_same_place_at_every_pitch():
  mel = MelSettings(n_mels=128)
  time = np.arange(8_192) / mel.sample_rate
  pitches = np.array([45.0, 60.4, 81.0])
  tones = [
    sum(np.sin(2 * np.pi * rank * librosa.midi_to_hz(pitch) * time) for rank in (1, 2.5, 4))
    for pitch in pitches
  ]
  mels = jnp.stack([log_mel(tone, mel)[1:-1] for tone in tones]) / 10

  def quarters(pitch):
    return notes.in_harmonics(mels, jnp.asarray(pitch), centres=mel.centres, count=64)

  for spectrum in np.asarray(quarters(pitches)).mean(axis=1):
    peaks = np.flatnonzero((spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] > spectrum[2:])) + 1
    loudest = sorted(peaks[np.argsort(spectrum[peaks])[-3:]])
    np.testing.assert_array_equal(loudest, [3, 9, 15])
  np.testing.assert_array_equal(quarters(np.full(3, np.nan)), quarters(np.full(3, 60.0)))
  assert float(quarters(np.full(3, 120.0))[:, :, -1].max()) == float(mels.min())  # No bin is there.


@pytest.mark.parametrize("name", ["ast_tiny", pytest.param("cnn_tiny", marks=pytest.mark.slow)])
def test_film_begins_as_the_model_that_is_told_nothing(name):
  plain, film = (models.create(name, **SIZE, note=way, seed=0) for way in ("none", "film"))
  for model in (plain, film):
    model.eval()
  answers = [m.answers(MELS, NOTES, keys=KEYS, count=1) for m in (plain, film)]
  np.testing.assert_array_equal(*answers)


def test_what_cannot_be_built_is_one_sentence():
  with pytest.raises(UserError, match="note=aligned takes an even number of mel bins"):
    models.create("ast_tiny", **{**SIZE, "num_bins": 31}, note="aligned", seed=0)
  with pytest.raises(
    UserError, match="a note can be a token of a transformer only; take note=film"
  ):
    models.create("cnn_tiny", **SIZE, note="token", seed=0)
  with pytest.raises(UserError, match="note must be one of none, token, film, aligned, not words"):
    models.create("mlp_tiny", **SIZE, note="words", seed=0)
  with pytest.raises(UserError, match="note_loss must be at least 0"):
    models.create("mlp_tiny", **SIZE, note_loss=-1.0, seed=0)


def head_that_says(probabilities, octaves):
  """A head whose tokens are the outputs themselves."""
  encoder = models.create("mlp_tiny", **SIZE, width=PITCHES + 1, seed=0).encoder
  head = NoteHead(encoder, note_loss=0.5, rngs=nnx.Rngs(0))
  head.output.kernel[...] = jnp.eye(PITCHES + 1)
  outputs = np.append(np.log(np.maximum(probabilities, 1e-12)), octaves)
  return head, jnp.asarray(outputs, jnp.float32)[None, None]


def test_a_prediction_is_the_mean_around_the_likeliest_semitone():
  probabilities = np.zeros(PITCHES)
  probabilities[[60, 61, 72, 73]] = 0.45, 0.15, 0.3, 0.1
  head, tokens = head_that_says(probabilities, octaves=-1.0)
  np.testing.assert_allclose(head.predict(tokens)[0], [60.25, 0.6, 0.5], rtol=1e-5)


def test_a_prediction_is_trained_on_what_is_hidden_alone():
  wanted = np.exp(-((np.arange(PITCHES) - 60.25) ** 2) / 2)
  wanted /= wanted.sum()
  head, tokens = head_that_says(wanted, octaves=1.0)
  note = jnp.array([[60.25, 100.0, 0.5]])

  def loss(*hidden):
    found, report = head.loss(tokens, note, jnp.array([hidden]))
    np.testing.assert_allclose(report["pitch_error"], 0, atol=0.03)
    np.testing.assert_allclose(report["hold_error"], 2)
    return float(found[0])

  entropy = -(wanted * np.log(np.maximum(wanted, 1e-12))).sum()
  assert loss(False, True, False) == 0
  assert loss(True, False, False) == pytest.approx(0.5 * entropy, rel=1e-4)
  assert loss(False, False, True) == pytest.approx(0.5 * 2**2)


def test_the_loss_of_a_model_counts_a_note_only_where_it_was_not_told(with_random_weights):
  arguments = {"note": "token", "note_loss": 1.0}
  model = with_random_weights(lambda: models.create("ast_tiny", **SIZE, **arguments, seed=0))
  batch = {"mel": MELS, "note": NOTES, "controls": jnp.zeros((3, 16))}
  key = jax.random.key(0)
  loss = nnx.jit(lambda model, batch: model.loss(batch, key))
  plain, report = loss(model, batch)
  assert set(report) == {"mse"}
  all_told, report = loss(model, batch | {"told": jnp.ones((3, 3), bool)})
  assert set(report) == {"mse", "pitch_error", "hold_error"}
  np.testing.assert_allclose(all_told, plain, rtol=1e-5)
  partly, _ = loss(model, batch | {"told": jnp.array([[1, 1, 1], [0, 1, 1], [1, 0, 1]], bool)})
  assert partly[0] == pytest.approx(float(plain[0]), rel=1e-5)
  # What it is not told does not matter to what it answers, and so to the error of its controls.
  untold = batch | {"told": jnp.zeros((3, 3), bool)}
  errors = [loss(model, untold | {"note": n})[1]["mse"] for n in (NOTES, NOTES[::-1])]
  np.testing.assert_array_equal(*errors)


def test_a_model_that_is_told_nothing_predicts_every_note(with_random_weights):
  model = with_random_weights(lambda: models.create("mlp_tiny", **SIZE, note_loss=1.0, seed=0))
  batch = {"mel": MELS, "note": NOTES, "controls": jnp.zeros((3, 16))}
  loss = nnx.jit(lambda model, batch: model.loss(batch, jax.random.key(0))[0])
  whole = loss(model, batch | {"told": jnp.ones((3, 3), bool)})
  assert (whole > loss(model, batch) + 1).all()
