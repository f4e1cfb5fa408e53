"""The plugin that is probed: where it is, and what is known of it already."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.synths import bundle, locate, registry
from synthmatch_jax.synths import description as descriptions
from synthmatch_jax.synths.description import Care, Description, Reset, pack
from synthmatch_jax.synths.registry import Engine

PATIENCE = 120.0
"""Seconds that a load or a sound may take before the plugin counts as hung."""


@dataclass(frozen=True, kw_only=True)
class ProbedPlugin:
  """A plugin that is probed.

  Attributes:
    name: The name of the engine that it becomes.
    path: The path of the plugin.
    inside: The name of the plugin, if the file holds several.
    known: The description by an earlier probe, or one that comes with the package.
    patience: The time in seconds that a load or a sound may take.
  """

  name: str
  path: Path
  inside: str = ""
  known: Description | None = None
  patience: float = PATIENCE

  @property
  def care(self) -> Care:
    """The care for its processes while it is probed: no canaries, and a second try for all."""
    return Care(load_seconds=self.patience, render_seconds=self.patience, tries=2)

  def described(
    self,
    controls: Sequence[Parameter],
    *,
    reset: Reset,
    state: bytes = b"",
    values: Mapping[str, float] = MappingProxyType({}),
  ) -> Description:
    """Describes the plugin with some controls; the tolerance lets every value read back pass."""
    known = {c.name: values[c.name] for c in controls if c.name in values}
    return Description(
      name=self.name,
      files=(self.path.name,),
      controls=tuple(controls),
      inside=self.inside,
      reset=reset,
      state=pack(state) if known else "",  # Nothing could prove that it was taken.
      values=known,
      tolerance=1.0,
      care=self.care,
    )

  def engine(self, controls: Sequence[Parameter], *, reset: Reset, **base: Any) -> Engine:
    """Returns the engine that `described` describes, from the same arguments."""
    plugin = self.described(controls, reset=reset, **base)
    return Engine(name=self.name, plugin=plugin, path=str(self.path))


def find(
  text: str, *, plugin: str = "", name: str = "", inside: str = "", patience: float = PATIENCE
) -> ProbedPlugin:
  """Finds the plugin that a user names.

  Args:
    text: The path of a .vst3 or .component, an engine that has a description, or a FILE.json.
    plugin: File of the plugin of a description, or its folder; empty searches the usual folders.
    name: The name of the engine; empty takes the description's, or one from the file name.
    inside: The name of the plugin within the file.
    patience: See `ProbedPlugin`.

  Raises:
    UserError: There is no such file, engine or plugin.
  """
  path = Path(text)
  if path.suffix in locate.SUFFIXES or path.suffix.lower() in bundle.OTHERS:
    if not os.path.lexists(path):
      raise UserError(f"no plugin at {path}; name the path of a .vst3 or .component")
    if why := bundle.trouble(path):
      raise UserError(f"{path} cannot be loaded as a plugin: it {why}")
    made = name or re.sub(r"\W+", "_", path.stem.lower()).strip("_")
    return ProbedPlugin(name=made, path=path, inside=inside, patience=patience)
  described = registry.described()
  if path.suffix == ".json":
    known = descriptions.read(path)
  elif text in described:
    known = described[text]
  else:
    raise UserError(
      f"{text} is nothing to probe: name the path of a .vst3 or .component, a FILE.json that an"
      f" earlier probe wrote, or an engine that is a plugin ({', '.join(sorted(described))})"
    )
  return ProbedPlugin(
    name=name or known.name,
    path=locate.locate(known.files, option=plugin),
    inside=inside or known.inside,
    known=known,
    patience=patience,
  )
