"""Matches sounds: `python -m synthmatch_jax.match SOUND... [--workdir=W] [--out=O]`.

Writes O/<stem>/patch.json, the preset, match.wav and index.html for every sound, and a page
O/index.html over all of them. A sound that cannot be matched gets one sentence; the others are
matched, and the exit status is 1.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from synthmatch_jax import cli
from synthmatch_jax.errors import UserError

_WORKDIR = flags.DEFINE_string(
  "workdir", "demo/ast", "Folder of a trained model; the default is where `make demo` trains."
)
_OUT = flags.DEFINE_string("out", "matches", "Folder for the answers.")
_PLUGIN = flags.DEFINE_string(
  "plugin", "", "Path of the engine's plugin, where it is not found by itself."
)


def main(sounds: Sequence[str]) -> int:
  """Matches the sounds named on the command line."""
  if not sounds:
    raise UserError("name at least one sound: match SOUND... [--workdir=W] [--out=O]")
  # Here, so that a mistyped flag is answered at once and not after the seconds that JAX takes.
  from synthmatch_jax import matching

  failures = matching.match_files(
    [Path(s) for s in sounds],
    workdir=Path(_WORKDIR.value),
    out=Path(_OUT.value),
    plugin=_PLUGIN.value,
  )
  return 1 if failures else 0


if __name__ == "__main__":
  cli.run(main)
