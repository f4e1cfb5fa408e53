"""Sounds of an evaluation that are kept, and the page on which they can be heard."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files, untrusted
from synthmatch_jax.audio import io
from synthmatch_jax.audio.loudness import LISTENING_DB, loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.evaluation import results, rows
from synthmatch_jax.evaluation.rerender import Renderer
from synthmatch_jax.evaluation.results import Stored
from synthmatch_jax.evaluation.sheet import Sheet
from synthmatch_jax.reports import blind, listening, spectrograms
from synthmatch_jax.selection import RANKED_BY

_PICKS = 3  # The number of the best ones, and of median and worst ones.
_SEED = 0  # It decides which other sounds are chosen.
_TRIALS = 30  # A listening test of so many takes a quarter of an hour.
_LEAD = ("mse", "mse_heard", "spectral_convergence", RANKED_BY, "wmfcc")  # First on the page.
_CAPTIONS = {"error_per_control.png": "Error of each control", "learning_curve.png": "Training"}


def write(sheet: Sheet, renderer: Renderer, folder: Path, *, count: int) -> None:
  """Renders some sounds and all answers to them again: sound files, spectrograms, gallery.json.

  Args:
    sheet: The evaluation.
    renderer: What renders its sounds.
    folder: The folder of its results.
    count: The number of sounds. They are chosen by the first row: its best, median and worst
      ones, and others at random.

  Raises:
    UserError: The folder cannot be written.
  """
  chosen = choose(sheet, count)
  places, targets, mel = list(chosen), sheet.material.targets, sheet.recipe.mel
  answers = {row: controls[places] for row, controls in sheet.answers.items()}
  entries: dict[int, dict[str, Any]] = {}
  for number, sounds in renderer.sounds([targets[i] for i in places], answers):
    i = places[number]
    top_db = float(log_mel(sounds["target"], mel).max())
    gain = _gain(sounds, mel.sample_rate)
    stems = {row: f"{i:05}-{row}" for row in sounds}
    for row, audio in sounds.items():
      path = folder / "sounds" / stems[row]
      io.save(path.with_suffix(".mp3"), gain * audio, mel.sample_rate)
      spectrograms.alone(log_mel(audio, mel), mel, path.with_suffix(".png"), top_db=top_db)
    entry = {"index": i, "note": targets[i].assumed, "family": targets[i].family}
    entries[i] = {**entry, "picks": chosen[i], "sounds": stems}
  files.write_json(folder / "gallery.json", [entries[i] for i in sorted(entries)], indent=1)


def choose(sheet: Sheet, count: int) -> dict[int, list[str]]:
  """Returns the number of each target -> what it is an example of, by the first row's distances."""
  distances = sheet.scores[next(iter(sheet.rows))][RANKED_BY]
  known = np.flatnonzero(~np.isnan(distances))
  order = known[np.argsort(distances[known], kind="stable")]
  picks = min(_PICKS, count // 3, len(order) // 3)
  middle = (len(order) - picks) // 2
  chosen: dict[int, list[str]] = {int(i): ["best"] for i in order[:picks]}
  chosen |= {int(i): ["median"] for i in order[middle : middle + picks]}
  chosen |= {int(i): ["worst"] for i in order[len(order) - picks :]}
  others = np.random.default_rng(_SEED).permutation([i for i in known if int(i) not in chosen])
  chosen |= {int(i): [] for i in others[: max(0, count - len(chosen))]}
  return dict(sorted(chosen.items()))


def assemble(root: Path) -> Path | None:
  """Writes the page over all evaluations of a model, and its blind listening test.

  Args:
    root: The folder `eval` of a workdir.

  Returns:
    The page; None where nothing can be heard.
  """
  galleries = sorted(root.glob("*/gallery.json"))
  found = [one for path in galleries if (one := _read(path.parent)) is not None]
  found = sorted(found, key=lambda pair: (not pair[0]["in_domain"], pair[0]["name"]))
  if not found:
    for name in ("index.html", blind.PAGE, blind.KEY):
      (root / name).unlink(missing_ok=True)
    return None
  sections = [section for _, section in found]
  contest = _contest([measured for measured, _ in found])
  if len(contest) > 1 and any(section.sounds for section in sections):
    blind.write_listening_test(
      root,
      title="Which is nearer?",
      sections=sections,
      rows=contest,
      seed=_SEED,
      num_trials=_TRIALS,
    )
  first, _ = found[0]
  facts = {"model": first["model"], "engine": first["engine"]}
  return listening.write_page(root, title="What the model answers", facts=facts, sections=sections)


def _read(folder: Path) -> tuple[Mapping[str, Any], listening.Section] | None:
  """Returns the results of an evaluation and its part of the page; None if they are damaged."""
  try:
    stored = results.read(folder)
    return stored.results, _section(folder, stored)
  except (*files.UNREADABLE, IndexError):
    print(f"the evaluation in {folder} is damaged and not on the page; measure it again")
    return None


def _contest(evaluations: Sequence[Mapping[str, Any]]) -> list[str]:
  """Returns the rows that are worth a listener's time: the models, and what they have to beat.

  An answer before it was snapped can hardly be told from the same one after.
  """
  common = set.intersection(*(set(one["rows"]) for one in evaluations))
  rivals = ("nearest_mel", "mean")
  return [
    r
    for r in evaluations[0]["rows"]
    if r in common and (rows.kind(r) == "model" or r in rivals) and r != "unsnapped"
  ]


def _section(folder: Path, stored: Stored) -> listening.Section:
  found, gallery = stored.results, untrusted.read_json(folder / "gallery.json")
  names = [m for m in _LEAD if m in found["metrics"]]
  names += [m for m in found["metrics"] if m not in names]
  domain = "In" if found["in_domain"] else "Out of"
  return listening.Section(
    title=f"{domain} domain: {found['name']}",
    description=f"{found['title']}: {found['num_examples']:,} sounds measured with the weights"
    f" of step {found['step']},"
    f" {len(gallery)} to be heard; best, median and worst are the first row's by {RANKED_BY}.",
    rows=[
      listening.Row(name=row, meaning=meaning, kind=rows.kind(row))
      for row, meaning in found["row_meanings"].items()
    ],
    metrics=[listening.Metric(name=name, **found["metrics"][name]) for name in names],
    summaries=found["rows"],
    sounds=[_sound(entry, stored, Path(folder.name)) for entry in gallery],
    figures=[
      (caption, Path(folder.name) / file)
      for file, caption in _CAPTIONS.items()
      if (folder / file).exists()
    ],
  )


def _sound(entry: Mapping[str, Any], stored: Stored, folder: Path) -> listening.Sound:
  stems = {row: folder / "sounds" / stem for row, stem in entry["sounds"].items()}
  index = entry["index"]
  return listening.Sound(
    name=stored.names[index],
    note=entry["note"],
    facts={"family": entry["family"]} if entry["family"] else {},
    scores={
      row: {name: float(values[index]) for name, values in stored.scores[row].items()}
      for row in stored.results["rows"]
    },
    audio={row: stem.with_suffix(".mp3") for row, stem in stems.items()},
    pictures={row: stem.with_suffix(".png") for row, stem in stems.items()},
    picks=tuple(entry["picks"]),
  )


def _gain(sounds: Mapping[str, Float[np.ndarray, " n"]], sample_rate: int) -> float:
  """Returns one gain for a target and its answers, so that their levels can be compared."""
  loudness = loudness_db(sounds["target"], sample_rate)
  peak = max(float(np.abs(audio).max()) for audio in sounds.values())
  if not np.isfinite(loudness) or peak == 0:
    return 1.0
  return min(10 ** ((LISTENING_DB - loudness) / 20), 0.98 / peak)
