"""Writes the tables of the docs and of README.md and draws pictures, from study/logs alone.

    python -m study.report          # writes
    python -m study.report --check  # names a page that differs from the logs, with exit status 1

The text of the pages is written by hand. The tables between `<!-- table: NAME -->` and
`<!-- end -->` are written by this module.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from study import audit, curve, ears, objectives, peaks, pictures, race, reach
from study.evaluations import EVALUATIONS
from study.planned import RUNS
from study.runs import LOGS, ROOT, folder
from synthmatch_jax.reports.tables import interval, join, number
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.training import run_log
from synthmatch_jax.training.validation import LOSS

_TOLD = tuple(f"docs/{name}.md" for name in ("results", "evaluation", "search", "matching", "ears"))
PAGES = tuple(ROOT / page for page in (*_TOLD, "README.md"))
IMAGES = ROOT / "docs" / "images"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_METRICS = {
  "mse": "parameter MSE",
  "spectral_convergence": "SC",
  "mel_spectral_convergence": "SC (mel)",
  "mss": "MSS (dB)",
  "wmfcc": "wMFCC",
  "sot": "SOT",
  "rms_cosine": "RMS ↑",
  "f0_cents": "f0 (cents)",
}
_LONG = ("nearest_mfcc", "random", "repeat", "nearer of both")
_GROWN, _SIZES = ("ast", "resnet"), ("", "2k", "10k")
_SHORT = ("mse", "spectral_convergence", RANKED_BY, "wmfcc", "f0_cents")
_MEDIAN = "f0_cents"  # A few answers are so far off that the mean says little about the others.
NAMES = {"model": "**AST, small**", "unsnapped": "the same, not snapped"}
NAMES |= {"mlp": "MLP (paper)", "cnn": "CNN (paper)"}
NAMES |= {"resnet": "ResNet", "nearest_mel": "nearest by mel"}
NAMES |= {"nearest_mfcc": "nearest by MFCC"}
_DRAWN = {"model": "**one draw**", "notes_further": "the regression"}


def results(name: str) -> dict[str, Any]:
  """Reads the results of an evaluation."""
  return json.loads((EVALUATIONS / f"{name}.json").read_text())


def measured(
  name: str,
  *,
  among: Collection[str] = tuple(_METRICS),
  without: Collection[str] = (),
  names: Mapping[str, str] = NAMES,
) -> str:
  """Tabulates the metrics of an evaluation with their intervals, and the median of f0."""
  found = results(name)
  metrics = [m for m in _METRICS if m in found["metrics"] and m in among]
  lines = [["", *[_METRICS[m] for m in metrics], "f0, median"]]
  lines.append(["---", *["---:"] * (len(metrics) + 1)])
  for row, values in found["rows"].items():
    if row in without:
      continue
    cells = [*[interval(values[m]) for m in metrics], number(values[_MEDIAN]["median"])]
    lines.append([names.get(row) or row, *cells])
  return join(lines)


def against(name: str) -> str:
  """Tabulates how the model differs from other rows, and on how many sounds it is better."""
  found = results(name)
  rows = found["against"]
  lines = [["AST less …", *[(NAMES.get(row) or row).strip("*") for row in rows]]]
  lines.append(["---", *["---:"] * len(rows)])
  for metric in (m for m in _METRICS if m in found["metrics"]):
    cells = [_difference(differences[metric]) for differences in rows.values()]
    lines.append([_METRICS[metric], *cells])
  return join(lines)


def trained_on(run: str) -> int:
  """Returns the number of training sounds of a run."""
  return json.loads((LOGS / run / "facts.json").read_text())["num_examples"]["train"]


def core_hours(logs: Path) -> str:
  """Returns the processor time of a run; "-" for a few runs where it was not recorded."""
  seconds = json.loads((logs / "facts.json").read_text())["core_seconds"]
  return f"{seconds / 3600:.2f}" if seconds else "-"


def batch_size(logs: Path) -> int:
  """Returns the number of sounds in a step of a run."""
  return json.loads((logs / "config.json").read_text())["train"]["batch_size"]


def validations(logs: Path) -> list[tuple[int, float]]:
  """Returns (sounds seen, loss) of every validation of a run; repeated sounds count each time."""
  size = batch_size(logs)
  return [(line["step"] * size, line[LOSS]) for line in run_log.read(logs) if LOSS in line]


def runs() -> str:
  """Tabulates lowest validation loss and cost of every run on massive16 that is not short."""
  lines = [["run", "what", "training sounds", "sounds seen", "steps"]]
  lines[0] += ["validation MSE", "reached after", "core hours"]
  lines.append(["---", "---", *["---:"] * 6])
  for name, run in RUNS.items():
    for seed in run.seeds:
      logs = LOGS / folder(name, seed)
      if not logs.exists() or _is_short(name) or "/" in run.data or not run.is_regression:
        continue
      found = validations(logs)
      best, loss = min(found, key=lambda one: one[1])
      seen = found[-1][0]
      said = [f"`{folder(name, seed)}`", run.about, f"{trained_on(logs.name):,}"]
      said += [f"{seen:,}", f"{seen // batch_size(logs):,}"]
      lines.append([*said, f"{loss:.4f}", f"{best:,}", core_hours(logs)])
  return join(lines)


def scaling() -> list[tuple[str, int, dict[str, Any]]]:
  """Returns (model, training sounds, metrics) of models trained on several numbers of sounds."""
  rows = {("ast-10k" if name == "model" else name): row for name, row in _rows("scaling").items()}
  rows |= {("ast" if name == "unsnapped" else name): row for name, row in _rows("table").items()}
  found = []
  for name, values in rows.items():
    model, _, size = name.partition("-")
    if model in _GROWN and size in _SIZES:
      found.append((model, trained_on(name), values))
  return sorted(found, key=lambda one: (one[0], one[1]))


def grown() -> str:
  """Tabulates MSE and spectral convergence against the number of training sounds."""
  lines = [["model", "training sounds", "parameter MSE", "SC"], ["---", "---:", "---:", "---:"]]
  for model, count, row in scaling():
    cells = [interval(row[m]) for m in ("mse", "spectral_convergence")]
    lines.append([model, f"{count:,}", *cells])
  return join(lines)


def grouped(name: str, *rows: str) -> str:
  """Tabulates registers and lengths of an evaluation: errors of controls and MSS of some rows."""
  found = results(name)
  metrics = ("mse", RANKED_BY)
  head = [f"{_METRICS[m]}, {(NAMES.get(row) or row).strip('*')}" for m in metrics for row in rows]
  lines = [["", "sounds", *head], ["---", "---:", *["---:"] * len(head)]]
  for group, family in found["families"].items():
    cells = [number(family[row][m]["mean"]) for m in metrics for row in rows]
    lines.append([group, str(family[rows[0]][RANKED_BY]["count"]), *cells])
  return join(lines)


def short_runs(kind: str) -> str:
  """Tabulates the lowest validation loss of short runs of a kind, and its spread over seeds."""
  lines = [["run", "what", "validation MSE", "seeds", "core hours of one"]]
  lines.append(["---", "---", "---:", "---:", "---:"])
  for name, run in RUNS.items():
    trained = [logs for s in run.seeds if (logs := LOGS / folder(name, s)).exists()]
    if not name.startswith(kind) or not trained:
      continue
    lowest = [min(loss for _, loss in validations(logs)) for logs in trained]
    mean = f"{sum(lowest) / len(lowest):.4f}"
    spread = f" ({min(lowest):.4f} to {max(lowest):.4f})" if len(lowest) > 1 else ""
    cost = next((hours for logs in trained if (hours := core_hours(logs)) != "-"), "-")
    lines.append([f"`{name}`", run.about, mean + spread, str(len(lowest)), cost])
  return join(lines)


def controls() -> str:
  """Tabulates the gain from the true value of each control, largest first."""
  left = results("controls")["left"]
  lines = [["", "SC", "MSS (dB)", "f0 (cents)"], ["---", *["---:"] * 3]]
  for name in sorted(left, key=lambda one: left[one]["spectral_convergence"]["mean"]):
    row = left[name]
    cells = [interval(row[m]) for m in ("spectral_convergence", RANKED_BY, "f0_cents")]
    lines.append([f"`{name}`", *cells])
  return join(lines)


def audited() -> str:
  """Tabulates what the metrics say of changes that nobody hears and that everybody hears."""
  medians = json.loads(audit.LOG.read_text())["median"]
  lines = [["", "most, inaudible", "least, audible", "ratio", audit.SILENCE]]
  lines.append(["---", "---", "---", "---:", "---:"])
  for name in sorted(medians, key=lambda one: -audit.ratio(medians[one])):
    found = medians[name]
    most = max(audit.INAUDIBLE, key=lambda change: found[change])
    least = min(audit.AUDIBLE, key=lambda change: found[change])
    cells = [f"{number(found[change])}: {change}" for change in (most, least)]
    told = f"`{name}`" if " " not in name else name
    lines.append([told, *cells, f"{audit.ratio(found):.2g}", f"x {found[audit.SILENCE]:.2f}"])
  return join(lines)


def speed() -> str:
  """Returns a sentence about the time of the evaluation of 10,000 sounds."""
  found = results("ten_thousand")
  count, seconds, workers = (found[k] for k in ("num_examples", "seconds", "workers"))
  taken = found["sounds_taken_from_an_interrupted_run"]
  before = f", {taken:,} of them measured before" if taken else ""
  return (
    f"{count:,} sounds{before} ({found['machine']}, {workers} workers): {seconds:,.0f} s, which is"
    f" {(count - taken) / seconds / workers:.1f} sounds a second and core."
    f" Sounds that the engine failed on: {len(found['failures'])}."
  )


TABLES: dict[str, Callable[[], str]] = {
  "models": lambda: measured("table"),
  "short": lambda: measured("table", among=_SHORT, without=_LONG),
  "against": lambda: against("table"),
  "ood_against": lambda: against("ood"),
  "speed": speed,
  "ten_thousand": lambda: measured("ten_thousand"),
  "ood": lambda: measured("ood"),
  "uniform": lambda: measured("uniform", among=_SHORT),
  "runs": runs,
  "scaling": grown,
  "short_runs": lambda: short_runs("short"),
  "notes_short": lambda: short_runs("notes-"),
  "short_ood": lambda: against("short_ood"),
  "notes": lambda: measured("notes", without=_LONG),
  "notes_against": lambda: against("notes"),
  "notes_groups": lambda: grouped("notes", "model", "nearest_mel", "mean"),
  "notes_c4": lambda: measured("notes_c4"),
  "c4": lambda: measured("c4"),
  "notes_ood": lambda: measured("notes_ood"),
  "notes_ood_against": lambda: against("notes_ood"),
  "draws_ood": lambda: measured("draws_ood", names=_DRAWN),
  "controls": controls,
  "audit": audited,
  "reach": reach.told,
  "choosing": lambda: objectives.table(100),
  "curve": curve.table,
  "race": race.table,
  "peaks": peaks.table,
  "registers": ears.registers,
  "places": ears.places,
  "estimators": ears.estimators,
  "calibration": ears.calibration,
}


def _is_short(run: str) -> bool:
  return run.startswith(("short", "notes-"))


def _rows(evaluation: str) -> dict[str, Any]:
  return results(evaluation)["rows"]


def _difference(d: dict[str, Any]) -> str:
  told = "**" if d["low"] > 0 or d["high"] < 0 else ""
  mean, _, ends = interval(d).partition(" ")
  return f"{told}{mean}{told} {ends}, {100 * d['first_better']:.0f} %"


def page(text: str) -> str:
  """Returns a page with its tables renewed from the logs."""
  return _TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", text)


def draw(images: Path) -> None:
  """Draws the pictures from the logs."""
  if (EVALUATIONS / "scaling.json").exists():
    pictures.scaling(scaling(), images / "results_scaling.png")
  pictures.per_control(_rows("table"), NAMES, images / "results_per_control.png")
  shown = [name for name in ("mlp", "cnn", "resnet", "ast") if (LOGS / name).exists()]
  floor = _rows("table")["mean"]["mse"]["mean"]
  lines = {name: validations(LOGS / name) for name in shown}
  pictures.curves(lines, images / "results_curves.png", floor)


def main() -> None:
  """Writes or checks the pages."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--check", action="store_true", help="write nothing")
  options = parser.parse_args()
  for path in PAGES:
    before = path.read_text(encoding="utf-8")
    after = page(before)
    if before != after and options.check:
      sys.exit(f"{path.relative_to(ROOT)} differs from the logs; run python -m study.report")
    path.write_text(after, encoding="utf-8")
  if not options.check:
    draw(IMAGES)


if __name__ == "__main__":
  main()
