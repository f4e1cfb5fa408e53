"""Plugins described as data: a description turns any instrument plugin into an engine."""

import base64
import dataclasses
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from synthmatch_jax import files, untrusted
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces.parameters import Continuous, Parameter, require_text
from synthmatch_jax.spaces.space import ParameterSpace, parameter_from_dict, parameter_to_dict
from synthmatch_jax.synths import locate
from synthmatch_jax.synths.base import Parallelism

Reset = Literal["clear", "flush", "instance", "process"]
"""How a plugin forgets the sounds before, from cheap to dear (measured by `synthmatch_jax.probe`).

clear: The plugin is told to clear its audio, and is kept (pedalboard's `ClearsAudioOnReset`).
flush: Silence is rendered until the tail has died away.
instance: pedalboard makes a new instance, and the state and the values are put back.
process: Every sound gets a process of its own.
"""
RESETS: tuple[Reset, ...] = get_args(Reset)

MOST_STATE_BYTES = 64 << 20
"""The largest base preset; those of samplers with all their settings have a few megabytes."""

_MOST_FILES = 16

# The name of a prior that comes with the package; only the user may name a file.
_PRIOR_NAME = r"(?!.*\.json$)\w[\w. -]{0,99}"

# The least and the most that every number of a description can be; it is a whole number where these
# are. They bound what a stranger's description can cost: nothing is waited for over a day.
_BOUNDS = {
  "repeatable_db": (-1000.0, 1000.0),
  "flush_db": (-1000.0, 0.0),
  "flush_seconds": (0.0, 600.0),
  "tolerance": (0.0, 1.0),
  "load_seconds": (0.1, 86_400.0),
  "render_seconds": (0.1, 86_400.0),
  "tries": (1, 100),
  "canary_every": (1, 1_000_000),
  "renders": (1, 1_000_000_000),
  "megabytes": (0.0, 1e6),
}


@dataclass(frozen=True, kw_only=True)
class Care:
  """How the processes of a plugin are looked after; no sound depends on it.

  Attributes:
    load_seconds: The time after which a process that has not loaded the plugin is ended.
    render_seconds: The same for one sound.
    tries: The number of new processes that a patch is given before it counts as failed.
    canary_every: The number of sounds from one check of the canary patch to the next.
    renders: The number of sounds after which a process is replaced.
    megabytes: The growth of a process's memory after which it is replaced.
    canary: The patch that is rendered every so often to see whether it still sounds the same;
      controls that it leaves out are at their middle.
  """

  load_seconds: float = 120.0
  render_seconds: float = 60.0
  tries: int = 5
  canary_every: int = 64
  renders: int = 10_000
  megabytes: float = 1000.0
  canary: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Description:
  """All that turns a plugin into an engine; written by the probe, kept as JSON, edited by hand.

  Attributes:
    name: The name of the engine, e.g. "massive".
    files: The file names that the plugin may have; the first one that is found is taken.
    inside: The name of the plugin in a file that holds several.
    controls: The parameters that patches set. The values of continuous ones are the host's raw
      values in [0, 1], which low and high narrow; `raw_values` has those of the others.
    reset: The policy between two sounds.
    repeatable_db: How far a sound differs from itself under that policy, whatever was played
      before, in dB; None where it is the same to the last bit, or has not been probed.
    flush_db: The level under which a tail counts as silence, for the policy flush.
    flush_seconds: The most silence that is rendered, for the policy flush.
    state: The base preset, as `pack` returns it: all that the controls leave fixed. If it is empty,
      the plugin plays in the state in which it starts.
    values: The raw values of the controls in the base preset, which are checked at each load.
    tolerance: The largest difference allowed between a raw value set and the value read back.
    prior: The name or the JSON of the prior that data sets take unless told otherwise.
    care: How its processes are looked after.
    others: The plugin's other parameters, for people: move one to `controls` to use it.
  """

  parallelism: ClassVar[Parallelism] = "process"

  name: str
  files: tuple[str, ...]
  controls: tuple[Parameter, ...]
  inside: str = ""
  reset: Reset = "instance"
  repeatable_db: float | None = None
  flush_db: float = -90.0
  flush_seconds: float = 32.0
  state: str = ""
  values: Mapping[str, float] = dataclasses.field(default_factory=dict)
  tolerance: float = 0.001
  prior: str | Mapping[str, Any] = "uniform"
  care: Care = dataclasses.field(default_factory=Care)
  others: tuple[Mapping[str, Any], ...] = ()

  @property
  def space(self) -> ParameterSpace:
    """The parameter space of the controls."""
    return ParameterSpace(f"plugin/{self.name}", self.controls)

  @property
  def state_digest(self) -> str:
    """The digest of the base preset, 16 hexadecimal digits; "initial" where there is none."""
    if not self.state:
      return "initial"
    return hashlib.sha256(unpack(self.state)).hexdigest()[:16]

  def to_dict(self) -> dict[str, Any]:
    """Returns the description as data for JSON."""
    return dataclasses.asdict(self) | {"controls": list(map(parameter_to_dict, self.controls))}

  def essentials(self) -> dict[str, Any]:
    """Returns what a data set keeps: all but `others` and the prior, which has its own place."""
    return {k: v for k, v in self.to_dict().items() if k not in ("prior", "others")}

  @classmethod
  def from_dict(cls, data: Any) -> "Description":
    """Reads a description; the inverse of `to_dict` and of `essentials`.

    Raises:
      ValueError: An entry is missing, unknown, or not what it must be; the sentence names it.
    """
    if not isinstance(data, Mapping):
      raise ValueError(f"it holds {type(data).__name__} and not the entries of a description")
    plain = dict(data)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    if unknown := sorted(set(plain) - set(fields)):
      raise ValueError(f"unknown entries {', '.join(unknown)}; known: {', '.join(fields)}")
    if missing := sorted({"name", "files", "controls"} - set(plain)):
      raise ValueError(f"it lacks {', '.join(missing)}")
    if plain.get("reset", "clear") not in RESETS:
      raise ValueError(f"reset is {plain['reset']!r}; known: {', '.join(RESETS)}")
    try:
      plain["controls"] = tuple(parameter_from_dict(c) for c in plain["controls"])
      plain["files"] = tuple(plain["files"])
      plain["others"] = tuple(plain.get("others", ()))
      plain["care"] = Care(**plain.get("care", {}))
      made = cls(**plain)
      names = made.space.names  # A space has parameters, and no two of one name.
      made._check()
      made = dataclasses.replace(made, values={n: v for n, v in made.values.items() if n in names})
      if made.state:
        unpack(made.state)
        if not made.values:
          raise ValueError("`values` is empty: nothing could prove that `state` was taken")
    except (TypeError, AttributeError, KeyError, UserError, zlib.error) as error:
      raise ValueError(brief(error)) from None
    for control in made.controls:
      if isinstance(control, Continuous) and not 0 <= control.low < control.high <= 1:
        raise ValueError(f"{control.name} must stay in [0, 1], the raw values of a host")
    return made

  def _check(self) -> None:
    """Raises a ValueError or a UserError where an entry of a file is not what it must be."""
    for field in ("name", "inside"):
      require_text(field, getattr(self, field))
    if not self.name or not 1 <= len(self.files) <= _MOST_FILES:
      raise ValueError(f"it needs a name and 1 to {_MOST_FILES} file names")
    for name in self.files:
      locate.require_bare(name)
    if not isinstance(self.prior, str | Mapping):
      raise ValueError("its prior is neither a name nor distributions")
    if isinstance(self.prior, str) and not re.fullmatch(_PRIOR_NAME, self.prior):
      raise ValueError(
        f"its prior is {self.prior!r:.80}, which is no name: a prior in a file is given when a data"
        " set is built, or is written into the description"
      )
    entries = vars(self) | vars(self.care)
    numbers = {name: entries[name] for name in _BOUNDS}
    if self.repeatable_db is None:
      del numbers["repeatable_db"]
    for field, value in numbers.items():
      least, most = _BOUNDS[field]
      kind = int if isinstance(least, int) else int | float
      if not isinstance(value, kind) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{field} is {value!r:.40}; it may be {least} to {most}")
    known = {c.name: c for c in self.controls if not isinstance(c, Continuous)}
    discrete = {n: v for n, v in self.care.canary.items() if n in known}
    plain = {n: v for n, v in self.care.canary.items() if n not in known}
    for field, values in (("values", self.values), ("care.canary", plain)):
      if not all(isinstance(v, int | float) and -0.01 <= v <= 1.01 for v in values.values()):
        raise ValueError(f"{field} has a value outside of [0, 1], the raw values of a host")
    for name, value in discrete.items():
      try:
        known[name].encode(value)
      except (TypeError, ValueError):
        raise ValueError(
          f"care.canary sets {name} to {value!r:.40}; it may be {known[name].span}"
        ) from None


def pack(state: bytes) -> str:
  """Returns a state as text for JSON: compressed, in base64."""
  return base64.b64encode(zlib.compress(state, 9)).decode()


def unpack(text: str) -> bytes:
  """Returns the state that `pack` was given.

  Raises:
    ValueError, zlib.error: The text is not from `pack`, or holds more than 64 MiB of state.
  """
  inflated = zlib.decompressobj()
  state = inflated.decompress(base64.b64decode(text, validate=True), MOST_STATE_BYTES)
  if not inflated.eof or inflated.unused_data:
    raise ValueError(f"its state is cut off, or larger than {MOST_STATE_BYTES >> 20} MiB")
  return state


def read(path: Path) -> Description:
  """Reads a description file.

  Raises:
    UserError: It is missing or is not a description.
  """
  try:
    return Description.from_dict(untrusted.read_json(path))
  except OSError as error:
    raise UserError(f"cannot read the plugin description {path}: {error.strerror}") from None
  except ValueError as error:
    raise UserError(
      f"{path} is no plugin description: {brief(error)};"
      " `python -m synthmatch_jax.probe` writes one"
    ) from None


def write(description: Description, path: Path) -> Path:
  """Writes a description file; returns its path."""
  text = json.dumps(description.to_dict(), indent=2, allow_nan=False)
  # Lists of numbers are put on one line, so that the rest can be found and edited.
  text = re.sub(r"\[[-+\d.eE,\s]+\]", lambda numbers: " ".join(numbers[0].split()), text)
  files.write_text(path, text + "\n")
  return path
