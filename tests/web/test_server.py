"""The page's server, asked by clients that are no browsers."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from benchmarks.client import Client, events
from benchmarks.page import at_once
from tests.matching.bad_inputs import bad_inputs
from tests.web.serving import EXAMPLES, REPO, served

pytestmark = pytest.mark.slow

ANSWERED = '"answers"'
FLUTE = (EXAMPLES / "flute.flac").read_bytes()


def resident(process):
  """Most memory that a process has had, in bytes."""
  status = Path(f"/proc/{process.pid}/status").read_text()
  return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10


def test_bad_uploads_get_a_sentence_or_an_answer_and_the_server_lives(tiny_run, tmp_path):
  outcomes = {"answered": 0, "refused": 0}
  with served(tiny_run, tmp_path) as (process, address):
    client = Client(address, visit="abcdefghijklmnop")

    def match(data, name="a.wav"):
      status, text = client.upload(data, name)
      return client.match(**json.loads(text), name=name) if status == 200 else text

    assert ANSWERED in match(FLUTE)
    resting = resident(process)
    for what, data, name in bad_inputs():
      began = time.monotonic()
      said = match(data, name)
      assert time.monotonic() - began < 30, what
      assert "Traceback" not in said, what
      assert said, what
      outcomes["answered" if ANSWERED in said else "refused"] += 1
    assert ANSWERED in match(FLUTE)
    assert resident(process) - resting < 1 << 30
  assert outcomes["answered"] > 50
  assert outcomes["refused"] > 100
  assert "Traceback" not in (tmp_path / "log.txt").read_text()
  assert not (REPO / "pwned").exists()


def test_fifty_at_once_are_answered_or_told_to_wait(tiny_run, tmp_path):
  with served(tiny_run, tmp_path) as (_, address):
    outcomes = [asked.outcome for asked in at_once(address, FLUTE, 50)]
    assert set(outcomes) <= {"answered", "told to wait"}
    assert outcomes.count("answered") >= 40
    assert [asked.outcome for asked in at_once(address, FLUTE, 1)] == ["answered"]
  assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_a_file_that_is_too_large_is_refused(address):
  connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
  with contextlib.closing(connection):
    connection.putrequest("POST", "/api/sounds")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(3 << 20))
    connection.endheaders()  # The answer comes before the file, which a client may not get to send.
    answer = connection.getresponse()
    assert answer.status == 413
    assert "maximum allowed size" in answer.read().decode()


def test_no_path_or_address_of_a_client_is_read(tiny_run, tmp_path):
  """By a client that is no browser, and names what it was not given."""
  secret = tmp_path / "secret.flac"
  shutil.copy(EXAMPLES / "flute.flac", secret)
  with served(tiny_run, tmp_path) as (_, address):
    client = Client(address, visit="abcdefghijklmnop")
    status, text = client.upload(secret.read_bytes())
    assert status == 200
    matched = client.match(**json.loads(text))
    assert ANSWERED in matched
    key = events(matched)[-1]["answers"][-1]["key"]
    digest = hashlib.sha256(b"another").hexdigest()
    for sound in (str(secret), "/etc/passwd", f"{address}/api/page", "http://192.0.2.1/a", digest):
      assert ANSWERED not in client.match(sound)
    for path in (str(secret), "/etc/passwd", "../../setup.cfg", "setup.cfg"):
      for below in ("static", f"api/visits/abcdefghijklmnop/answers/{key}"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
          urllib.request.urlopen(f"{address}/{below}/{path}")


def test_a_page_elsewhere_does_not_get_in(address):
  request = urllib.request.Request(address, headers={"Host": "evil.example"})
  with pytest.raises(urllib.error.HTTPError, match="400"):
    urllib.request.urlopen(request)


def test_a_port_that_is_taken_is_said_in_a_sentence(address, tiny_run):
  port = re.sub(".*:", "", address)
  done = subprocess.run(
    [sys.executable, "-m", "synthmatch_jax.app", f"--workdir={tiny_run}", f"--port={port}"],
    capture_output=True,
    text=True,
    env=os.environ | {"PYTHONPATH": str(REPO)},
    cwd=REPO,
    check=False,
  )
  assert done.returncode == 1
  assert done.stderr.strip().endswith("(address already in use): give another --port or --host")
  assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_nothing(tiny_run, tmp_path):
  with served(tiny_run, tmp_path) as (process, address):
    urllib.request.urlopen(address).read()
    assert list(tmp_path.glob("synthmatch-page-*"))
    process.send_signal(signal.SIGINT)
    process.wait(30)
  assert process.returncode == 130
  assert not list(tmp_path.glob("synthmatch-page-*"))
  assert "Traceback" not in (tmp_path / "log.txt").read_text()
