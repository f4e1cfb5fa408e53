"""Parameters of every kind on the whole way: data set, its page, training, evaluation, match."""

import json
import shutil
from pathlib import Path

import pytest
from massive16 import massive16_dataset_builder as massive16

from synthmatch_jax.config import base_config
from synthmatch_jax.data import pipeline
from synthmatch_jax.evaluation.evaluator import evaluate
from synthmatch_jax.inspection import dataset_report, inspect
from synthmatch_jax.matching import output
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.synths import registry, vital
from synthmatch_jax.training import loop
from synthmatch_jax.web import events
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visit import Visit

EXAMPLES = Path(__file__).parents[1] / "examples"
MODELS = ["analog", "ladder", "comb"]


@pytest.fixture(scope="module")
def mixed():
  """Vital with two more parameters: 18 parameters, 20 controls."""
  data = json.loads((vital._PRESETS / "vital16.json").read_text())
  data |= {"name": "mixed", "space": "mixed/vital", "prior": "uniform"}
  data["parameters"] += [
    {"name": "chorus", "kind": "switch", "meaning": "chorus", "sets": "chorus_on"},
    {"name": "model", "kind": "choice", "meaning": "filter 1", "sets": "filter_1_model"}
    | {"options": MODELS, "values": [0, 2, 6]},
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
  for output_name in dataset.recipe.space.outputs:
    assert f'alt="Histogram of {output_name}, data and prior"' in html
  (example,) = found.replays
  model = dataset.recipe.space.decode(example.controls)["model"]
  assert f'<td class="number">{model}</td>' in html


def test_an_evaluation_counts_parameters_and_not_controls(run):
  _, folder = evaluate(run, names=["model"], num_examples=2, gallery_size=1, workers=1)
  metrics = json.loads((folder / "results.json").read_text())["rows"]["model"]
  assert len([name for name in metrics if name.startswith("mse/")]) == 18


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
    infos = [
      update.get("info", "")
      for update in events.shown(visit, changed, move=True, autoplay=False)
      if isinstance(update, dict)
    ]
    assert sum("ladder" in info for info in infos) == 3
    visit.close()
