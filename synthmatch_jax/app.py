"""Matches sounds on a web page: `python -m synthmatch_jax.app [--workdir=W]`.

Says the page's address, and serves it to this machine alone until Ctrl-C; see docs/app.md.
"""

import socket
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from synthmatch_jax import cli, extras, startup

_WORKDIR, _SYNTH = cli.define_models()
_PORT = flags.DEFINE_integer(
  "port", 7860, "The port of the page; 0 is any that is free.", lower_bound=0, upper_bound=65535
)
_HOST = flags.DEFINE_string(
  "host",
  "127.0.0.1",
  "The address to listen at; 0.0.0.0 lets in all who can reach this machine.",
)
_NAMES = flags.DEFINE_list(
  "names",
  [],
  "Further names under which browsers reach the page, as match.example.org, through a proxy or in a"
  " network that has names.",
)
_PLUGIN = cli.define_plugin()
_MAX_SECONDS = flags.DEFINE_float(
  "max_seconds", 30.0, "Longest sound, in s.", lower_bound=0.1, upper_bound=60.0
)
_MAX_MEGABYTES = flags.DEFINE_integer("max_megabytes", 20, "Largest file, in MB.", lower_bound=1)
_WORKERS = flags.DEFINE_integer("workers", 1, "Sounds matched at once.", lower_bound=1)


def main() -> None:
  """Serves the page."""
  extras.need("app", "the page")
  workdirs = cli.models(_WORKDIR.value, synth=_SYNTH.value)
  # Imported here, so that a mistake is answered before JAX is loaded, which takes seconds.
  from synthmatch_jax.web import address

  with address.listen(_HOST.value, _PORT.value) as listener:
    _serve(workdirs, listener)


def _serve(workdirs: Sequence[Path], listener: socket.socket) -> None:
  with startup.loading():
    from synthmatch_jax.matching.matcher import Matcher
    from synthmatch_jax.web import server
    from synthmatch_jax.web.asking import Limits

  startup.keep_compiled()
  limits = Limits(max_seconds=_MAX_SECONDS.value, max_bytes=_MAX_MEGABYTES.value << 20)
  of_models = {"synth": _SYNTH.value, "plugin": _PLUGIN.value}
  with Matcher.open(workdirs, **of_models, engines=_WORKERS.value) as matcher:
    server.serve(
      matcher,
      listener=listener,
      host=_HOST.value,
      names=_NAMES.value,
      limits=limits,
      workers=_WORKERS.value,
      say=lambda line: print(line, flush=True),
    )


if __name__ == "__main__":
  cli.run_flags(main, like="--workdir=W")
