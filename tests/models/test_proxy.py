"""A model of the synth: it keeps time, and training and export take it like any other model."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from synthmatch_jax import exported, inference, models
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.models import flops
from synthmatch_jax.models.proxy import Proxy
from synthmatch_jax.training import card, loop, run_log
from synthmatch_jax.training.run import Run

SIZES = {
  "num_frames": 21,
  "num_bins": 4,
  "num_controls": 2,
  "centres": (200.0, 225.0, 400.0, 425.0),
}
SMALL = {"proxy_width": 32, "proxy_hidden": 64, "proxy_depth": 2}


def create(**arguments) -> Proxy:
  return models.create("proxy", **SIZES, seed=0, **SMALL | arguments)


def sounds(key):
  """Sounds that are held for a while; a control says how loud they are, the other the bin."""
  of_controls, of_hold = jax.random.split(key)
  controls = jax.random.uniform(of_controls, (64, 2))
  hold = jax.random.uniform(of_hold, (64,), minval=0.5, maxval=3.5)
  time = (jnp.arange(21) + 0.5) / 21 * 4
  is_held = time[None, :, None] < hold[:, None, None]
  bins = jnp.arange(4) == jnp.floor(4 * controls[:, 1:]).astype(int)
  mel = jnp.where(is_held & bins[:, None], controls[:, :1, None], -1.0)
  note = jnp.stack([jnp.full(64, 60.0), jnp.full(64, 100.0), hold], axis=1)
  return {"mel": mel, "controls": controls, "note": note}


@pytest.mark.slow
def test_it_learns_what_a_patch_sounds_like_and_until_when():
  graphdef, params = nnx.split(create())
  optimizer = optax.adam(3e-3)

  def loss(params, key):
    return nnx.merge(graphdef, params).loss(sounds(key), key)[0].mean()

  def step(carried, key):
    params, state = carried
    updates, state = optimizer.update(jax.grad(loss)(params, key), state)
    return (optax.apply_updates(params, updates), state), None

  begin = params, optimizer.init(params)
  keys = jax.random.split(jax.random.key(0), 400)
  (params, _), _ = jax.jit(lambda begin: jax.lax.scan(step, begin, keys))(begin)
  model = nnx.merge(graphdef, params)
  note = jnp.array([[60.0, 100.0, 1.0], [60.0, 100.0, 3.0]])
  short, long = np.asarray(model(jnp.array([[0.8, 0.6], [0.8, 0.6]]), note))[..., 2]
  assert abs(short[:4] - 0.8).max() < 0.4 and abs(long[:14] - 0.8).max() < 0.4
  assert abs(short[8:] + 1).max() < 0.4 and abs(long[17:] + 1).max() < 0.4


def test_controls_are_clamped_as_decoding_does_and_a_note_need_not_be_known():
  model = create()
  controls = jnp.array([[-0.5, 1.5], [0.0, 1.0]])
  one, other = model(controls)
  assert one.shape == (21, 4)
  np.testing.assert_array_equal(one, other)


def test_partials_move_with_the_note():
  """What lies on a harmonic of one note lies on that of another, in the bins that are there."""
  model = create()
  model.output.kernel[...] = jnp.zeros_like(model.output.kernel[...])
  on_fourth = jnp.zeros((2, 12)).at[:, 4 + 3].set(1.0)  # The first harmonic: four quarters.
  model.output.bias[...] = on_fourth.ravel()
  pitch = 69 + 12 * jnp.log2(jnp.array([200.0, 400.0]) / 440)
  note = jnp.stack([pitch, jnp.full(2, 100.0), jnp.ones(2)], axis=1)
  mel = np.asarray(model(jnp.zeros((2, 2)), note))
  np.testing.assert_allclose(mel[:, 0, [0, 2]], np.eye(2), atol=1e-5)


def test_the_clock_runs_with_the_length_of_sounds():
  """The end of the hold is at the same place of a sound, whatever the unit."""
  note = jnp.array([[60.0, 100.0, 2.0]])
  clocks = [create(seconds=s)._clock(s / 4 * note[:, 2]) for s in (4.0, 1.0)]
  np.testing.assert_allclose(clocks[0], clocks[1], atol=1e-6)
  np.testing.assert_array_equal(create()._clock(note[:, 2]), clocks[0])


def test_a_run_trains_and_exports_it_and_no_sound_is_matched_by_it(make_config, tmp_path):
  assert loop.train_and_evaluate(make_config("proxy", overrides=SMALL, steps=2), tmp_path / "run")
  metrics = run_log.read(tmp_path / "run")[-1]
  assert {"validation/loss", "validation/mel_mse"} <= set(metrics)
  found = inference.load(tmp_path / "run")
  exported.write(tmp_path / "exported", found, card="")
  again = inference.load(tmp_path / "exported").model
  controls = jnp.full((2, 16), 0.3)
  np.testing.assert_array_equal(again(controls), found.model(controls))
  for folder in ("run", "exported"):
    with pytest.raises(UserError, match="is a proxy of the synth, which plays patches"):
      Predictor.load(tmp_path / folder)


@pytest.mark.parametrize(("section", "field"), [("masking", "bin_masks"), ("disturbance", "hum")])
def test_it_learns_no_other_sounds_than_the_synth_makes(section, field, make_config):
  config = make_config("proxy", steps=2)
  config[section][field] = 1
  with pytest.raises(UserError, match=f"{section}.{field} changes what a model hears, and a proxy"):
    Run.open(config)


def test_its_card_says_what_it_is(make_config, tmp_path):
  assert loop.train_and_evaluate(make_config("proxy", overrides=SMALL, steps=2), tmp_path)
  said = card.write(inference.load(tmp_path), tmp_path, dtype="float32")
  assert "A proxy of the synth: it maps 16 controls of vital, and a note" in said
  assert "another instrument" not in said


def test_a_sound_is_counted():
  model = nnx.eval_shape(create)
  hidden = 2 * (2 + 14) * 64 + 2 * 64 * 64 + 2 * 64 * 32
  times = 2 * 11 * 2 * 25 * 32
  block = 2 * 64 * 64 + 2 * 11 * (3 * 32 * 64 + 64 * 32)
  output = 2 * 11 * 32 * 2 * (4 + 8) + 2 * 21 * 8 * 4
  assert flops.forward_flops(model) == hidden + times + 2 * block + output


def test_an_argument_of_a_head_is_none_of_a_proxys():
  with pytest.raises(UserError, match="the model proxy has no argument 'head_depth'"):
    create(head_depth=3)
