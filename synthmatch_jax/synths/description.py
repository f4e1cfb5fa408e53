"""A plugin described as data: what makes an instrument of anybody's an engine of ours."""

import base64
import dataclasses
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from synthmatch_jax import files, untrusted
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces.parameters import Continuous, require_text
from synthmatch_jax.spaces.space import ParameterSpace, parameter_from_dict, parameter_to_dict
from synthmatch_jax.synths import locate

Reset = Literal["clear", "flush", "instance", "process"]
"""How the sounds before are forgotten, from cheap to dear (measured by `synthmatch_jax.probe`).

clear: the plugin is told to clear its audio, and is kept (pedalboard's `ClearsAudioOnReset`).
flush: silence is rendered until the tail has died away.
instance: pedalboard makes a new instance, the state and the values are put back.
process: every sound gets a process of its own.
"""
RESETS: tuple[Reset, ...] = get_args(Reset)

MOST_STATE_BYTES = 64 << 20
"""The largest base preset; those of samplers with all their settings have a few megabytes."""

_MOST_FILES = 16

# It names one that comes with the package; a path of the user's is the user's to give.
_PRIOR_NAME = r"(?!.*\.json$)\w[\w. -]{0,99}"

# Least and most of every number of a description; whole numbers where the bounds are. They bound
# what a stranger's description can cost: the most that is waited for is a day.
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
  """How the farm looks after the plugin's processes; no sound depends on it.

  Attributes:
    load_seconds: a process that has not loaded the plugin by then is ended.
    render_seconds: the same for one sound.
    tries: fresh processes that one patch is given before it is recorded as failed.
    canary_every: sounds from one check of the canary patch to the next.
    renders: sounds after which a process is replaced.
    megabytes: growth of a process's memory after which it is replaced.
    canary: the patch that is rendered every so often to see whether it still sounds the same;
      the middle of a control that it leaves out.
  """

  load_seconds: float = 120.0
  render_seconds: float = 60.0
  tries: int = 5
  canary_every: int = 64
  renders: int = 10_000
  megabytes: float = 1000.0
  canary: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Description:
  """All that turns a plugin into an engine; written by the probe, kept as JSON, edited by hand.

  Attributes:
    name: of the engine, e.g. "massive".
    files: file names of the plugin, the first that is found is taken.
    inside: which plugin, where a file holds several.
    controls: the parameters that patches set. Values are the host's raw values in [0, 1]; low
      and high narrow them.
    reset: the policy between two sounds.
    repeatable_db: how far a sound differs from itself under that policy, whatever was played
      before, in dB; None where it is the same to the last bit (or has not been probed).
    flush_db: a tail under this level counts as silence, for the policy flush.
    flush_seconds: silence rendered at most, for the policy flush.
    state: the base preset, as `pack` gives it: all that the controls leave fixed. Empty: the
      state in which the plugin starts.
    values: raw values of the controls after the base preset was loaded; checked at each load.
    tolerance: largest difference allowed between a raw value set and the value read back.
    prior: name or JSON of the prior that data sets take unless told otherwise.
    care: for the farm.
    others: the plugin's other parameters, for people: move one to `controls` to use it.
  """

  name: str
  files: tuple[str, ...]
  controls: tuple[Continuous, ...]
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
    """16 hexadecimal digits of the base preset; "initial" where there is none."""
    if not self.state:
      return "initial"
    return hashlib.sha256(unpack(self.state)).hexdigest()[:16]

  def to_dict(self) -> dict[str, Any]:
    """The description as JSON-ready data."""
    return dataclasses.asdict(self) | {"controls": list(map(parameter_to_dict, self.controls))}

  def essentials(self) -> dict[str, Any]:
    """What travels with a data set: all but the prior, which has its own place, and `others`."""
    return {k: v for k, v in self.to_dict().items() if k not in ("prior", "others")}

  @classmethod
  def from_dict(cls, data: Any) -> "Description":
    """Inverse of `to_dict` and of `essentials`.

    Raises:
      ValueError: an entry is missing, unknown, or not what it must be; the sentence names it.
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
      controls: tuple[Any, ...] = tuple(parameter_from_dict(c) for c in plain["controls"])
      plain["controls"] = controls
      if other := [c for c in controls if not isinstance(c, Continuous)]:
        raise ValueError(
          f"{other[0].name} is a {other[0].kind}: a plugin's controls are continuous"
        )
      plain["files"] = tuple(plain["files"])
      plain["others"] = tuple(plain.get("others", ()))
      plain["care"] = Care(**plain.get("care", {}))
      made = cls(**plain)
      names = made.space.names  # Which also refuses no controls, or two of one name.
      made._check()
      made = dataclasses.replace(made, values={n: v for n, v in made.values.items() if n in names})
      if made.state:
        unpack(made.state)
        if not made.values:
          raise ValueError("`values` is empty: nothing could prove that `state` was taken")
    except (TypeError, AttributeError, KeyError, UserError, zlib.error) as error:
      raise ValueError(brief(error)) from None
    for control in made.controls:
      if not 0 <= control.low < control.high <= 1:
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
    numbers = {f: getattr(self, f) for f in _BOUNDS if hasattr(self, f)}
    numbers |= {f: getattr(self.care, f) for f in _BOUNDS if hasattr(self.care, f)}
    if self.repeatable_db is None:
      del numbers["repeatable_db"]
    for field, value in numbers.items():
      least, most = _BOUNDS[field]
      kind = int if isinstance(least, int) else int | float
      if not isinstance(value, kind) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{field} is {value!r:.40}; it may be {least} to {most}")
    for field, values in (("values", self.values), ("care.canary", self.care.canary)):
      if not all(isinstance(v, int | float) and -0.01 <= v <= 1.01 for v in values.values()):
        raise ValueError(f"{field} has a value outside of [0, 1], the raw values of a host")


def pack(state: bytes) -> str:
  """A state as text, for JSON: compressed, base64."""
  return base64.b64encode(zlib.compress(state, 9)).decode()


def unpack(text: str) -> bytes:
  """Inverse of `pack`.

  Raises:
    ValueError, zlib.error: the text is nothing that `pack` gives, or more than 64 MiB of state.
  """
  inflated = zlib.decompressobj()
  state = inflated.decompress(base64.b64decode(text, validate=True), MOST_STATE_BYTES)
  if not inflated.eof or inflated.unused_data:
    raise ValueError(f"its state is cut off, or larger than {MOST_STATE_BYTES >> 20} MiB")
  return state


def read(path: Path) -> Description:
  """Reads a description file.

  Raises:
    UserError: it is missing or is not a description.
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
  # A list of numbers on one line, so that the rest can be found and edited.
  text = re.sub(r"\[[-+\d.eE,\s]+\]", lambda numbers: " ".join(numbers[0].split()), text)
  files.write_text(path, text + "\n")
  return path
