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

_ON = flags.DEFINE_string("on", "test", "The evaluation: a split, or a folder of sounds.")
_OUT = cli.define_path("out", None, "A JSON file for the numbers.")


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
  # This stands here so that a mistyped flag is answered at once.
  from synthmatch_jax.evaluation import differences

  first, second = (differences.load(run, on=_ON.value) for run in runs)
  found = differences.compare(first, second)
  print(differences.markdown(first, second, found))
  if _OUT.value:
    files.write_json(_OUT.value, differences.plain(first, second, found))


if __name__ == "__main__":
  cli.run(main)
