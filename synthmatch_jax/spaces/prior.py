"""Priors: the distributions that random patches are drawn from, stored as data."""

import dataclasses
import functools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import untrusted
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces.parameters import require_text
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.spaces.voices import Voices

Distribution = Mapping[str, Any]
"""A `kind` of the table below and its arguments, for JSON; numbers are controls in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Prior:
  """One distribution for each parameter; they are independent of each other, as in the paper.

  Where a prior has voices, the patches of a data set are drawn around these, and the distributions
  are what is known of each parameter to those who do not have the voices.

  Attributes:
    name: The name of the prior, e.g. "presets" or "uniform".
    space: The name of the parameter space that the prior is for.
    source: Where the distributions come from.
    controls: The distributions by the names of the parameters, in any order.
    voices: The fields of `Voices`, around which whole patches are drawn; None for a prior without.

  Raises:
    ValueError: A field is not what it must be.
  """

  name: str
  space: str
  source: str
  controls: Mapping[str, Distribution]
  voices: Mapping[str, Any] | None = None

  def __post_init__(self):
    require_text("the name of a prior", self.name)
    require_text("the space of a prior", self.space)
    require_text("the source of a prior", self.source, most=2000)
    if not isinstance(self.controls, Mapping):
      raise ValueError(f"the controls of the prior {self.name} have no names")
    if odd := [n for n, d in self.controls.items() if not isinstance(d, Mapping)]:
      raise ValueError(f"the prior {self.name} has no distribution for {odd[0]}")
    if self.voices is not None:
      Voices(**self.voices)

  def to_dict(self) -> dict[str, Any]:
    """Returns the prior as data for JSON."""
    plain = dataclasses.asdict(self)
    if self.voices is None:
      del plain["voices"]  # As before there were any: earlier versions can read it.
    return plain


def sample(
  prior: Prior, space: ParameterSpace, rng: np.random.Generator, *, split: str = ""
) -> Float[np.ndarray, " d"]:
  """Draws one control vector (float32, in [0, 1]), parameter by parameter in the space's order.

  Args:
    prior: The prior.
    space: The space, whose parameters the prior names.
    rng: The source of random numbers.
    split: The split that a record is drawn for. The patches of a prior with voices are drawn
      around those of the split; without a split, every parameter is drawn by itself.

  Raises:
    UserError: The prior is for other parameters, gives one of them no number, or needs voices that
      are not there.
  """
  if split and prior.voices is not None:
    return Voices(**prior.voices).sample(space, rng, split=split)
  if set(prior.controls) != set(space.names):
    raise UserError(
      f"the prior {prior.name} is for {prior.space} and does not name exactly the controls of"
      f" the space {space.name}; take another prior"
    )
  drawn = {name: _draw(prior.controls[name], rng) for name in space.names}
  for name, value in drawn.items():
    if not isinstance(value, str) and not math.isfinite(value):
      raise UserError(f"the prior {prior.name} gives {name} a value that is no number; mend it")
  return space.place(drawn)


def draws(
  prior: Prior, space: ParameterSpace, *, count: int = 1_000, split: str = ""
) -> Float[np.ndarray, "n d"]:
  """Control vectors that stand for a prior (see `sample`): the same every time, not writeable."""
  return _draws(json.dumps(prior.to_dict()), json.dumps(space.to_dict()), count, split)


@functools.lru_cache(maxsize=8)
def _draws(prior: str, space: str, count: int, split: str) -> Float[np.ndarray, "n d"]:
  """Draws for a prior and a space that are given as JSON: a thousand take a tenth of a second."""
  one, of = Prior(**json.loads(prior)), ParameterSpace.from_dict(json.loads(space))
  rng = np.random.default_rng(0)
  drawn = np.stack([sample(one, of, rng, split=split) for _ in range(count)])
  drawn.flags.writeable = False
  return drawn


def load(name: str | Mapping[str, Any], space: ParameterSpace) -> Prior:
  """Returns a prior of a space.

  Args:
    name: "uniform", which every space has; the name of one that comes with the package; a file
      that ends in .json; or what such a file holds.
    space: The space, whose parameters the prior must name.

  Raises:
    UserError: There is no such prior, and the sentence lists those there are; or it cannot be
      drawn from.
  """
  if not isinstance(name, str):
    return checked(name, space, origin="the engine's own")
  if name == "uniform":
    controls = {control: {"kind": "uniform"} for control in space.names}
    source = "uniform over every control's range"
    return Prior(name=name, space=space.name, source=source, controls=controls)
  folder = resources.files("synthmatch_jax.spaces") / "priors" / space.name.replace("/", "_")
  known = sorted(f.name.removesuffix(".json") for f in folder.iterdir()) if folder.is_dir() else []
  if name.endswith(".json"):
    return _read(Path(name), space)
  if name not in known:
    raise UserError(
      f"no prior {name!r} for the space {space.name}; known: {', '.join(['uniform', *known])}"
    )
  return Prior(**_completed(json.loads((folder / f"{name}.json").read_text()), space))


def _completed(data: Any, space: ParameterSpace) -> Any:
  """Returns the JSON of a prior; what it does not say of the parameters, its voices do."""
  if isinstance(data, dict) and "voices" in data and "controls" not in data:
    return data | {"controls": Voices(**data["voices"]).marginals(space)}
  return data


def _read(path: Path, space: ParameterSpace) -> Prior:
  try:
    data = _completed(untrusted.read_json(path), space)
  except OSError as error:
    raise UserError(f"cannot read the prior {path}: {error.strerror}") from None
  except (ValueError, TypeError) as error:
    raise UserError(f"{path} is no prior: {brief(error)}") from None
  return checked(data, space, origin=str(path))


def checked(data: Any, space: ParameterSpace, *, origin: str) -> Prior:
  """Returns the prior that JSON holds, after a draw from every part of it.

  Raises:
    UserError: A draw does not work; the sentence begins with `origin`.
  """
  rng = np.random.default_rng(0)
  try:
    prior = Prior(**data)
    sample(prior, space, rng)
    for distribution in prior.controls.values():
      _try(distribution, rng)
  except (TypeError, AttributeError, KeyError, ValueError, ArithmeticError) as error:
    raise UserError(f"{origin} prior cannot be drawn from: {brief(error)}") from None
  return prior


def _try(distribution: Distribution, rng: np.random.Generator) -> None:
  """Draws from every part of a distribution, even from those that are seldom drawn from."""
  _draw(distribution, rng)
  for part in distribution.get("components", ()):
    _try(part, rng)


def _draw(distribution: Distribution, rng: np.random.Generator) -> float | str:
  arguments = {k: v for k, v in distribution.items() if k not in ("kind", "why", "weight")}
  try:
    kind = _KINDS[distribution["kind"]]
  except KeyError:
    known = ", ".join(_KINDS)
    shown = f"{distribution!s:.200}"
    raise UserError(f"a prior has a distribution {shown}; known kinds: {known}") from None
  return kind(rng, **arguments)


def _uniform(rng: np.random.Generator, *, low: float = 0.0, high: float = 1.0) -> float:
  return rng.uniform(low, high)


def _beta(
  rng: np.random.Generator, *, a: float, b: float, low: float = 0.0, high: float = 1.0
) -> float:
  return low + (high - low) * rng.beta(a, b)


def _normal(rng: np.random.Generator, *, mean: float, std: float) -> float:
  """Draws from a normal that is folded at the ends of the range, so that no mass is lost."""
  folded = np.abs(rng.normal(mean, std)) % 2.0
  return float(2.0 - folded if folded > 1.0 else folded)


def _mixture(rng: np.random.Generator, *, components: list[Distribution]) -> float | str:
  weights = np.array([c["weight"] for c in components], float)
  return _draw(components[rng.choice(len(components), p=weights / weights.sum())], rng)


def _empirical(rng: np.random.Generator, *, quantiles: list[float], count: int = 0) -> float:
  """Draws from what was found: linearly between its quantiles, which are evenly spaced."""
  del count  # How many values were looked at, for people.
  ranks = np.linspace(0.0, 1.0, len(quantiles))
  return float(np.interp(rng.random(), ranks, quantiles))


def _options(rng: np.random.Generator, *, weights: Mapping[str, float | int]) -> str:
  """Draws one of the options of a choice."""
  shares = np.array(list(weights.values()), float)
  return str(rng.choice(list(weights), p=shares / shares.sum()))


_KINDS: dict[str, Callable[..., float | str]] = {
  "uniform": _uniform,
  "beta": _beta,
  "normal": _normal,
  "mixture": _mixture,
  "empirical": _empirical,
  "options": _options,
}
