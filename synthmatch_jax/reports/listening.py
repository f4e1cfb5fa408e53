"""A page to judge by ear: every target beside the answers of a model and of its floors.

The page is a folder: index.html with all data inside, and the sounds and pictures beside it, which
the caller puts there. It opens from disk and can be hosted anywhere.
"""

import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from synthmatch_jax.reports import cells, pages
from synthmatch_jax.reports.cells import Cell, Summary

TARGET = "target"
"""The name of the sound that all rows answer to, beside the names of rows."""

Pick = Literal["best", "median", "worst"]


@dataclass(frozen=True, kw_only=True)
class Row:
  """A row of the page: one that answers targets.

  Attributes:
    name: A short name, as `nearest_mel`.
    meaning: A phrase that says what it answers with.
    kind: Whether it is a model, a floor, or a ceiling. A ceiling knows the answer; the best of the
      others is marked.
  """

  name: str
  meaning: str
  kind: Literal["model", "floor", "ceiling"] = "floor"


@dataclass(frozen=True, kw_only=True)
class Metric:
  """A metric of the page, by which answers are measured.

  Attributes:
    name: A short name, as `spectral_convergence`.
    unit: The unit of the number; empty for a ratio.
    better: The direction of a better answer.
    definition: A sentence that says what it is, with settings and source.
  """

  name: str
  unit: str = ""
  better: Literal["lower", "higher"] = "lower"
  definition: str


@dataclass(frozen=True, kw_only=True)
class Sound:
  """A target and all answers to it. What a row lacks is left out or None.

  Attributes:
    name: The name of the target.
    note: The note that it is played at, in words.
    facts: What else is known of it: its source, its licence, the pitch heard in it.
    scores: Row -> metric -> number; None (or NaN) where the metric has no meaning.
    audio: "target" or row -> file, relative to the page's folder.
    pictures: The same for spectrograms, which are all on one scale.
    picks: What the sound is an example of.
  """

  name: str
  note: str = ""
  facts: Mapping[str, str] = field(default_factory=dict)
  scores: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
  audio: Mapping[str, Path]
  pictures: Mapping[str, Path] = field(default_factory=dict)
  picks: tuple[Pick, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Section:
  """Sounds of one kind, measured alike.

  Attributes:
    title: The title, as "In domain".
    description: A sentence or two.
    rows: The rows in the order of tables, the model first.
    metrics: The metrics in the order of tables, the most telling first.
    summaries: Row -> metric -> `mean`, `median`, `low`, `high` (the 95 % interval of the mean)
      and `count`; None for all where there is no value.
    sounds: The sounds that can be heard; the summaries may cover more.
    figures: The captions and pictures, relative to the page's folder.
  """

  title: str
  description: str
  rows: Sequence[Row]
  metrics: Sequence[Metric]
  summaries: Mapping[str, Mapping[str, Summary]]
  sounds: Sequence[Sound]
  figures: Sequence[tuple[str, Path]] = ()


def write_page(
  folder: Path, *, title: str, facts: Mapping[str, str], sections: Sequence[Section]
) -> Path:
  """Writes index.html; it links to the listening test if the folder holds one (see `blind`).

  Args:
    folder: The folder that holds all sounds and pictures.
    title: The title of the page.
    facts: What holds for the whole: model, data set, number of sounds, machine.
    sections: The sections, of which there is at least one.

  Returns:
    The page.

  Raises:
    ValueError: A sound or picture is not in the folder.
    UserError: The page cannot be written.
  """
  page = folder / "index.html"
  pages.write(
    "listening.html",
    page,
    title=title,
    facts=facts,
    sections=sections,
    tables=[_table(section) for section in sections],
    figures=[[(c, link(folder, path)) for c, path in s.figures] for s in sections],
    rows={row.name: row for section in sections for row in section.rows},
    metrics={metric.name: metric for section in sections for metric in section.metrics},
    data=[_data(folder, section) for section in sections],
    test=(folder / "listening_test.html").exists(),
  )
  return page


def link(folder: Path, path: Path) -> str:
  """Returns the address of a file in a page's folder, as seen from the page.

  Raises:
    ValueError: There is no such file in the folder.
  """
  if path.is_absolute() or ".." in path.parts or not (folder / path).is_file():
    raise ValueError(f"{path} is no file in {folder}")
  return urllib.parse.quote(path.as_posix())


def _table(section: Section) -> list[list[Cell]]:
  """Returns a section's summaries, row by row and metric by metric."""
  contest = [row.kind != "ceiling" for row in section.rows]
  columns = []
  for metric in section.metrics:
    summaries = [section.summaries.get(r.name, {}).get(metric.name, {}) for r in section.rows]
    columns.append(cells.column(summaries, better=metric.better, contest=contest))
  return [list(row) for row in zip(*columns, strict=True)]


def _data(folder: Path, section: Section) -> dict[str, Any]:
  """Returns what the page's script needs of a section, as lists where the order matters."""
  names = [TARGET, *(row.name for row in section.rows)]

  def links(paths: Mapping[str, Path]) -> list[str | None]:
    return [link(folder, paths[name]) if name in paths else None for name in names]

  def score(sound: Sound, row: Row, metric: Metric) -> float | None:
    value = cells.finite(sound.scores.get(row.name, {}).get(metric.name))
    return None if value is None else float(f"{value:.6g}")  # This is short, and enough to sort by.

  return {
    "rows": [{"name": row.name, "kind": row.kind} for row in section.rows],
    "metrics": [{"name": m.name, "unit": m.unit, "better": m.better} for m in section.metrics],
    "sounds": [
      {
        "name": sound.name,
        "note": sound.note,
        "facts": list(sound.facts.items()),
        "scores": [[score(sound, row, m) for m in section.metrics] for row in section.rows],
        "audio": links(sound.audio),
        "pictures": links(sound.pictures),
        "picks": sound.picks,
      }
      for sound in section.sounds
    ],
  }
