"""The eval binary on a real run."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax import files
from synthmatch_jax.evaluation import gallery
from synthmatch_jax.evaluation.rows import ROWS as ALL
from synthmatch_jax.metrics import patches
from synthmatch_jax.metrics.suite import SOUND_METRICS
from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space

LACKING = {"snapping", "search", "draws", "proxy"}
ROWS = {name for name, row in ALL.items() if not LACKING & {*row.all_needs}}
FLOORS = {"oracle", "repeat"}


def evaluate(*arguments):
  command = [sys.executable, "-m", "synthmatch_jax.eval", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def evaluated(tiny_run):
  done = evaluate(f"--workdir={tiny_run}")
  assert done.returncode == 0, done.stderr
  return done, tiny_run / "eval" / "test"


def test_every_row_has_every_metric_with_its_interval(evaluated):
  _, folder = evaluated
  results = json.loads((folder / "results.json").read_text())
  assert set(results["rows"]) == ROWS
  assert set(results["metrics"]) == {*patches.METRICS, *SOUND_METRICS}
  controls = {f"{metric}/{name}" for metric in patches.METRICS for name in VITAL.names}
  for metrics in results["rows"].values():
    assert set(metrics) == {*results["metrics"], *controls}
    for name, summary in metrics.items():
      assert set(summary) == {"mean", "median", "low", "high", "count"}
      if summary["count"]:
        assert summary["low"] <= summary["mean"] <= summary["high"]
      if name not in ("f0_cents", *controls):
        assert summary["count"] == 6
  assert results["num_examples"] == 6
  assert results["failures"] == {}


def test_the_oracle_is_at_the_floor_and_nobody_else(evaluated):
  _, folder = evaluated
  rows = json.loads((folder / "results.json").read_text())["rows"]
  for floor in FLOORS:
    assert rows[floor]["mse"]["mean"] == rows[floor]["mae"]["mean"] == 0
    assert rows[floor]["spectral_convergence"]["mean"] < 1e-3
    assert rows[floor]["rms_cosine"]["mean"] > 0.9999
  assert min(rows[r]["spectral_convergence"]["mean"] for r in ROWS - FLOORS) > 0.1


def test_the_parameter_errors_are_those_of_the_data(evaluated, tiny_dataset):
  _, folder = evaluated
  dataset = tiny_dataset.open()

  def controls(split):
    records = dataset.sources[split]
    return np.stack(
      [dataset.decode(records[i], ["controls"])["controls"] for i in range(len(records))]
    )

  expected = ((controls("train").mean(0) - controls("test")) ** 2).mean(1)
  with np.load(folder / "per_sound.npz") as per_sound:
    np.testing.assert_allclose(per_sound["mean/mse"], expected, rtol=1e-4)
    assert per_sound["model/spectral_convergence"].shape == (6,)
    assert per_sound["name"].tolist() == [f"test {i}" for i in range(6)]
    np.testing.assert_array_equal(per_sound["repeat/controls"], controls("test"))


def test_a_table_and_pictures_are_for_people(evaluated):
  done, folder = evaluated
  table = (folder / "table.md").read_text()
  assert all(f" {row} |" in table for row in ROWS)
  assert table.strip() in done.stdout
  for name in ("error_per_control.png", "learning_curve.png"):
    assert (folder / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_fewer_examples_can_be_asked_for(tiny_run):
  done = evaluate(f"--workdir={tiny_run}", "--num_examples=2", "--split=validation")
  results = json.loads((tiny_run / "eval" / "validation" / "results.json").read_text())
  assert done.returncode == 0
  assert results["num_examples"] == 2


@pytest.mark.parametrize(
  ("arguments", "says"),
  [
    ([], "--workdir"),
    (["--workdir=nowhere"], "no trained model in nowhere"),
    (["--workdir=x", "--num_examples=0"], "num_examples"),
    (["--workdir=x", "--split=tset"], "split"),
    (["--workdir={run}", "--rows=modle"], "no row 'modle' here; known: model, nearest_mel"),
    (["--workdir={run}", "--rows=oracle", "--sounds=."], "no row 'oracle' here (the true patches"),
    (["--workdir={run}", "--rows=nearest_mel", "--split=train"], "here (on --split=train it would"),
    (["--workdir={run}", "--sounds=nowhere"], "no folder nowhere"),
    (["--workdir={run}", "--dataset=massive16/none"], "no data set massive16/none in"),
    (["--workdir={run}", "--dataset=a/b", "--sounds=x"], "exclude each other"),
    (["--workdir={run}", "--others={run}2"], "no trained model in"),
    (["--workdir={run}", "--others={run},"], "a path is empty"),
    (["--workdir=~/nowhere"], f"no trained model in {Path.home()}/nowhere"),
    (["--workdir=x", "--workers=-1"], "workers"),
  ],
)
def test_a_mistake_gets_one_sentence(arguments, says, tiny_run):
  done = evaluate(*[argument.format(run=tiny_run) for argument in arguments])
  assert done.returncode in (1, 2)
  assert says in done.stderr
  assert len(done.stderr.splitlines()) == 1, done.stderr


def test_two_evaluations_of_a_model_do_not_write_at_once(tiny_run):
  with files.claimed(tiny_run / "eval", busy="", advice=""):
    done = evaluate(f"--workdir={tiny_run}", "--num_examples=2")
  assert "another evaluation is writing to" in done.stderr
  assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.slow
def test_another_data_set_of_the_same_synth(tiny_run, tiny_dataset):
  import massive16.massive16_dataset_builder as massive16

  config = massive16.Massive16Config(
    name="other", num_examples=10, seconds=1.0, shard_size=24, seed=5, prior="uniform"
  )
  massive16.Builder(data_dir=tiny_dataset.dir, config=config).download_and_prepare()
  flags = ("--dataset=massive16/other", "--split=train", "--rows=model,oracle", "--gallery=0")
  done = evaluate(f"--workdir={tiny_run}", *flags)
  assert done.returncode == 0, done.stderr
  results = json.loads((tiny_run / "eval" / "other-train" / "results.json").read_text())
  assert results["num_examples"] == 8
  assert results["rows"]["oracle"]["mse"]["mean"] == pytest.approx(0, abs=1e-9)
  assert results["title"] == "massive16/other, train split"

  longer = massive16.Massive16Config(name="longer", num_examples=10, seconds=1.5, shard_size=24)
  massive16.Builder(data_dir=tiny_dataset.dir, config=longer).download_and_prepare()
  refused = evaluate(f"--workdir={tiny_run}", "--dataset=massive16/longer")
  assert refused.returncode == 1
  assert "are not played as those that the model was trained on: they differ in seconds" in (
    refused.stderr
  )


@pytest.fixture(scope="module")
def outside(tiny_run, tmp_path_factory):
  """Evaluation of a note at A4, of noise, and of a file that is no sound."""
  folder = tmp_path_factory.mktemp("sounds") / "mine"
  folder.mkdir()
  rng = np.random.default_rng(0)
  time = np.arange(44_100) / 44_100
  note = sum(0.3 / k * np.sin(2 * np.pi * 440 * k * time) for k in range(1, 6))
  sf.write(folder / "a4.wav", note * np.exp(-2 * time), 44_100)
  sf.write(folder / "noise.flac", 0.1 * rng.normal(size=44_100).clip(-3, 3), 44_100)
  (folder / "text.wav").write_text("no sound")
  done = evaluate(f"--workdir={tiny_run}", f"--sounds={folder}", "--gallery=2", "--rows=model,mean")
  assert done.returncode == 0, done.stderr
  return done, tiny_run / "eval" / "mine"


def test_sounds_from_outside_are_answered_at_the_pitch_heard(outside):
  done, folder = outside
  results = json.loads((folder / "results.json").read_text())
  assert set(results["rows"]) == {"model", "mean"}
  assert set(results["metrics"]) == set(SOUND_METRICS)
  assert results["num_examples"] == 2
  assert list(results["failures"]) == ["text"]
  assert "1 sounds have no score" in done.stdout
  notes = {
    entry["index"]: entry["note"] for entry in json.loads((folder / "gallery.json").read_text())
  }
  assert notes[0].startswith("MIDI note 69: heard 69.0")
  assert notes[1] == "MIDI note 60: no pitch heard"


def test_what_is_heard_on_the_page_is_what_was_measured(outside, tiny_run):
  _, folder = outside
  (entry, _) = json.loads((folder / "gallery.json").read_text())
  audio = {r: sf.read(folder / "sounds" / f"{s}.mp3")[0] for r, s in entry["sounds"].items()}
  assert set(audio) == {"target", "model", "mean"}
  # Answers are brought to the target's loudness, the one that answers all targets alike as well.
  with np.load(folder / "per_sound.npz") as measured:
    for row in ("model", "mean"):
      assert measured[f"{row}/loudness_lu"] == pytest.approx(0, abs=0.2)
  # The target was brought to the model's loudness, then all to the players': a tone all the same.
  spectrum = np.abs(np.fft.rfft(audio["target"][2_000:22_000]))
  assert np.argmax(spectrum) * 44_100 / 20_000 == pytest.approx(440, abs=3)
  page = (tiny_run / "eval" / "index.html").read_text()
  for stem in entry["sounds"].values():
    assert f"mine/sounds/{stem}.mp3" in page
    assert (folder / "sounds" / f"{stem}.png").read_bytes().startswith(b"\x89PNG")


def test_a_damaged_evaluation_is_left_out_of_the_page(evaluated, outside, tmp_path, capsys):
  _, folder = outside
  root = shutil.copytree(folder.parent, tmp_path / "eval")
  file = root / folder.name / "per_sound.npz"
  file.write_bytes(file.read_bytes()[:100])
  page = gallery.assemble(root).read_text()
  assert f"the evaluation in {root / folder.name} is damaged" in capsys.readouterr().out
  assert "test/sounds/" in page
  assert f"{folder.name}/sounds/" not in page
