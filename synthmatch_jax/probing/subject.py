"""What is to be probed: a plugin on this machine, and what is known of it already."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths import bundle, locate, registry
from synthmatch_jax.synths import description as descriptions
from synthmatch_jax.synths.description import Care, Description, Reset, pack
from synthmatch_jax.synths.registry import Engine

PATIENCE = 120.0
"""Seconds that a load or a sound may take before the plugin counts as hung."""


@dataclass(frozen=True, kw_only=True)
class Subject:
  """A plugin to be probed.

  Attributes:
    name: of the engine that it becomes.
    path: of the plugin.
    inside: which plugin, where the file holds several.
    known: the description of an earlier probe, or one that comes with the package.
    patience: seconds that a load or a sound may take.
  """

  name: str
  path: Path
  inside: str = ""
  known: Description | None = None
  patience: float = PATIENCE

  @property
  def care(self) -> Care:
    """Of its processes while it is probed: no canaries, and a second try for everything."""
    return Care(load_seconds=self.patience, render_seconds=self.patience, tries=2)

  def described(
    self,
    controls: Sequence[Continuous],
    *,
    reset: Reset,
    state: bytes = b"",
    values: Mapping[str, float] = MappingProxyType({}),
  ) -> Description:
    """The plugin with these controls; values are not checked: the probe looks at them itself."""
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

  def engine(self, controls: Sequence[Continuous], *, reset: Reset, **base: Any) -> Engine:
    """What `described` describes, with the same arguments, as an engine."""
    plugin = self.described(controls, reset=reset, **base)
    return Engine(name=self.name, plugin=plugin, path=str(self.path))


def find(
  text: str, *, plugin: str = "", name: str = "", inside: str = "", patience: float = PATIENCE
) -> Subject:
  """The subject that a user names.

  Args:
    text: path of a .vst3 or .component, an engine that has a description, or a FILE.json.
    plugin: where the plugin of a description is: a file or folder; empty: where plugins are.
    name: of the engine; empty: the description's, or from the file name.
    inside: which plugin of the file.
    patience: see `Subject`.

  Raises:
    UserError: there is no such file, engine or plugin.
  """
  path = Path(text)
  if path.suffix in locate.SUFFIXES or path.suffix.lower() in bundle.OTHERS:
    if not os.path.lexists(path):
      raise UserError(f"no plugin at {path}; name the path of a .vst3 or .component")
    if why := bundle.trouble(path):
      raise UserError(f"{path} cannot be loaded as a plugin: it {why}")
    made = name or re.sub(r"\W+", "_", path.stem.lower()).strip("_")
    return Subject(name=made, path=path, inside=inside, patience=patience)
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
  return Subject(
    name=name or known.name,
    path=locate.locate(known.files, option=plugin),
    inside=inside or known.inside,
    known=known,
    patience=patience,
  )
