"""The server of the page, which leaves nothing behind."""

import contextlib
import ipaddress
import os
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware

from synthmatch_jax.errors import UserError
from synthmatch_jax.web.desk import Desk
from synthmatch_jax.web.session import Limits, Visit
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visits import Visits

_PATIENCE_SECONDS = 2  # For those who are on the page when it ends.


def serve(
  desk: Desk, *, host: str, port: int, limits: Limits, workers: int, say: Callable[[str], None]
) -> None:
  """Serves the page until a signal ends it.

  Args:
    desk: that answers.
    host: address to listen at.
    port: to listen at; 0 is any that is free.
    limits: of a visit.
    workers: requests that are served at once.
    say: gets the page's address, once it can be opened.

  Raises:
    UserError: the address is taken, or none of this machine.
  """
  listener = listen(host, port)
  # So that a `kill` unwinds, and what is temporary is removed; uvicorn raises it again.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
  with listener, tempfile.TemporaryDirectory(prefix="synthmatch-page-") as folder:
    # Gradio's uploads and the visits' files; it serves what lies in it, and nothing else.
    os.environ["GRADIO_TEMP_DIR"] = folder
    uploads = Uploads(Path(folder))
    visits = Visits(lambda: Visit(desk, uploads.root, limits=limits, uploads=uploads))
    config = uvicorn.Config(
      application(visits, desk, host=host, limits=limits, workers=workers),
      log_level="warning",
      timeout_graceful_shutdown=_PATIENCE_SECONDS,
    )
    shown = f"[{host}]" if ":" in host else host
    say(f"open http://{shown}:{listener.getsockname()[1]}")
    with contextlib.closing(visits):
      uvicorn.Server(config).run(sockets=[listener])


def application(visits: Visits, desk: Desk, *, host: str, limits: Limits, workers: int) -> FastAPI:
  """The page as an application for a server."""
  with warnings.catch_warnings():
    # That there is no ffmpeg, which is not needed: sounds are read by libsndfile.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="pydub")
    import gradio as gr

    from synthmatch_jax.web import page
  app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
  if is_loopback(host):
    # A page elsewhere, whose name is made to point here, does not get in.
    names = ["localhost", "127.0.0.1", host, f"[{host}]"]  # The last of an IPv6 address.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=names)
  return gr.mount_gradio_app(
    app,
    page.build(visits, desk.recipe, limits=limits, workers=workers),
    path="/",
    server_name=host,
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


def is_loopback(host: str) -> bool:
  """Whether nobody but this machine can come to this address."""
  try:
    return ipaddress.ip_address(host).is_loopback
  except ValueError:
    return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
  """A socket at an address.

  Raises:
    UserError: it is taken, or none of this machine.
  """
  try:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=128)
  except (OSError, OverflowError, UnicodeError) as error:
    number = getattr(error, "errno", None) or 0
    reason = (os.strerror(number) if number > 0 else str(error)).lower()
    raise UserError(
      f"the page cannot listen at {host}, port {port} ({reason}): give another --port or --host"
    ) from None
