"""Reads matches that lie in a folder already, which may be damaged or written by a stranger."""

import math
from pathlib import Path
from typing import Any

from synthmatch_jax import untrusted
from synthmatch_jax.selection import RANKED_BY

PATCH, PAGE = "patch.json", "index.html"
"""A folder with the first file is a match, which is finished if the file names its answers."""

FORMAT = 1
"""Raised when what patch.json says changes: the page over all matches reads no other version."""

_MOST_BYTES = 1 << 22  # A match with four answers has some 20 kB.

_LONGEST_NAME = 255  # Bytes; file systems take no more.
_FILES = ("preset", "sound", "spectrograms")

Description = dict[str, Any]
"""A match as JSON-ready data, as patch.json holds it."""


def read(folder: Path) -> Description | None:
  """Returns what `output.write` has written, if it is finished and still complete."""
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
  """Returns what patch.json says, whether or not it is true; empty if it cannot be read."""
  try:
    return _parse(folder)
  except ValueError:
    return {}


def names(description: Description) -> list[str]:
  """Returns the names of the files of a match, without names that lead out of the folder."""
  return [PATCH, PAGE, *_named(description)]


def _named(description: Description) -> list[str]:
  """Returns the files that a description names, whatever else it says."""
  answers = description.get("answers")
  entries = [a for a in answers if isinstance(a, dict)] if isinstance(answers, list) else []
  texts: list[Any] = [description.get("target") if entries else None]
  texts += [a.get(key) for a in entries for key in _FILES]
  return [text for text in texts if _is_name(text)]


def _is_name(text: Any) -> bool:
  """Returns whether this is the name of a file in the same folder."""
  if not isinstance(text, str) or not _is_text(text):
    return False
  short = len(text.encode()) <= _LONGEST_NAME
  return short and "\0" not in text and text != ".." and Path(text).name == text


def _parse(folder: Path) -> Description:
  """Returns the object in patch.json.

  Raises:
    ValueError: There is none.
  """
  try:
    found = untrusted.parse_json(
      untrusted.read_bytes(folder / PATCH, most=_MOST_BYTES).decode("utf-8")
    )
  except OSError as error:
    raise ValueError(f"it cannot be read ({(error.strerror or str(error)).lower()})") from None
  except UnicodeDecodeError:
    raise ValueError("it is no text") from None
  if not isinstance(found, dict):
    raise ValueError("it is no JSON object")
  return found


def _need_texts(found: dict[str, Any], keys: tuple[str, ...], what: str) -> None:
  for key in keys:
    if not isinstance(found.get(key), str) or not _is_text(found[key]):
      raise ValueError(f"{what} has no {key}")


def _is_text(text: str) -> bool:
  """Returns whether a text can be written, as half of a surrogate pair cannot."""
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
