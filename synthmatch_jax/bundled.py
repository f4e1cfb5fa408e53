"""Finds the recipes, the builders of data sets and the trained models that come along."""

from pathlib import Path
from typing import Literal

from synthmatch_jax.errors import UserError

_PACKAGE = Path(__file__).parent

SYNTHS = {
  "massive16": ("massive16/vital", "plugin/massive"),
  "vital": ("vital_wide",),
  "dexed": ("dx7",),
}
"""What people call synths where they match: the data sets for which a trained model may come along,
each with the spaces of its patches."""

VITAL16 = _PACKAGE / "released" / "vital16"
"""The first model that came along, of one note. It is that of `massive16` until there is a newer
one, and every version gives its answers."""


def _folder(name: Literal["configs", "datasets"]) -> Path:
  """Returns a folder that lies in an installed package, and beside the package in a checkout."""
  installed = _PACKAGE / name
  return installed if installed.is_dir() else _PACKAGE.parent / name


def recipe(text: str) -> str:
  """Returns PATH.py or PATH.py:VARIANT with the path of a recipe that comes along.

  A file that exists is taken as it is named, and so is one that is nowhere. Otherwise `ast.py` and
  `configs/ast.py` are the recipe of that name.
  """
  named, colon, variant = text.partition(":")
  path = Path(named)
  own = _folder("configs") / path.name
  if path.exists() or path.parent not in (Path(), Path("configs")) or not own.is_file():
    return text
  return f"{own}{colon}{variant}"


def builder(text: str) -> Path:
  """Returns the folder of a data set's builder: the user's own, or one that comes along.

  Args:
    text: The folder, or the name of one that comes along, also as `datasets/NAME`.

  Raises:
    UserError: There is neither.
  """
  path = Path(text)
  own = _folder("datasets") / path.name
  known = own.parent if path.parent in (Path(), Path("datasets")) else path.parent
  for folder in (path, known / path.name):
    if (folder / f"{folder.resolve().name}_dataset_builder.py").is_file():
      return folder
  names = sorted(p.parent.name for p in own.parent.glob("*/*_dataset_builder.py"))
  raise UserError(
    f"there is no builder of a data set {text}: name one of {', '.join(names)}, or a folder with"
    " its NAME_dataset_builder.py"
  )


def model(synth: str = "massive16") -> Path:
  """Returns the folder of the model that comes along for a synth; its README.md is the model card.

  Args:
    synth: A key of `SYNTHS`.

  Raises:
    UserError: None comes along.
  """
  folder = VITAL16.with_name(synth)
  if folder.is_dir():
    return folder
  if synth == "massive16":
    return VITAL16
  raise UserError(
    f"no trained model of {synth} comes along: name the folder of one by --workdir, or train one"
    f" by `python -m synthmatch_jax.build {synth}` and `python -m synthmatch_jax.train"
    f" --config=ast.py:small --config.data.name={synth}/standard --workdir=W`"
  )


def require_played(synth: str, *, space: str, by: object) -> None:
  """Raises a UserError if a model plays another synth than the one that was asked for.

  Args:
    synth: A key of `SYNTHS`.
    space: The name of the space of the model's answers.
    by: The model's folder.
  """
  played = next((name for name, spaces in SYNTHS.items() if space in spaces), space)
  if played != synth:
    raise UserError(
      f"the model in {by} plays {played} and not {synth}: leave out --synth, or name another"
      " --workdir"
    )
