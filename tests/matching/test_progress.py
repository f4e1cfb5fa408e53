"""What is shown while sounds are matched, and what ends it."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from synthmatch_jax.matching.progress import Bar
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.search import Search, Step

SOUNDS = [Path(name) for name in "abc"]


class Halfway(Search):
  """A search of 100 renders, of a second each, of which some are done."""

  def __init__(self, renders: int):
    self.budget, self.renders, self.seconds = Budget(renders=100), renders, float(renders)
    self.start, self.best = step(1.0), step(1 - renders / 200)


def step(value):
  nothing = np.zeros(1, np.float32)
  return Step(
    controls=nothing, value=value, renders=1, seed=0, is_seed=True, seconds=1.0, sound=nothing
  )


def test_sounds_are_counted_whole_where_there_is_no_search(capsys):
  with Bar(3, searching=False, say=print) as bar:
    for sound in SOUNDS:
      bar.done(sound)
  shown = capsys.readouterr().err
  assert "3/3" in shown
  assert "3.0/3" not in shown


def test_searches_move_the_bar_and_a_long_one_is_told_once(capsys):
  said: list[str] = []
  with Bar(3, searching=True, say=said.append) as bar:
    for sound in SOUNDS:
      for renders in range(1, 101):
        bar.watch(sound, Halfway(renders))
      bar.done(sound)
  assert len(said) == 1
  assert "a search of 100 renders takes about 100 s a sound here" in said[0]
  shown = capsys.readouterr().err
  assert "100%|██████████|" in shown
  assert "distance 50 % of the start's" in shown


TWICE = """
import os, signal, threading
from synthmatch_jax.matching.progress import stoppable
with stoppable(enabled=True) as stopped:
  os.kill(os.getpid(), signal.SIGINT)
  assert stopped.wait(60)
  print("stopped", flush=True)
  threading.Thread(target=threading.Event().wait).start()  # A render that never ends.
  os.kill(os.getpid(), signal.SIGINT)
  threading.Event().wait()
"""


def test_the_second_ctrl_c_waits_for_nothing():
  done = subprocess.run([sys.executable, "-c", TWICE], stdout=subprocess.PIPE, text=True)
  assert done.stdout == "stopped\n"
  assert done.returncode == -signal.SIGINT
