"""A proxy hears answers while a model trains: it adds a loss, and stays as it is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from synthmatch_jax import models
from synthmatch_jax.data import fit_statistics, pipeline
from synthmatch_jax.errors import UserError
from synthmatch_jax.models import weights
from synthmatch_jax.training import loop, run_log, state
from synthmatch_jax.training.audio_loss import AudioLoss
from synthmatch_jax.training.run import Run
from synthmatch_jax.training.step import make_train_step


@pytest.fixture(scope="module")
def dataset(tiny_dataset):
  return tiny_dataset.open()


def audio_of(dataset, **options):
  small = {"proxy_width": 16, "proxy_hidden": 32, "proxy_depth": 1}
  proxy = models.create("proxy", **dataset.recipe.sizes, seed=0, **small)
  proxy.eval()
  settings = {"knows_notes": False, "mel_std": 20.0, "weight": 0.5}
  return AudioLoss(proxy=proxy, recipe=dataset.recipe, **settings | options)


@pytest.mark.parametrize("head", [pytest.param("regression", marks=pytest.mark.slow), "by_kind"])
def test_what_an_answer_sounds_like_counts_from_a_step_on(dataset, head):
  audio, found = audio_of(dataset, begin=1), fit_statistics.compute(dataset)
  batch = next(pipeline.training_batches(dataset, batch_size=4, seed=0))
  model = models.create("ast_tiny", **dataset.recipe.sizes, head=head, seed=0)
  graphdef, before = state.create(model, optimizer := optax.sgd(1e-2))
  plain, heard = (
    jax.jit(make_train_step(graphdef, optimizer, found, audio=one)) for one in (None, audio)
  )
  after, loss = heard(before, batch)
  assert loss == plain(before, batch)[1]
  answer = model(found.normalise(jnp.asarray(batch["mel"])))
  far = np.abs(audio.proxy(answer) - audio.proxy(jnp.asarray(batch["controls"]))).mean()
  begun = state.TrainState(**vars(before) | {"step": jnp.ones((), jnp.int32)})
  later, more = heard(begun, batch)
  rest = plain(begun, batch)[1]
  assert far > 0.001
  assert more - rest == pytest.approx(0.5 * far, rel=1e-3)
  weights_of = [np.asarray(jax.tree.leaves(one.params)[0]) for one in (after, later)]
  assert np.abs(weights_of[0] - weights_of[1]).max() > 0


def test_the_truth_costs_nothing_whatever_the_proxy_has_not_learnt(dataset):
  batch = next(pipeline.training_batches(dataset, batch_size=4, seed=0))
  audio = audio_of(dataset)
  losses, report = audio.of(batch)(jnp.asarray(batch["controls"]))
  np.testing.assert_array_equal(losses, 0)
  losses, report = audio.of(batch)(jnp.asarray(batch["controls"]) * 0.5)
  np.testing.assert_allclose(report["proxied_db"], 20 * losses / 0.5, rtol=1e-6)


def test_a_run_trains_with_it_and_is_bound_to_its_weights(make_config, tmp_path):
  small = {"proxy_width": 16, "proxy_hidden": 32, "proxy_depth": 1}
  for seed in (0, 1):
    config = make_config("proxy", overrides=small, steps=1, seed=seed)
    assert loop.train_and_evaluate(config, tmp_path / f"proxy{seed}")
  config = make_config("mlp_tiny", steps=2)
  config.loss.proxy = str(tmp_path / "proxy0")
  assert loop.train_and_evaluate(config, tmp_path / "run")
  assert run_log.read(tmp_path / "run")[-1]["validation/proxied_db"] > 0
  run = Run.open(config)
  assert run.config.loss.proxy_digest == weights.digest(run.audio.proxy)
  (tmp_path / "proxy0").rename(tmp_path / "first")
  (tmp_path / "proxy1").rename(tmp_path / "proxy0")
  config.train.steps = 4
  with pytest.raises(UserError, match=r"loss\.proxy_digest was"):
    loop.train_and_evaluate(config, tmp_path / "run")


def test_what_cannot_be_heard_so_is_told(make_config, tiny_run, tmp_path):
  config = make_config("mlp_tiny", steps=2)
  config.loss.proxy = str(tiny_run)
  with pytest.raises(UserError, match="whose model is no proxy of the synth"):
    Run.open(config)
  config.loss.proxy_weight = -1.0
  with pytest.raises(UserError, match=r"loss\.proxy_weight must be at least 0, not -1\.0"):
    Run.open(config)
