"""Models: an encoder and a head, which map mel spectrograms to controls, chosen by name."""

import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx

from synthmatch_jax.errors import UserError
from synthmatch_jax.models.ast import AST
from synthmatch_jax.models.by_kind import ByKind
from synthmatch_jax.models.cnn import CNN
from synthmatch_jax.models.encoder import Encoder, require_choice
from synthmatch_jax.models.estimator import Estimator
from synthmatch_jax.models.flow import Flow
from synthmatch_jax.models.head import Head
from synthmatch_jax.models.mlp import MLP
from synthmatch_jax.models.model import Model
from synthmatch_jax.models.note import NoteAligned, NoteFilm, NoteHead, NoteInput, NoteToken
from synthmatch_jax.models.proxy import Proxy
from synthmatch_jax.models.regression import Regression
from synthmatch_jax.models.resnet import ResNet
from synthmatch_jax.spaces.scales import Layout

MODELS: dict[str, tuple[type[Encoder], dict[str, Any]]] = {
  # The paper's three models (sections 2 and 3.2.1), at the default sizes of their classes.
  "ast_base": (AST, {"head_depth": 3}),
  "cnn": (CNN, {}),
  "mlp": (MLP, {}),
  # A transformer small enough to train on two CPU cores.
  "ast_small": (
    AST,
    {"width": 192, "depth": 6, "heads": 3, "stride": 10, "head_width": 192, "head_depth": 3},
  ),
  # A convolutional baseline stronger than the paper's.
  "resnet": (ResNet, {}),
  # For tests.
  "ast_tiny": (
    AST,
    {"width": 64, "depth": 2, "heads": 2, "stride": 16, "head_width": 64, "head_depth": 3},
  ),
  "cnn_tiny": (CNN, {"channels": 8, "width": 64, "depth": 2}),
  "resnet_tiny": (ResNet, {"width": 16, "stages": 2, "depth": 1, "head_width": 64}),
  "mlp_tiny": (MLP, {"width": 64, "depth": 2}),
}
"""Name -> encoder, and the arguments of encoder and head that are not at their defaults."""

PROXIES: dict[str, type[Proxy]] = {"proxy": Proxy}
"""Name -> model of the synth itself, which is trained as the others are; it has no head."""

HEADS: dict[str, type[Head]] = {"regression": Regression, "by_kind": ByKind, "flow": Flow}
"""Name -> head; every one of them works with every encoder."""

NOTES: dict[str, Callable[..., NoteInput] | None] = {
  "none": None,
  "token": NoteToken,
  "film": NoteFilm,
  "aligned": NoteAligned,
}
"""Name -> way in which a model is told the note of a sound."""

_OF_NOTES: dict[str, Any] = {"note": "none", "note_loss": 0.0}

# What a recipe's sizes and the seed say, and what `create` makes itself.
_OWN = (
  *("num_frames", "num_bins", "centres", "seconds", "num_controls", "layout"),
  *("self", "encoder", "rngs"),
)


def arguments(name: Any, head: Any = "regression") -> dict[str, Any]:
  """Returns the arguments that `create` takes for a model, from its constructors: name -> default.

  Args:
    name: Key of `MODELS`; a file may hold anything in its place.
    head: Key of `HEADS`, likewise.

  Raises:
    UserError: There is no such model or head; the message lists the known ones.
  """
  if isinstance(name, str) and name in PROXIES:
    return _arguments(PROXIES[name])
  if not isinstance(name, str) or name not in MODELS:
    raise UserError(f"no model {name!r:.50}; known: {', '.join((*MODELS, *PROXIES))}")
  if not isinstance(head, str) or head not in HEADS:
    raise UserError(f"no head {head!r:.50}; known: {', '.join(HEADS)}")
  return _arguments(MODELS[name][0]) | _arguments(HEADS[head]) | _OF_NOTES


def create(
  name: str,
  *,
  num_frames: int,
  num_bins: int,
  num_controls: int,
  centres: tuple[float, ...] = (),
  seconds: float = 4.0,
  layout: Layout = (),
  seed: int | None,
  head: str = "regression",
  note: str = "none",
  note_loss: float = 0.0,
  **overrides: Any,
) -> Model:
  """Builds a model in training mode; the same arguments give the same weights.

  Args:
    name: Key of `MODELS`, or of `PROXIES`.
    num_frames: Mel frames of the input.
    num_bins: Mel bins of the input.
    num_controls: Length of the output.
    centres: Frequency of each mel bin in Hz, for proxies and ways to tell a note that ask.
    seconds: Length of the sounds, for proxies.
    layout: What the controls stand for, for heads that ask; by default each is a number.
    seed: Seed of the weights and of dropout; None where only shapes are wanted, and nothing is to
      be drawn.
    head: Key of `HEADS`.
    note: Key of `NOTES`, the way in which the model is told notes.
    note_loss: Weight of the loss of the notes that it predicts (see `NoteHead`); 0 for none.
    **overrides: Other arguments of the constructors of encoder and head, e.g. `stride=16`; one
      that both take goes to both.

  Raises:
    UserError: There is no such model, head or argument (the message lists the known ones), or
      the arguments do not fit together.
  """
  known = arguments(name, head)
  unknown = [k for k in overrides if k not in known]
  if unknown:
    raise UserError(f"the model {name} has no argument {unknown[0]!r}; known: {', '.join(known)}")
  encoder, defaults = MODELS.get(name, (None, {}))
  given = defaults | overrides
  weights, dropout = jax.random.split(jax.random.key(seed or 0))
  keys = {"params": weights, "dropout": dropout}
  rngs = nnx.Rngs(**keys)
  if seed is None:
    for tag, key in keys.items():
      setattr(rngs, tag, _Still(key, tag=tag))

  def build(part: type[Any], *own: Any, **sizes: Any) -> Any:
    return part(*own, **sizes, rngs=rngs, **{k: given[k] for k in _arguments(part) if k in given})

  try:
    mel = {"num_frames": num_frames, "num_bins": num_bins}
    if encoder is None:
      sizes = {**mel, "num_controls": num_controls, "seconds": seconds, "centres": centres}
      return build(PROXIES[name], **sizes)
    require_choice(NOTES, note=note)
    if note_loss < 0:
      raise ValueError(f"note_loss must be at least 0, not {note_loss}")
    made = build(encoder, **mel)
    takes_layout = "layout" in inspect.signature(HEADS[head].__init__).parameters
    told = {"layout": layout or (("numerical", 1),) * num_controls} if takes_layout else {}
    answering = build(HEADS[head], made, num_controls=num_controls, **told)
    way = NOTES[note]
    return Estimator(
      made,
      answering,
      note_input=way and way(made, centres=centres, rngs=rngs),
      note_head=NoteHead(made, note_loss=note_loss, rngs=rngs) if note_loss else None,
    )
  except (TypeError, ValueError) as error:
    raise UserError(f"the model {name} cannot be built: {error}") from error


class _Still(nnx.RngStream):
  """A stream that always gives the same key: where only shapes are wanted, counting is slow."""

  def __call__(self) -> jax.Array:
    return self.key[...]


def _arguments(part: type[nnx.Module]) -> dict[str, Any]:
  parameters = inspect.signature(part.__init__).parameters
  return {key: found.default for key, found in parameters.items() if key not in _OWN}


def num_params(model: Any) -> int:
  """Counts the weights of a model, or of an nnx.State of weights; either may be abstract."""
  params = nnx.state(model, nnx.Param) if isinstance(model, nnx.Module) else model
  return sum(math.prod(p.shape) for p in jax.tree.leaves(params))
