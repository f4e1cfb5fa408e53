"""However a program ends, no process of its engines is left behind, and none holds it up."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path

import psutil
import pytest

from synthmatch_jax.synths import farm, hosts
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import Puppet, instrument, play_scripted

_SOON = 30  # Seconds: a busy machine may need them; whatever hangs here hangs for 60.


@dataclass(frozen=True, kw_only=True)
class Stubborn(Puppet):
  """An engine that does not come up, and lets no other Python run meanwhile."""

  def make(self):
    hold_the_lock(None)


def hold_the_lock(synth):
  """Hangs as a plugin may: without letting go of Python's lock."""
  signal.signal(signal.SIGTERM, signal.SIG_IGN)
  ctypes.PyDLL(None).sleep(60)


def sleep(synth):
  time.sleep(60)


def stop(synth):
  os.kill(os.getpid(), signal.SIGSTOP)


def idle(synth):
  signal.signal(signal.SIGTERM, signal.SIG_IGN)


def say_ready():
  """Writes one whole line, which `print` does not where several threads write."""
  os.write(1, b"ready\n")


def call(task, engine=None):
  """Says that it is ready, and calls."""
  host = hosts.host(engine or Puppet())
  if engine is None:
    host.call(idle)
  say_ready()
  host.call(task)


def everything():
  """Engines that idle, hang, hang with Python's lock, are stopped, and do not come up."""
  for work in ((idle,), (hold_the_lock,), (stop,), (idle, Stubborn())):
    threading.Thread(target=call, args=work, daemon=True).start()
  call(sleep)


def work():
  """A farm with two jobs under way."""

  def job(number, host, tick):
    say_ready()
    host.call(sleep)

  list(farm.run(job, range(4), engine=Puppet(), workers=2, total=4, label="test"))


def play(testbed):
  """What plays on and on."""
  host = hosts.host(Engine(name="x", plugin=instrument(), path=testbed))
  host.call(methodcaller("fingerprint"))
  say_ready()
  while True:
    host.call(play_scripted, 0.5)


@pytest.fixture
def start():
  """Starts a program that does something of this file; ends it whatever happens."""
  started = []

  def start(what, *, variant="", lines=1):
    program = f"""
import sys; sys.path.insert(0, {str(Path.cwd())!r})
from tests.synths.test_ends import *
{what}
"""
    process = subprocess.Popen(
      [sys.executable, "-c", program],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      env=os.environ | {"TESTBED": variant},
      start_new_session=True,
    )
    started.append(process)
    assert process.stdout is not None
    for _ in range(lines):
      assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    return process

  yield start
  for process in started:
    with contextlib.suppress(ProcessLookupError):
      os.killpg(process.pid, signal.SIGKILL)  # With all that a failed test leaves behind.
    process.communicate()


def left_behind(children):
  _, alive = psutil.wait_procs(children, timeout=_SOON)
  return alive


def ended(process, number):
  """Sends the signal to the whole group, as a terminal does, or to the process alone."""
  children = psutil.Process(process.pid).children(recursive=True)
  assert len(children) >= 2  # The fork server, at least one engine.
  if number == signal.SIGINT:
    os.killpg(process.pid, number)
  else:
    process.send_signal(number)
  process.communicate(timeout=_SOON)
  assert left_behind(children) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_engines_end_with_a_program_that_is_killed(start, number):
  ended(start("everything()", lines=5), number)


def test_a_plugin_ends_with_a_program_that_is_killed(start, testbed):
  ended(start(f"play({str(testbed)!r})", variant="hang@4"), signal.SIGKILL)


def test_ctrl_c_ends_all_soon(start):
  process = start("everything()", lines=5)
  ended(process, signal.SIGINT)
  assert process.returncode == -signal.SIGINT  # As a KeyboardInterrupt ends it.


def test_ctrl_c_ends_a_farm_soon(start):
  ended(start("work()", lines=2), signal.SIGINT)


def test_a_program_ends_though_it_closes_no_host_and_the_engine_ignores_its_end(start):
  process = start("call(idle); one = hosts.host(Puppet()); one.call(idle); time.sleep(1.5)")
  children = psutil.Process(process.pid).children(recursive=True)
  process.communicate(timeout=_SOON)
  assert (process.returncode, left_behind(children)) == (0, [])
