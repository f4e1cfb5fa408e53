"""Matches that lie in a folder already: what is read there may be damaged, or anybody's."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from synthmatch_jax.matching.confidence import RANKED_BY

PATCH, PAGE = "patch.json", "index.html"
"""The first marks a folder as a match, which is finished if the file names its answers."""

FORMAT = 1
"""Raised when what patch.json says changes, so that the page over all matches reads no other."""

_MOST_BYTES = 1 << 22  # A match with four answers has some 20 kB.

_LONGEST_NAME = 255  # Bytes; file systems take no more.
_FILES = ("preset", "sound", "spectrograms")

Description = dict[str, Any]
"""A match as JSON-ready data: what patch.json holds."""


def read(folder: Path) -> Description | None:
  """Returns what `output.write` has written, if it is finished and all of it is still there."""
  try:
    return load(folder)
  except ValueError:
    return None


def load(folder: Path) -> Description:
  """Returns what `output.write` has written.

  Raises:
    ValueError: It is no finished match, or not all of it is there; the words say why.
  """
  if not _is_text(folder.name):
    raise ValueError("the name of its folder is no text")
  found = _parse(folder)
  if "answers" not in found:
    raise ValueError("it is no finished match")
  if found.get("format") != FORMAT:
    raise ValueError("it is of another version")
  answers = found["answers"]
  if not isinstance(answers, list) or not answers:
    raise ValueError("it has no answers")
  _need_texts(found, ("source", "synth", "target"), "it")
  for answer in answers:
    if not isinstance(answer, dict):
      raise ValueError("an answer is none")
    distances, confidence = answer.get("distances"), answer.get("confidence")
    if not isinstance(distances, dict) or not _is_number(distances.get(RANKED_BY)):
      raise ValueError(f"an answer has no {RANKED_BY}")
    if not isinstance(confidence, dict):
      raise ValueError("an answer has no confidence")
    _need_texts(confidence, ("kind", "words", "advice"), "a confidence")
    if not confidence["words"]:
      raise ValueError("a confidence says nothing")
    _need_texts(answer, _FILES, "an answer")
  texts = [found["target"], *(answer[key] for answer in answers for key in _FILES)]
  if texts != _named(found) or not all((folder / name).is_file() for name in texts):
    raise ValueError("a file that it names is not beside it")
  return found


def said(folder: Path) -> Description:
  """Returns what patch.json says, true or not; empty if that is nothing."""
  try:
    return _parse(folder)
  except ValueError:
    return {}


def names(description: Description) -> list[str]:
  """Returns the names of the files of a match; a name that leads elsewhere is none."""
  return [PATCH, PAGE, *_named(description)]


def _named(description: Description) -> list[str]:
  """The files that a description names, whatever else it says."""
  answers = description.get("answers")
  entries = [a for a in answers if isinstance(a, dict)] if isinstance(answers, list) else []
  texts: list[Any] = [description.get("target") if entries else None]
  texts += [a.get(key) for a in entries for key in _FILES]
  return [text for text in texts if _is_name(text)]


def _is_name(text: Any) -> bool:
  """Whether it is the name of a file in the same folder."""
  if not isinstance(text, str) or not _is_text(text):
    return False
  short = len(text.encode()) <= _LONGEST_NAME
  return short and "\0" not in text and text != ".." and Path(text).name == text


def _parse(folder: Path) -> Description:
  """The object in patch.json.

  Raises:
    ValueError: There is none.
  """
  path = folder / PATCH
  try:
    if not path.is_file():  # A pipe would be waited for.
      raise ValueError("it is no file")
    if path.stat().st_size > _MOST_BYTES:
      raise ValueError(f"it has more than {_MOST_BYTES >> 20} MB")
    found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
  except OSError as error:
    raise ValueError(f"it cannot be read ({(error.strerror or str(error)).lower()})") from None
  except RecursionError:
    raise ValueError("it is nested too deeply") from None
  except UnicodeDecodeError:
    raise ValueError("it is no text") from None
  except json.JSONDecodeError as error:
    raise ValueError(f"it is no JSON ({error})") from None
  if not isinstance(found, dict):
    raise ValueError("it is no JSON object")
  return found


def _refuse(constant: str) -> NoReturn:
  raise ValueError(f"it holds {constant}, which is no number")


def _need_texts(found: dict[str, Any], keys: tuple[str, ...], what: str) -> None:
  for key in keys:
    if not isinstance(found.get(key), str) or not _is_text(found[key]):
      raise ValueError(f"{what} has no {key}")


def _is_text(text: str) -> bool:
  """Whether it can be written: half of a surrogate pair cannot."""
  try:
    text.encode()
  except UnicodeEncodeError:
    return False
  return True


def _is_number(value: Any) -> bool:
  try:
    return not isinstance(value, bool) and math.isfinite(value)
  except (TypeError, OverflowError):
    return False
