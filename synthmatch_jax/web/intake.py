"""Uploads of sounds, which are kept whole or not at all, within the room that there is."""

import asyncio
import contextlib
import hashlib
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Message

from synthmatch_jax import files
from synthmatch_jax.errors import UserError
from synthmatch_jax.web.door import visitor
from synthmatch_jax.web.server_log import cause, tell

_SHARE = 10  # Largest sounds that one visitor may have here; then its oldest goes.
_WHOLE = 50  # Largest sounds that all visitors together may have here.
_LEAST_BYTES = 1 << 18  # A smaller file counts as one of this size, which limits their number.
_AROUND_BYTES = 1 << 14  # The parts of a request beside the sound itself.
_PATIENCE_SECONDS = 300.0  # An upload over a slow line may take so long.
_DAY_SECONDS = 86400.0  # An upload that nobody has matched stays so long.


@dataclass(frozen=True, kw_only=True)
class _Kept:
  visitor: str
  size: int
  since: float


class Intake:
  """The uploads of all visitors, in one folder of limited size.

  An upload that breaks off leaves nothing: until it is complete it has no name. Where a visitor,
  by address, has more than a share, its oldest upload goes; where all have more than the whole,
  the oldest upload of the one who has most. What nobody has matched for a day goes as well.
  """

  def __init__(self, root: Path, *, max_bytes: int):
    """Takes a folder.

    Args:
      root: The folder; an upload is `root/SHA-256`, whatever its name.
      max_bytes: The size of the largest sound.
    """
    self._root = root.resolve()
    self._max_bytes = max_bytes
    self._kept: dict[Path, _Kept] = {}  # The oldest first.
    self._coming: Counter[str] = Counter()  # Bytes under way, by visitor.
    self._lock = threading.Lock()

  async def receive(self, request: Request) -> Response:
    """Takes a sound in; the response names it by its hash, as JSON, or is a sentence."""
    who = visitor(request.scope)
    if int(request.headers.get("content-length") or 0) > self._max_bytes + _AROUND_BYTES:
      return self._too_large()
    try:
      with self._counted(request, who) as counted:
        async with (
          asyncio.timeout(_PATIENCE_SECONDS),
          counted.form(max_files=1, max_fields=4, max_part_size=1 << 10) as form,
        ):
          sound = form.get("sound")
          if not isinstance(sound, UploadFile):
            return PlainTextResponse("this is no upload: it has no file\n", 400)
          if (sound.size or 0) > self._max_bytes:
            return self._too_large()
          digest = await run_in_threadpool(self._keep, sound, who)
    except TimeoutError:
      return PlainTextResponse("the upload takes too long: try again\n", 408)
    except (UserError, OSError) as error:
      tell(f"an upload is not kept: {cause(error.__cause__ or error)}")
      return PlainTextResponse("the page has no room for a sound now: come back later\n", 507)
    return JSONResponse({"sound": digest})

  @contextlib.contextmanager
  def _counted(self, request: Request, who: str) -> Iterator[Request]:
    """Gives the request, cut off where it is too large, or where too much is under way."""
    mine = 0

    async def receive() -> Message:
      nonlocal mine
      message = await request.receive()
      size = len(message.get("body", b""))
      mine += size
      self._coming[who] += size
      if mine > self._max_bytes + _AROUND_BYTES:
        raise HTTPException(413, self._too_large_words())
      if self._coming[who] > _SHARE * self._max_bytes:
        raise HTTPException(429, "too many uploads at once: wait for one to end")
      if self._coming.total() > _WHOLE * self._max_bytes:
        raise HTTPException(503, "too many uploads at once: come back later")
      return message

    try:
      yield Request(request.scope, receive)
    finally:
      self._coming[who] -= mine
      if not self._coming[who]:
        del self._coming[who]

  def _keep(self, sound: UploadFile, who: str) -> str:
    """Writes a sound that is complete, and returns its hash.

    Raises:
      UserError: It cannot be written.
    """
    digest = hashlib.file_digest(sound.file, "sha256").hexdigest()  # pyright: ignore[reportArgumentType]
    path = self._root / digest  # No name of a client is ever part of a path.
    size = max(sound.size or 0, _LEAST_BYTES)
    with self._lock:
      self._make_room(who, size)
      sound.file.seek(0)
      with files.writing(path) as partial, partial.open("wb") as file:
        shutil.copyfileobj(sound.file, file)
      self._kept.pop(path, None)
      self._kept[path] = _Kept(visitor=who, size=size, since=time.monotonic())
    return digest

  def _make_room(self, who: str, size: int) -> None:
    """Removes what is too much with `size` bytes more of a visitor."""
    old = time.monotonic() - _DAY_SECONDS
    for path in [p for p, kept in self._kept.items() if kept.since < old or not p.exists()]:
      self._drop(path)
    while True:
      had = Counter({who: size})
      for kept in self._kept.values():
        had[kept.visitor] += kept.size
      most = had.most_common(1)[0][0]
      if had[who] > _SHARE * self._max_bytes:
        loser = who
      elif had.total() > _WHOLE * self._max_bytes:
        loser = most
      else:
        return
      oldest = next((path for path, kept in self._kept.items() if kept.visitor == loser), None)
      if oldest is None:
        return
      self._drop(oldest)

  def _drop(self, path: Path) -> None:
    del self._kept[path]
    with contextlib.suppress(OSError):
      path.unlink(missing_ok=True)

  def _too_large(self) -> Response:
    return PlainTextResponse(f"{self._too_large_words()}\n", 413)

  def _too_large_words(self) -> str:
    megabytes = self._max_bytes / (1 << 20)
    return f"the sound is above the maximum allowed size of {megabytes:g} MB: cut the note out"
