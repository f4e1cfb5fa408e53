"""A process has what its parent has when it is started: no more, no less, and nothing of before."""

import dataclasses
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.surroundings import Surroundings
from tests.synths.remote import Puppet

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has the fork server")


def inside(synth):
  return Surroundings.now(), Path.cwd()


def inheritable(synth):
  files = [int(f.name) for f in Path("/proc/self/fd").iterdir() if f.exists()]
  return [f for f in files if f > 2 and os.get_inheritable(f)]


def seen_in_a_new_process():
  with hosting(Puppet()) as host:
    return host.call(inside)


def expected():
  """What the process has of this one, but for Ctrl-C, which is the parent's."""
  now = Surroundings.now()
  return dataclasses.replace(now, ignored=now.ignored | {signal.SIGINT}), Path.cwd()


def change(what, monkeypatch, folder):
  """Changes one thing; gives the way back."""
  if what == "environment":
    return lambda: None
  if what == "directory":
    monkeypatch.chdir(folder)
    return lambda: None
  if what == "umask":
    before = os.umask(0o077)
    return lambda: os.umask(before)
  if what == "limit":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 7, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
  if what == "processors":
    all_of_them = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(all_of_them)})
    return lambda: os.sched_setaffinity(0, all_of_them)
  if what == "blocked":
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    return lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before)
  before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
  return lambda: signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize(
  "what",
  ["environment", "directory", "umask", "limit", "processors", "blocked", "ignored"],
)
def test_a_process_has_what_its_parent_has_now(what, monkeypatch, tmp_path):
  monkeypatch.setenv("OF_BEFORE", "a fork server may have started with this")
  assert seen_in_a_new_process() == expected()
  monkeypatch.delenv("OF_BEFORE")
  monkeypatch.setenv("OF_NOW", "ü = 1")
  back = change(what, monkeypatch, tmp_path)
  try:
    assert seen_in_a_new_process() == expected()
  finally:
    back()
  assert seen_in_a_new_process() == expected()


def test_niceness_follows_and_a_fork_server_of_other_surroundings_leaves_no_trace(tmp_path):
  program = f"""
import os, resource, signal, sys
sys.path.insert(0, {str(Path.cwd())!r})
from tests.synths.test_surroundings import expected, seen_in_a_new_process
os.environ["OF_BEFORE"] = "1"
os.umask(0o027)
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGUSR2, signal.SIGTERM}})
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 5, hard))
os.chdir({str(tmp_path)!r})
first, _ = seen_in_a_new_process()  # Starts the server.
assert (first.environment["OF_BEFORE"], first.umask) == ("1", 0o027)
assert signal.SIGUSR2 in first.blocked and signal.SIGTERM not in first.blocked
del os.environ["OF_BEFORE"]
os.umask(0o022)
signal.signal(signal.SIGUSR1, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
os.chdir("/")
os.nice(3)
assert seen_in_a_new_process() == expected()
"""
  done = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=False
  )
  assert done.returncode == 0, done.stderr


def test_what_a_plugin_starts_gets_none_of_our_pipes():
  with hosting(Puppet()) as host:
    assert host.call(inheritable) == []
