"""Exports a model: `python -m synthmatch_jax.export --workdir=W --out=M`.

M holds everything that `match`, `eval` and others need of the model, without checkpoints, logs or
the packages of training, and a model card with what `eval` has measured in W. A proxy of the synth
that is exported to the folder `proxy` of another model's is that model's, and goes along with it.
"""

from typing import cast

from absl import flags

from synthmatch_jax import cli, extras

_WORKDIR = cli.define_path("workdir", None, "The folder of a trained model.", required=True)
_OUT = cli.define_path("out", None, "The folder for the exported model.", required=True)
_DTYPE = flags.DEFINE_enum(
  "dtype", "float32", ["float32", "float16"], "The type of the weights; float16 halves the file."
)


def main() -> None:
  """Writes the folder and says how large it is."""
  workdir, out = cli.run_of(_WORKDIR.value, wanted="export"), cli.folder_to_write(_OUT.value)
  extras.need("train", "an export")
  # This stands here so that a mistyped flag is answered at once, before JAX takes its seconds.
  from synthmatch_jax import exported
  from synthmatch_jax.models.estimator import Estimator
  from synthmatch_jax.training import card, carry, trained

  found = trained.load(workdir)
  text = card.write(found, workdir, dtype=_DTYPE.value)
  exported.write(out, found, card=text, dtype=cast(exported.StoredDtype, _DTYPE.value))
  evaluated = carry.evaluation(workdir, out, found)
  carry.neighbours(workdir, out)
  carry.proxy(workdir, out)
  if out.name == exported.PROXY and exported.is_exported(out.parent):
    exported.seal(out.parent)  # It was put beside a model that was exported before.
  asks = isinstance(found.model, Estimator) and not evaluated
  size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
  print(
    f"the model of step {found.step} is in {out}: {size / 1e6:.1f} MB"
    + ("; evaluate it first, and it can tell how near its matches are" if asks else "")
  )


if __name__ == "__main__":
  cli.run_flags(main, like="--workdir=W --out=M")
