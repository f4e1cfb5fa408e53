"""The page's command at work."""

import asyncio
import contextlib
import http.client
import os
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from synthmatch_jax.web import address, server
from synthmatch_jax.web.asking import Limits
from synthmatch_jax.web.door import Names
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visit import Visit
from synthmatch_jax.web.visits import Visits

REPO = Path(__file__).parents[2]
EXAMPLES = REPO / "examples"
SECONDS = 30_000
"""What a browser waits for, in milliseconds: the machine may be busy."""


@contextlib.contextmanager
def served(workdir, folder, *flags):
  """The command at work: its process and its address; temporary files go to a folder."""
  command = [sys.executable, "-m", "synthmatch_jax.app", f"--workdir={workdir}", "--port=0", *flags]
  environment = os.environ | {"PYTHONPATH": str(REPO), "TMPDIR": str(folder)}
  with (folder / "log.txt").open("w") as log:
    process = subprocess.Popen(
      command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=REPO
    )
    try:
      assert process.stdout
      line = process.stdout.readline()
      assert line.startswith("open http://127.0.0.1:"), (folder / "log.txt").read_text()
      yield process, line.split()[1]
    finally:
      process.terminate()
      process.communicate(timeout=30)


@contextlib.contextmanager
def on_a_socket(make, host="127.0.0.1"):
  """An application, which is made by a call, on a socket in this process; yields its address."""
  made: list[uvicorn.Server] = []
  begun = threading.Event()

  async def serve(listener):
    config = uvicorn.Config(make(), log_level="warning", timeout_graceful_shutdown=1)
    made.append(uvicorn.Server(config))
    begun.set()
    await made[0].serve(sockets=[listener])

  with address.listen(host, 0) as listener:
    thread = threading.Thread(target=lambda: asyncio.run(serve(listener)))
    thread.start()
    assert begun.wait(60)
    try:
      yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
      made[0].should_exit = True
      thread.join(30)


@contextlib.contextmanager
def running(matcher, folder, *, names=(), limits=None):
  """The page in this process, on a socket; yields its address."""
  limits = limits or Limits()
  uploads = Uploads(folder)
  visits = Visits(lambda: Visit(matcher, uploads, limits=limits))
  known = Names.of("127.0.0.1", names)

  def make():
    return server.application(
      visits, matcher.recipe, uploads, names=known, limits=limits, workers=1
    )

  with contextlib.closing(visits), on_a_socket(make) as at:
    yield at


def ask(url, path, *, method="GET", body=None, source="127.0.0.1", **headers):
  """Status, headers and text of an answer; `sec_fetch_site` stands for Sec-Fetch-Site."""
  place = urlsplit(url)
  connection = http.client.HTTPConnection(
    place.hostname, place.port, timeout=120, source_address=(source, 0)
  )
  with contextlib.closing(connection):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode(errors="replace")


def multipart(data, *, name="a.wav", field="sound"):
  """The body of an upload, with the boundary x."""
  head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
  return head.encode() + data + b"\r\n--x--\r\n"


def upload(url, data, *, name="a.wav", field="sound", source="127.0.0.1", **headers):
  """Uploads a file."""
  headers = {"content_type": "multipart/form-data; boundary=x"} | headers
  body = multipart(data, name=name, field=field)
  return ask(url, "/api/sounds", method="POST", body=body, source=source, **headers)
