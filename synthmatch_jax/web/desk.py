"""Engines and models that the visitors of a page share."""

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.matching import models
from synthmatch_jax.matching.matcher import Matcher, ways
from synthmatch_jax.matching.models import Model
from synthmatch_jax.synths.play import engine
from synthmatch_jax.synths.pool import Pool


class Desk:
  """Matchers with an engine each, lent to one caller at a time.

  Attributes:
    models: that answer, shared by all.
    recipe: of the models.
  """

  def __init__(self, models: Sequence[Model], pool: Pool):
    self.models = tuple(models)
    self.recipe: Recipe = models[0].predictor.recipe
    self._pool = pool

  @classmethod
  @contextlib.contextmanager
  def open(
    cls, workdirs: Sequence[Path], *, plugin: str = "", workers: int = 1
  ) -> Iterator["Desk"]:
    """A desk for the time of a `with` block.

    Args:
      workdirs: of the models.
      plugin: path of the engine's plugin, where it is not found by itself.
      workers: engines, and so matches that are made at once.

    Raises:
      UserError: there is no model, or no engine as the one that it was trained with.
    """
    # Visitors are not told where a workdir is.
    loaded = [
      dataclasses.replace(model, reference=dataclasses.replace(model.reference, advice=""))
      for model in models.load(workdirs)
    ]
    for top in (1, 2):
      models.prepare(loaded, count=len(ways(top, None)))
    with Pool(engine(loaded[0].predictor.recipe, path=plugin), size=workers) as pool:
      yield cls(loaded, pool)

  @contextlib.contextmanager
  def matcher(self) -> Iterator[Matcher]:
    """A matcher that nobody else has; waits for one."""
    with self._pool.lend() as host:
      yield Matcher(self.models, host)
