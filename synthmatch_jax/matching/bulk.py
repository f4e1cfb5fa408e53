"""Many sounds matched: in parallel, with progress, and going on where it was broken off."""

import contextlib
import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from synthmatch_jax import cores, files
from synthmatch_jax.audio.hearing import NOTHING, Assume
from synthmatch_jax.errors import UserError, printable
from synthmatch_jax.matching import ensemble, jobs, output, stored
from synthmatch_jax.matching.ensemble import Model
from synthmatch_jax.matching.jobs import Job
from synthmatch_jax.matching.matcher import Listen, Matcher, ways
from synthmatch_jax.matching.stored import Description
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import engine
from synthmatch_jax.synths.pool import Pool

# Raised when the same sound, models and assumptions give another answer.
REVISION = 2


@dataclass(frozen=True, kw_only=True)
class Outcome:
  """What has become of a sound.

  Attributes:
    job: The sound.
    match: The match as it is written in the job's folder; None if it failed.
    failure: The reason why it failed, in a sentence.
    kept: Whether the match was there already.
  """

  job: Job
  match: Description | None = None
  failure: str = ""
  kept: bool = False


@dataclass(frozen=True, kw_only=True)
class Request:
  """What is asked of every sound; see `Matcher.match`."""

  assume: Assume = NOTHING
  top: int = 1
  listen: Listen | None = None


def match_all(
  sounds: Sequence[str],
  *,
  workdirs: Sequence[Path],
  out: Path,
  request: Request | None = None,
  plugin: str = "",
  workers: int = 1,
  say: Callable[[str], None] = tqdm.write,
) -> tuple[list[Outcome], Path | None]:
  """Matches sound files, and all those in folders, into folders of `out`.

  A sound that cannot be matched does not keep the others from it. A match that is there already,
  of the same bytes by the same models under the same assumptions, is kept. A kill loses the
  matches under way, and no more.

  Args:
    sounds: The paths of files and folders; "-" is standard input.
    workdirs: The folders of the models.
    out: The folder for the answers, and for a page over all of them.
    request: What is asked of every sound.
    plugin: The path of the engine's plugin, where it is not found by itself.
    workers: The number of sounds that are matched at once, and of engines.
    say: Gets a line for every sound.

  Returns:
    What has become of each sound, in the order of their names, and the page, if there is a match.

  Raises:
    UserError: There is no model, no engine or no such folder, or `out` cannot be written.
  """
  request = request or Request()
  found = list(jobs.find(sounds, out=out))
  models = ensemble.load(workdirs)
  recipe = models[0].predictor.recipe
  ensemble.prepare(models, count=len(ways(request.top, request.listen)))
  with _claimed(out):
    todo = jobs.place(found, out)
    outcomes: dict[Path, Outcome] = {}
    with (
      Pool(engine(recipe, path=plugin), size=workers) as pool,
      cores.one_each(),
      tqdm(total=len(todo), desc="match", unit="sound", disable=len(todo) < 2) as progress,
      ThreadPoolExecutor(workers) as threads,
    ):
      matcher = Matcher(models, pool)
      try:
        for future in as_completed([threads.submit(_match, matcher, request, job) for job in todo]):
          outcome = future.result()
          outcomes[outcome.job.folder] = outcome
          if outcome.match:
            say(_line(outcome))
          else:
            _warn(f"error: {outcome.failure}")
          progress.update()
      finally:
        pool.close()  # Where the work is called off, this ends what is under way.
        threads.shutdown(wait=True, cancel_futures=True)
    page = output.write_page(out, recipe.mel.sample_rate, say=_warn)
  return [outcomes[job.folder] for job in todo], page


def describe(outcomes: Sequence[Outcome], page: Path | None) -> dict[str, Any]:
  """JSON-ready data for programs: every match as in its patch.json, with its folder."""
  return {
    "matches": [o.match | {"folder": str(o.job.folder)} for o in outcomes if o.match],
    "failures": [{"source": o.job.source, "reason": o.failure} for o in outcomes if not o.match],
    "page": str(page) if page else None,
  }


def _match(matcher: Matcher, request: Request, job: Job) -> Outcome:
  """Matches one sound, unless it has been matched already."""
  if job.trouble:
    return Outcome(job=job, failure=job.trouble)
  kept = stored.read(job.folder)
  digest = _digest(job, matcher.models, request) if kept else ""
  if kept and kept.get("digest") == digest:
    return Outcome(job=job, match=kept | {"source": job.source}, kept=True)
  try:
    sound = job.data if job.path is None else job.path
    recording = matcher.hear(sound, source=job.source, assume=request.assume)
  except UserError as error:
    return Outcome(job=job, failure=str(error))
  try:
    found = matcher.answer(recording, top=request.top, listen=request.listen)
    digest = digest or _digest(job, matcher.models, request)
    written = output.write(found, job.folder, pool=matcher.pool, digest=digest, origin=job.origin)
  except RenderError as error:
    return Outcome(job=job, failure=f"{job.source}: {matcher.recipe.engine} failed: {error}")
  return Outcome(job=job, match=written)


def _digest(job: Job, models: Sequence[Model], request: Request) -> str:
  """16 hexadecimal digits of all that a match depends on; nothing if it cannot be read."""
  # A request is written as it always has been, so that older matches are kept.
  asked = str(request).replace("Request", "Wish", 1)
  state = hashlib.sha256(f"({REVISION}, {job.source!r}, {asked})".encode())
  for model in models:
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
