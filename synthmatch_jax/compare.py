"""Compares two evaluations sound by sound: `python -m synthmatch_jax.compare RUN1 RUN2`.

A run is a workdir that `python -m synthmatch_jax.eval` has measured, for its model, or WORKDIR:ROW
for another row of its table, e.g. runs/ast:nearest_mel. Both must have been measured on the same
sounds.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from synthmatch_jax import cli, files
from synthmatch_jax.errors import UserError

_ON = flags.DEFINE_string("on", "test", "Evaluation: a split, or the name of a folder of sounds.")
_OUT = cli.define_path("out", None, "JSON file for the numbers.")


def main(runs: Sequence[str]) -> None:
  """Prints a table of differences."""
  if len(runs) != 2:
    raise UserError(f"name two runs, not {len(runs)}: compare WORKDIR[:ROW] WORKDIR[:ROW]")
  for run in runs:
    workdir = run if Path(run).is_dir() else run.rpartition(":")[0] or run
    if not files.expanded(workdir).is_dir():
      raise UserError(
        f"there is no evaluation in {workdir}: run `python -m synthmatch_jax.eval"
        f" --workdir={workdir}` first"
      )
  from synthmatch_jax.evaluation import compare

  first, second = (compare.load(run, on=_ON.value) for run in runs)
  differences = compare.compare(first, second)
  print(compare.markdown(first, second, differences))
  if _OUT.value:
    found = compare.plain(first, second, differences)
    files.write_json(_OUT.value, found)


if __name__ == "__main__":
  cli.run(main)
