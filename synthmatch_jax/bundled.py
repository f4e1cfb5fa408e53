"""Finds the recipes and the builders of data sets that come along."""

from pathlib import Path
from typing import Literal

from synthmatch_jax.errors import UserError

_PACKAGE = Path(__file__).parent


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
