"""A joint distribution of the parameters of a DX7, around the voices that people have made.

The files of voices are read where they are installed, and are no part of the project.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import dx7
from synthmatch_jax.spaces.discrete import Choice, Switch
from synthmatch_jax.spaces.parameters import Parameter, require_text
from synthmatch_jax.spaces.space import ParameterSpace

Controls = Float[np.ndarray, " d"]
People = Float[np.ndarray, "n d"]
"""The controls of the voices of one split, which are read only once."""

# Each tenth of the voices, by hash, and the split that it belongs to (80/10/10, as the records).
_TENTHS = ("train",) * 8 + ("validation", "test")

# In a jittered voice up to a half of the parameters move; the standard deviation of their steps.
_MOST_MOVED, _STEP = 0.5, 0.1

_QUANTILES = 11


@dataclass(frozen=True, kw_only=True)
class Voices:
  """Names the files of voices, and says how patches are drawn around them.

  Attributes:
    folder: The folder of the files.
    advice: The command that brings them.
    files: The SHA-256 of each file, by its name.
    shares: The shares of the ways to draw, by their names in `WAYS`.

  Raises:
    ValueError: A field is not what it must be.
  """

  folder: str
  advice: str
  files: Mapping[str, Any]
  shares: Mapping[str, Any]

  def __post_init__(self):
    require_text("the folder of voices", self.folder)
    require_text("the advice on voices", self.advice)
    for what in (self.files, self.shares):
      if not isinstance(what, Mapping) or not what:
        raise ValueError("voices need files and shares")
    for name, digest in self.files.items():
      require_text("the checksum of a file of voices", digest, most=64)
      if Path(name).name != name or len(digest) != 64:
        raise ValueError(f"the voices in {name!r:.80} need a bare file name and a SHA-256")
    if unknown := sorted(set(self.shares) - set(WAYS)):
      raise ValueError(f"no way to draw voices is {unknown[0]!r:.50}; known: {', '.join(WAYS)}")
    numbers = all(type(s) in (int, float) and 0 <= s <= 1 for s in self.shares.values())
    if not numbers or abs(sum(self.shares.values()) - 1) > 1e-9:
      raise ValueError("the shares of the ways to draw voices are numbers that add up to 1")

  def sample(self, space: ParameterSpace, rng: np.random.Generator, *, split: str) -> Controls:
    """Draws one control vector (float32, in [0, 1]) around voices of one split alone.

    Raises:
      UserError: The voices are not there, or are others.
    """
    people = self.people(space)[split]
    shares = [self.shares.get(way, 0.0) for way in WAYS]  # In one order, whatever JSON's is.
    return WAYS[str(rng.choice(list(WAYS), p=shares))](people, space, rng)

  def people(self, space: ParameterSpace) -> Mapping[str, People]:
    """Returns the controls of all voices by split; equal voices count once.

    Raises:
      UserError: The voices are not there, or are others.
    """
    if space is not dx7.space() and space.difference(dx7.space()):
      raise UserError(f"voices of a DX7 are not in the space {space.name}; take another prior")
    return _people(self.folder, self.advice, json.dumps(dict(self.files), sort_keys=True))

  def marginals(self, space: ParameterSpace) -> dict[str, Mapping[str, Any]]:
    """Returns the distribution of each parameter by itself, in the voices for training.

    Raises:
      UserError: The voices are not there, or are others.
    """
    people = self.people(space)["train"]
    pairs = zip(space.parameters, space.slices.values(), strict=True)
    return {p.name: _marginal(p, people[:, part]) for p, part in pairs}


def split_of(voice: dx7.Voice) -> str:
  """Returns the split whose records are drawn around a voice.

  It is decided by the algorithm and the frequencies of the operators: variants of a voice, which
  have these in common, are on the same side.
  """
  names = ["algorithm", *(op + name for op in dx7.OPERATORS for name in ("fixed", "coarse"))]
  family = json.dumps([voice.patch[name] for name in names])
  return _TENTHS[int(hashlib.sha256(family.encode()).hexdigest(), 16) % len(_TENTHS)]


@functools.lru_cache(maxsize=4)
def _people(folder: str, advice: str, files: str) -> Mapping[str, People]:
  found: dict[str, dict[bytes, Controls]] = {split: {} for split in dict.fromkeys(_TENTHS)}
  for name, digest in json.loads(files).items():
    try:
      voices = dx7.read(Path(folder) / name, sha256=digest)
    except OSError:
      raise UserError(f"the prior needs the voices in {folder}/{name}: {advice}") from None
    except ValueError as error:
      raise UserError(f"{folder}/{name} is not what the prior was made with: {error}") from None
    for voice in voices:
      controls = dx7.space().encode(voice.patch)
      found[split_of(voice)].setdefault(controls.tobytes(), controls)
  if empty := [split for split, voices in found.items() if not voices]:
    raise UserError(f"too few voices in {folder}: none is for the split {empty[0]}")
  return {split: np.stack(list(voices.values())) for split, voices in found.items()}


def _one(people: People, rng: np.random.Generator) -> Controls:
  return people[rng.integers(len(people))].copy()


def _as_is(people: People, space: ParameterSpace, rng: np.random.Generator) -> Controls:
  """A voice."""
  del space
  return _one(people, rng)


def _jittered(people: People, space: ParameterSpace, rng: np.random.Generator) -> Controls:
  """A voice some of whose numbers are moved, and some of whose choices are another voice's."""
  controls = _one(people, rng)
  moved = rng.random(len(space.parameters)) < _MOST_MOVED * rng.random()
  for p, part, move in zip(space.parameters, space.slices.values(), moved, strict=True):
    if move and isinstance(p, Choice | Switch):
      controls[part] = _one(people, rng)[part]
    elif move:
      controls[part] = p.place(float(controls[part][0] + rng.normal(0.0, _STEP)))
  return controls


def _mixed(people: People, space: ParameterSpace, rng: np.random.Generator) -> Controls:
  """A voice some of whose operators are another voice's."""
  controls, other = _one(people, rng), _one(people, rng)
  taken = {op for op in dx7.OPERATORS if rng.random() < 0.5}
  for name, part in space.slices.items():
    if name.startswith(tuple(taken)):
      controls[part] = other[part]
  return controls


def _independent(people: People, space: ParameterSpace, rng: np.random.Generator) -> Controls:
  """A patch each of whose parameters is that of another voice."""
  rows = rng.integers(len(people), size=len(space.parameters))
  parts = zip(rows, space.slices.values(), strict=True)
  return np.concatenate([people[row, part] for row, part in parts])


WAYS: Mapping[str, Callable[[People, ParameterSpace, np.random.Generator], Controls]] = {
  "as it is": _as_is,
  "jittered": _jittered,
  "mixed": _mixed,
  "independent": _independent,
}
"""The ways to draw a patch around voices."""


def _marginal(parameter: Parameter, values: Float[np.ndarray, "n w"]) -> Mapping[str, Any]:
  if isinstance(parameter, Choice):
    counts = values.sum(axis=0).astype(int).tolist()
    weights = {o: n for o, n in zip(parameter.options, counts, strict=True) if n}
    return {"kind": "options", "weights": weights}
  if isinstance(parameter, Switch):
    on = round(float(values.mean()), 4)
    ends = ((0.0, 1 - on), (1.0, on))
    return {
      "kind": "mixture",
      "components": [{"kind": "uniform", "low": e, "high": e, "weight": w} for e, w in ends],
    }
  quantiles = np.quantile(values[:, 0], np.linspace(0, 1, _QUANTILES))
  return {"kind": "empirical", "quantiles": np.round(quantiles, 4).tolist(), "count": len(values)}
