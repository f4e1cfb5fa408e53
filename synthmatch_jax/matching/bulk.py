"""Matches many sounds in parallel, and goes on where an earlier run was broken off."""

import contextlib
import dataclasses
import hashlib
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax import cores, files
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import HEARINGS
from synthmatch_jax.errors import UserError, printable
from synthmatch_jax.matching import ensemble, jobs, output, stored
from synthmatch_jax.matching.ensemble import Model
from synthmatch_jax.matching.jobs import Job, Request
from synthmatch_jax.matching.matcher import Matcher, ways
from synthmatch_jax.matching.progress import Bar, stoppable
from synthmatch_jax.matching.result import Match
from synthmatch_jax.matching.stored import Description
from synthmatch_jax.search import begin, budget, seeds
from synthmatch_jax.search.budget import NO_USE, Budget
from synthmatch_jax.search.journal import Journal
from synthmatch_jax.search.locks import Locks
from synthmatch_jax.search.search import LANES
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.play import engine
from synthmatch_jax.synths.pool import Pool

# Raised when the same sound, models and assumptions give another answer.
REVISION = 2

# The same for what a search makes of the same request.
SEARCH_REVISION = 1

_LEFT = "Ctrl-C came before its turn"


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
class _Plan:
  """A request as it is carried out.

  Attributes:
    request: The request.
    search: The budget of a search; None for no search.
    locks: What a search leaves alone.
    start: The controls that a search begins with, if they are given.
    bar: Shows how far the searches are.
    stopped: Is set where the searches are to end with the best so far.
  """

  request: Request
  search: Budget | None
  locks: Locks
  start: Float[np.ndarray, " d"] | None
  bar: Bar
  stopped: threading.Event


def match_all(
  sounds: Sequence[str],
  *,
  workdirs: Sequence[Path],
  synth: str | None = None,
  out: Path,
  request: Request | None = None,
  plugin: str = "",
  workers: int = 1,
  say: Callable[[str], None] = tqdm.write,
) -> tuple[list[Outcome], Path | None]:
  """Matches sound files, and all those in folders, into folders of `out`.

  A sound that cannot be matched does not keep the others from it. A match that is there already,
  of the same bytes, models and assumptions, is kept. A kill loses the matches under way, of which a
  search goes on from what it has heard. While there are searches, the first Ctrl-C ends those under
  way with the best so far, which is written, and the second ends the program at once.

  Args:
    sounds: The paths of files and folders; "-" is standard input.
    workdirs: The folders of the models.
    synth: The synth that they play; see `ensemble.load`.
    out: The folder for the answers, and for a page over all of them.
    request: What is asked of every sound.
    plugin: The path of the engine's plugin, where it is not found by itself.
    workers: The number of sounds that are played at once. Where there is no search, as many are
      matched at once; each search takes four.
    say: Gets a line for every sound.

  Returns:
    What has become of each sound, in the order of their names, and the page, if there is a match.

  Raises:
    UserError: There is no model, no engine or no such folder, what is said of the search cannot
      be, or `out` cannot be written.
  """
  request = request or Request()
  found = list(jobs.find(sounds, out=out))
  models = ensemble.load(workdirs, synth=synth)
  recipe = models[0].predictor.recipe
  plays = engine(recipe, path=plugin)
  proxy = ensemble.use(models, request.proxy)
  search = budget.usual(plays.name) if request.search == "usual" else request.search
  request = dataclasses.replace(request, proxy=proxy)
  searching = search is not None
  locks = Locks.parse(request.locks, recipe.space)
  start = begin.read(request.start, recipe, plays) if request.start else None
  listened = HEARINGS if searching else ways(request.top, request.listen)
  many = searching or request.top > 1 or proxy.steps
  ensemble.prepare(models, ways=len(listened), draws=seeds.DRAWS if many else 1, use=proxy)
  # A search is work for several cores already.
  at_once = max(1, workers // LANES) if searching else workers
  with _claimed(out):
    todo = jobs.place(found, out)
    outcomes: dict[Path, Outcome] = {}
    with (
      Pool(plays, size=workers) as pool,
      cores.one_each(),
      Bar(len(todo), searching=searching, say=_warn) as bar,
      stoppable(enabled=searching) as stopped,
      ThreadPoolExecutor(at_once) as threads,
    ):
      pool.prepare()
      matcher = Matcher(models, pool)
      plan = _Plan(
        request=request, search=search, locks=locks, start=start, bar=bar, stopped=stopped
      )
      try:
        for future in as_completed([threads.submit(_match, matcher, plan, job) for job in todo]):
          outcome = future.result()
          outcomes[outcome.job.folder] = outcome
          if outcome.match:
            say(_line(outcome))
          elif outcome.failure != _LEFT:
            _warn(f"error: {outcome.failure}")
          bar.done(outcome.job.folder)
      finally:
        stopped.set()  # Where the work is called off, this and the next line end what is under way.
        pool.close()
        threads.shutdown(wait=True, cancel_futures=True)
    page = output.write_page(out, recipe.mel.sample_rate, say=_warn)
    if left := sum(outcome.failure == _LEFT for outcome in outcomes.values()):
      _warn(f"stopped: {left} of {len(todo)} sounds are left; the same command goes on")
  return [outcomes[job.folder] for job in todo], page


def describe(outcomes: Sequence[Outcome], page: Path | None) -> dict[str, Any]:
  """Returns JSON-ready data: every match as in its patch.json, with its folder."""
  return {
    "matches": [o.match | {"folder": str(o.job.folder)} for o in outcomes if o.match],
    "failures": [{"source": o.job.source, "reason": o.failure} for o in outcomes if not o.match],
    "page": str(page) if page else None,
  }


def _match(matcher: Matcher, plan: _Plan, job: Job) -> Outcome:
  """Matches one sound, unless it has been matched already."""
  if plan.stopped.is_set():
    return Outcome(job=job, failure=_LEFT)
  if job.trouble:
    return Outcome(job=job, failure=job.trouble)
  kept = stored.read(job.folder)
  digest = _digest(job, matcher.models, plan)
  if kept and digest and kept.get("digest") == digest:
    return Outcome(job=job, match=kept | {"source": job.source}, kept=True)
  try:
    sound = job.data if job.path is None else job.path
    recording = matcher.hear(sound, source=job.source, assume=plan.request.assume)
  except UserError as error:
    return Outcome(job=job, failure=str(error))
  journal = job.folder.with_name(f".{job.folder.name}.search")
  try:
    found = _answer(matcher, plan, job, recording, Journal(journal, key=digest, say=_warn))
    is_cut = found.searched is not None and found.searched.was_stopped  # Next time it goes on.
    said = {"digest": "" if is_cut else digest, "origin": job.origin}
    written = output.write(found, job.folder, pool=matcher.pool, **said)
    if not is_cut:
      with contextlib.suppress(OSError):
        journal.unlink()
  except RenderError as error:
    return Outcome(job=job, failure=f"{job.source}: {matcher.recipe.engine} failed: {error}")
  return Outcome(job=job, match=written)


def _answer(
  matcher: Matcher, plan: _Plan, job: Job, recording: Recording, journal: Journal
) -> Match:
  """The answers to a sound, with a search if one is asked for."""
  request = plan.request
  if plan.search is None:
    top, listen = request.top, request.listen
    return matcher.answer(recording, top=top, listen=listen, proxy=request.proxy)

  def stopped() -> bool:
    plan.bar.watch(job.folder, refinement.search)
    return plan.stopped.is_set()

  refinement = matcher.search(
    recording,
    budget=plan.search,
    start=plan.start,
    locks=plan.locks,
    workers=matcher.pool.size,
    stopped=stopped,
    journal=journal,
    proxy=request.proxy,
  )
  for _ in refinement:
    pass
  return refinement.match(request.top)


def _digest(job: Job, models: Sequence[Model], plan: _Plan) -> str:
  """Returns a hash of all that a match depends on; empty if the sound cannot be read."""
  asked = plan.request
  # A request is written as it always has been, so that older matches are kept.
  assume = str(asked.assume).replace("Assume(pitch=", "Assume(note=", 1)
  said = f"Wish(assume={assume}, top={asked.top}, listen={asked.listen!r})"
  state = hashlib.sha256(f"({REVISION}, {job.source!r}, {said})".encode())
  for model in models:
    state.update(f"{model.name} {model.digest}".encode())
  if plan.search:
    begun = None if plan.start is None else plan.start.tobytes()
    state.update(repr((SEARCH_REVISION, plan.search, sorted(asked.locks), begun)).encode())
    for index in (model.neighbours for model in models):
      state.update(index.digest.encode() if index else b"")
  if asked.proxy != NO_USE:
    state.update(repr((asked.proxy, ensemble.proxy(models).digest)).encode())
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
  """Writes a text to standard error as one line."""
  tqdm.write(f"match: {' '.join(printable(line).split())}", file=sys.stderr)


def _line(outcome: Outcome) -> str:
  """Returns how near a match is, where it is, what is said of it, and what was assumed."""
  assert outcome.match
  best, count = outcome.match["answers"][0], len(outcome.match["answers"])
  before = outcome.match.get("search", {}).get("start", {}).get(RANKED_BY)
  searched = "" if before is None else f" ({before:.1f} before the search)"
  answers = "" if count == 1 else f", {count} answers"
  kept = ", was there already" if outcome.kept else ""
  guesses = outcome.match["assumed"].get("guesses", {}).items()
  assumed = "".join(f"\n  {sentence}; --{flag} tells it" for flag, sentence in guesses)
  return (
    f"{outcome.job.source}: MSS {best['distances'][RANKED_BY]:.1f} dB{searched}{answers}{kept},"
    f" {outcome.job.folder / 'index.html'}\n  {best['confidence']['words']}{assumed}"
  )


@contextlib.contextmanager
def _claimed(out: Path) -> Iterator[None]:
  """Makes the folder, keeps other processes from it, and removes what a kill has left."""
  busy = f"another match is writing to {out}; wait for it, or take another --out"
  with files.claimed(out, busy=busy, advice="choose another --out"):
    output.clean(out)
    yield
