"""The server of the page, which leaves nothing behind."""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.matcher import Matcher, ways
from synthmatch_jax.web.asking import Limits
from synthmatch_jax.web.door import Door, Names
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
  ensemble.prepare(matcher.models, count=len(ways(MOST_ANSWERS, None)))
  # So that a `kill` unwinds, and what is temporary is removed; uvicorn raises it again.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
  with tempfile.TemporaryDirectory(prefix="synthmatch-page-") as folder:
    # Gradio's uploads and the visits' files; it serves what lies in it, and nothing else.
    os.environ["GRADIO_TEMP_DIR"] = folder
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
) -> FastAPI:
  """Returns the page as an application for a server."""
  with warnings.catch_warnings():
    # It warns that there is no ffmpeg, which is not needed: libsndfile reads the sounds.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="pydub")
    import gradio as gr

    from synthmatch_jax.web import page, queueing
    from synthmatch_jax.web.intake import Intake
  app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
  app.add_middleware(Door, names=names)
  built = page.build(visits, recipe, limits=limits, workers=workers)
  Intake(uploads.root, max_bytes=limits.max_bytes, added=built.upload_file_set.add).attach(app)
  gr.mount_gradio_app(
    app,
    built,
    path="/",
    footer_links=[],
    run_history=False,
    show_error=False,
    max_file_size=limits.max_bytes,
    ssr_mode=False,
    pwa=False,
    mcp_server=False,
    theme=page.THEME,
    css=page.CSS,
    head=page.HEAD,
  )
  queueing.limit(built)
  return app
