"""The addresses of the page: what is shown, what a visitor asks, and the responses."""

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import soundfile as sf
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from synthmatch_jax.errors import UserError
from synthmatch_jax.web import verbs
from synthmatch_jax.web.asking import MalformedError, Question
from synthmatch_jax.web.door import UPLOAD, visitor
from synthmatch_jax.web.intake import Intake
from synthmatch_jax.web.queueing import FullError, Queue
from synthmatch_jax.web.server_log import tell
from synthmatch_jax.web.streaming import Stream
from synthmatch_jax.web.telling import Told
from synthmatch_jax.web.verbs import VERBS, Verb
from synthmatch_jax.web.visit import Visit
from synthmatch_jax.web.visits import Visits

STATIC = Path(__file__).parent / "static"
"""The folder of what a browser loads: no other file is served beside those of visits."""

_VISIT = "/api/visits/{visit}"
_TOKEN = re.compile(r"[\w-]{16,64}", re.ASCII)
_KEPT_NOWHERE = {"Cache-Control": "no-store"}
_ASKED_ANEW = {"Cache-Control": "no-cache"}  # A browser asks whether its copy is the newest.


class Api:
  """What is answered at each address; a request goes to the visit that its address names.

  Attributes:
    routes: The addresses, for an application.
  """

  def __init__(
    self,
    visits: Visits,
    intake: Intake,
    queue: Queue,
    *,
    page: Told,
    names: Sequence[str],
    is_own: Callable[[Scope], bool],
  ):
    """Takes what serves requests.

    Args:
      visits: The visits to the page.
      intake: The uploads.
      queue: The queue for the engines.
      page: What the page has to know before anything is asked.
      names: The names of the parameters of the space.
      is_own: Whether a request comes from the user of this machine, whose Vital gets presets.
    """
    self._visits, self._queue, self._page = visits, queue, page
    self._names, self._is_own = names, is_own
    shown = {path.name: path for path in sorted(STATIC.iterdir()) if path.is_file()}
    self.routes = [
      Route("/", _file(shown["index.html"])),
      *(Route(f"/static/{name}", _file(path)) for name, path in shown.items()),
      Route("/api/page", self._of_page),
      Route(UPLOAD, intake.receive, methods=["POST"]),
      Route(_VISIT, self._of_visit),
      Route(f"{_VISIT}/answers.zip", self._archive),
      Route(f"{_VISIT}/answers/{{key:int}}/{{file}}", self._of_answer),
      *(self._streamed(name, verb) for name, verb in VERBS.items()),
      Route(f"{_VISIT}/play", self._play, methods=["POST"]),
      Route(f"{_VISIT}/stop", self._stop, methods=["POST"]),
      Route(f"{_VISIT}/install", self._install, methods=["POST"]),
    ]

  async def _of_page(self, request: Request) -> Response:
    return JSONResponse(self._page | {"own": self._is_own(request.scope)}, headers=_KEPT_NOWHERE)

  async def _of_visit(self, request: Request) -> Response:
    return await self._at_once(request, verbs.history)

  async def _stop(self, request: Request) -> Response:
    return await self._at_once(request, lambda visit: visit.stop() or {})

  async def _archive(self, request: Request) -> Response:
    def write(visit: Visit) -> Response:
      path = visit.archive()
      task = BackgroundTask(path.unlink, missing_ok=True)
      return FileResponse(path, filename="answers.zip", headers=_KEPT_NOWHERE, background=task)

    return await self._at_once(request, write)

  async def _of_answer(self, request: Request) -> Response:
    def read(visit: Visit) -> Response:
      files = visit.entry(request.path_params["key"]).files
      if request.path_params["file"] not in files:
        return JSONResponse({"error": "there is no such file"}, 404)
      path, name = files[request.path_params["file"]]
      return FileResponse(path, filename=name, headers=_KEPT_NOWHERE)

    return await self._at_once(request, read)

  async def _install(self, request: Request) -> Response:
    if not self._is_own(request.scope):
      return JSONResponse({"error": "presets go into the Vital of this machine's user"}, 403)
    try:
      key = await _read(request, ["key"], Question.key)
    except MalformedError as error:
      return _refusal(error)
    return await self._at_once(request, lambda visit: {"path": str(visit.install(key))})

  async def _play(self, request: Request) -> Response:
    """Answers with a WAV file, when it is the turn of the request."""

    def read(asked: Question) -> Callable[[Visit], Response]:
      key, moved = asked.key(), asked.controls()
      pitch = asked.whole("pitch", 0, 127)
      return lambda visit: _wav(visit, key, moved, pitch)

    try:
      play = await _read(request, ["key", "controls", "pitch"], read)
      ticket = self._queue.join("engine", visit=_token(request), address=visitor(request.scope))
    except (MalformedError, FullError) as error:
      return _refusal(error)
    try:
      if not await _is_there(request, until=self._queue.places(ticket)):
        return Response(status_code=204)
      return await self._at_once(request, play)
    finally:
      self._queue.leave(ticket)

  async def _at_once(self, request: Request, ask: Callable[[Visit], Response | Told]) -> Response:
    """Answers with what a visit says, or with an error's sentence."""

    def work() -> Response | Told:
      return ask(self._visits.of(_token(request), visitor=visitor(request.scope)))

    try:
      told = await run_in_threadpool(work)
    except MalformedError as error:
      return _refusal(error)
    except UserError as error:
      return JSONResponse({"error": str(error)}, 422, headers=_KEPT_NOWHERE)
    return told if isinstance(told, Response) else JSONResponse(told, headers=_KEPT_NOWHERE)

  def _streamed(self, name: str, verb: Verb) -> Route:
    """Returns the address of requests for an engine that are answered with a stream of events."""

    async def endpoint(request: Request) -> Response:
      who = visitor(request.scope)
      try:
        token = _token(request)
        work = await _read(request, verb.fields, lambda asked: verb.read(asked, self._names))
        ticket = self._queue.join(verb.kind, visit=token, address=who)
      except UserError as error:  # What is said about a sound cannot be meant.
        return JSONResponse({"error": str(error)}, 422, headers=_KEPT_NOWHERE)
      except (MalformedError, FullError) as error:
        return _refusal(error)
      return Stream(self._queue, ticket, lambda: work(self._visits.of(token, visitor=who)))

    return Route(f"{_VISIT}/{name}", endpoint, methods=["POST"])


def _file(path: Path) -> Callable[[Request], Any]:
  async def endpoint(request: Request) -> Response:
    return FileResponse(path, headers=_ASKED_ANEW)

  return endpoint


async def _read(request: Request, fields: Sequence[str], read: Callable[[Question], Any]) -> Any:
  """Returns what a request asks; the door has let in strict JSON alone.

  Raises:
    MalformedError: It is none that the page can have sent.
  """
  return read(Question(await request.json(), fields))


async def _is_there(request: Request, *, until: AsyncIterator[int]) -> bool:
  """Waits for the turn of a request; false as soon as the client has gone away."""

  async def turn() -> None:
    async for _ in until:
      pass

  async def gone() -> None:
    while (await request.receive())["type"] != "http.disconnect":
      pass

  waits = [asyncio.ensure_future(turn()), asyncio.ensure_future(gone())]
  try:
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    return not waits[1].done()
  finally:
    for one in waits:
      one.cancel()


def _token(request: Request) -> str:
  token = request.path_params["visit"]
  if not _TOKEN.fullmatch(token):
    raise MalformedError("it names no visit")
  return token


def _refusal(error: MalformedError | FullError) -> Response:
  if isinstance(error, FullError):
    return JSONResponse({"error": str(error)}, 503, headers=_KEPT_NOWHERE)
  tell(f"a request is refused: {error}")
  return JSONResponse({"error": f"this cannot be asked: {error}"}, 400, headers=_KEPT_NOWHERE)


def _wav(visit: Visit, key: int, controls: Sequence[float] | None, pitch: int | None) -> Response:
  sound = visit.play(key, controls=controls, pitch=pitch)
  wav = io.BytesIO()
  sf.write(wav, sound, visit.matcher.recipe.mel.sample_rate, format="WAV", subtype="FLOAT")
  return Response(wav.getvalue(), media_type="audio/wav", headers=_KEPT_NOWHERE)
