"""Tables of evaluations and runs, as they stand in the docs, from study/logs alone."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from study import audit
from study.evaluations import EVALUATIONS
from study.planned import RUNS
from study.runs import LOGS, folder
from synthmatch_jax.reports.tables import interval, join, number
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.training import run_log
from synthmatch_jax.training.validation import LOSS

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
_PATCHES = {
  "numerical_mae": "numbers: MAE",
  "binary_accuracy": "switches: right ↑",
  "categorical_accuracy": "choices: right ↑",
  "categorical_top3": "among three ↑",
}
_GROWN, _SIZES = ("ast", "resnet"), ("", "2k", "10k")
_MEDIAN = "f0_cents"  # A few answers are so far off that the mean says little about the others.
NAMES = {"model": "**AST, small**", "unsnapped": "the same, not snapped"}
NAMES |= {"mlp": "MLP (paper)", "cnn": "CNN (paper)"}
NAMES |= {"resnet": "ResNet", "nearest_mel": "nearest by mel"}
NAMES |= {"nearest_mfcc": "nearest by MFCC"}


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


def patches(name: str) -> str:
  """Tabulates the errors of parameters by kind, in an evaluation of a wide space."""
  found = results(name)
  metrics = [m for m in _PATCHES if m in found["metrics"]]
  lines = [["", *[_PATCHES[m] for m in metrics]], ["---", *["---:"] * len(metrics)]]
  for row, values in found["rows"].items():
    if row not in ("oracle", "repeat"):
      lines.append([NAMES.get(row) or row, *[interval(values[m]) for m in metrics]])
  return join(lines)


def groups(name: str) -> str:
  """Tabulates the errors of parameters by group, as shares of those of a constant answer."""
  found = results(name)["rows"]
  metrics = [m for m in found["model"] if m.startswith("error_")]
  lines = [["", *[m.removeprefix("error_") for m in metrics]], ["---", *["---:"] * len(metrics)]]
  for row, values in found.items():
    if row not in ("oracle", "repeat", "mean"):
      shares = [values[m]["mean"] / found["mean"][m]["mean"] for m in metrics]
      lines.append([NAMES.get(row) or row, *[f"{share:.2f}" for share in shares]])
  return join(lines)


def against(name: str, *, subject: str = "AST") -> str:
  """Tabulates how a row differs from other rows, and on how many sounds it is better."""
  found = results(name)
  rows = found["against"]
  lines = [[f"{subject} less …", *[(NAMES.get(row) or row).strip("*") for row in rows]]]
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
  grown = {("ast-10k" if name == "model" else name): row for name, row in rows("scaling").items()}
  grown |= {("ast" if name == "unsnapped" else name): row for name, row in rows("table").items()}
  found = []
  for name, values in grown.items():
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


def _is_short(run: str) -> bool:
  return run.startswith(("short", "notes-"))


def rows(evaluation: str) -> dict[str, Any]:
  """Reads the summaries of an evaluation: each row, and in it each metric."""
  return results(evaluation)["rows"]


def _difference(d: dict[str, Any]) -> str:
  told = "**" if d["low"] > 0 or d["high"] < 0 else ""
  mean, _, ends = interval(d).partition(" ")
  return f"{told}{mean}{told} {ends}, {100 * d['first_better']:.0f} %"
