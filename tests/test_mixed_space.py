"""Parameters of every kind on the whole way: data set, its page, training, evaluation, match."""

import collections
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from massive16 import massive16_dataset_builder as massive16

from synthmatch_jax import exported, models
from synthmatch_jax.config import base_config
from synthmatch_jax.data import pipeline
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation.evaluator import evaluate
from synthmatch_jax.exported import TrainedModel
from synthmatch_jax.inference import Predictor
from synthmatch_jax.inspection import dataset_report, inspect
from synthmatch_jax.matching import output
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.metrics import patches
from synthmatch_jax.models.regression import Regression
from synthmatch_jax.search.stand_in import StandIn
from synthmatch_jax.synths import registry, vital
from synthmatch_jax.training import loop, run_log, trained
from synthmatch_jax.training import workdir as workdirs
from synthmatch_jax.training.run import Run
from synthmatch_jax.web import panel
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visit import Visit

EXAMPLES = Path(__file__).parents[1] / "examples"
MODELS = ["analog", "ladder", "comb"]


@pytest.fixture(scope="module")
def mixed():
  """Vital with two more parameters, one not always heard: 18 parameters, 20 controls."""
  data = json.loads((vital._PRESETS / "vital16.json").read_text())
  data |= {"name": "mixed", "space": "mixed/vital", "prior": "uniform"}
  data["parameters"] += [
    {"name": "chorus", "kind": "switch", "meaning": "chorus", "sets": "chorus_on"},
    {"name": "model", "kind": "choice", "meaning": "filter 1", "sets": "filter_1_model"}
    | {"options": MODELS, "values": [0, 2, 6], "heard_when": "chorus", "group": "filters"},
  ]
  known = vital.described() | {"mixed": vital.VitalDescription.from_dict(data)}
  with pytest.MonkeyPatch.context() as patched:
    patched.setattr(vital, "described", lambda: known)
    yield registry.engine("mixed")


@pytest.fixture(scope="module")
def dataset(mixed, tmp_path_factory):
  folder = tmp_path_factory.mktemp("mixed")
  options = {"name": "mixed", "engine": mixed.name, "num_examples": 20, "workers": 1}
  config = massive16.Massive16Config(**options, seconds=0.5, shard_size=10)
  massive16.Builder(data_dir=folder, config=config).download_and_prepare()
  return pipeline.open_dataset("massive16/mixed", dir=folder)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
  config, workdir = base_config(), tmp_path_factory.mktemp("run")
  config.data.name, config.data.dir = "massive16/mixed", str(dataset.path.parents[2])
  config.model.name = "mlp_tiny"
  config.train.batch_size, config.train.steps = 8, 2
  loop.train_and_evaluate(config, workdir)
  return workdir


def test_the_page_of_a_data_set_shows_every_control_and_every_value(mixed, dataset, tmp_path):
  found = inspect.inspect(dataset, engine=mixed, sample=1, examples=1)
  for part in ("controls", "examples"):
    (tmp_path / part).mkdir()
  html = dataset_report.write(found, tmp_path).read_text()
  for name in dataset.recipe.space.names:
    assert f'alt="Histogram of {name}, data and prior"' in html
  assert len(list((tmp_path / "controls").iterdir())) == 18
  (example,) = found.replays
  model = dataset.recipe.space.decode(example.controls)["model"]
  assert f'<td class="number">{model}</td>' in html


def test_pictures_of_a_wide_space_are_those_of_the_groups_or_of_the_furthest_parameters(
  mixed, dataset, tmp_path, monkeypatch
):
  monkeypatch.setattr(dataset_report, "_MOST_PICTURES", 3)
  found = inspect.inspect(dataset, engine=mixed, sample=0, examples=0)
  space = dataset.recipe.space
  apart = {name: found.distances[part].max() for name, part in space.slices.items()}
  furthest = sorted(apart, key=lambda name: -apart[name])[:3]
  assert sorted(furthest, key=space.names.index) == [
    space.names[i] for i in dataset_report.pictured(found)
  ]
  assert dataset_report.pictured(found, ["filters"]) == [17]
  (tmp_path / "controls").mkdir()
  html = dataset_report.write(found, tmp_path, groups=["filters"]).read_text()
  assert [path.name for path in (tmp_path / "controls").iterdir()] == ["17.png"]
  assert "The other 17 parameters" in html
  with pytest.raises(UserError, match="massive16/mixed has no group of parameters x; it has filt"):
    dataset_report.describe(
      dataset.name, dir=dataset.path.parents[2], out=None, sample=0, examples=0, groups=["x"]
    )


def test_a_batch_says_what_is_heard(dataset):
  batch = next(pipeline.training_batches(dataset, batch_size=8, seed=0))
  expected = np.ones((8, 18), bool)
  expected[:, -1] = batch["controls"][:, 16] == 1
  np.testing.assert_array_equal(batch["heard"][:, 16:], expected[:, 16:])


def test_a_run_learns_by_kind_and_its_log_agrees_with_an_evaluation(run, dataset, tmp_path):
  config, _ = workdirs.read(run)
  assert config["model"]["head"] == "by_kind"
  last = run_log.read(run)[-1]
  mel, true = dataset.read("validation")
  predictor = Predictor.load(run)
  found = patches.measure(true, predictor.predict(mel), dataset.recipe.space)
  for name in ("numerical_mae", "binary_accuracy", "categorical_accuracy"):
    value = last.get(f"validation/{name}", np.nan)  # There are two sounds: none may have a chorus.
    assert value == pytest.approx(np.nanmean([*found[name], np.nan]), abs=1e-5, nan_ok=True), name
  assert "| parameter | error | error of the mean | share |" in (run / "validation.md").read_text()
  exported.write(tmp_path / "exported", trained.load(run), card="")
  again = Predictor.load(tmp_path / "exported").predict(mel)
  np.testing.assert_array_equal(again, predictor.predict(mel))
  np.testing.assert_allclose(again[:, -3:].sum(axis=1), 1, atol=1e-6)


def test_a_model_that_names_no_head_is_the_papers_as_those_before_there_were_kinds(dataset):
  model = nnx.eval_shape(lambda: models.create("mlp_tiny", **dataset.recipe.sizes, seed=0))
  assert type(model.head) is Regression


def test_only_what_has_a_head_gets_one_and_a_flow_is_told_the_layout(dataset):
  config = base_config()
  config.data.name, config.data.dir = "massive16/mixed", str(dataset.path.parents[2])
  config.model.name = "proxy"
  assert Run.open(config).config.model.head is None
  sizes = dataset.recipe.sizes
  model = nnx.eval_shape(lambda: models.create("mlp_tiny", **sizes, head="flow", seed=0))
  assert len(model.head.tokens.name) == 18


def test_a_proxy_plays_what_the_synth_would_decide_for(run):
  data = trained.load(run).data
  small = {"name": "proxy", "proxy_width": 16, "proxy_hidden": 32, "proxy_depth": 1}
  proxy = models.create(**small, **data.recipe.sizes, seed=0)
  playing = StandIn(TrainedModel.of(proxy, arguments=small, data=data, step=0))
  space, note = data.recipe.space, data.recipe.note
  vague, sure = np.full((2, 1, space.width), 0.5, np.float32)
  vague[0, -4:], sure[0, -4:] = (0.7, 0.2, 0.4, 0.3), (1, 0, 1, 0)
  mel = np.zeros((data.recipe.num_frames, data.recipe.mel.n_mels), np.float32)
  assert playing.distances(mel, vague, note) == playing.distances(mel, sure, note)
  told = np.zeros((1, 3), np.float32)
  np.testing.assert_array_equal(playing.mels(vague, told), playing.mels(sure, told))


def test_floors_are_right_for_every_kind(run, dataset):
  names = ["model", "nearest_mel", "mean", "oracle"]
  sheet, folder = evaluate(run, names=names, num_examples=2, gallery_size=1, workers=1)
  results = json.loads((folder / "results.json").read_text())
  metrics = results["rows"]["model"]
  assert len([name for name in metrics if name.startswith("mse/")]) == 18
  assert {"numerical_mae", "binary_accuracy", "categorical_accuracy", "error_filters"} < {
    *results["metrics"]
  }
  assert "| binary_accuracy ↑ |" in (folder / "table.md").read_text()
  assert results["rows"]["oracle"]["binary_accuracy"]["mean"] == 1
  assert results["rows"]["oracle"]["mae"]["mean"] < 1e-6
  space, (_, controls) = dataset.recipe.space, dataset.read("train")
  learnt = [space.decode(one) for one in controls]
  mean = space.decode(sheet.answers["mean"][0])
  for name in ("chorus", "model"):
    counts = collections.Counter(patch[name] for patch in learnt)
    assert counts[mean[name]] == max(counts.values())
  neighbours = [space.decode(one) for one in sheet.answers["nearest_mel"]]
  assert all(one in learnt for one in neighbours)


def test_a_match_and_the_page_show_an_option_by_its_name(run, tmp_path):
  flute = Path(shutil.copy(EXAMPLES / "flute.flac", tmp_path / "flute.flac"))
  with Matcher.open([run]) as matcher:
    visit = Visit(matcher, Uploads(tmp_path))
    entry = visit.match(flute)
    best = entry.match.best
    output.write(entry.match, tmp_path / "match", pool=matcher.pool)
    html = (tmp_path / "match" / "index.html").read_text()
    assert f'<td class="number">{best.patch["model"]}</td>' in html
    moved = best.controls.copy()
    moved[-3:] = [0.0, 1.0, 0.0]
    changed = visit.change(entry.key, moved.tolist())
    assert changed.match.best.patch["model"] == "ladder"
    modules = {one["name"]: one["controls"] for one in panel.describe(visit.matcher.recipe.space)}
    (control,) = modules["Filters"]
    assert control["options"] == MODELS
    assert (control["at"], control["width"]) == (17, 3)
    visit.close()
