"""The evaluations of the study, each of which is one call of `eval` and can be resumed.

    python -m study.evaluations table ood --data_dir=D --runs=R [--ood=FOLDER] [--presets=FOLDER]
    python -m study.evaluations one_shots --data_dir=D --runs=R --ood=one_shots
    python -m study.evaluations --list

The results of `eval` are copied to study/logs/evaluations/NAME.json, which is all that the tables
need. FOLDER is a benchmark of `python -m synthmatch_jax.ood` (docs/ood.md).
"""

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from study.runs import LOGS, ROOT
from synthmatch_jax import selection
from synthmatch_jax.evaluation import differences, results
from synthmatch_jax.evaluation.sheet import Scores
from synthmatch_jax.evaluation.summary import Summary, summarise

EVALUATIONS = LOGS / "evaluations"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
  """A call of `eval`.

  Attributes:
    about: Purpose of the evaluation.
    workdir: Run whose folder holds the results, and which is the row `model`.
    others: Runs that are further rows.
    rows: Floors and ceilings that are further rows; None for all.
    where: Flags that choose the sounds; the test split by default.
    folder: Folder of the results, below eval/ in the workdir.
    chosen: Rows for one more row, which takes the nearest by MSS of their answers to each sound.
    against: Rows that are compared with another one sound by sound.
    subject: The row that they are compared with.
  """

  about: str
  workdir: str
  others: tuple[str, ...] = ()
  rows: tuple[str, ...] | None = None
  where: tuple[str, ...] = ()
  folder: str = "test"
  chosen: tuple[str, ...] = ()
  against: tuple[str, ...] = ()
  subject: str = "model"

  def command(
    self, *, data_dir: Path, runs: Path, ood: Path, presets: Path = Path("presets")
  ) -> list[str]:
    """Returns the command line."""
    base = [sys.executable, "-m", "synthmatch_jax.eval", f"--workdir={runs / self.workdir}"]
    flags = [
      f"--data_dir={data_dir}",
      *[flag.format(ood=ood, presets=presets) for flag in self.where],
    ]
    if self.others:
      flags.append("--others=" + ",".join(str(runs / name) for name in self.others))
    if self.rows is not None:
      flags.append("--rows=" + ",".join(("model", *self.others, *self.rows)))
    return [*base, *flags]


_CHANGED = tuple(
  f"notes-{name}" for name in ("told_alone", "little", "detune", "room", "tilt", "noise")
)
_BASELINES = ("mlp", "cnn", "resnet")


def _of_wide(synth: str, about: str, where: str, folder: str) -> Evaluation:
  """Returns an evaluation of the model of one of the wide spaces."""
  ceiling = () if "--sounds" in where else ("oracle",)
  return Evaluation(
    about=f"{synth}: {about}",
    workdir=f"{synth}-ast",
    rows=("nearest_mel", "mean", "random", *ceiling),
    where=(where, "--gallery=0"),
    folder=folder,
    against=("nearest_mel",),
  )


_COMPARED = ("best_of_16", "other_of_16", "picked_16", "steered_16", "nearest_16", "jitter_16")
_ANSWERED = ("steered_16", "answered_16")


def _of_draws(
  about: str,
  where: str,
  folder: str,
  *,
  rows: tuple[str, ...] = _COMPARED,
  against: tuple[str, ...] = ("notes_further",),
  subject: str = "model",
) -> Evaluation:
  """Returns an evaluation of the draws of many notes, by default beside neighbours and jitters."""
  return Evaluation(
    about=about,
    workdir="flow_notes",
    others=("notes_further",),
    rows=rows,
    where=(where, "--draws=16", "--gallery=0"),
    folder=folder,
    against=against,
    subject=subject,
  )


ALL = {
  "table": Evaluation(
    about="the paper's table: every model, floors and ceilings, on the test split",
    workdir="ast",
    others=_BASELINES,
    where=("--num_examples=1000",),
    chosen=("model", "nearest_mel"),
    against=("unsnapped", "resnet", "mlp", "nearest_mel"),
  ),
  "ten_thousand": Evaluation(
    about="10,000 sounds of another seed",
    workdir="ast",
    others=_BASELINES,
    rows=("mean",),
    where=("--dataset=massive16/unseen", "--split=train", "--num_examples=10000", "--gallery=0"),
    folder="unseen-train",
  ),
  "ood": Evaluation(
    about="sounds from outside",
    workdir="ast",
    others=_BASELINES,
    where=("--sounds={ood}",),
    folder="{ood}",
    against=("unsnapped", "resnet", "mlp", "nearest_mel"),
  ),
  "notes": Evaluation(
    about="sounds of many notes: models of them, floors and ceilings",
    workdir="notes_further",
    where=("--num_examples=1000",),
    against=("unsnapped", "nearest_mel"),
  ),
  "notes_c4": Evaluation(
    about="models of many notes on C4, held for a second",
    workdir="notes_further",
    rows=("mean",),
    where=("--dataset=massive16/c4_128", "--split=train", "--gallery=0"),
    folder="c4_128-train",
  ),
  "c4": Evaluation(
    about="the model of one note on the same sounds",
    workdir="ast",
    rows=("mean",),
    where=("--dataset=massive16/c4", "--split=train", "--gallery=0"),
    folder="c4-train",
  ),
  "notes_ood": Evaluation(
    about="sounds from outside, answered by models of many notes",
    workdir="notes_further",
    where=("--sounds={ood}",),
    folder="{ood}",
    against=("unsnapped", "nearest_mel"),
  ),
  "short_ood": Evaluation(
    about="short runs on sounds from outside: the loss of the note, and disturbances",
    workdir="notes-muon",
    others=_CHANGED,
    rows=(),
    where=("--sounds={ood}", "--gallery=0"),
    folder="{ood}",
    against=_CHANGED,
  ),
  "one_shots": Evaluation(
    about="one-shots of producers (`--ood` names their folder), answered by models of many notes",
    workdir="notes_further",
    where=("--sounds={ood}",),
    folder="{ood}",
    against=("unsnapped", "nearest_mel"),
  ),
  "draws": _of_draws("draws and their controls", "--num_examples=200", "test"),
  "answers": _of_draws(
    "what a match answers without a search",
    "--num_examples=1000",
    "test",
    rows=_ANSWERED,
    subject="answered_16",
  ),
  "answers_ood": _of_draws(
    "the same on sounds from outside",
    "--sounds={ood}",
    "{ood}",
    rows=(*_ANSWERED, "best_steered_16", "nearest_mel"),
    against=("notes_further", "nearest_mel"),
    subject="answered_16",
  ),
  "draws_ood": _of_draws("the same on sounds from outside", "--sounds={ood}", "{ood}"),
  "scaling": Evaluation(
    about="runs on fewer training sounds, beside those of the table",
    workdir="ast-10k",
    others=("ast-2k", "resnet-2k", "resnet-10k"),
    rows=(),
    where=("--num_examples=1000", "--gallery=0"),
  ),
  "dexed": _of_wide("dexed", "the test split", "--num_examples=1000", "test"),
  "dexed_people": _of_wide("dexed", "held-out voices", "--presets=held-out", "held-out"),
  "dexed_ood": _of_wide("dexed", "sounds from outside", "--sounds={ood}", "{ood}"),
  "vital": _of_wide("vital", "the test split", "--num_examples=1000", "test"),
  "vital_people": _of_wide("vital", "presets", "--presets={presets}", "{presets}-presets"),
  "uniform": Evaluation(
    about="a small data set of the uniform prior",
    workdir="uniform",
    rows=("nearest_mel", "mean", "random"),
    where=("--num_examples=1000", "--gallery=0"),
  ),
}


def evaluate(name: str, *, data_dir: Path, runs: Path, ood: Path, presets: Path) -> None:
  """Runs or resumes an evaluation and keeps its results."""
  evaluation = ALL[name]
  command = evaluation.command(data_dir=data_dir, runs=runs, ood=ood, presets=presets)
  print(" ".join(command[1:]), flush=True)
  if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
    sys.exit(status)
  named = {"ood": ood.resolve().name, "presets": presets.resolve().stem}
  workdir, folder = runs / evaluation.workdir, evaluation.folder.format(**named)
  measured = results.read(workdir / "eval" / folder)
  kept = dict(measured.results)
  if evaluation.chosen:
    row = nearer(evaluation.chosen, measured.scores, tuple(kept["metrics"]))
    kept["rows"] = {**kept["rows"], "nearer of both": row}
  if evaluation.against:
    model = differences.load(f"{workdir}:{evaluation.subject}", on=folder)
    others = {row: differences.load(f"{workdir}:{row}", on=folder) for row in evaluation.against}
    kept["against"] = {
      row: {metric: vars(d) for metric, d in differences.compare(model, other).items()}
      for row, other in others.items()
    }
  EVALUATIONS.mkdir(parents=True, exist_ok=True)
  (EVALUATIONS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")


def nearer(rows: tuple[str, ...], scores: Scores, metrics: tuple[str, ...]) -> dict[str, Summary]:
  """Returns a row that takes, for every sound, the nearest of several answers."""
  distances = np.array([scores[row][selection.RANKED_BY] for row in rows])
  best = np.array([selection.nearest(column)[0] for column in distances.T])
  values = {metric: np.array([scores[row][metric] for row in rows]) for metric in metrics}
  return {m: summarise(v[best, np.arange(len(best))]) for m, v in values.items()}


def main() -> None:
  """Runs the evaluations that are named."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("names", nargs="*", choices=[*ALL, []], metavar="EVALUATION")
  parser.add_argument("--data_dir", type=Path, default=Path("data"), help="folder of the data sets")
  parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs")
  parser.add_argument("--ood", type=Path, default=Path("ood"), help="folder of sounds from outside")
  parser.add_argument(
    "--presets", type=Path, default=Path("presets"), help="folder of .vital files"
  )
  parser.add_argument("--list", action="store_true", help="list the evaluations")
  options = parser.parse_args()
  if options.list or not options.names:
    for name, evaluation in ALL.items():
      print(f"{name:14} {evaluation.about}")
  folders = {
    key: getattr(options, key).absolute() for key in ("data_dir", "runs", "ood", "presets")
  }
  for name in options.names:
    evaluate(name, **folders)


if __name__ == "__main__":
  main()
