"""The study: its runs can be started, and its page says what its logs say."""

import importlib.util
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study import (
  audit,
  controls,
  ears,
  evaluations,
  known,
  peers,
  planned,
  report,
  runs,
  searching,
  tables,
)
from study.halves import halves
from synthmatch_jax import bundled
from synthmatch_jax import config as configs
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.matching import ensemble
from synthmatch_jax.spaces import dx7


def get_config(run):
  """The run's config with its fields changed, as the command line changes them."""
  path, _, variant = run.config.partition(":")
  spec = importlib.util.spec_from_file_location("recipe", runs.ROOT / path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  config = module.get_config(variant)
  config.update_from_flattened_dict(dict(run.fields))
  return config


@pytest.mark.parametrize("name", planned.RUNS)
def test_a_run_is_a_recipe_with_fields_that_it_has(name, tmp_path):
  run = planned.RUNS[name]
  config = get_config(run)
  configs.check(config)
  for field in run.fields:
    section, key = field.split(".")
    assert key in config[section]
  command = run.command(seed=3, data_dir=tmp_path, workdir=tmp_path / "W")
  assert {f"--config={run.config}", "--config.seed=3", f"--workdir={tmp_path / 'W'}"} < {*command}


@pytest.mark.parametrize("name", evaluations.ALL)
def test_an_evaluation_is_of_runs(name, tmp_path):
  evaluation = evaluations.ALL[name]
  assert {evaluation.workdir, *evaluation.others} <= set(planned.RUNS)
  command = evaluation.command(data_dir=tmp_path, runs=tmp_path, ood=tmp_path / "sounds")
  assert not any("{" in part for part in command)


def test_of_two_answers_the_nearer_one_counts():
  scores = {
    "one": {"mss": np.array([1.0, 2.0, 3.0]), "sot": np.array([0.1, 0.2, 0.3])},
    "two": {"mss": np.array([2.0, 1.0, 4.0]), "sot": np.array([0.7, 0.8, 0.9])},
  }
  found = evaluations.nearer(("one", "two"), scores, ("mss", "sot"))
  assert found["mss"]["mean"] == pytest.approx(5 / 3)
  assert found["sot"]["mean"] == pytest.approx((0.1 + 0.8 + 0.3) / 3)


@pytest.mark.parametrize("path", report.PAGES, ids=lambda path: path.stem)
def test_a_page_says_what_the_logs_say(path):
  text = path.read_text(encoding="utf-8")
  assert report.page(text) == text
  assert len(re.findall("<!-- table: ", text)) == len(re.findall("<!-- end -->", text)) > 0
  for picture in re.findall(r"\(images/(\w+\.png)\)", text):
    assert (report.IMAGES / picture).exists()


def test_the_logs_are_small_and_hold_no_path_of_a_machine():
  files = [path for path in runs.LOGS.rglob("*") if path.is_file()]
  assert files
  assert sum(path.stat().st_size for path in files) < 5 << 20
  for path in files:
    text = path.read_text()
    assert '"dir"' not in text, path
    assert not re.search(r'"/[\w.-]+/', text), path


def test_what_was_trained_came_to_an_end():
  for name, run in planned.RUNS.items():
    for seed in run.seeds:
      logs = runs.LOGS / runs.folder(name, seed)
      if logs.exists():
        train = get_config(run).train
        epoch = tables.trained_on(logs.name) // train.batch_size
        steps = train.steps or train.epochs * epoch
        wanted = math.ceil(steps / (train.eval_every or epoch))
        assert len(tables.validations(logs)) == wanted, name


@pytest.mark.parametrize(
  "module, options, sentence",
  [
    (runs, ["no_such_run"], "invalid choice: 'no_such_run'"),
    (runs, ["mlp", "--core=4096"], "there is no core 4096 to train on"),
    (evaluations, ["no_such_table"], "invalid choice: 'no_such_table'"),
    (controls, ["--num_examples=0"], "--num_examples must be at least 1, not 0"),
    (controls, ["--runs=no_such_folder"], "no_such_folder"),
  ],
)
def test_a_bad_option_is_one_sentence(module, options, sentence, monkeypatch, capsys):
  monkeypatch.setattr(sys, "argv", ["study", *options])
  with pytest.raises(SystemExit) as stopped:
    module.main()
  assert stopped.value.code
  said = f"{capsys.readouterr().err}{stopped.value.code}"
  assert sentence in said
  assert "Traceback" not in said


def test_the_halves_of_the_benchmark_share_no_instrument():
  sounds = [
    SoundFile(name=f"{family}/{name}_{note}", path=Path(name), family=family)
    for family, names in {"dx7": "abcd", "voice": "efghij"}.items()
    for name in names
    for note in (48, 60)
  ]
  halved = halves(sounds)
  instruments = [{one.name.rsplit("_", 1)[0] for one in half} for half in halved.values()]
  assert not instruments[0] & instruments[1]
  assert len(instruments[0] | instruments[1]) == 10
  assert sorted(one.name for half in halved.values() for one in half) == sorted(
    one.name for one in sounds
  )
  for half in halved.values():
    assert {one.family for one in half[:2]} == {"dx7", "voice"}
  assert halved == halves(sounds[::-1])
  told = [replace(one, half="judging" if "a" in one.name else "choosing") for one in sounds]
  for half, said in halves(told).items():
    assert {one.half for one in said} == {half}
    assert len(said) == sum(one.half == half for one in told)


def test_peers_measures_are_those_of_librosa_as_their_code_calls_it():
  librosa = pytest.importorskip("librosa")
  rng = np.random.default_rng(0)
  fall = np.exp(-np.arange(22_050) / 5_000)
  pair = [(scale * rng.normal(size=22_050) * fall).astype(np.float32) for scale in (0.1, 0.3)]
  for peak in ("", ", peak 1"):
    if peak:
      pair = [sound / (np.abs(sound).max() + 1e-5) for sound in pair]
    one, other = (np.abs(librosa.stft(sound, n_fft=1024, hop_length=256)) for sound in pair)
    logs = [np.log10(np.maximum(x, 1e-4)) for x in (one, other)]
    cepstra = [librosa.feature.mfcc(y=sound, sr=22_050, n_mfcc=40) for sound in pair]
    wanted = {
      "log-STFT MAE": np.abs(logs[0] - logs[1]).mean(),
      "SC": np.linalg.norm(one - other) / np.linalg.norm(one),
      "MFCC13 MAE": np.abs(cepstra[0] - cepstra[1])[:13].mean(),
      "MFCC40 MAE": np.abs(cepstra[0] - cepstra[1]).mean(),
    }
    found = peers.sound_errors(*pair)
    for name, value in wanted.items():
      assert found[name + peak] == pytest.approx(value, rel=2e-3), name + peak
      if peak:
        assert found[name] == pytest.approx(value, rel=2e-3)


def test_peers_count_numbers_and_choices_whether_heard_or_not():
  space = dx7.space()
  true = space.decode(np.zeros(space.width))
  changed = true | {"op1_coarse": "31", "op1_level": 99, "key_sync": 1, "algorithm": "7"}
  found = peers.parameter_errors(*(space.encode(p)[None] for p in (true, changed)), space)
  # 117 whole numbers and six coarse frequencies; 8 switches, and 14 choices without an order.
  assert found["numerical MAE"] == pytest.approx(2 / 123)
  assert found["categorical accuracy (%)"] == pytest.approx(100 * 20 / 22)


def test_quantiles_give_a_peak_of_the_prior_much_room():
  (model,) = ensemble.load([bundled.VITAL16])
  way = searching.warp(model.predictor.recipe, "quantiles")
  controls = np.linspace(0.03, 0.97, len(model.predictor.recipe.space.names))
  np.testing.assert_allclose(way.back(way.there(controls)), controls, atol=1e-6)
  pitch = model.predictor.recipe.space.names.index("osc2_pitch")
  beside, unison = np.full(len(controls), 0.49), np.full(len(controls), 0.51)
  assert (way.there(unison) - way.there(beside))[pitch] > 0.3


@pytest.mark.parametrize("change", audit.INAUDIBLE | audit.AUDIBLE)
def test_a_change_of_the_audit_changes_a_sound_and_keeps_its_length(change):
  sound = audit.tones()[0]
  sound += np.float32(1e-6) * np.cos(np.arange(sound.size, dtype=np.float32))
  target, estimate = audit.changed(sound, change)
  assert target.shape == estimate.shape == sound.shape
  assert (target != estimate).any()


@pytest.mark.parametrize("condition", ["30 dB", "10 dB"])
def test_a_recording_has_its_noise(condition):
  tone = 0.5 * np.sin(2 * np.pi * 220 * np.arange(known.RATE) / known.RATE)
  sound = known.Known(name="midi-0-57-1.000", audio=tone, hold_seconds=1.0)
  clean, begin = known.recorded(sound, "clean")
  noisy, also = known.recorded(sound, condition)
  assert begin == also >= 0.2
  assert clean[round(begin * known.RATE) :][: tone.size] == pytest.approx(tone, abs=1e-6)
  ratio = 10 * np.log10(np.mean(tone**2) / np.mean((noisy - clean) ** 2))
  assert ratio == pytest.approx(float(condition.split()[0]), abs=0.1)


def test_a_note_is_right_within_50_cents_and_noise_has_none():
  heard = [[60.4], [60.6], [72.0], [None]]
  line = {"sound": "vital-3-60-0.500", "heard": heard}
  assert [ears.is_right(line, number) for number in range(4)] == [True, False, False, False]
  noise = {"sound": "noise-3-60-0.500", "heard": heard}
  assert [ears.is_right(noise, number) for number in range(4)] == [False, False, False, True]
