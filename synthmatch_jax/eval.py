"""Evaluates a model: `python -m synthmatch_jax.eval --workdir=W [--num_examples=10000]`.

Predicts the test split, renders the true and the predicted patch of every sound again and
measures both, beside a nearest neighbour, the mean of the training controls, and the oracle.
Writes W/eval/test/results.json, table.md, per_sound.npz, error_per_control.png and
learning_curve.png.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from synthmatch_jax import cli
from synthmatch_jax.errors import UserError

_WORKDIR = flags.DEFINE_string("workdir", None, "Folder of a trained model.", required=True)
_NUM_EXAMPLES = flags.DEFINE_integer(
  "num_examples", 10_000, "Sounds to measure, or as many as the split has.", lower_bound=1
)
_SPLIT = flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "Sounds to take.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where the data set is, if it was moved.")
_WORKERS = flags.DEFINE_integer("workers", 0, "Sounds rendered at once; 0 is one a core.")
_PLUGIN = flags.DEFINE_string(
  "plugin", "", "Path of the engine's plugin, where it is not found by itself."
)


def main(arguments: Sequence[str]) -> None:
  """Prints the table and names the folder of the results."""
  if arguments:
    raise UserError(f"unexpected {arguments[0]!r}; eval takes flags only, as --workdir=W")
  # Here, so that a mistyped flag is answered at once and not after the seconds that JAX takes.
  from synthmatch_jax.evaluation import evaluate, table

  workdir = Path(_WORKDIR.value)
  results = evaluate.evaluate(
    workdir,
    num_examples=_NUM_EXAMPLES.value,
    split=_SPLIT.value,
    data_dir=Path(_DATA_DIR.value) if _DATA_DIR.value else None,
    workers=_WORKERS.value,
    plugin=_PLUGIN.value,
  )
  print(table.markdown(results))
  print(f"{results['num_examples']} sounds; all results are in {workdir / 'eval' / _SPLIT.value}")


if __name__ == "__main__":
  cli.run(main)
