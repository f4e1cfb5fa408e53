"""Looks inside a data set: `python -m synthmatch_jax.describe massive16/NAME [--data_dir=D]`.

Writes a page with what the data set is and holds, how it was made, and how some of it sounds,
and says whether it is sound: files are compared with their checksums, records with the plan, and
a random sample of them with what the engine renders. The exit status is 1 if it is damaged.
"""

from collections.abc import Sequence

from absl import flags

from synthmatch_jax import cli, extras, files
from synthmatch_jax.errors import UserError

_DATA_DIR = cli.define_path(
  "data_dir", None, "Where data sets are; the default is TFDS's (TFDS_DATA_DIR)."
)
_OUT = cli.define_path("out", None, "The folder for the page; the default is described/NAME.")
_SAMPLE = flags.DEFINE_integer(
  "sample", 32, "Random records rendered again and compared with what is stored.", lower_bound=0
)
_EXAMPLES = flags.DEFINE_integer("examples", 8, "Of these, sounds on the page.", lower_bound=0)
_GROUPS = flags.DEFINE_list(
  "groups",
  [],
  "The groups of parameters that get pictures, as envelopes,levels; by default all parameters, or"
  " of a wide space the 64 that are furthest from the prior.",
)
_PLUGIN = cli.define_plugin()
_SEED = flags.DEFINE_integer("seed", 0, "Of the random sample.", lower_bound=0)


def main(arguments: Sequence[str]) -> None:
  """Describes the data set named on the command line."""
  if len(arguments) != 1:
    raise UserError("name one data set: describe massive16/NAME [--data_dir=D]")
  dir, name = files.expanded(_DATA_DIR.value or files.data_dir()), arguments[0]
  if len(name.split("/")) in (2, 3) and not (dir / name).is_dir():
    raise UserError(f"there is no data set {name} in {dir}: check its name, or name --data_dir")
  extras.need("train", "a look into a data set")
  # Here, so that a mistyped flag is answered at once.
  from synthmatch_jax.inspection import dataset_report

  dataset_report.describe(
    name,
    dir=dir,
    out=_OUT.value,
    sample=_SAMPLE.value,
    examples=_EXAMPLES.value,
    plugin=_PLUGIN.value,
    seed=_SEED.value,
    groups=_GROUPS.value,
  )


if __name__ == "__main__":
  cli.run(main)
