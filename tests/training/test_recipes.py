"""What a recipe may add to the paper's, each against what it is defined to be."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from synthmatch_jax import models
from synthmatch_jax.data import fit_statistics, pipeline
from synthmatch_jax.errors import UserError
from synthmatch_jax.training import loop, optimizer, state, sweep, validation
from synthmatch_jax.training.augment import Masking
from synthmatch_jax.training.run import Run
from synthmatch_jax.training.step import make_train_step


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
  return tiny_dataset.open()


@pytest.fixture
def steps_of(dataset):
  """Makes some steps of a small model; returns the states after each, and the losses."""
  recipe = dataset.recipe
  size = {"num_frames": recipe.num_frames, "num_bins": recipe.mel.n_mels}

  def make(name, tx, count=3, *, averaged=False, **arguments):
    model = models.create(name, **size, num_controls=recipe.space.width, seed=0)
    graphdef, current = state.create(model, tx, averaged=averaged)
    found = fit_statistics.compute(dataset)
    step = jax.jit(make_train_step(graphdef, tx, found, **arguments))
    states, losses = [current], []
    for batch, _ in zip(
      pipeline.training_batches(dataset, batch_size=16, seed=0), range(count), strict=False
    ):
      current, loss = step(current, batch)
      states.append(current)
      losses.append(float(loss))
    assert step._cache_size() == 1  # Compiled once.
    return states, losses

  return make


def flat(tree):
  return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def test_a_gradient_in_parts_is_that_of_the_whole_batch(steps_of):
  whole, parts = (steps_of("ast_tiny", optax.sgd(0.1), accumulate=n) for n in (1, 4))
  np.testing.assert_allclose(parts[1], whole[1], rtol=1e-5)
  np.testing.assert_allclose(flat(parts[0][-1].params), flat(whole[0][-1].params), atol=1e-6)


def test_a_step_takes_the_memory_of_the_state(make_config):
  run = Run.open(make_config("mlp_tiny", steps=3))
  before = run.begin()
  after, _ = run.train_step(fit_statistics.compute(run.dataset))(before, next(run.batches(0)))
  assert all(leaf.is_deleted() for leaf in jax.tree.leaves(before))
  assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(after))


def test_the_average_follows_the_weights(steps_of):
  states, _ = steps_of("mlp_tiny", optax.sgd(0.1), averaged=True, average_decay=0.75)
  average = flat(states[0].params)
  for step, current in enumerate(states[1:]):
    decay = min(0.75, (1 + step) / (10 + step))
    average = decay * average + (1 - decay) * flat(current.params)
    np.testing.assert_allclose(flat(current.average), average, atol=1e-6)
  assert not np.allclose(average, flat(states[-1].params), atol=1e-4)


@pytest.mark.slow
def test_bfloat16_stays_near_float32_and_keeps_its_weights_in_it(dataset, make_config, tmp_path):
  last = {}
  for dtype in ("float32", "bfloat16"):
    config = make_config("ast_tiny", overrides={"dtype": dtype}, steps=12, log_every=1)
    loop.train_and_evaluate(config, tmp_path / dtype)
    lines = (tmp_path / dtype / "metrics.jsonl").read_text().splitlines()
    last[dtype] = np.array([json.loads(line)["train/loss"] for line in lines])
  # Eight bits of mantissa: 0.4 % a number; the losses of a dozen steps stay within 2 %.
  np.testing.assert_allclose(last["bfloat16"], last["float32"], rtol=0.02)
  assert not np.array_equal(last["bfloat16"], last["float32"])
  model = models.create(
    "ast_tiny", num_frames=22, num_bins=64, num_controls=16, seed=0, dtype="bfloat16"
  )
  _, run = state.create(model, optax.adam(1e-3))
  floats = [x for x in jax.tree.leaves((run.params, run.optimizer)) if x.dtype != jnp.int32]
  assert {x.dtype for x in floats} == {jnp.dtype("float32")}


def test_masks_hide_bands_of_frames_and_bins():
  masking = Masking(time_masks=2, time_width=5, bin_masks=1, bin_width=9)
  mel = jnp.ones((200, 40, 30))
  masked = np.asarray(masking(mel, jax.random.key(0)))
  frames, bins = (masked == 0).all(axis=2), (masked == 0).all(axis=1)
  np.testing.assert_array_equal(masked == 0, frames[:, :, None] | bins[:, None, :])
  assert frames.sum(axis=1).max() <= 10 and bins.sum(axis=1).max() <= 9
  # Widths from 0 to the widest are as likely: (0 + ... + 9) / 10 on average.
  assert bins.sum(axis=1).mean() == pytest.approx(4.5, abs=0.5)
  assert (frames.sum(axis=0) > 0).all() and (bins.sum(axis=0) > 0).all()
  assert (np.diff(bins, axis=1).sum(axis=1) <= 2).all()  # One band each.
  np.testing.assert_array_equal(Masking()(mel, jax.random.key(0)), mel)


def test_masks_follow_seed_and_step(steps_of):
  masking = Masking(time_masks=1, bin_masks=1)
  losses = {
    name: steps_of("ast_tiny", optax.set_to_zero(), masking=masking, seed=seed)[1]
    for name, seed in {"one": 0, "same": 0, "other": 1}.items()
  }
  assert losses["one"] == losses["same"]
  assert losses["one"] != losses["other"]
  assert losses["one"] != steps_of("ast_tiny", optax.set_to_zero())[1]


def test_the_learning_rate_rises_and_falls():
  cosine = {"schedule": "cosine", "learning_rate": 0.1, "total_steps": 30}
  rate = optimizer.learning_rate_over(warmup_steps=10, **cosine)
  got = [float(rate(step)) for step in (0, 5, 10, 20, 30)]
  np.testing.assert_allclose(got, [0, 0.05, 0.1, 0.05, 0], atol=1e-7)
  rate = optimizer.learning_rate_over("constant", learning_rate=0.1, warmup_steps=4, total_steps=30)
  np.testing.assert_allclose([float(rate(s)) for s in (0, 2, 4, 30)], [0, 0.05, 0.1, 0.1])
  with pytest.raises(UserError, match="warmup_steps must be fewer than the run's 30 steps"):
    optimizer.create("adam", warmup_steps=30, **cosine)
  with pytest.raises(UserError, match=r"no optimizer\.schedule 'linear'; known: constant, cos"):
    optimizer.create("adam", learning_rate=0.1, schedule="linear", total_steps=30)


def test_long_gradients_are_cut():
  tx = optimizer.create("adam", learning_rate=1.0, clip_norm=1.0, b1=0.0, b2=0.0, eps=1.0)
  gradient = {"a": jnp.array([30.0]), "b": jnp.array([40.0])}
  update, _ = tx.update(gradient, tx.init(gradient), gradient)
  # Adam with eps = 1 and no memory moves by g / (|g| + 1), where g is (0.6, 0.8) after the cut.
  np.testing.assert_allclose(flat(update), [-0.6 / 1.6, -0.8 / 1.8], rtol=1e-5)


def test_a_run_stops_early_and_stays_so(make_config, tmp_path, capsys):
  config = make_config("mlp_tiny", learning_rate=1e-12, steps=40, eval_every=2, patience=3)
  loop.train_and_evaluate(config, tmp_path)
  lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
  losses = [line["validation/loss"] for line in lines if "validation/loss" in line]
  assert len(losses) < 20
  assert len(losses) - 1 - int(np.argmin(losses)) == 3
  capsys.readouterr()
  loop.train_and_evaluate(config, tmp_path)
  assert f"training is finished: {lines[-1]['step']} of 40 steps" in capsys.readouterr().out


def test_patience_counts_validations_without_a_new_best():
  def history(*losses):
    return [{"train/loss": 9.0}, *({"validation/loss": loss} for loss in losses)]

  assert not validation.stalled([], 1)
  assert not validation.stalled(history(0.5), 1)
  assert not validation.stalled(history(0.5, 0.6, 0.4), 2)
  assert validation.stalled(history(0.5, 0.6, 0.7), 2)
  assert not validation.stalled(history(*range(9)), None)


def test_one_command_trains_every_seed(make_config, tmp_path):
  config = make_config("mlp_tiny", steps=2)
  assert sweep.over_seeds(config, tmp_path, [3, 5])
  best = {
    seed: json.loads((tmp_path / f"seed{seed}" / "metrics.jsonl").read_text())["validation/loss"]
    for seed in (3, 5)
  }
  table = (tmp_path / "sweep.md").read_text()
  values = list(best.values())
  assert f"| 3 | {best[3]:.5f} |" in table and f"| 5 | {best[5]:.5f} |" in table
  assert f"| {np.mean(values):.5f} ± {np.std(values, ddof=1):.5f} |" in table
  assert json.loads((tmp_path / "seed5" / "config.json").read_text())["seed"] == 5


def test_the_validation_table_stands_beside_the_mean(tiny_run, dataset):
  text = (tiny_run / "validation.md").read_text()
  _, controls = dataset.read("validation")
  mean = fit_statistics.compute(dataset).controls_mean
  for name, floor in zip(
    dataset.recipe.space.names, np.square(controls - mean).mean(axis=0), strict=True
  ):
    assert f"| {name} |" in text and f"| {floor:.4f} |" in text
  assert "| **all** |" in text
