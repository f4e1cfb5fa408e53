"""Draws are calibrated where the true patch is as likely to be one of them as any other."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from synthmatch_jax.evaluation import drawn
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.evaluation.sheet import Line, Sheet
from synthmatch_jax.evaluation.targets import of_dataset
from synthmatch_jax.inference import Predictor


class Drawing(Predictor):
  """Draws from one distribution, whatever it is asked."""

  recipe: Any = None

  def __init__(self, recipe, spread):
    self.recipe, self.spread = recipe, spread

  def answers(self, mel, notes, *, count, seeds):
    rng = np.random.default_rng(1)
    return around(rng, (len(mel), count, 16), self.spread)


def around(rng, shape, spread):
  return np.clip(rng.normal(0.5, spread, shape), 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def material(tiny_dataset):
  dataset = tiny_dataset.open()
  true = around(np.random.default_rng(0), (400, 16), 0.2)
  notes = [dataset.recipe.note] * 400
  targets = of_dataset(true, notes, split="test")
  found = Material(name="m", title="", targets=targets, mel=np.zeros((400, 2, 2), np.float32))
  return dataset.recipe, found


@pytest.mark.parametrize(("spread", "low", "high"), [(0.2, 0.84, 0.96), (0.05, 0.2, 0.5)])
def test_ranks_are_even_where_the_truth_is_one_of_the_draws(material, spread, low, high):
  recipe, found = material
  asked = Asked(predictor=Drawing(recipe, spread), material=found)
  told = drawn.calibration(asked)
  assert set(told) == set(recipe.space.names)
  for one in told.values():
    assert sum(one["ranks"]) == one["sounds"] <= 400
    assert low < one["coverage"]["90 %"] < high
    assert one["coverage"]["50 %"] < one["coverage"]["90 %"]
  is_even = [one["deviation"] < one["chance"] for one in told.values()]
  assert np.mean(is_even) > 0.8 if spread == 0.2 else not any(is_even)


def test_patches_that_sound_alike_are_compared_by_what_is_heard(material, tmp_path):
  recipe, found = material
  few = dataclasses.replace(found, targets=found.targets[:3], mel=found.mel[:3])
  one = [0.5] * 16
  lines = [
    Line(answers={"best_of_4": one, "other_of_4": [0.5 + far] * 16}, distances={}, reasons={})
    for far in (0.0, 0.1, 0.3)
  ]
  sheet = Sheet(material=few, recipe=recipe, rows={}, lines=lines)
  told = drawn.diversity(sheet, 4)
  assert told["alike"]["mean"] == pytest.approx(0.4 / 3, abs=1e-4)
  assert told["distinct"] == pytest.approx(2 / 3)
  assert 0.2 < told["prior"] < 0.6
  assert drawn.diversity(sheet, 8) == {}
  calibrated = {"a": {"sounds": 4, "ranks": [1, 2, 1], "deviation": 0.1, "chance": 0.2}}
  calibrated["a"]["coverage"] = {"50 %": 0.5, "90 %": 1.0}
  drawn.write({"calibration": calibrated, "diversity": told}, tmp_path)
  said = (tmp_path / drawn.TABLE).read_text()
  assert "| a | 4 | 50.0 % | 100.0 % | 0.100 (by chance up to 0.200) |" in said
  assert "two patches differ by 0.133" in said
  assert (tmp_path / drawn.PICTURE).read_bytes().startswith(b"\x89PNG")
