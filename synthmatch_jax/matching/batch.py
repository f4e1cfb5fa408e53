"""Many sounds matched: in parallel, with progress, and going on where it was broken off."""

import contextlib
import functools
import hashlib
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm import tqdm

from synthmatch_jax.audio.hearing import NOTHING, Assume
from synthmatch_jax.data.ood import sounds as folders
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import models, output
from synthmatch_jax.matching.matcher import Listen, Matcher, ways
from synthmatch_jax.matching.models import Model
from synthmatch_jax.matching.output import Description
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine

STDIN = "-"
"""Stands for the bytes of a sound file on standard input."""

# Raised when the same sound, models and assumptions give another answer.
REVISION = 1

_MOST_BYTES = 1 << 28  # From standard input: more than a minute of eight channels at 96 kHz.
_LONGEST_NAME = 100  # Bytes of a folder's name, which also names presets and partial files.
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')  # In names on one system or another.


@dataclass(frozen=True, kw_only=True)
class Job:
  """A sound to be matched.

  Attributes:
    source: what it is called.
    path: of the file; None where its bytes are here.
    data: bytes of a sound file.
    folder: for the match.
  """

  source: str
  path: Path | None
  data: bytes = b""
  folder: Path


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
  loaded = models.load(workdirs)
  recipe = loaded[0].predictor.recipe
  found = list(find(sounds, out=out))
  models.prepare(loaded, count=len(ways(wish.top, wish.listen)))
  with _claimed(out):
    jobs = _jobs(found, out)
    work = functools.partial(_match, loaded, wish)
    outcomes: dict[Path, Outcome] = {}
    for outcome in farm.run(
      work,
      jobs,
      engine=engine(recipe, path=plugin),
      workers=max(1, min(workers, len(jobs))),
      total=len(jobs),
      label="match",
      bar="shown" if len(jobs) > 1 else "hidden",
    ):
      outcomes[outcome.job.folder] = outcome
      if outcome.match:
        say(_line(outcome))
      else:
        tqdm.write(f"match: error: {' '.join(outcome.failure.split())}", file=sys.stderr)
    page = output.write_page(out, recipe.mel.sample_rate)
  return [outcomes[job.folder] for job in jobs], page


def describe(outcomes: Sequence[Outcome], page: Path | None) -> dict[str, Any]:
  """JSON-ready data for programs: every match as in its patch.json, with its folder."""
  return {
    "matches": [o.match | {"folder": str(o.job.folder)} for o in outcomes if o.match],
    "failures": [{"source": o.job.source, "reason": o.failure} for o in outcomes if not o.match],
    "page": str(page) if page else None,
  }


def find(sounds: Sequence[str], *, out: Path) -> Iterator[tuple[str, str, Path | None]]:
  """Name of the sound, stem of its folder's name, and path of the file, of all sounds.

  Folders are walked; what lies in `out` is not taken for a sound to match.

  Raises:
    UserError: there is no sound in a folder.
  """
  if sounds.count(STDIN) > 1:
    raise UserError("standard input can be read once: name - once")
  for sound in sounds:
    path = Path(sound)
    if sound == STDIN:
      yield "standard input", "stdin", None
    elif not path.is_dir():
      yield _plain(path.name), path.stem, path
    else:
      inside = [
        found
        for found in folders.load_folder(path)
        if out.resolve() not in found.path.resolve().parents
      ]
      if not inside:
        raise UserError(f"{path} holds no sounds but those in {out}: name another folder")
      for found in inside:
        yield _plain(found.path.relative_to(path).as_posix()), found.name, found.path


def _jobs(found: Sequence[tuple[str, str, Path | None]], out: Path) -> list[Job]:
  """One folder a sound, named after it; where the name is taken, with a number."""
  taken: set[Path] = set()
  jobs = []
  for source, stem, path in found:
    # No name is hidden, or leads out of the folder.
    name = _UNFIT.sub("-", _plain(stem)).lstrip(" .").encode()[:_LONGEST_NAME]
    name = name.decode(errors="ignore").rstrip(" .") or "sound"
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    # Some file systems do not tell A from a.
    places = (out / n for n in names if Path(n.casefold()) not in taken)
    folder = next(place for place in places if output.is_free(place))
    taken.add(Path(folder.name.casefold()))
    data = _read_stdin() if path is None else b""
    jobs.append(Job(source=source, path=path, data=data, folder=folder))
  return jobs


def _match(models: Sequence[Model], wish: Wish, job: Job, host: Host, tick: farm.Tick) -> Outcome:
  """The farm's work: one sound."""
  kept = output.read(job.folder)
  digest = _digest(job, models, wish) if kept else ""
  if kept and kept.get("digest") == digest:
    tick()
    return Outcome(job=job, match=kept | {"source": job.source}, kept=True)
  matcher = Matcher(models, host)
  try:
    sound = job.data if job.path is None else job.path
    recording = matcher.hear(sound, source=job.source, assume=wish.assume)
  except UserError as error:
    tick()
    return Outcome(job=job, failure=str(error))
  try:
    found = matcher.answer(recording, top=wish.top, listen=wish.listen)
    digest = digest or _digest(job, models, wish)
    written = output.write(found, job.folder, host=host, digest=digest)
  except RenderError as error:
    tick()
    return Outcome(job=job, failure=f"{job.source}: {matcher.recipe.engine} failed: {error}")
  tick()
  return Outcome(job=job, match=written)


def _digest(job: Job, models: Sequence[Model], wish: Wish) -> str:
  """16 hexadecimal digits of all that a match depends on."""
  state = hashlib.sha256(repr((REVISION, job.source, wish)).encode())
  for model in models:
    state.update(f"{model.name} {model.digest}".encode())
  if job.path is None:
    state.update(job.data)
  elif job.path.is_file():
    with job.path.open("rb") as file:
      while block := file.read(1 << 20):
        state.update(block)
  return state.hexdigest()[:16]


def _line(outcome: Outcome) -> str:
  assert outcome.match
  best, count = outcome.match["answers"][0], len(outcome.match["answers"])
  answers = "" if count == 1 else f", {count} answers"
  kept = ", was there already" if outcome.kept else ""
  return (
    f"{outcome.job.source}: MSS {best['distances']['mss']:.1f} dB{answers}{kept},"
    f" {outcome.job.folder / 'index.html'}"
  )


def _plain(name: str) -> str:
  """A file's name as text: bytes that are no text are replaced."""
  text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
  return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _read_stdin() -> bytes:
  data = sys.stdin.buffer.read(_MOST_BYTES + 1)
  if len(data) > _MOST_BYTES:
    raise UserError(
      f"standard input gives more than {_MOST_BYTES >> 20} MB: cut the note out of it"
    )
  return data


@contextlib.contextmanager
def _claimed(out: Path) -> Iterator[None]:
  """Makes the folder, keeps others from it, and removes what a kill has left."""
  try:
    out.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out / ".lock", timeout=0)
    lock.acquire()
  except Timeout:
    raise UserError(
      f"another match is writing to {out}; wait for it, or take another --out"
    ) from None
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{out} cannot be written ({reason}): choose another --out") from None
  try:
    output.clean(out)
    yield
  finally:
    lock.release()
