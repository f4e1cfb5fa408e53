"""A proxy stands in for the synth: how far patches are from a sound, without playing them."""

import functools
import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from synthmatch_jax import arrays, exported
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.batch import note_rows, pad
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.exported import TrainedModel
from synthmatch_jax.programs import Programs
from synthmatch_jax.search.strategy import Sieve

Mels = Float[np.ndarray, "n t f"]
Controls = Float[np.ndarray, "n d"]

_BATCH = 256  # Sounds at once.
_ALIKE = 16  # Numbers of patches are rounded up to multiples of it, so that few are compiled for.
_RANGE_DB = 60.0  # Below the mean power of a sound, where distances end.
_RATE = 0.02  # Of Adam, on the scale that it steps on; it falls to 0 along half a cosine.


class StandIn:
  """A trained proxy at work.

  Attributes:
    recipe: The recipe of the sounds that it has learnt.
  """

  def __init__(self, found: TrainedModel):
    """Puts a proxy to work.

    Raises:
      UserError: The model is no proxy.
    """
    self.recipe = found.data.recipe
    self._found, self._statistics = found, found.data.statistics
    shapes = {name: tuple(array.shape) for name, array in found.weights.items()}
    self._programs = Programs(found.arguments, found.data, shapes)
    if not (self._programs.about or {}).get("is_proxy"):
      _require_proxy(found)
      self._programs.keep({"is_proxy": True})
    self._compiled: dict[str, Callable[..., Array]] = {}
    self._compiling = threading.Lock()

  @functools.cached_property
  def digest(self) -> str:
    """A hash, 16 hexadecimal digits, of all that it says."""
    said = self.recipe.digest(), self._statistics.to_dict(), arrays.digest(self._found.weights)
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]

  def mels(self, controls: Controls, notes: Float[np.ndarray, "n 3"]) -> Mels:
    """Plays patches; a proxy that has learnt from one note is told none.

    Args:
      controls: The patches.
      notes: The notes, as in `Batch`.

    Returns:
      Log-mels in dB.
    """
    controls, parts = self._decided(controls), range(0, len(controls), _BATCH)
    told = [None if self.recipe.notes is None else notes[k : k + _BATCH] for k in parts]
    played = [
      self._run("mels", self._played, controls[k : k + _BATCH], note)
      for k, note in zip(parts, told, strict=True)
    ]
    return np.concatenate(played)

  def distances(
    self, target: Float[np.ndarray, "t f"], controls: Controls, note: Note
  ) -> Float[np.ndarray, " n"]:
    """How far patches are from a sound, in dB (see `apart`).

    Args:
      target: The log-mel of the sound, in dB.
      controls: The patches.
      note: The note that they are played with.
    """
    decided = self._decided(controls)
    whole, is_there = pad({"controls": decided}, -(-len(decided) // _ALIKE) * _ALIKE)
    told = self._told(note, len(is_there))
    found = self._run("distances", self._apart, whole["controls"], told, target)
    return np.asarray(found)[is_there]

  def descend(
    self,
    target: Float[np.ndarray, "t f"],
    controls: Controls,
    note: Note,
    *,
    moved: Bool[np.ndarray, "n d"],
    begin: Float[np.ndarray, "n d"],
    values: Float[np.ndarray, "d p"],
    steps: int,
  ) -> Controls:
    """Brings patches nearer to a sound, by the gradient of their distance.

    Args:
      target: See `distances`.
      controls: The patches.
      note: See `distances`.
      moved: The controls that are free.
      begin: The places of the patches on the scale that is stepped on.
      values: The value of each control at even steps of the scale.
      steps: The number of steps of Adam.

    Returns:
      The nearest point of each patch's path, its start included.
    """
    told = self._told(note, len(controls))
    start, scale = self._decided(controls), np.asarray(values, np.float32)
    places = np.asarray(begin, np.float32), moved, start, scale
    found = self._run(f"steered-{steps}", self._descending(steps), *places, told, target)
    return np.asarray(found)

  def sieve(self, target: Float[np.ndarray, "t f"], note: Note, *, times: int) -> Sieve | None:
    """A sieve for a search that hears so many candidates for each that is played; 1 needs none."""
    if times == 1:
      return None
    return Sieve(times=times, distances=lambda found: self.distances(target, found, note))

  def _decided(self, controls: Controls) -> Controls:
    """Patches as the synth plays them: a switch is on or off, and of a choice one option is 1."""
    space = self.recipe.space
    if space.is_numerical:
      return controls
    return np.stack([space.encode(space.decode(one)) for one in controls])

  def _told(self, note: Note, count: int) -> Float[np.ndarray, "n 3"] | None:
    return None if self.recipe.notes is None else np.tile(note_rows([note]), (count, 1))

  def _run(self, name: str, function: Callable[..., Array], *inputs: Any) -> Array:
    """Calls a function of weights and inputs, which is compiled, or was, for so many patches."""
    key, inputs = f"{name}-{len(inputs[0])}", (self._weights, *inputs)
    if key in self._compiled:
      return self._compiled[key](*inputs)
    with self._compiling:
      if key not in self._compiled:
        self._compiled[key] = self._programs.get(key, lambda: jax.jit(function), inputs)
      return self._compiled[key](*inputs)

  @functools.cached_property
  def _weights(self) -> dict[str, Array]:
    return jax.device_put(dict(self._found.weights))

  @functools.cached_property
  def _model_of(self) -> Callable[[Mapping[str, Array]], Any]:
    from synthmatch_jax.models import weights  # It takes Flax, which what was traced spares.

    return weights.functional(self._found.model)

  def _played(self, weights, controls, notes):
    std, mean = self._statistics.mel_std, self._statistics.mel_mean
    return self._model_of(weights)(controls, notes) * std + mean

  def _apart(self, weights, controls, notes, target):
    return apart(self._played(weights, controls, notes), target)

  def _descending(self, steps: int) -> Callable[..., Array]:
    def descend(weights, begin, moved, start, values, notes, target):
      import optax

      optimizer = optax.adam(optax.cosine_decay_schedule(_RATE, steps))

      def heard(place):
        found = self._apart(weights, _back(place, moved, start, values), notes, target)
        return found.sum(), found

      def step(carried, _):
        place, memory, best, least = carried
        (_, found), slope = jax.value_and_grad(heard, has_aux=True)(place)
        best = jnp.where((found < least)[:, None], place, best)
        updates, memory = optimizer.update(slope, memory)
        stepped: Any = optax.apply_updates(place, updates)
        place = jnp.clip(stepped, 0.0, 1.0)
        return (place, memory, best, jnp.minimum(found, least)), None

      first = begin, optimizer.init(begin), begin, jnp.full(len(begin), jnp.inf)
      (place, _, best, least), _ = jax.lax.scan(step, first, length=steps)
      found = heard(place)[1]
      best = jnp.where((found < least)[:, None], place, best)
      return _back(best, moved, start, values)

    return descend


def _require_proxy(found: TrainedModel) -> None:
  """Raises a UserError if a model is no proxy of the synth."""
  from synthmatch_jax.models.proxy import Proxy

  if not isinstance(found.model, Proxy):
    raise UserError("the model is no proxy of the synth, and stands in for none")


def apart(mel: Float[Array, "n t f"], target: Float[Array, "t f"]) -> Float[Array, " n"]:
  """The mean absolute difference of log-mels, in dB; neither level counts, nor what is far below.

  See `levelled`.
  """
  return jnp.abs(levelled(mel) - levelled(target)).mean(axis=(-2, -1))


def read(folder: Path, recipe: Recipe, *, sums: Mapping[str, str]) -> StandIn | None:
  """Reads the proxy beside a model, once it is seen to play as the model's synth does.

  Args:
    folder: The folder of the model.
    recipe: The recipe of the model.
    sums: The checksums that are stored with the model; none where it was never exported.

  Returns:
    None where there is no proxy.

  Raises:
    UserError: The proxy is damaged, did not come with the model, or plays another synth.
  """
  try:
    found = StandIn(exported.read_proxy(folder, sums))
    if unlike := found.recipe.unlike(recipe):
      raise ValueError(f"its sounds differ from those of the model in {', '.join(unlike)}")
  except (FileNotFoundError, NotADirectoryError):
    return None
  except (OSError, ValueError, UserError) as error:
    path = folder / exported.PROXY
    raise UserError(
      f"the proxy {path} cannot be used ({brief(error)}): export one again by `python -m"
      f" synthmatch_jax.export --workdir=P --out={path}`, or remove it"
    ) from None
  return found


def levelled(mel: Float[Array, "*n t f"]) -> Float[Array, "*n t f"]:
  """Log-mels at the same mean power, of which what is more than 60 dB below is silent."""
  power = jax.nn.logsumexp(mel * (np.log(10) / 10), axis=(-2, -1), keepdims=True)
  level = (power - np.log(mel.shape[-2] * mel.shape[-1])) * (10 / np.log(10))
  return jnp.maximum(mel - level, -_RANGE_DB)


def _back(
  place: Float[Array, "n d"],
  moved: Bool[Array, "n d"],
  start: Float[Array, "n d"],
  values: Float[Array, "d p"],
) -> Float[Array, "n d"]:
  """The controls at places on a scale, of those that are moved; see `Quantiles.back`."""
  even = jnp.linspace(0, 1, values.shape[1])
  mapped = jax.vmap(lambda x, row: jnp.interp(x, even, row), (1, 0), 1)(place, values)
  return jnp.where(moved, mapped, start)
