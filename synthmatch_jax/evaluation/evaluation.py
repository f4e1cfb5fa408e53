"""What an evaluation has found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.evaluation.rerender import Scores
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.inference import Predictor


@dataclass(frozen=True, kw_only=True)
class Evaluation:
  """What was measured.

  Attributes:
    name: of the evaluation: the split, or the folder of sounds.
    title: what was measured on, for people.
    predictor: the model.
    meanings: row -> what it is, in the order of tables.
    targets: what it was measured against.
    estimates: row -> controls, one per target.
    scores: row -> metric -> one value per target; NaN where there is none.
    failures: name of a target -> why it has no scores.
    facts: how it was measured, JSON-ready.
  """

  name: str
  title: str
  predictor: Predictor
  meanings: Mapping[str, str]
  targets: Sequence[Target]
  estimates: Mapping[str, Float[np.ndarray, "i d"]]
  scores: Scores
  failures: Mapping[str, str]
  facts: Mapping[str, Any] = field(default_factory=dict)

  @property
  def rows(self) -> tuple[str, ...]:
    """The rows, in the order of tables."""
    return tuple(self.meanings)

  @property
  def in_domain(self) -> bool:
    """Whether the true controls are known."""
    return self.targets[0].example is not None
