"""What is kept of an interrupted evaluation is taken by its like only."""

import pytest

from synthmatch_jax.evaluation import material, rerender
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.evaluation.rerender import Proposal
from synthmatch_jax.evaluation.sheet import Line
from synthmatch_jax.inference import Predictor


@pytest.mark.parametrize("changed", ["CHUNK", "REVISION"])
def test_parts_of_another_way_to_measure_are_not_taken(tiny_run, tmp_path, monkeypatch, changed):
  predictor = Predictor.load(tiny_run)
  sounds = material.of_split(predictor.dataset(), "test", limit=2)
  answers = predictor.answers(sounds.mel)

  def parts(meaning="the model"):
    proposals = {"model": Proposal(controls=answers, meaning=meaning)}
    digest = rerender.digest(sounds.targets, proposals, predictor.recipe)
    return Parts(folder=tmp_path, digest=digest)

  line = Line(answers={"model": [0.1]}, distances={"model": {"f0_cents": None}}, reasons={})
  parts().save(0, [line])
  assert parts().load(0) == [line]
  assert parts("the model, searched").load(0) is None
  monkeypatch.setattr(rerender, changed, getattr(rerender, changed) + 1)
  assert parts().load(0) is None
