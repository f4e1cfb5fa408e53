"""Targets and answers rendered again, to be measured or to be heard."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import cores
from synthmatch_jax.audio.onset import hold_seconds
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.evaluation import settle
from synthmatch_jax.evaluation import targets as measured_against
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.evaluation.settle import Settle, nearest, other
from synthmatch_jax.evaluation.sheet import Line
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.exported import HELD
from synthmatch_jax.metrics import suite
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.synths import farm, play
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host

# Sounds that one engine renders before it is made anew, so that results do not depend on the
# number of workers.
CHUNK = 16

# Raised when equal targets and candidates are measured, or kept as parts, in another way.
REVISION = 4


@dataclass(frozen=True, kw_only=True)
class Proposal:
  """What a row proposes, before anything is rendered.

  Attributes:
    controls: N candidates for the answer to each target.
    settle: How the candidates for a target become the answer to it.
    meaning: A phrase that says what the row answers with, and how, if not by `nearest`.
  """

  controls: Float[np.ndarray, "i n d"]
  settle: Settle = nearest
  meaning: str = ""


class Renderer:
  """Engines at work on the sounds of an evaluation."""

  def __init__(self, recipe: Recipe, *, workers: int = 0, plugin: str = ""):
    """Finds the engine of a recipe.

    Args:
      recipe: The recipe of a data set, which says what controls mean and how long sounds are.
      workers: The number of sounds that are rendered at once; 0 is one for each core.
      plugin: The path of the engine's plugin, where it is not found by itself.

    Raises:
      UserError: The engine is not there, or is not the one of the data set.
    """
    self.recipe = recipe
    self.workers = workers or cores.available()
    self._engine = play.engine(recipe, path=plugin)

  def measure(
    self,
    targets: Sequence[Target],
    proposals: Mapping[str, Proposal],
    *,
    parts: Parts | None = None,
  ) -> list[Line]:
    """Renders every target and every row's answer to it, and measures each pair.

    Args:
      targets: The targets.
      proposals: Row -> what it proposes.
      parts: What an earlier, interrupted run has finished, and where more is kept. What failed
        is tried again, as its cause may have been mended.

    Returns:
      A line for each target.
    """

    def work(start: int, host: Host, tick: farm.Tick) -> tuple[int, list[Line]]:
      def do(i: int) -> Line:
        return _line(host, self.recipe, targets[i], i, proposals)

      numbers, lines = range(start, min(start + CHUNK, len(targets))), []
      for i, line in zip(numbers, steadily(do, numbers, host), strict=True):
        if not line.distances:
          print(f"{targets[i].name} has no score: {next(iter(line.reasons.values()))}")
        lines.append(line)
        tick()
      return start, lines

    def steadily(do: Callable[[int], Line], numbers: range, host: Host) -> Iterator[Line]:
      if all(proposal.settle in (nearest, other) for proposal in proposals.values()):
        return host.steadily(do, numbers)
      # A host keeps every sound that it is asked for until the end, and a search asks for many.
      return chain.from_iterable(host.steadily(do, [i]) for i in numbers)

    done = {s: parts.load(s) if parts else None for s in range(0, len(targets), CHUNK)}
    jobs = [s for s, lines in done.items() if not lines or any(line.reasons for line in lines)]
    total = sum(min(CHUNK, len(targets) - start) for start in jobs)
    for start, lines in self._run(work, jobs, total=total, label="eval"):
      done[start] = lines
      if parts:
        parts.save(start, lines)
    found = [line for lines in done.values() for line in lines or ()]
    _tell_what_is_missing(found)
    return found

  def sounds(
    self, targets: Sequence[Target], answers: Mapping[str, Float[np.ndarray, "i d"]]
  ) -> Iterator[tuple[int, dict[str, Float[np.ndarray, " n"]]]]:
    """Renders some targets and every row's answer to them, to be heard.

    Yields:
      The number of a target and its sounds, "target" and every row, as they are ready. A target
      that the engine fails on is left out.
    """

    def work(i: int, host: Host, tick: farm.Tick) -> tuple[int, dict[str, np.ndarray]]:
      given = {
        row: Example(controls=controls[i], note=targets[i].note)
        for row, controls in answers.items()
      }
      try:
        sounds = host.call(settle.sounds, self.recipe, targets[i], given)
      except RenderError:
        sounds = {}
      tick()
      return i, sounds

    for i, sounds in self._run(work, range(len(targets)), total=len(targets), label="page"):
      if sounds:
        yield i, sounds

  def _run(self, work: Callable[..., Any], jobs: Sequence[int], *, total: int, label: str):
    return farm.run(work, jobs, engine=self._engine, workers=self.workers, total=total, label=label)


def digest(targets: Sequence[Target], proposals: Mapping[str, Proposal], recipe: Recipe) -> str:
  """Returns 16 hexadecimal digits that stand for everything that `Renderer.measure` depends on."""
  how = {"revision": REVISION, "chunk": CHUNK}
  metrics = sound_metrics(recipe.mel.sample_rate)
  key = (measured_against.digest(targets), recipe.digest(), metrics, how)
  state = hashlib.sha256(repr(key).encode())
  for name, proposal in proposals.items():
    state.update(repr((name, proposal.meaning, proposal.controls.shape)).encode())
    state.update(np.ascontiguousarray(proposal.controls).tobytes())
  return state.hexdigest()[:16]


def _line(
  host: Host, recipe: Recipe, target: Target, i: int, proposals: Mapping[str, Proposal]
) -> Line:
  """Settles every row's answer to target number i, and measures it."""
  answers: dict[str, Example] = {}
  reasons: dict[str, str] = {}
  for row, proposal in proposals.items():
    candidates = [Example(controls=one, note=target.note) for one in proposal.controls[i]]
    try:
      answers[row] = proposal.settle(host, recipe, target, candidates)
    except RenderError as error:
      reasons[row] = str(error)
  measured, failed = settle.each(host, _measure, recipe, target, answers)
  held = measured.pop(HELD, None)
  return Line(
    answers={
      row: (answers[row].controls if row in answers else proposal.controls[i, 0]).tolist()
      for row, proposal in proposals.items()
    },
    distances={
      row: {name: None if np.isnan(value) else value for name, value in values.items()}
      for row, values in measured.items()
    },
    reasons={row: f"{recipe.engine} failed: {why}" for row, why in (reasons | failed).items()},
    held=held,
  )


def _measure(
  synth: Synth, recipe: Recipe, target: Target, answers: Mapping[str, Example]
) -> dict[str, Any]:
  """Returns row -> metric -> value, of one target, and how long it is held."""
  metrics = sound_metrics(recipe.mel.sample_rate)
  sounds = settle.sounds(synth, recipe, target, answers)
  held = hold_seconds(sounds["target"], recipe.mel.sample_rate)
  analyses = {name: suite.analyse(sound, metrics) for name, sound in sounds.items()}
  wanted = analyses.pop("target")
  measured = {row: suite.compare(wanted, one, metrics) for row, one in analyses.items()}
  return {**measured, HELD: held}


def _tell_what_is_missing(lines: Sequence[Line]) -> None:
  """Says how many scores each row lacks, and the reason of the first."""
  lacking = [(row, why) for line in lines if line.distances for row, why in line.reasons.items()]
  reasons = dict(reversed(lacking))
  for row, count in Counter(row for row, _ in lacking).items():
    print(f"the row {row} lacks {count} of {len(lines)} scores: {reasons[row]}")
