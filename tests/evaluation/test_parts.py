"""What is kept of an interrupted evaluation is taken by its like only."""

import pytest

from synthmatch_jax.evaluation import evaluate, material, rerender
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.inference import Predictor


@pytest.mark.parametrize("changed", ["CHUNK", "REVISION"])
def test_parts_of_another_way_to_measure_are_not_taken(tiny_run, tmp_path, monkeypatch, changed):
  predictor = Predictor.load(tiny_run)
  sounds = material.of_split(predictor.dataset(), "test", limit=2)
  estimates = {"model": predictor.predict(sounds.mel)}

  def parts():
    return Parts(folder=tmp_path, digest=evaluate._digest(sounds, estimates, predictor))

  parts().save(0, {"scores": {}})
  assert parts().load(0) == {"scores": {}}
  monkeypatch.setattr(rerender, changed, getattr(rerender, changed) + 1)
  assert parts().load(0) is None
