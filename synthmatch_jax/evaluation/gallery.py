"""What of an evaluation can be heard: some sounds with all answers, on one page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio import mp3
from synthmatch_jax.audio.loudness import LISTENING_DB, loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.evaluation import rerender, rows
from synthmatch_jax.evaluation.evaluation import Evaluation
from synthmatch_jax.reports import blind, figures, listening
from synthmatch_jax.selection import RANKED_BY

_PICKS = 3  # Best ones, and as many median and worst ones.
_SEED = 0  # Of the choice of the other sounds.
_TRIALS = 30  # Of the listening test: a quarter of an hour.
_LEAD = ("mse", "mse_heard", "spectral_convergence", "mss", "wmfcc")  # First on the page.


def write(evaluation: Evaluation, folder: Path, *, count: int, workers: int, plugin: str) -> None:
  """Renders some sounds and all answers to them again: sound files, spectrograms, gallery.json.

  Args:
    evaluation: what was measured.
    folder: of its results.
    count: sounds, chosen by the first row: its best, median and worst ones, others at random.
    workers: sounds rendered at once.
    plugin: path of the engine's plugin, where it is not found by itself.

  Raises:
    UserError: the folder cannot be written.
  """
  chosen = choose(evaluation, count)
  places = list(chosen)
  recipe = evaluation.predictor.recipe
  entries: dict[int, dict[str, Any]] = {}

  def use(number: int, sounds: Mapping[str, Float[np.ndarray, " n"]]) -> None:
    i = places[number]
    target = evaluation.targets[i]
    top_db = float(log_mel(sounds["target"], recipe.mel).max())
    gain = _gain(sounds, recipe.mel.sample_rate)
    entry = {"index": i, "note": target.assumed, "family": target.family, "picks": chosen[i]}
    entry["sounds"] = {}
    for row, audio in sounds.items():
      stem = folder / "sounds" / f"{i:05}-{row}"
      mp3.save(stem.with_suffix(".mp3"), gain * audio, sample_rate=recipe.mel.sample_rate)
      picture = stem.with_suffix(".png")
      figures.spectrogram(log_mel(audio, recipe.mel), recipe.mel, picture, top_db=top_db)
      entry["sounds"][row] = stem.name
    entries[i] = entry

  estimates = {row: controls[places] for row, controls in evaluation.estimates.items()}
  rerender.render(
    [evaluation.targets[i] for i in places],
    estimates,
    recipe,
    use=use,
    workers=workers,
    plugin=plugin,
  )
  ordered = [entries[i] for i in sorted(entries)]
  files.write_json(folder / "gallery.json", ordered, indent=1)


def choose(evaluation: Evaluation, count: int) -> dict[int, list[str]]:
  """Numbers of targets -> what they are examples of, by the first row's distances."""
  distances = evaluation.scores[evaluation.rows[0]][RANKED_BY]
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
    root: a workdir's folder `eval`.

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
  contest = _contest([results for results, _ in found])
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
  """Results of an evaluation and its part of the page; None where they are damaged."""
  try:
    results = json.loads((folder / "results.json").read_text())
    return results, _section(folder, results)
  except files.UNREADABLE:
    print(f"the evaluation in {folder} is damaged and not on the page; measure it again")
    return None


def _contest(evaluations: Sequence[Mapping[str, Any]]) -> list[str]:
  """Rows that are worth a listener's time: the models, and what has to be beaten.

  An answer before it was snapped is hardly told from the same one after.
  """
  common = set.intersection(*(set(results["rows"]) for results in evaluations))
  rivals = ("nearest_mel", "mean")
  return [
    r
    for r in evaluations[0]["rows"]
    if r in common and (rows.kind(r) == "model" or r in rivals) and r != "unsnapped"
  ]


def _section(folder: Path, results: Mapping[str, Any]) -> listening.Section:
  gallery = json.loads((folder / "gallery.json").read_text())
  names = [m for m in _LEAD if m in results["metrics"]]
  names += [m for m in results["metrics"] if m not in names]
  # Opened here: NumPy does not close what it cannot read.
  with (folder / "per_sound.npz").open("rb") as file, np.load(file) as arrays:
    scores = {r: {m: arrays[f"{r}/{m}"] for m in names} for r in results["rows"]}
    targets = arrays["name"].tolist()
  captions = {
    "error_per_control.png": "Error of each control",
    "learning_curve.png": "Training",
  }
  domain = "In" if results["in_domain"] else "Out of"
  return listening.Section(
    title=f"{domain} domain: {results['name']}",
    description=f"{results['title']}: {results['num_examples']:,} sounds measured with the weights"
    f" of step {results['step']},"
    f" {len(gallery)} to be heard; best, median and worst are the first row's by {RANKED_BY}.",
    rows=[
      listening.Row(name=row, meaning=meaning, kind=rows.kind(row))
      for row, meaning in results["row_meanings"].items()
    ],
    metrics=[listening.Metric(name=name, **results["metrics"][name]) for name in names],
    summaries=results["rows"],
    sounds=[_sound(entry, targets[entry["index"]], scores, folder) for entry in gallery],
    figures=[
      (caption, Path(folder.name) / file)
      for file, caption in captions.items()
      if (folder / file).exists()
    ],
  )


def _sound(
  entry: Mapping[str, Any],
  name: str,
  scores: Mapping[str, Mapping[str, np.ndarray]],
  folder: Path,
) -> listening.Sound:
  stems = {row: Path(folder.name) / "sounds" / stem for row, stem in entry["sounds"].items()}
  index = entry["index"]
  return listening.Sound(
    name=name,
    note=entry["note"],
    facts={"family": entry["family"]} if entry["family"] else {},
    scores={r: {m: float(v[index]) for m, v in metrics.items()} for r, metrics in scores.items()},
    audio={row: stem.with_suffix(".mp3") for row, stem in stems.items()},
    pictures={row: stem.with_suffix(".png") for row, stem in stems.items()},
    picks=tuple(entry["picks"]),
  )


def _gain(sounds: Mapping[str, Float[np.ndarray, " n"]], sample_rate: int) -> float:
  """One gain for a target and its answers, so that their levels can be compared."""
  loudness = loudness_db(sounds["target"], sample_rate)
  peak = max(float(np.abs(audio).max()) for audio in sounds.values())
  if not np.isfinite(loudness) or peak == 0:
    return 1.0
  return min(10 ** ((LISTENING_DB - loudness) / 20), 0.98 / peak)
