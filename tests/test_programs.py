"""What was traced is kept, and gives the answers that the model gives."""

import dataclasses
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from synthmatch_jax import exported
from synthmatch_jax.inference import Predictor
from synthmatch_jax.models import weights
from synthmatch_jax.programs import Programs
from synthmatch_jax.training import trained


@pytest.fixture(scope="module")
def folder(tiny_run, tmp_path_factory):
  folder = tmp_path_factory.mktemp("model")
  exported.write(folder, trained.load(tiny_run), card="")
  return folder


@pytest.fixture
def cache(tmp_path):
  """The folder where JAX keeps what it compiles, for one test."""
  before = jax.config.values["jax_compilation_cache_dir"]
  jax.config.update("jax_compilation_cache_dir", str(tmp_path / "jax"))
  yield tmp_path / "jax"
  jax.config.update("jax_compilation_cache_dir", before)


def kept(cache: Path) -> dict[str, Path]:
  return {path.name: path for path in (cache / "synthmatch_jax").glob("*/*")}


def test_what_is_kept_answers_to_the_last_bit_and_builds_no_model(folder, cache, monkeypatch):
  recipe = exported.read(folder).data.recipe
  mel = np.random.default_rng(0).normal(-30, 20, (3, recipe.num_frames, recipe.mel.n_mels))
  mel = mel.astype(np.float32)
  jax.config.update("jax_compilation_cache_dir", None)
  wanted = Predictor.load(folder).answers(mel)
  jax.config.update("jax_compilation_cache_dir", str(cache))
  first = Predictor.load(folder).answers(mel)
  assert set(kept(cache)) == {"about", "answers-1-8"}
  with monkeypatch.context() as patched:
    patched.setattr(weights, "blueprint", None)
    second = Predictor.load(folder).answers(mel)
  np.testing.assert_array_equal(first, wanted)
  np.testing.assert_array_equal(second, wanted)
  for path in kept(cache).values():
    path.write_bytes(path.read_bytes()[:-1])
  np.testing.assert_array_equal(Predictor.load(folder).answers(mel), wanted)


def test_a_program_is_of_one_model_and_its_statistics(folder, cache):
  found = exported.read(folder)
  shapes = {name: array.shape for name, array in found.weights.items()}
  Programs(found.arguments, found.data, shapes).keep({"is_drawn": False})
  assert Programs(found.arguments, found.data, shapes).about == {"is_drawn": False}
  statistics = dataclasses.replace(found.data.statistics, mel_mean=-1.0)
  others = dataclasses.replace(found.data, statistics=statistics)
  assert Programs(found.arguments, others, shapes).about is None
  assert Programs(found.arguments, found.data, shapes | {"more": (1,)}).about is None
  shutil.rmtree(cache)
  assert Programs(found.arguments, found.data, shapes).about is None
