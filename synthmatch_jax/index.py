"""Indexes the sounds that a model was trained on: `python -m synthmatch_jax.index --workdir=W`.

The index is W/neighbours.npz, some megabytes that travel with the model: a search begins with the
sounds that are nearest to its target as well (docs/search.md). W is the folder of a run, whose
`export` takes the index along, or of an exported model.
"""

from absl import flags

from synthmatch_jax import cli, extras

_WORKDIR = cli.define_path("workdir", None, "The folder of a trained model.", required=True)
_NUM_EXAMPLES = flags.DEFINE_integer(
  "num_examples", 100_000, "Sounds to take, or as many as there are.", lower_bound=1
)
_DATA_DIR = cli.define_path("data_dir", None, "Where the data set is, if it was moved.")


def main() -> None:
  """Writes the index and says how large it is."""
  (workdir,) = cli.models([_WORKDIR.value])
  extras.need("train", "an index")
  # Here, so that a mistyped flag is answered at once and not after the seconds that JAX takes.
  from synthmatch_jax.search import neighbours

  path, count = neighbours.make(workdir, data_dir=_DATA_DIR.value, limit=_NUM_EXAMPLES.value)
  print(f"{path}: {count:,} sounds in {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
  cli.run_flags(main, like="--workdir=W")
