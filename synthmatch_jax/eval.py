"""Evaluates a model: `python -m synthmatch_jax.eval --workdir=W [--num_examples=10000]`.

It predicts the test split, renders the true and the predicted patch of every sound again and
measures how far apart they are. Floors and ceilings stand beside the model: nearest neighbours, the
mean of the training controls, a random patch, the oracle, and the same rendering twice.
`--sounds=FOLDER` measures on sounds from outside instead, each answered at the pitch heard in it;
`--dataset=NAME` measures on another data set; `--presets=FOLDER` on presets that people made for
the synth, and `--presets=held-out` on the voices that a prior holds out for testing. The results
are in W/eval/test/ (or W/eval/FOLDER/): results.json, table.md, per_sound.npz and pictures. The
page is W/eval/index.html.

Where W holds a proxy of the synth, its mels are compared with those of the test split instead.
"""

from absl import flags

from synthmatch_jax import cli, extras
from synthmatch_jax.errors import UserError

_WORKDIR = cli.define_path("workdir", None, "The folder of a trained model.", required=True)
_NUM_EXAMPLES = flags.DEFINE_integer(
  "num_examples", 10_000, "Sounds to measure, or as many as the split has.", lower_bound=1
)
_SPLIT = flags.DEFINE_enum("split", "test", ["train", "validation", "test"], "The split to take.")
_SOUNDS = cli.define_path("sounds", None, "A folder of sounds to take instead of a split.")
_DATASET = flags.DEFINE_string(
  "dataset", None, "Another data set to take the split from, e.g. massive16/uniform."
)
_PRESETS = cli.define_path(
  "presets", None, "A folder of presets of the synth to take instead, or held-out."
)
_ROWS = flags.DEFINE_list("rows", [], "The rows of the table; by default all rows that there are.")
_OTHERS = flags.DEFINE_list("others", [], "Workdirs of more models, which get rows of their own.")
_SEARCH = flags.DEFINE_integer(
  "search", 0, "Renders of a search for each sound, which gets rows of its own.", lower_bound=0
)
_DRAWS = flags.DEFINE_integer(
  "draws", 0, "Answers that a model draws for each sound, for rows of their own.", lower_bound=0
)
_STEER = flags.DEFINE_integer(
  "steer",
  40,
  "Steps of Adam by gradients through the proxy beside the model, for rows of their own.",
  lower_bound=1,
)
_SIEVE = flags.DEFINE_integer(
  "sieve", 4, "Candidates that this proxy hears for each that is rendered.", lower_bound=2
)
_GALLERY = flags.DEFINE_integer(
  "gallery", 40, "Sounds to be heard on the page; 0 for no page.", lower_bound=0
)
_DATA_DIR = cli.define_path("data_dir", None, "The folder of the data set, if it was moved.")
_WORKERS = flags.DEFINE_integer(
  "workers", 0, "Sounds to render at once; 0 is one for each core.", lower_bound=0
)
_PLUGIN = cli.define_plugin()


def main() -> None:
  """Prints the table and names the folder of the results."""
  instead = [flag.name for flag in (_SOUNDS, _DATASET, _PRESETS) if flag.value]
  if len(instead) > 1:
    raise UserError(f"--{instead[0]} and --{instead[1]} exclude each other: name one of them")
  if _SOUNDS.value and not _SOUNDS.value.is_dir():
    raise UserError(f"there is no folder {_SOUNDS.value} of sounds: check --sounds")
  (workdir,), others = cli.models([_WORKDIR.value]), cli.models(_OTHERS.value)
  extras.need("train", "an evaluation")
  # This stands here so that a mistyped flag is answered at once, before JAX takes its seconds.
  from synthmatch_jax.evaluation import drawn, evaluator, proxied
  from synthmatch_jax.search.budget import Use

  if proxied.is_proxy(workdir):
    of_models = (_SPLIT, _SOUNDS, _DATASET, _PRESETS, _ROWS, _OTHERS)
    of_models += (_SEARCH, _DRAWS, _STEER, _SIEVE)
    if given := [flag.name for flag in of_models if flag.value != flag.default]:
      raise UserError(
        f"--{given[0]} is for models: a proxy is measured on the test split, by its mels"
      )
    found = proxied.evaluate(workdir, num_examples=_NUM_EXAMPLES.value, data_dir=_DATA_DIR.value)
    print(f"{proxied.table(found)}\nall results are in {workdir / 'eval' / 'test'}")
    return
  sheet, folder = evaluator.evaluate(
    workdir,
    split=_SPLIT.value,
    sounds=_SOUNDS.value,
    another=_DATASET.value,
    presets=_PRESETS.value,
    num_examples=_NUM_EXAMPLES.value,
    names=_ROWS.value,
    others=others,
    renders=_SEARCH.value,
    draws=_DRAWS.value,
    proxy=Use(steps=_STEER.value, sieve=_SIEVE.value),
    gallery_size=_GALLERY.value,
    data_dir=_DATA_DIR.value,
    workers=_WORKERS.value,
    plugin=_PLUGIN.value,
  )
  print((folder / "table.md").read_text())
  if (folder / drawn.TABLE).exists():
    print((folder / drawn.TABLE).read_text())
  if failures := sheet.failures:
    print(f"{len(failures)} sounds have no score; results.json says why")
  print(f"{len(sheet.material.targets)} sounds; all results are in {folder}")
  if _GALLERY.value:
    print(f"open {folder.parent / 'index.html'}")


if __name__ == "__main__":
  cli.run_flags(main, like="--workdir=W")
