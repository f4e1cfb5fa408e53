"""Matches sounds: `python -m synthmatch_jax.match SOUND... [--synth=S] [--out=O]`.

A SOUND is a file, a folder, which is walked, or - for a file on standard input. Writes
O/NAME/patch.json, the preset, match.wav and index.html for every sound, and a page O/index.html
over all of them. A sound that cannot be matched gets one sentence; the others are matched, and
the exit status is 1. A match that is there already is kept: an interrupted run goes on.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from synthmatch_jax import cli, cores, startup
from synthmatch_jax.errors import UserError

_WORKDIR, _SYNTH = cli.define_models()
_OUT = cli.define_path("out", "matches", "The folder for the answers.")
_TOP = flags.DEFINE_integer("top", 1, "The number of distinct answers.", lower_bound=1)
_LISTEN = flags.DEFINE_enum(
  "listen",
  None,
  ["once", "widely"],
  "Whether a model listens to a sound in several ways; by default widely if --top is over 1. A"
  " search always begins with all of them.",
)
_SEARCH = flags.DEFINE_string(
  "search",
  None,
  "The budget of a search for better answers: renders as 200, a time as 20s, 0 for none. By default"
  " 120 renders, of a DX7 600.",
)
_LOCK = flags.DEFINE_list(
  "lock", [], "Controls that the search leaves alone: NAME as it is, NAME=VALUE as it is told."
)
_START = cli.define_path(
  "start", None, "Where the search begins: a patch.json, or a preset of the synth."
)
_STEER = flags.DEFINE_integer(
  "steer",
  None,
  "Steps of Adam by which answers are made better before they are played, by gradients through the"
  " proxy of the synth that came with the model; by default 40 where one did.",
  lower_bound=0,
  upper_bound=1_000,
)
_SIEVE = flags.DEFINE_integer(
  "sieve",
  1,
  "Candidates of the search that this proxy hears for each one that is played.",
  lower_bound=1,
  upper_bound=100,
)
_NOTE = flags.DEFINE_string("note", None, "The note of the sounds, as 60 or C4; heard by default.")
_ONSET = flags.DEFINE_float("onset", None, "Where the sounds begin, in s; heard by default.")
_HOLD = flags.DEFINE_float("hold", None, "How long answers are held, in s; heard by default.")
_LEVEL = flags.DEFINE_float(
  "level", None, "The loudness to hear at, in LUFS; the training's by default."
)
_NOISE = flags.DEFINE_enum(
  "noise",
  None,
  ["keep", "remove"],
  "Whether a recording's noise floor is kept; by default a clear one is removed, and said.",
)
_JSON = flags.DEFINE_bool("json", False, "Print one JSON object and nothing else, for programs.")
_INSTALL = flags.DEFINE_bool(
  "install", False, "Put the presets into your presets of Vital, beside those that are there."
)
_WORKERS = flags.DEFINE_integer(
  "workers", 0, "Sounds played at once; 0 means one for each core.", lower_bound=0
)
_PLUGIN = cli.define_plugin()


def main(sounds: Sequence[str]) -> int:
  """Matches the sounds named on the command line."""
  if not sounds:
    raise UserError("name at least one sound: match SOUND... [--workdir=W] [--out=O]")
  if not _JSON.value and not any(sound == "-" or os.path.lexists(sound) for sound in sounds):
    raise UserError(f"there is no file {', '.join(sounds)}: check the path")
  from synthmatch_jax.search.budget import Budget, Use

  budget = "usual" if _SEARCH.value is None else Budget.parse(_SEARCH.value)
  if budget is None and (_LOCK.value or _START.value):
    raise UserError("--lock and --start are for a search: leave out --search=0")
  if budget is None and _SIEVE.value > 1:
    raise UserError("--sieve is for a search: leave out --search=0")
  workdirs = cli.models(_WORKDIR.value, synth=_SYNTH.value)
  out = cli.folder_to_write(_OUT.value)
  from synthmatch_jax.matching import installing

  presets = installing.folder() if _INSTALL.value else None
  # Imported here, so that a mistyped flag is answered before JAX is loaded, which takes seconds.
  with startup.loading():
    from synthmatch_jax.audio.hearing import Assume
    from synthmatch_jax.audio.note import pitch_of

  assume = Assume(
    pitch=None if _NOTE.value is None else pitch_of(_NOTE.value),
    onset_seconds=_ONSET.value,
    hold_seconds=_HOLD.value,
    level_db=_LEVEL.value,
    clear=None if _NOISE.value is None else _NOISE.value == "remove",
  )
  with startup.loading():
    from tqdm import tqdm

    from synthmatch_jax.matching import bulk

  startup.keep_compiled()

  def say(line: str) -> None:
    tqdm.write(line, file=sys.stderr if _JSON.value else sys.stdout)

  listen: Any = _LISTEN.value  # One of the names above, which absl has checked.
  outcomes, page = bulk.match_all(
    sounds,
    workdirs=workdirs,
    synth=_SYNTH.value,
    out=out,
    request=bulk.Request(
      assume=assume,
      top=_TOP.value,
      listen=listen,
      search=budget,
      locks=tuple(_LOCK.value),
      start=_START.value,
      proxy=Use(steps=_STEER.value, sieve=_SIEVE.value),
    ),
    plugin=_PLUGIN.value,
    workers=_WORKERS.value or cores.available(),
    say=say,
  )
  if presets:
    for outcome in outcomes:
      for answer in (outcome.match or {}).get("answers", ()):
        path = installing.install(outcome.job.folder / answer["preset"], presets)
        say(f"installed {path}")
  if page:
    say(f"open {page}")
  if _JSON.value:
    print(json.dumps(bulk.describe(outcomes, page), allow_nan=False))
  return 0 if all(outcome.match for outcome in outcomes) else 1


if __name__ == "__main__":
  cli.run(main)
