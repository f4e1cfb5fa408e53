"""What `benchmarks.accelerator` makes of its parts, and what `study.full_size` brings back."""

import json
import subprocess

from benchmarks import accelerator
from benchmarks.measuring import Notes
from study import full_size

SPEED = {"examples_per_second": 100.0, "share_of_peak": 0.5}
CASE = {"model": "AST-Base", "precision": "bfloat16", "batch": 256}
OTHER = {**CASE, "precision": "float32"}


def found(**theirs):
  rows = [{**CASE, **SPEED, "state_bytes": 10**9, "rest_bytes": 2 * 10**9}]
  rows.append({**OTHER, "error": "out of memory"})
  return {
    "on_jax": {"status": 0, "training": rows},
    "on_torch": theirs,
    "whole_runs": {"status": 1},
  }


def test_ours_stands_beside_the_same_case_of_the_peer():
  text = accelerator.written(
    accelerator.tables(
      found(status="ended after 120 s", training=[{**CASE, **SPEED, "examples_per_second": 80.0}])
    )
  )
  assert "| AST-Base | bfloat16 | 256 | 100 | 0.5 | 80 | 0.5 | 1.25 | 1.00 | 2.00 |" in text
  assert "| AST-Base | float32 | 256 | out of memory | out of memory | not measured (ended" in text


def test_a_peer_that_is_not_there_is_told():
  missing = {"error": "torch is not installed"}
  text = accelerator.written(accelerator.tables(found(status=0, device=[missing])))
  assert "| 100 | 0.5 | torch is not installed | torch is not installed |" in text


def test_a_measurement_that_fails_has_a_row_and_the_rest_goes_on(tmp_path):
  notes = Notes(tmp_path / "found.json")
  with notes.measuring("training", batch=1024):
    raise MemoryError("out of memory\nat length")
  with notes.measuring("training", batch=64) as row:
    row["examples_per_second"] = 1.0
  assert json.loads((tmp_path / "found.json").read_text())["training"] == [
    {"batch": 1024, "error": "out of memory"},
    {"batch": 64, "examples_per_second": 1.0},
  ]


def test_pieces_of_a_model_are_put_together_by_cat_and_tar(tmp_path, monkeypatch):
  monkeypatch.setattr(full_size, "PIECE", 4000)
  model, out = tmp_path / "ours", tmp_path / "out"
  model.mkdir()
  out.mkdir()
  (model / "weights").write_bytes(bytes(range(256)) * 40)
  assert full_size.in_pieces(model, out).endswith("MB, in ours.tar.*")
  assert max(piece.stat().st_size for piece in out.iterdir()) == 4000
  subprocess.run("cat ours.tar.* | tar x", shell=True, check=True, cwd=out)
  assert (out / "ours" / "weights").read_bytes() == bytes(range(256)) * 40
  monkeypatch.setattr(full_size, "MOST", 5000)
  assert "too large to be brought back" in full_size.in_pieces(model, out)
