"""A proxy measured on the tiny data set: its numbers are those that a count by hand gives."""

import json

import numpy as np
import pytest

from synthmatch_jax import inference
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import proxied
from synthmatch_jax.inference import Predictor
from synthmatch_jax.search.stand_in import StandIn
from synthmatch_jax.training import loop

SMALL = {"proxy_width": 32, "proxy_hidden": 64, "proxy_depth": 1}


@pytest.fixture(scope="module")
def measured(tiny_dataset, tmp_path_factory):
  from synthmatch_jax.config import base_config

  workdir = tmp_path_factory.mktemp("proxy")
  config = base_config()
  config.data.name, config.data.dir = tiny_dataset.name, str(tiny_dataset.dir)
  config.model.update({"name": "proxy", **SMALL})
  config.train.update({"batch_size": 8, "steps": 2})
  assert loop.train_and_evaluate(config, workdir)
  return workdir, proxied.evaluate(workdir)


def test_errors_are_those_of_the_mels(measured, tiny_dataset):
  workdir, found = measured
  dataset = tiny_dataset.open()
  mel, controls = dataset.read("test")
  training, patches = dataset.read("train")
  errors = np.abs(mel - training.mean(axis=0)).mean()
  assert found["rows"]["mean"]["mean"] == pytest.approx(errors, rel=1e-3)
  nearest = [training[np.square(patches - one).sum(axis=1).argmin()] for one in controls]
  errors = np.abs(mel - np.stack(nearest)).mean()
  assert found["rows"]["nearest_patch"]["mean"] == pytest.approx(errors, rel=1e-5)
  play = StandIn(inference.load(workdir)).mels
  note = np.tile([60.0, 127.0, 1.0], (len(mel), 1)).astype(np.float32)
  played = play(controls, note)
  np.testing.assert_array_equal(
    played, play(controls, 2 * note)
  )  # All have one, which is not told.
  errors = np.abs(mel - played).mean()
  assert found["rows"]["proxy"]["mean"] == pytest.approx(errors, rel=1e-5)
  assert json.loads((workdir / "eval" / "test" / proxied.RESULTS).read_text()) == found


def test_pairs_are_counted_by_their_order():
  rng = np.random.default_rng(0)
  mel = rng.normal(size=(30, 5, 3)).astype(np.float32)
  assert list(proxied._agreements(mel, mel)) == [(1.0, 1.0)] * 30
  other = rng.normal(size=mel.shape).astype(np.float32)
  chance = np.mean(list(proxied._agreements(mel, other)), axis=0)
  np.testing.assert_allclose(chance, 0.5, atol=0.1)
  # Of four sounds, the proxy takes the farthest for the nearest: of three pairs, one is in order.
  line = np.array([0.0, 1.0, 3.0, 7.0], np.float32).reshape(4, 1, 1)
  swapped = np.array([0.0, 3.0, 7.0, 1.0], np.float32).reshape(4, 1, 1)
  assert next(iter(proxied._agreements(line, swapped)))[0] == pytest.approx(1 / 3)


def test_the_table_has_every_row(measured):
  said = proxied.table(measured[1])
  assert all(name in said for name in proxied.MEANINGS)
  assert "% (" in said and "of pairs of sounds" in said


def test_only_a_proxy_is_measured_so(measured, tiny_run):
  assert proxied.is_proxy(measured[0]) and not proxied.is_proxy(tiny_run)
  assert not proxied.is_proxy(tiny_run / "nowhere")
  with pytest.raises(UserError, match="is no proxy of the synth"):
    proxied.evaluate(tiny_run)
  with pytest.raises(UserError, match="two sounds have no order"):
    proxied.evaluate(measured[0], num_examples=2)
  with pytest.raises(UserError, match="is a proxy of the synth, which plays patches"):
    Predictor(inference.load(measured[0]))
