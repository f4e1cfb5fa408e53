"""The server of the page, which leaves nothing behind."""

import contextlib
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from synthmatch_jax.audio.formats import COMMON, SUFFIXES
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import ensemble, installing
from synthmatch_jax.matching.matcher import Matcher, ways
from synthmatch_jax.search import seeds
from synthmatch_jax.search.budget import USUAL
from synthmatch_jax.web import panel
from synthmatch_jax.web.address import is_loopback
from synthmatch_jax.web.api import STATIC, Api
from synthmatch_jax.web.asking import Limits
from synthmatch_jax.web.door import Door, Names, visitor
from synthmatch_jax.web.intake import Intake
from synthmatch_jax.web.queueing import Queue
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visit import MOST_ANSWERS, Visit
from synthmatch_jax.web.visits import Visits

_PATIENCE_SECONDS = 2  # Requests under way have so long when the page ends.


def serve(
  matcher: Matcher,
  *,
  listener: socket.socket,
  host: str,
  names: Sequence[str] = (),
  limits: Limits,
  workers: int,
  say: Callable[[str], None],
) -> None:
  """Serves the page until a signal ends it.

  Args:
    matcher: The models and engines that answer.
    listener: A socket of `listen`.
    host: The address that it listens at.
    names: Further names under which the page is reached.
    limits: The limits of a visit.
    workers: The number of requests that are served at once.
    say: Gets the page's address, once it can be opened.
  """
  listened, use = ways(MOST_ANSWERS, None), ensemble.use(matcher.models, USUAL)
  ensemble.prepare(matcher.models, ways=len(listened), draws=seeds.DRAWS, use=use)
  # So that a `kill` unwinds, and what is temporary is removed; uvicorn raises it again.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
  with tempfile.TemporaryDirectory(prefix="synthmatch-page-") as folder:
    uploads = Uploads(Path(folder))
    visits = Visits(lambda: Visit(matcher, uploads, limits=limits))
    config = uvicorn.Config(
      application(
        visits,
        matcher.recipe,
        uploads,
        names=Names.of(host, names),
        limits=limits,
        workers=workers,
      ),
      log_level="warning",
      timeout_graceful_shutdown=_PATIENCE_SECONDS,
    )
    shown = f"[{host}]" if ":" in host else host
    say(f"open http://{shown}:{listener.getsockname()[1]}")
    with contextlib.closing(visits):
      uvicorn.Server(config).run(sockets=[listener])


def application(
  visits: Visits, recipe: Recipe, uploads: Uploads, *, names: Names, limits: Limits, workers: int
) -> Starlette:
  """Returns the page as an application for a server."""
  page = {
    "synth": recipe.engine,
    "seconds": recipe.seconds,
    "note": recipe.note.to_dict(),
    "modules": panel.describe(recipe.space),
    "limits": {
      "seconds": limits.max_seconds,
      "bytes": limits.max_bytes,
      "answers": limits.max_answers,
      "top": MOST_ANSWERS,
    },
    "formats": COMMON,
    "accept": ",".join(["audio/*", *sorted(SUFFIXES)]),
    "languages": sorted(path.stem.removeprefix("words.") for path in STATIC.glob("words.*.json")),
  }
  api = Api(
    visits,
    Intake(uploads.root, max_bytes=limits.max_bytes),
    Queue(workers=workers),
    page=page,
    names=recipe.space.names,
    is_own=lambda scope: _is_own(scope, names) and _has_vital(recipe),
  )
  app = Starlette(routes=api.routes, exception_handlers={404: _nothing})
  app.add_middleware(Door, names=names)
  return app


def _is_own(scope: Scope, names: Names) -> bool:
  """Returns whether a request comes from this machine: the page is not there for others, and no
  proxy is told of, behind which everybody seems to be here."""
  return not (names.open or names.told) and is_loopback(visitor(scope))


def _has_vital(recipe: Recipe) -> bool:
  """Returns whether Vital is the synth, and has a folder for presets here."""
  try:
    return recipe.engine.startswith("vital") and bool(installing.folder())
  except UserError:
    return False


async def _nothing(request: Request, _: Exception) -> Response:
  return PlainTextResponse("there is nothing here\n", 404)
