"""A loss that hears: what a proxy of the synth makes of answers and of the true controls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from synthmatch_jax.data.batch import Batch, note_rows
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.models.model import Heard
from synthmatch_jax.models.proxy import Proxy
from synthmatch_jax.training import trained


@dataclass(frozen=True, kw_only=True)
class AudioLoss:
  """Adds the distance of the mels that a proxy makes of answers and of the true controls.

  The squared error of controls weighs those that nobody hears as it weighs the others; this does
  not. The proxy plays the true controls as well, so that what it has not learnt is the same on both
  sides, and the loss is 0 for the truth. Its weights stay as they are.

  Attributes:
    proxy: The proxy, in evaluation mode.
    recipe: The recipe of the sounds that answers are given to.
    knows_notes: Whether the proxy is told notes.
    mel_std: The standard deviation of the mels that the proxy has learnt, in dB.
    weight: The weight of the distance, whose unit is that deviation.
    begin: The number of steps that are made before it counts.
  """

  proxy: Proxy = field(repr=False)
  recipe: Recipe
  knows_notes: bool
  mel_std: float
  weight: float
  begin: int = 0

  def of(
    self, batch: Batch, step: Int[Array, ""] | None = None
  ) -> Callable[[Float[Array, "b d"]], Heard]:
    """Returns what hears the answers to a batch: controls in, losses and measures out.

    Args:
      batch: The records as they are, whatever happens to their sounds before a model hears them.
      step: The number of steps that were made; None where it counts in any case.
    """
    graphdef, state = nnx.split(self.proxy)

    def play(controls: Float[Array, "b d"]) -> Float[Array, "b t f"]:
      note = jnp.asarray(batch["note"]) if "note" in batch else note_rows([self.recipe.note])
      told = jnp.broadcast_to(note, (len(controls), 3)) if self.knows_notes else None
      return nnx.merge(graphdef, state)(controls, told)

    def apart(controls: Float[Array, "b d"]) -> Float[Array, " b"]:
      true = play(jnp.asarray(batch["controls"]))
      return jnp.abs(play(controls) - true).mean(axis=(1, 2))

    def hear(controls: Float[Array, "b d"]) -> Heard:
      if step is None or not self.begin:
        found = apart(controls)
      else:
        nothing = jnp.zeros(len(controls))
        found = jax.lax.cond(step >= self.begin, apart, lambda _: nothing, controls)
      return self.weight * found, {"proxied_db": self.mel_std * found}

    return hear


def read(section: dict[str, Any], recipe: Recipe) -> AudioLoss | None:
  """Reads the proxy that a config names, if it names one.

  Args:
    section: `loss` of a config.
    recipe: The recipe of the data set that is trained on.

  Raises:
    UserError: There is no proxy, or it plays another synth.
  """
  if not section["proxy"]:
    return None
  folder = Path(section["proxy"])
  found = trained.read(folder)
  if not isinstance(found.model, Proxy):
    raise UserError(f"loss.proxy names {folder}, whose model is no proxy of the synth")
  if unlike := found.data.recipe.unlike(recipe):
    raise UserError(
      f"the proxy in {folder} has learnt other sounds than those of the data set: they differ in"
      f" {', '.join(unlike)}"
    )
  return AudioLoss(
    proxy=found.model,
    recipe=recipe,
    knows_notes=found.data.recipe.notes is not None,
    mel_std=found.data.statistics.mel_std,
    weight=section["proxy_weight"],
    begin=section["proxy_from"],
  )
