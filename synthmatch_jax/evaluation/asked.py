"""What the rows of a table may take their answers from."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, Int

from synthmatch_jax.data import pipeline
from synthmatch_jax.data.batch import Columns
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.inference import Predictor
from synthmatch_jax.search import seeds
from synthmatch_jax.search.budget import NO_USE, Use
from synthmatch_jax.search.stand_in import StandIn

_BATCH_SIZE = 512


@dataclass(frozen=True, kw_only=True)
class Asked:
  """Everything from which a row may take its answers.

  Attributes:
    predictor: The model.
    material: The sounds to be answered.
    dataset: The data set that the model was trained on; None where no row needs it.
    renders: The budget of a search for each sound; 0 where no row searches.
    draws: The number of answers for each sound, of which the nearest counts; 0 where no row draws.
    stand_in: The proxy of the synth; None where no row needs it.
    proxy: What is made of it.
  """

  predictor: Predictor
  material: Material
  dataset: Dataset | None = None
  renders: int = 0
  draws: int = 0
  stand_in: StandIn | None = None
  proxy: Use = NO_USE
  _known: dict[Predictor, tuple[int, np.ndarray]] = field(
    default_factory=dict, init=False, repr=False
  )

  def answers(self, predictor: Predictor | None = None) -> Float[np.ndarray, "i d"]:
    """What the model, or another one, answers to the sounds."""
    return self.drawn(1, predictor)[:, 0]

  def drawn(self, count: int, predictor: Predictor | None = None) -> Float[np.ndarray, "i n d"]:
    """What it answers if it is asked for several answers; each sound has a seed of its own.

    The most that were asked for are kept, since fewer are the first ones of them.
    """
    asking = predictor or self.predictor
    most, found = self._known.get(asking, (0, np.zeros(0)))
    if most < count:
      mel, notes = self.material.mel, self.material.notes
      found = asking.answers(mel, notes, count=count, seeds=self._seeds)
      self._known[asking] = count, found
    return found[:, :count]

  def steered(
    self, candidates: Float[np.ndarray, "i n d"], *, count: int, steps: int | None = None
  ) -> Float[np.ndarray, "i k d"]:
    """What becomes of candidates by gradients through the proxy (see `seeds.steered`).

    Args:
      candidates: Where to begin.
      count: The number of answers to each sound; where fewer are distinct, the nearest is repeated.
      steps: The number of steps, of which 0 only ranks; by default that of `proxy`.
    """
    assert self.stand_in is not None
    recipe, steps = self.predictor.recipe, self.proxy.steps or 0 if steps is None else steps
    found = []
    for mel, target, starts in zip(
      self.material.mel, self.material.targets, candidates, strict=True
    ):
      some = seeds.steered(
        self.stand_in, mel, list(starts), target.note, recipe=recipe, steps=steps, count=count
      )
      found.append([one.controls for one in some + some[:1] * (count - len(some))])
    return np.asarray(found, np.float32)

  @property
  def unsnapped(self) -> Float[np.ndarray, "i d"]:
    """What the model answers before snapping: where it draws, the same draws as `answers`."""
    mel, notes = self.material.mel, self.material.notes
    return self.predictor.predict_unsnapped(mel, notes, seeds=self._seeds)

  @property
  def _seeds(self) -> Int[np.ndarray, " i"]:
    return np.arange(len(self.material.mel), dtype=np.int32)

  @property
  def true(self) -> Float[np.ndarray, "i d"]:
    """The true controls of the sounds."""
    assert self.material.controls is not None
    return self.material.controls

  @property
  def training(self) -> Iterable[Columns]:
    """The training sounds of the model, in batches."""
    assert self.dataset is not None
    return pipeline.ordered_batches(self.dataset, "train", batch_size=_BATCH_SIZE)
