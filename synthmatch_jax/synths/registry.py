"""The table of sound engines, and how a name becomes one."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import description as descriptions
from synthmatch_jax.synths import locate, vital
from synthmatch_jax.synths.base import Parallelism, Synth
from synthmatch_jax.synths.description import Care, Description
from synthmatch_jax.synths.dexed import DexedDescription
from synthmatch_jax.synths.plugin import Plugin, fingerprint_frame
from synthmatch_jax.synths.vital import VitalDescription

BuiltIn = VitalDescription | DexedDescription
"""What is known of an engine that is no plugin, before it is made."""


@dataclass(frozen=True, kw_only=True)
class Engine:
  """How to make an engine, here or in another process: plain data that can be sent there.

  Attributes:
    name: The name of the engine.
    plugin: The description of the plugin; None where the engine is none.
    path: Where the user says that the plugin is, a file or a folder; empty for the usual places.
  """

  name: str
  plugin: Description | None = None
  path: str = ""

  def make(self) -> Synth:
    """Makes a new engine, which knows nothing of what was rendered before.

    Raises:
      UserError: Its library or the plugin is missing, or is not what it should be.
    """
    if self.plugin is None:
      return _built_in()[self.name].make()
    return Plugin(self.plugin, locate.locate(self.plugin.files, option=self.path))

  def expected(self, stored: str) -> str:
    """Returns the fingerprint, as far as it is known before a plugin is loaded.

    Args:
      stored: The fingerprint that is hoped for, with the plugin's own name and version.

    Raises:
      UserError: The library of the engine is not installed.
    """
    if self.plugin is None:
      return _built_in()[self.name].fingerprint()
    before, after = fingerprint_frame(self.plugin)
    own = stored.removeprefix(before).removesuffix(after)
    return before + ("(a plugin)" if " " in own else own) + after

  @property
  def _description(self) -> Description | BuiltIn:
    return self.plugin or _built_in()[self.name]

  @property
  def space(self) -> ParameterSpace:
    """The parameters that patches set."""
    return self._description.space

  @property
  def parallelism(self) -> Parallelism:
    """See `Parallelism`."""
    return self._description.parallelism

  @property
  def prior(self) -> str | Mapping[str, Any]:
    """The name or the JSON of the prior that data sets take unless told otherwise."""
    return self._description.prior

  @property
  def care(self) -> Care:
    """How the processes of the engine are looked after."""
    return Care() if self.plugin is None else self.plugin.care

  @property
  def repeatable_db(self) -> float | None:
    """See `Description`."""
    return None if self.plugin is None else self.plugin.repeatable_db

  @property
  def process_per_sound(self) -> bool:
    """Whether only a new process makes the engine forget the sounds before."""
    return self.plugin is not None and self.plugin.reset == "process"


def engine(name: str, *, path: str = "") -> Engine:
  """Returns the engine of a name, or of a plugin's description FILE.json.

  "auto" stands for the paper's synth where it is found, and for Vital elsewhere.

  Args:
    name: The name or the file.
    path: Where the plugin is, if the engine is one that is not where plugins usually are.

  Raises:
    UserError: There is no such engine.
  """
  if name == "auto":
    with contextlib.suppress(UserError):
      locate.locate(described()["massive"].files, option=path)
      return engine("massive", path=path)
    return Engine(name="vital")
  if name in _built_in():
    return Engine(name=name)
  if name in described():
    return Engine(name=name, plugin=described()[name], path=path)
  if name.endswith(".json"):
    plugin = descriptions.read(Path(name))
    return Engine(name=plugin.name, plugin=plugin, path=path)
  known = ", ".join(sorted([*_built_in(), *described()]))
  raise UserError(
    f"unknown engine {name!r}; known: {known}, and any FILE.json that"
    " `python -m synthmatch_jax.probe` has written"
  )


def built_in(name: str) -> Engine:
  """Returns the engine of a name, if it is no plugin.

  Raises:
    UserError: There is no such engine.
  """
  if name not in _built_in():
    known = ", ".join(sorted(_built_in()))
    raise UserError(
      f"the engine {name!r} is not known here, nor is it described as a plugin (known: {known}):"
      " take the version of synthmatch_jax that the model or the data set was made with"
    )
  return Engine(name=name)


def described() -> dict[str, Description]:
  """Returns the plugins whose descriptions come with the package, by name."""
  folder = resources.files("synthmatch_jax.synths") / "plugins"
  found = [descriptions.read(Path(str(file))) for file in sorted(folder.iterdir(), key=str)]
  return {plugin.name: plugin for plugin in found}


def _built_in() -> Mapping[str, BuiltIn]:
  """Returns the engines that are no plugins, by name; those of another kind are added here."""
  return {**vital.described(), DexedDescription.name: DexedDescription()}
