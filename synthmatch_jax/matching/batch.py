"""Many sounds matched: in parallel, with progress, and going on where it was broken off."""

import contextlib
import functools
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from synthmatch_jax import files
from synthmatch_jax.audio.hearing import NOTHING, Assume
from synthmatch_jax.errors import UserError, printable
from synthmatch_jax.matching import jobs, models, output, stored
from synthmatch_jax.matching.jobs import Job
from synthmatch_jax.matching.matcher import Listen, Matcher, ways
from synthmatch_jax.matching.models import Model
from synthmatch_jax.matching.stored import Description
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine

# Raised when the same sound, models and assumptions give another answer.
REVISION = 2


@dataclass(frozen=True, kw_only=True)
class Outcome:
  """What has become of a sound.

  Attributes:
    job: the sound.
    match: as it is written in the job's folder; None if it failed.
    failure: why it failed, in a sentence.
    kept: whether the match was there already.
  """

  job: Job
  match: Description | None = None
  failure: str = ""
  kept: bool = False


@dataclass(frozen=True, kw_only=True)
class Wish:
  """What is asked of every sound; see `Matcher.match`."""

  assume: Assume = NOTHING
  top: int = 1
  listen: Listen | None = None


def match_all(
  sounds: Sequence[str],
  *,
  workdirs: Sequence[Path],
  out: Path,
  wish: Wish | None = None,
  plugin: str = "",
  workers: int = 1,
  say: Callable[[str], None] = tqdm.write,
) -> tuple[list[Outcome], Path | None]:
  """Matches sound files, and all those in folders, into folders of `out`.

  A sound that cannot be matched does not keep the others from it. A match that is there already,
  of the same bytes by the same models under the same assumptions, is kept. A kill loses the
  matches under way, and no more.

  Args:
    sounds: paths of files and folders; "-" is standard input.
    workdirs: of the models.
    out: for the answers, and a page over all of them.
    wish: what is asked of every sound.
    plugin: path of the engine's plugin, where it is not found by itself.
    workers: sounds matched at once.
    say: gets a line for every sound.

  Returns:
    What has become of each sound, in the order of their names, and the page, if there is a match.

  Raises:
    UserError: there is no model, no engine or no such folder, or `out` cannot be written.
  """
  wish = wish or Wish()
  found = list(jobs.find(sounds, out=out))
  loaded = models.load(workdirs)
  recipe = loaded[0].predictor.recipe
  models.prepare(loaded, count=len(ways(wish.top, wish.listen)))
  with _claimed(out):
    todo = jobs.place(found, out)
    work = functools.partial(_match, loaded, wish)
    outcomes: dict[Path, Outcome] = {}
    for outcome in farm.run(
      work,
      todo,
      engine=engine(recipe, path=plugin),
      workers=max(1, min(workers, len(todo))),
      total=len(todo),
      label="match",
      bar="shown" if len(todo) > 1 else "hidden",
    ):
      outcomes[outcome.job.folder] = outcome
      if outcome.match:
        say(_line(outcome))
      else:
        _warn(f"error: {outcome.failure}")
    page = output.write_page(out, recipe.mel.sample_rate, say=_warn)
  return [outcomes[job.folder] for job in todo], page


def describe(outcomes: Sequence[Outcome], page: Path | None) -> dict[str, Any]:
  """JSON-ready data for programs: every match as in its patch.json, with its folder."""
  return {
    "matches": [o.match | {"folder": str(o.job.folder)} for o in outcomes if o.match],
    "failures": [{"source": o.job.source, "reason": o.failure} for o in outcomes if not o.match],
    "page": str(page) if page else None,
  }


def _match(
  answering: Sequence[Model], wish: Wish, job: Job, host: Host, tick: farm.Tick
) -> Outcome:
  """The farm's work: one sound."""
  if job.trouble:
    tick()
    return Outcome(job=job, failure=job.trouble)
  kept = stored.read(job.folder)
  digest = _digest(job, answering, wish) if kept else ""
  if kept and kept.get("digest") == digest:
    tick()
    return Outcome(job=job, match=kept | {"source": job.source}, kept=True)
  matcher = Matcher(answering, host)
  try:
    sound = job.data if job.path is None else job.path
    recording = matcher.hear(sound, source=job.source, assume=wish.assume)
  except UserError as error:
    tick()
    return Outcome(job=job, failure=str(error))
  try:
    found = matcher.answer(recording, top=wish.top, listen=wish.listen)
    digest = digest or _digest(job, answering, wish)
    written = output.write(found, job.folder, host=host, digest=digest, origin=job.origin)
  except RenderError as error:
    tick()
    return Outcome(job=job, failure=f"{job.source}: {matcher.recipe.engine} failed: {error}")
  tick()
  return Outcome(job=job, match=written)


def _digest(job: Job, answering: Sequence[Model], wish: Wish) -> str:
  """16 hexadecimal digits of all that a match depends on; nothing if it cannot be read."""
  # A pitch is written as it always has been, so that older matches are kept.
  asked = repr((REVISION, job.source, wish)).replace("Assume(pitch=", "Assume(pitch=")
  state = hashlib.sha256(asked.encode())
  for model in answering:
    state.update(f"{model.name} {model.digest}".encode())
  if job.path is None:
    state.update(job.data)
  else:
    try:
      with job.path.open("rb") as file:
        state.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
      return ""
  return state.hexdigest()[:16]


def _warn(line: str) -> None:
  """Writes one line to standard error, whatever is in it."""
  tqdm.write(f"match: {' '.join(printable(line).split())}", file=sys.stderr)


def _line(outcome: Outcome) -> str:
  """What is said of a match: how near it is, where it is, and what was assumed and not heard."""
  assert outcome.match
  best, count = outcome.match["answers"][0], len(outcome.match["answers"])
  answers = "" if count == 1 else f", {count} answers"
  kept = ", was there already" if outcome.kept else ""
  guesses = outcome.match["assumed"].get("guesses", {}).items()
  return "".join(
    [
      f"{outcome.job.source}: MSS {best['distances'][RANKED_BY]:.1f} dB{answers}{kept},",
      f" {outcome.job.folder / 'index.html'}",
      *(f"\n  {sentence}; --{flag} tells it" for flag, sentence in guesses),
    ]
  )


@contextlib.contextmanager
def _claimed(out: Path) -> Iterator[None]:
  """Makes the folder, keeps others from it, and removes what a kill has left."""
  busy = f"another match is writing to {out}; wait for it, or take another --out"
  with files.claimed(out, busy=busy, advice="choose another --out"):
    output.clean(out)
    yield
