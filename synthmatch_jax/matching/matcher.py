"""Finds the patches that make a sound."""

import contextlib
import dataclasses
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax import cores, selection
from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import NOTHING, Assume, Recording, hear
from synthmatch_jax.audio.listen import AS_RECORDED, HEARINGS, Hearing
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.matching import ensemble, judging
from synthmatch_jax.matching.ensemble import Model
from synthmatch_jax.matching.judging import Candidate
from synthmatch_jax.matching.refinement import Refinement
from synthmatch_jax.matching.result import Answer, Match, Origin
from synthmatch_jax.search import seeds
from synthmatch_jax.search.budget import USUAL, Use
from synthmatch_jax.synths.play import engine
from synthmatch_jax.synths.pool import Pool

Sound = Any
"""A path; bytes of a sound file; a file open for reading bytes; or samples, (n,) or (n, channels),
an array of NumPy, JAX or another library, or a list."""

Listen = Literal["once", "widely"]
"""Whether a model listens to a sound as it is recorded, or in all the ways of `audio.listen`."""


def ways(top: int, listen: Listen | None) -> tuple[Hearing, ...]:
  """Returns the ways in which a model listens.

  Args:
    top: The number of answers wanted.
    listen: None means once for one answer and widely for more.
  """
  widely = listen == "widely" or (listen is None and top > 1)
  return HEARINGS if widely else (AS_RECORDED,)


class Matcher:
  """Answers to sounds, by one model or several that play the same synth.

      with Matcher.open() as matcher:
        found = matcher.match("guitar.wav", top=3)
        found.best.patch

  A matcher can be used from several threads at once. An answer does not depend on what else the
  engines have played or are playing, nor on how many there are.

  Attributes:
    models: The models that answer; the first says how the target is heard.
    pool: The engines that render the answers.
    recipe: The recipe of the first model.
  """

  def __init__(self, models: Sequence[Model], pool: Pool):
    self.models = tuple(models)
    self.pool = pool
    self.recipe = models[0].predictor.recipe

  @classmethod
  @contextlib.contextmanager
  def open(
    cls,
    workdirs: Sequence[Path] = (),
    *,
    synth: str | None = None,
    plugin: str = "",
    engines: int = 1,
  ) -> Iterator["Matcher"]:
    """Opens a matcher with engines of its own, for the time of a `with` block.

    An engine is made when it is used first, and stays. One thread at a time uses one engine.

    Args:
      workdirs: The folders of the models; none for the one that comes along.
      synth: The synth that they play: "massive16" (by default, where there are no folders),
        "vital" or "dexed".
      plugin: The path of the engine's plugin, where it is not found by itself.
      engines: The least number of engines; there are at least as many as cores that the process
        may use.

    Raises:
      UserError: There is no model, or no engine as the one that it was trained with.
    """
    loaded = ensemble.load(workdirs, synth=synth)
    use = ensemble.use(loaded, USUAL)
    ensemble.prepare(loaded, ways=1, draws=seeds.DRAWS if use.steps else 1, use=use)
    found = engine(loaded[0].predictor.recipe, path=plugin)
    with Pool(found, size=max(engines, cores.available())) as pool:
      pool.prepare()
      yield cls(loaded, pool)

  def match(
    self,
    sound: Sound,
    *,
    sample_rate: Any = None,
    source: str = "",
    assume: Assume = NOTHING,
    top: int = 1,
    listen: Listen | None = None,
    proxy: Use = USUAL,
  ) -> Match:
    """Finds the patches for a sound, and plays them at the pitch heard (paper section 4).

    One answer by one model is one prediction and one rendering. With more models, or where the
    models listen widely, all candidates are rendered and the nearest is the first answer. Where a
    model has a proxy of the synth, the answer is the nearest of a few that it has made better.

    Args:
      sound: A path; the bytes of a sound file; a file open for reading bytes, read from its
        start; or samples, (n,) or (n, channels) as soundfile gives them: floats of full scale 1,
        or integers of 8, 16 or 32 bits. The channels are averaged.
      sample_rate: The sample rate of samples, in Hz; they need it.
      source: The name of the sound; the file's name by default.
      assume: What is told about the sound; all else is heard.
      top: The number of distinct answers wanted; there may be fewer.
      listen: None means once for one answer and widely for more.
      proxy: What is made of the proxy of the synth, if a model has one; see `Use`.

    Raises:
      UserError: The sound cannot be matched, or not with what is told.
      RenderError: The engine failed on all answers.
    """
    recording = self.hear(sound, sample_rate=sample_rate, source=source, assume=assume)
    return self.answer(recording, top=top, listen=listen, proxy=proxy)

  def hear(
    self,
    sound: Sound,
    *,
    sample_rate: Any = None,
    source: str = "",
    assume: Assume = NOTHING,
  ) -> Recording:
    """The first half of `match`: all that can be wrong with a sound is found here."""
    rate = self.recipe.mel.sample_rate
    audio, source = io.read(sound, rate=sample_rate, name=source, sample_rate=rate)
    seconds = self.recipe.seconds
    recording = hear(audio, source=source, sample_rate=rate, seconds=seconds, assume=assume)
    return self.models[0].predictor.hear(recording)

  def answer(
    self,
    recording: Recording,
    *,
    top: int = 1,
    listen: Listen | None = None,
    proxy: Use = USUAL,
  ) -> Match:
    """The second half of `match`."""
    if top < 1:
      raise ValueError(f"at least one answer is given, not {top}")
    target = self.models[0].listen(recording)[AS_RECORDED]
    note = recording.heard.held_note(self.recipe.note)
    listened, proxy = ways(top, listen), ensemble.use(self.models, proxy)
    draws = seeds.DRAWS if top > 1 or proxy.steps else 1
    candidates = self.candidates(recording, listened, note=note, draws=draws)
    if proxy.steps:
      starts = [example.controls for _, example in candidates]
      steered = self.steered(target, starts, note=note, steps=proxy.steps)
      candidates = steered if top == 1 and listen != "widely" else candidates + steered
    return Match(
      source=recording.source,
      target=target,
      heard=recording.heard,
      recipe=self.recipe,
      answers=self.choose(target, candidates, count=top),
    )

  def search(self, recording: Recording, **asked: Any) -> Refinement:
    """Begins a search for the answers to a sound: an iterator of improvements.

        search = matcher.search(matcher.hear("guitar.wav"), budget=Budget(renders=200))
        for step in search:
          print(step.renders, step.value)
        search.match().best.patch

    Args:
      recording: The sound.
      **asked: What is asked of the search; see `Refinement`.
    """
    return Refinement(self, recording, **asked)

  def change(self, found: Match, controls: Float[np.ndarray, " d"]) -> Match:
    """Returns the same match with one answer, the best one with its controls changed by hand.

    Args:
      found: A match by this matcher's models.
      controls: The controls of the new answer.

    Raises:
      RenderError: The engine failed on them.
    """
    best = found.best
    candidate = (
      dataclasses.replace(best.origin, by_hand=True),
      dataclasses.replace(best.example, controls=controls),
    )
    return dataclasses.replace(found, answers=self.choose(found.target, [candidate]))

  def candidates(
    self, recording: Recording, listened: Sequence[Hearing], *, note: Note, draws: int = seeds.DRAWS
  ) -> list[Candidate]:
    """Returns what each model predicts in each way of listening; the plain answer comes first.

    Args:
      recording: The sound.
      listened: The ways of listening.
      note: The note that the answers are played with.
      draws: The number of answers of a model that draws them, over all ways, at least one in each.
    """
    candidates: list[Candidate] = []
    for model in self.models:
      clips = model.listen(recording, listened)
      mels = np.stack([log_mel(clip, model.predictor.recipe.mel) for clip in clips.values()])
      notes = [model.known_note(recording, way, played=note) for way in clips]
      places = np.arange(len(clips), dtype=np.int32)  # As seeds, so that what is drawn differs.
      count = model.draws_in_each(len(listened), draws=draws)
      found = model.predictor.answers(mels, notes, count=count, seeds=places)
      for way, answers in zip(clips, found, strict=True):
        for sample, controls in enumerate(answers):
          origin = Origin(model=model.name, hearing=way.name, sample=sample)
          candidates.append((origin, Example(controls=controls, note=note)))
    return candidates

  def steered(
    self,
    target: Float[np.ndarray, " n"],
    starts: Sequence[Float[np.ndarray, " d"]],
    *,
    note: Note,
    steps: int,
    locked: Collection[str] = (),
  ) -> list[Candidate]:
    """Returns a few patches that were brought nearer through the proxy (see `seeds.steered`).

    Raises:
      UserError: No model has a proxy.
    """
    proxy = ensemble.proxy(self.models)
    found = seeds.steered(
      proxy,
      log_mel(target, proxy.recipe.mel),
      starts,
      note,
      recipe=self.recipe,
      steps=steps,
      count=seeds.STEERED,
      locked=locked,
    )
    origins = [
      Origin(model=self.models[0].name, hearing=one.name, sample=i) for i, one in enumerate(found)
    ]
    examples = [Example(controls=one.controls, note=note) for one in found]
    return list(zip(origins, examples, strict=True))

  def choose(
    self,
    target: Float[np.ndarray, " n"],
    candidates: Sequence[Candidate],
    *,
    count: int | None = 1,
    renders: int = 0,
  ) -> tuple[Answer, ...]:
    """Renders candidates and returns the nearest that are distinct, the nearest first.

    A silent candidate comes last. One that the engine fails on is left out.

    Args:
      target: The sound that they are measured against, at the sample rate of the models.
      candidates: At least one.
      count: The largest number of answers wanted; None means all of them, in their order.
      renders: The number of sounds rendered by a search that was free to find any answer.

    Raises:
      RenderError: The engine failed on all of them.
    """
    played = judging.play_all(target, candidates, recipe=self.recipe, pool=self.pool)
    chosen = range(len(played))
    if count is not None:
      chosen = selection.choose(
        [one.example.controls for one in played],
        np.array([one.distance for one in played]),
        self.recipe.space,
        count=count,
        silent=np.array([one.silent for one in played]),
      )
    references = {model.name: model.reference for model in self.models}
    nearest = [played[i] for i in chosen]
    return judging.judge(target, nearest, references, recipe=self.recipe, renders=renders)
