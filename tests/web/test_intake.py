"""Uploads: whole or not at all, and no more of them than there is room for."""

import concurrent.futures
import contextlib
import hashlib
import json
import resource
import socket
import time
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from synthmatch_jax.web.door import UPLOAD, Door, Names
from synthmatch_jax.web.intake import Intake
from tests.web.serving import ask, multipart, on_a_socket, upload

MAX = 1 << 20
MULTIPART = "multipart/form-data; boundary=x"


@pytest.fixture
def intake(tmp_path):
  """Address of uploads of 1 MB at most, into `tmp_path`."""

  def make():
    receive = Intake(tmp_path, max_bytes=MAX).receive
    app = Starlette(routes=[Route(UPLOAD, receive, methods=["POST"])])
    app.add_middleware(Door, names=Names.of("127.0.0.1"))
    return app

  with on_a_socket(make) as address:
    yield address


def post(address, body, kind=MULTIPART):
  return ask(address, "/api/sounds", method="POST", body=body, content_type=kind)


def files(tmp_path):
  return {p for p in tmp_path.rglob("*") if p.is_file()}


def size(tmp_path):
  return sum(p.stat().st_size for p in files(tmp_path))


def numbered(number, size=1 << 18):
  return number.to_bytes(4, "big") * (size // 4)


@contextlib.contextmanager
def unfinished(address, data, *, declared=MAX, source="127.0.0.1"):
  """A connection whose upload stops after some bytes."""
  place = urlsplit(address)
  where = (place.hostname, place.port)
  with socket.create_connection(where, source_address=(source, 0)) as connection:
    connection.sendall(
      b"POST /api/sounds HTTP/1.1\r\nHost: 127.0.0.1\r\n"
      b"Content-Type: multipart/form-data; boundary=x\r\n"
      + f"Content-Length: {declared}\r\n\r\n".encode()
      + multipart(data).removesuffix(b"\r\n--x--\r\n")
    )
    yield connection


@pytest.mark.parametrize(
  "name",
  ["my flute (1).wav", "../../evil.wav", "/etc/passwd", "..", ".", "a\\..\\b", "é" * 300, ""],
)
def test_an_upload_is_kept_whole_under_its_hash_whatever_its_name(intake, tmp_path, name):
  data = numbered(7)
  status, _, text = upload(intake, data, name=name)
  assert status == 200
  path = tmp_path / hashlib.sha256(data).hexdigest()
  assert json.loads(text) == {"sound": path.name}
  assert path.read_bytes() == data
  assert files(tmp_path) == {path}


def test_what_is_too_large_is_refused_and_not_kept(intake, tmp_path):
  assert upload(intake, numbered(1, MAX))[0] == 200
  before = files(tmp_path)
  for data in (bytes(MAX + 1), bytes(MAX + (1 << 15)), bytes(8 * MAX)):
    status, _, text = upload(intake, data)
    assert status == 413
    assert "maximum allowed size of 1 MB" in text
  chunks = (bytes(1 << 16) for _ in range(100))  # Of a length that is not told.
  kind = "multipart/form-data; boundary=x"
  with contextlib.suppress(BrokenPipeError, ConnectionResetError):
    assert ask(intake, "/api/sounds", method="POST", body=chunks, content_type=kind)[0] >= 400
  assert files(tmp_path) == before


@pytest.mark.parametrize(
  ("body", "kind"),
  [
    (b"", "multipart/form-data; boundary=x"),
    (b"{}", "application/json"),
    (b"nonsense", "multipart/form-data; boundary=x"),
    (multipart(b"RIFF"), "multipart/form-data"),
    (multipart(b"RIFF", field="other"), "multipart/form-data; boundary=x"),
    (
      multipart(b"a").removesuffix(b"--x--\r\n") + multipart(b"b"),
      "multipart/form-data; boundary=x",
    ),
    (
      b'--x\r\nContent-Disposition: form-data; name="sound"\r\n\r\na\r\n--x--\r\n',
      "multipart/form-data; boundary=x",
    ),
    (b"--x\r\n" + b"a" * 100_000, "multipart/form-data; boundary=x"),
  ],
)
def test_what_is_no_upload_leaves_nothing(intake, tmp_path, body, kind, capfd):
  status, _, _ = post(intake, body, kind)
  assert status == 400
  assert files(tmp_path) == set()
  said = capfd.readouterr().err
  assert "Traceback" not in said
  assert len(said.splitlines()) <= 1


def test_an_upload_that_breaks_off_leaves_nothing(intake, tmp_path, capfd):
  for data in (b"", bytes(1000), bytes(900_000)):
    with unfinished(intake, data):
      time.sleep(0.2)
      assert files(tmp_path) == set()
  assert upload(intake, b"RIFF")[0] == 200
  assert len(files(tmp_path)) == 1
  assert "Traceback" not in capfd.readouterr().err


def test_a_flood_stays_below_a_share_and_takes_nothing_from_others(intake, tmp_path):
  _, _, text = upload(intake, numbered(1_000_000), source="127.0.0.2")
  mine = tmp_path / json.loads(text)["sound"]
  for number in range(80):
    status, _, text = upload(intake, numbered(number))
    assert status == 200
    assert size(tmp_path) <= 11 * MAX
  assert mine.is_file()
  assert (tmp_path / json.loads(text)["sound"]).is_file()
  assert len(files(tmp_path)) == 41  # 10 MB of a quarter each, and the other's.
  for number in range(80):  # A byte counts for more than a byte.
    assert upload(intake, number.to_bytes(4, "big"))[0] == 200
  assert len(list(tmp_path.iterdir())) == 41
  assert mine.is_file()


def test_a_flood_of_many_visitors_stays_below_the_whole(intake, tmp_path):
  _, _, text = upload(intake, numbered(1_000_000), source="127.0.0.2")
  mine = tmp_path / json.loads(text)["sound"]
  for number in range(90):
    source = f"127.0.0.{10 + number % 9}"
    assert upload(intake, numbered(number, MAX), source=source)[0] == 200
  assert size(tmp_path) <= 50 * MAX
  assert mine.is_file()


def wait_for(status, intake, meanwhile=lambda: time.sleep(0.05)):
  """Uploads until the server has noticed what has begun, or ended, before."""
  limit = time.monotonic() + 60
  while (found := upload(intake, bytes(900_000))[0]) != status:
    assert time.monotonic() < limit, found
    meanwhile()


def test_uploads_under_way_count_too(intake, tmp_path):
  with contextlib.ExitStack() as stack:
    # One of these may be what is refused, while an upload of the test is under way: one more then.
    wait_for(429, intake, lambda: stack.enter_context(unfinished(intake, bytes(900_000))))
    assert upload(intake, bytes(900_000), source="127.0.0.2")[0] == 200
  wait_for(200, intake)
  assert len(files(tmp_path)) == 1


def test_the_same_file_of_many_at_once_is_one_file(intake, tmp_path):
  with concurrent.futures.ThreadPoolExecutor(8) as pool:
    answers = list(pool.map(lambda _: upload(intake, numbered(5)), range(24)))
  assert {status for status, _, _ in answers} == {200}
  assert len({text for _, _, text in answers}) == 1
  assert len(files(tmp_path)) == 1


def test_a_full_disk_gets_a_sentence_without_a_path(intake, tmp_path, capfd):
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, limits[1]))
  try:
    status, _, text = upload(intake, numbered(3))
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert (status, text) == (507, "the page has no room for a sound now: come back later\n")
  assert list(tmp_path.iterdir()) == []
  said = capfd.readouterr().err.splitlines()
  assert len(said) == 1
  assert said[0].startswith("app: an upload is not kept: ")
  assert upload(intake, numbered(3))[0] == 200
