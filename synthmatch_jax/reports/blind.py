"""A blind listening test: a target and two answers, whose makers nobody sees."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synthmatch_jax import files, untrusted
from synthmatch_jax.reports import listening, pages
from synthmatch_jax.reports.listening import TARGET, Section, Sound

PAGE, KEY = "listening_test.html", "listening_test_key.json"
_SOUNDS = "listening_test"


@dataclass(frozen=True)
class _Trial:
  section: str
  sound: Sound
  a: str
  b: str


def write_listening_test(
  folder: Path,
  *,
  title: str,
  sections: Sequence[Section],
  rows: Sequence[str],
  seed: int,
  num_trials: int,
) -> Path:
  """Writes listening_test.html: "which is nearer to the target", A, B or no difference.

  The page knows no names. Its sounds are copies in the folder listening_test with random names;
  what they are stands in listening_test_key.json alone, which `preferences` reads. Leave the key
  (and the page of `listening`) out of what listeners are given.

  Every pair of rows is asked for equally often in every section, each row of a pair as often on
  side A as on B, as far as the numbers divide. The seed decides sounds, order and sides, so all
  listeners hear the same trials in the same order.

  Args:
    folder: The folder that holds all sounds. An older test in it is replaced, and its key is kept
      as listening_test_key-ID.json.
    title: The title of the page.
    sections: The sections from which sounds are taken; their titles stand in the key.
    rows: The names of two rows or more, which are compared with each other.
    seed: The seed of everything that is random.
    num_trials: The number of trials, or as many as there are pairs of answers to a target.

  Returns:
    The page.

  Raises:
    ValueError: There are fewer than two rows, no sound has answers of two of them, or a sound is
      not in the folder.
    UserError: The page cannot be written.
  """
  if len(set(rows)) < 2:
    raise ValueError(f"a listening test compares two rows or more, not {list(rows)}")
  rng = np.random.default_rng(seed)
  trials = _draw(sections, rows, num_trials, rng)
  if not trials:
    raise ValueError(f"no sound has a target and answers of two of the rows {list(rows)}")
  shutil.rmtree(folder / _SOUNDS, ignore_errors=True)
  (folder / _SOUNDS).mkdir(parents=True)
  asked = [_anonymous(folder, trial, rng) for trial in trials]
  key = {
    "seed": seed,
    "rows": list(rows),
    "trials": [
      {"trial": i, "section": t.section, "sound": t.sound.name, "a": t.a, "b": t.b}
      for i, t in enumerate(trials, start=1)
    ],
  }
  # Answers to one test are never read with the key of another.
  test = hashlib.sha256(json.dumps([key, asked]).encode()).hexdigest()[:16]
  _keep_earlier_key(folder, test)
  files.write_json(folder / KEY, {"test": test} | key)
  data = {"test": test, "seed": seed, "trials": asked}
  pages.write(PAGE, folder / PAGE, title=title, data=data)
  return folder / PAGE


def _keep_earlier_key(folder: Path, test: str) -> None:
  """Puts the key of another test aside: listeners may still be at it."""
  try:
    earlier = untrusted.read_json(folder / KEY)["test"]
  except files.UNREADABLE:
    return
  if earlier != test:
    (folder / KEY).replace(folder / f"listening_test_key-{earlier}.json")


def _draw(
  sections: Sequence[Section], rows: Sequence[str], num_trials: int, rng: np.random.Generator
) -> list[_Trial]:
  """Draws trials in a random order, spread evenly over sections, pairs and sides."""
  decks = []
  for section in sections:
    known = {row.name for row in section.rows}
    for pair in itertools.combinations([row for row in rows if row in known], 2):
      sounds = [s for s in section.sounds if {TARGET, *pair} <= s.audio.keys()]
      first = int(rng.integers(2))
      decks.append(
        [
          _Trial(section.title, sounds[k], *(pair if (i + first) % 2 else pair[::-1]))
          for i, k in enumerate(rng.permutation(len(sounds)))
        ]
      )
  # Decks are dealt in turn; what does not divide comes from random ones.
  decks = [decks[k] for k in rng.permutation(len(decks))]
  dealt = [t for turn in itertools.zip_longest(*decks) for t in turn if t is not None]
  chosen = dealt[:num_trials]
  return [chosen[k] for k in rng.permutation(len(chosen))]


def _anonymous(folder: Path, trial: _Trial, rng: np.random.Generator) -> dict[str, str]:
  """Copies a trial's sounds under names that say nothing, and returns their addresses."""
  addresses = {}
  for part, name in {"target": TARGET, "a": trial.a, "b": trial.b}.items():
    path = trial.sound.audio[name]
    listening.link(folder, path)  # It refuses what is not in the folder.
    copy = Path(_SOUNDS, rng.bytes(8).hex() + path.suffix)
    shutil.copyfile(folder / path, folder / copy)
    addresses[part] = listening.link(folder, copy)
  return addresses
