"""The table of sound engines, and how a name becomes one."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import description as descriptions
from synthmatch_jax.synths import locate
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.description import Care, Description

_ENGINES = {"vital": "synthmatch_jax.synths.vital:Vital"}
"""Name -> module:class; imported when asked for, so that a missing one hurts nobody else."""


@dataclass(frozen=True, kw_only=True)
class Engine:
  """How to make an engine, here or in another process: plain data, to be sent there.

  Attributes:
    name: as in the table, or of the description.
    plugin: its description, where it is a plugin.
    path: where the user says that the plugin is: a file or a folder; empty: where plugins are.
  """

  name: str
  plugin: Description | None = None
  path: str = ""

  def make(self) -> Synth:
    """A new engine, as good as untouched by anything rendered before.

    Raises:
      UserError: its library or the plugin is missing, or is not what it should be.
    """
    if self.plugin is None:
      return _class(self.name)()
    from synthmatch_jax.synths.plugin import Plugin

    return Plugin(self.plugin, locate.locate(self.plugin.files, option=self.path))

  def expected(self, stored: str) -> str:
    """The fingerprint, as far as it is known before a plugin is loaded.

    Args:
      stored: fingerprint that is hoped for; a plugin's own name and version are taken from it.

    Raises:
      UserError: the library of the engine is not installed.
    """
    if self.plugin is None:
      return _class(self.name).fingerprint()
    from synthmatch_jax.synths import plugin

    before, after = plugin.fingerprint_frame(self.plugin)
    own = stored.removeprefix(before).removesuffix(after)
    return before + ("(a plugin)" if " " in own else own) + after

  @property
  def space(self) -> ParameterSpace:
    """The parameters that its patches set."""
    return _class(self.name).space if self.plugin is None else self.plugin.space

  @property
  def parallelism(self) -> Literal["process", "thread"]:
    """As `Synth.parallelism`."""
    return _class(self.name).parallelism if self.plugin is None else "process"

  @property
  def prior(self) -> str | Mapping[str, Any]:
    """Name or JSON of the prior that data sets take unless told otherwise."""
    return "presets" if self.plugin is None else self.plugin.prior

  @property
  def care(self) -> Care:
    """How its processes are looked after."""
    return Care() if self.plugin is None else self.plugin.care

  @property
  def repeatable_db(self) -> float | None:
    """As `Description.repeatable_db`."""
    return None if self.plugin is None else self.plugin.repeatable_db

  @property
  def process_per_sound(self) -> bool:
    """Whether only a new process makes it forget the sounds before."""
    return self.plugin is not None and self.plugin.reset == "process"


def engine(name: str, *, path: str = "") -> Engine:
  """The engine of a name: "vital", a plugin that is described here, or a description FILE.json.

  "auto" is the paper's synth where it is found, and Vital elsewhere.

  Raises:
    UserError: there is no such engine.
  """
  if name == "auto":
    massive = described()["massive"]
    found = locate.find(massive.files, option=path)
    return Engine(name="massive", plugin=massive, path=path) if found else Engine(name="vital")
  if name in _ENGINES:
    return Engine(name=name)
  if name in described():
    return Engine(name=name, plugin=described()[name], path=path)
  if name.endswith(".json"):
    plugin = descriptions.read(Path(name))
    return Engine(name=plugin.name, plugin=plugin, path=path)
  known = ", ".join(sorted([*_ENGINES, *described()]))
  raise UserError(
    f"unknown engine {name!r}; known: {known}, and any FILE.json that"
    " `python -m synthmatch_jax.probe` has written"
  )


def built_in(name: str) -> Engine:
  """The engine of a name that needs no description.

  Raises:
    UserError: there is none of that name.
  """
  if name not in _ENGINES:
    known = ", ".join(sorted(_ENGINES))
    raise UserError(
      f"the engine {name!r} is not known here, nor is it described as a plugin (known: {known}):"
      " take the version of synthmatch_jax that the model or the data set was made with"
    )
  return Engine(name=name)


def described() -> dict[str, Description]:
  """The plugins whose descriptions come with the package."""
  folder = resources.files("synthmatch_jax.synths") / "plugins"
  found = [descriptions.read(Path(str(file))) for file in sorted(folder.iterdir(), key=str)]
  return {plugin.name: plugin for plugin in found}


def _class(name: str) -> Any:  # A class of the Synth protocol; its type cannot be checked.
  module, _, attribute = _ENGINES[name].partition(":")
  return getattr(importlib.import_module(module), attribute)
