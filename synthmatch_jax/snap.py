"""Draws a model's answers to the peaks of its prior: `python -m synthmatch_jax.snap --workdir=W`.

A model that was trained on the mean squared error answers between the values that patches prefer:
an oscillator that is in tune, or an octave off, comes out beside it. Where the validation split
says that it helps, the answers of W are from now on drawn to these values, until W/snapping.json is
removed. It is to be done again after more training, and before `eval` and `export`.
"""

from absl import flags

from synthmatch_jax import cli, extras

_WORKDIR = cli.define_path("workdir", None, "The folder of a trained model.", required=True)
_NUM_EXAMPLES = flags.DEFINE_integer(
  "num_examples", 10_000, "Validation sounds to look at, or as many as there are.", lower_bound=1
)
_DATA_DIR = cli.define_path("data_dir", None, "The folder of the data set, if it was moved.")


def main() -> None:
  """Says which controls gain, and how much."""
  workdir = cli.run_of(_WORKDIR.value, wanted="snap")
  extras.need("train", "snapping")
  # This stands here so that a mistyped flag is answered at once, before JAX takes its seconds.
  from synthmatch_jax.evaluation import fit_snapping

  fitted = fit_snapping.fit(workdir, data_dir=_DATA_DIR.value, limit=_NUM_EXAMPLES.value)
  for name, gain in fitted.items():
    print(
      f"{name}: median error {gain.median[0]:.4f} -> {gain.median[1]:.4f},"
      f" MSE {gain.mse[0]:.5f} -> {gain.mse[1]:.5f}"
    )
  if not fitted:
    print("no control gains: the prior has no peaks that the model misses")


if __name__ == "__main__":
  cli.run_flags(main, like="--workdir=W")
