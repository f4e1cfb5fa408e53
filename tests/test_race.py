"""What a search is worth in equal seconds, and where draws lie: counted by hand, and run small."""

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from study import halves, peaks, race, runs, sampling
from synthmatch_jax import exported
from synthmatch_jax.errors import UserError
from synthmatch_jax.search.candidate import Candidate


def test_a_race_counts_what_was_rendered_in_time():
  tried = [
    Candidate(controls=np.zeros(2, np.float32), value=value, renders=k, seed=0, is_seed=False)
    for k, value in enumerate([1.0, 0.8, 0.9, 0.5], start=1)
  ]
  spent = {1: 0.5, 2: 1.0, 3: 1.5, 4: 2.5}
  found = [race.best_at(tried, spent, seconds).renders for seconds in (0.1, 1.0, 2.0, 3.0)]
  assert found == [1, 2, 2, 4]


def test_a_race_is_told_over_sounds_and_goes_on_with_the_same_models(monkeypatch, tmp_path):
  monkeypatch.setattr(race, "LOG", tmp_path)
  at = {**dict.fromkeys(["wmfcc", "spectral_convergence", "log_spectral_distance"], 1.0)}
  at |= {"sot": None, "loudness_pattern": 0.0, "rms_cosine": 0.5, "f0_cents": 10.0}
  lines = [
    {"sound": sound, "seed": seed, "setup": setup, "pitch": True, "renders": {"2": 30 + seed}}
    | {"at": {"2": {**at, "mss": (2.0 if setup == "plain" else 1.0) * factor**seed}}}
    for setup, factor in (("plain", 1.0), ("draws", 9.0))
    for sound in "ab"
    for seed in (0, 1)
  ]
  (tmp_path / race.LINES).write_text("".join(json.dumps(line) + "\n" for line in lines))
  said = race.table().splitlines()
  assert said[0].startswith("|  | budget | sounds | MSS")
  # Half as far with one seed, 4.5 times as far with the other; two sounds, whatever the seeds.
  assert said[-1].startswith("| draws | 2 s, 30 renders | 2 | 1.50 (1.50 to 1.50) |")
  about = {"flow": "1", "seconds": [2.0]}
  race.begin(about, "first")
  race.begin(about, "again")
  with pytest.raises(UserError, match="a race with another flow"):
    race.begin(about | {"flow": "2"}, "other")


def test_a_command_names_no_folder_of_a_machine():
  options = argparse.Namespace(
    workdir=Path("/a/b/flow"), others=[Path("/a/notes"), Path("/c")], seeds=[0, 1], data_dir=None
  )
  said = halves.command("study.peaks", options)
  assert said == "python -m study.peaks --workdir flow --others notes c --seeds 0 1"


def test_peaks_are_found_where_the_truth_has_them():
  places = [(0.5, 0.015), (1.0, 0.012)]
  true = np.array([0.5, 1.0, 0.3])
  values = np.array([[0.51, 0.3], [0.5, 0.99], [0.5, 0.31]])
  found = peaks.measure(values, true, places)
  assert found["on a peak"]["mean"] == pytest.approx((0.5 + 1.0 + 0.5) / 3)
  assert found["on the right peak"]["mean"] == pytest.approx((0.5 + 0.5) / 2)
  assert found["error on peaks"]["mean"] == pytest.approx((0.105 + 0.255) / 2)


def test_settings_of_sampling_are_told_against_the_first(monkeypatch, tmp_path):
  monkeypatch.setattr(sampling, "LOG", tmp_path)
  at = dict.fromkeys(sampling._METRICS, 1.0)
  base, other = sampling.label(*sampling.SETTINGS[0]), sampling.label(*sampling.SETTINGS[1])
  lines = [
    {"setting": setting, "where": "ood", "rows": {row: {"a": {**at, "mss": mss}, "b": at}}}
    for row in ("one draw",)
    for setting, mss in ((base, 1.0), (other, 4.0))
  ]
  lines = [line | {"rows": line["rows"] | {"best": line["rows"]["one draw"]}} for line in lines]
  (tmp_path / sampling.LINES).write_text("".join(json.dumps(line) + "\n" for line in lines))
  places = {"judging": {"folder": "ood", "sounds": ["a", "c"]}}
  (tmp_path / sampling.ABOUT).write_text(json.dumps({"places": places}))
  said = sampling.table().splitlines()
  assert len(said) == 6
  assert said[3].startswith(f"| judging, one draw: {other} |  | 1 | 4.00 (4.00 to 4.00) |")


@pytest.mark.slow
def test_a_race_and_peaks_run_and_go_on(
  tiny_flow, tiny_run, tiny_proxy, tiny_dataset, monkeypatch, tmp_path, capsys
):
  shutil.copytree(tiny_proxy, tiny_run / exported.PROXY)
  monkeypatch.setattr(race, "LOG", tmp_path)
  models = [f"--workdir={tiny_flow}", f"--regression={tiny_run}"]
  few = ["--sounds=1", "--seconds", "0.4", "0.8", "--seeds", "0", "--setups=plain,draws-both"]
  command = ["race", *models, f"--ood={runs.ROOT / 'examples'}", "--processor", *few]
  monkeypatch.setattr(sys, "argv", command)
  race.main()
  lines = (tmp_path / race.LINES).read_text()
  assert [json.loads(line)["setup"] for line in lines.splitlines()] == ["plain", "draws-both"]
  assert all(json.loads(line)["at"]["0.8"]["mss"] > 0 for line in lines.splitlines())
  said = capsys.readouterr().out
  race.main()
  assert (tmp_path / race.LINES).read_text() == lines
  assert capsys.readouterr().out.strip() in said
  monkeypatch.setattr(sys, "argv", [*command, f"--workdir={tiny_run}"])
  with pytest.raises(SystemExit, match="--workdir names a model that draws its answers"):
    race.main()
  monkeypatch.setattr(sampling, "LOG", tmp_path / "sampling")
  monkeypatch.setattr(sampling, "SETTINGS", ((8, 1.0), (2, 1.5)))
  data = f"--data_dir={tiny_dataset.dir}"
  counts = ["--draws=2", "--num_examples=2", data]
  monkeypatch.setattr(sys, "argv", ["sampling", models[0], command[3], *counts])
  sampling.main()
  assert "inside, best: 2 steps, guidance 1.5 |  | 2 | " in capsys.readouterr().out
  monkeypatch.setattr(peaks, "LOG", tmp_path / "peaks.json")
  monkeypatch.setattr(peaks, "PICTURE", tmp_path / "peaks.png")
  monkeypatch.setattr(sys, "argv", ["peaks", models[0], f"--others={tiny_run}", "--draws=3", data])
  peaks.main()
  assert {"truth", "tiny_flow", "tiny_run"} <= {
    *json.loads((tmp_path / "peaks.json").read_text())["rows"]
  }
  assert (tmp_path / "peaks.png").read_bytes().startswith(b"\x89PNG")
