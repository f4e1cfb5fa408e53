"""Wide spaces on the whole way, from a data set to a preset that the synth opens."""

import json
from pathlib import Path

import dexed_dataset_builder
import numpy as np
import pytest
from vital import vital_dataset_builder

from synthmatch_jax import exported
from synthmatch_jax.config import base_config
from synthmatch_jax.evaluation.evaluator import evaluate
from synthmatch_jax.matching import output
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.spaces import dx7, prior
from synthmatch_jax.synths import registry, vital
from synthmatch_jax.training import loop, trained
from tests.spaces.test_dx7 import singles, voices
from tests.spaces.voices_folder import prior_around

FLUTE = Path(__file__).parents[1] / "examples" / "flute.flac"


def built(synth, folder):
  """Builds a small data set, and writes three presets that are not drawn from its prior."""
  (folder / "presets").mkdir()
  about = {"name": "tiny", "num_examples": 40, "seconds": 0.5, "shard_size": 20, "workers": 1}
  if synth == "dexed":
    (folder / "presets" / "bank.syx").write_bytes(singles(voices(3)))
    around = prior_around(folder, shares={"jittered": 1})
    config = dexed_dataset_builder.DexedConfig(**about, prior=around)
    dexed_dataset_builder.Builder(data_dir=folder, config=config).download_and_prepare()
    return
  engine = registry.engine("vital_wide")
  drawn = prior.draws(prior.load("presets", engine.space), engine.space, count=8)
  for i, controls in enumerate(drawn):
    patch = engine.space.decode(controls) | {"osc_1_on": 1, "osc_1_level": 0.8}
    engine.make().save_preset(patch, folder / "presets" / f"{i}.vital")
  config = vital_dataset_builder.VitalConfig(**about)
  vital_dataset_builder.Builder(data_dir=folder, config=config).download_and_prepare()


def assert_opens(synth, answer, path):
  """The synth opens a preset, and has the answer's patch."""
  if synth == "dexed":
    (voice,) = dx7.read(path)
    assert voice.patch == answer.patch
    return
  assert vital.load_vita().Synth().load_json(path.read_text())
  engine = registry.engine("vital_wide")
  again = engine.space.encode(engine.make().read_preset(path))
  apart = engine.space.errors(again[None], answer.controls[None])[0]
  heard = engine.space.heard(answer.controls[None])[0]
  assert np.mean(apart[heard] < 0.05) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("synth", ["dexed", "vital"])
def test_from_a_data_set_to_a_preset_that_opens(synth, tmp_path):
  if synth == "dexed":
    pytest.importorskip("dexed")
  built(synth, tmp_path)
  config, run = base_config(), tmp_path / "run"
  config.data.name, config.data.dir = f"{synth}/tiny", str(tmp_path)
  config.model.name = "mlp_tiny"
  config.train.batch_size, config.train.steps = 8, 4
  assert loop.train_and_evaluate(config, run)
  told = {"names": ["model", "mean", "oracle"], "gallery_size": 1, "workers": 1}
  sheet, folder = evaluate(run, presets=tmp_path / "presets", **told)
  assert folder.name == "presets-presets"
  results = json.loads((folder / "results.json").read_text())
  assert results["num_examples"] == len(sheet.material.targets) >= 3
  assert results["rows"]["oracle"]["mae"]["mean"] < 1e-6
  groups = [name for name in results["metrics"] if name.startswith("error_")]
  assert len(groups) == len(registry.engine(sheet.recipe.engine).space.groups) > 4
  exported.write(tmp_path / "model", trained.load(run), card="")
  with Matcher.open([tmp_path / "model"], synth=synth) as matcher:
    found = matcher.match(FLUTE, top=2)
    written = output.write(found, tmp_path / "match", pool=matcher.pool)
  for answer, said in zip(found.answers, written["answers"], strict=True):
    assert_opens(synth, answer, tmp_path / "match" / said["preset"])
