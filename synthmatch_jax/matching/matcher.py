"""From a sound to the patches that make it."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from synthmatch_jax import selection
from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import NOTHING, Assume, Recording, hear
from synthmatch_jax.audio.listen import AS_RECORDED, HEARINGS, Hearing, listen
from synthmatch_jax.audio.loudness import SILENT_PEAK, loudness_db, match_loudness
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.matching import models
from synthmatch_jax.matching.confidence import SILENT
from synthmatch_jax.matching.match import Answer, Match
from synthmatch_jax.matching.models import Model
from synthmatch_jax.metrics import suite
from synthmatch_jax.selection import RANKED_BY
from synthmatch_jax.synths.base import RenderError
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine, hosting, play

BY_HAND = Hearing(name="changed by hand")
"""The origin of controls that a person set."""

Sound = Any
"""A path; bytes of a sound file; a file open for reading bytes; or samples, (n,) or (n, channels),
an array of NumPy, JAX or another library, or a list."""

Listen = Literal["once", "widely"]
"""Whether a model listens to a sound as it is recorded, or in all the ways of `audio.listen`."""


def ways(top: int, listen: Listen | None) -> tuple[Hearing, ...]:
  """The ways in which a model listens: once for one answer and widely for more, unless told."""
  widely = listen == "widely" or (listen is None and top > 1)
  return HEARINGS if widely else (AS_RECORDED,)


@dataclass(frozen=True, kw_only=True)
class _Candidate:
  """An answer that may be given."""

  model: Model
  hearing: Hearing
  controls: Float[np.ndarray, " d"]


@dataclass(frozen=True, kw_only=True)
class _Rendered(_Candidate):
  """The same with its sound."""

  estimate: Float[np.ndarray, " n"]
  silent: bool


class Matcher:
  """Answers to sounds, by one model or several that play the same synth.

    with Matcher.open() as matcher:
      found = matcher.match("guitar.wav", top=3)
      found.best.patch

  Not thread-safe, since its host is not; the models are, and can be shared.

  Attributes:
    models: that answer; the first says how the target is heard.
    host: of the synth.
  """

  def __init__(self, models: Sequence[Model], host: Host):
    self.models = tuple(models)
    self.host = host
    self.recipe = models[0].predictor.recipe

  @classmethod
  @contextlib.contextmanager
  def open(cls, workdirs: Sequence[Path] = (), *, plugin: str = "") -> Iterator["Matcher"]:
    """A matcher with an engine of its own, for the time of a `with` block.

    Args:
      workdirs: of the models; none for the one that comes along (`models.RELEASED`).
      plugin: path of the engine's plugin, where it is not found by itself.

    Raises:
      UserError: there is no model, or no engine as the one that it was trained with.
    """
    loaded = models.load(workdirs)
    models.prepare(loaded, count=1)
    with hosting(engine(loaded[0].predictor.recipe, path=plugin)) as host:
      yield cls(loaded, host)

  def match(
    self,
    sound: Sound,
    *,
    sample_rate: Any = None,
    source: str = "",
    assume: Assume = NOTHING,
    top: int = 1,
    listen: Listen | None = None,
  ) -> Match:
    """Finds the patches for a sound, and plays them at the pitch heard (paper section 4).

    Args:
      sound: a path; the bytes of a sound file; a file open for reading bytes, read from its
        start; or samples, (n,) or (n, channels) as soundfile gives them: floats of full scale 1,
        or integers of 8, 16 or 32 bits. The channels are averaged.
      sample_rate: The sample rate of samples, in Hz; they need it.
      source: what the sound is called; the file's name by default.
      assume: what is told about the sound; all else is heard.
      top: distinct answers wanted; there may be fewer.
      listen: None is once for one answer, and widely for more.

    One answer by one model is one prediction and one rendering. With more models, or if it is
    to listen widely, all candidates are rendered and the nearest is the first answer.

    Raises:
      UserError: this is no sound that can be matched, or not with what is told.
      RenderError: the engine failed on all answers.
    """
    recording = self.hear(sound, sample_rate=sample_rate, source=source, assume=assume)
    return self.answer(recording, top=top, listen=listen)

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
    return hear(audio, source=source, sample_rate=rate, seconds=seconds, assume=assume)

  def answer(self, recording: Recording, *, top: int = 1, listen: Listen | None = None) -> Match:
    """The second half of `match`."""
    if top < 1:
      raise ValueError(f"at least one answer is given, not {top}")
    target, candidates = self._candidates(recording, ways(top, listen))
    note = recording.heard.held_note(self.recipe.note)
    level_db = loudness_db(target, self.recipe.mel.sample_rate)
    rendered = self._render(candidates, note, level_db=level_db)
    return Match(
      source=recording.source,
      target=target,
      heard=recording.heard,
      note=note,
      recipe=self.recipe,
      answers=self._measure(target, self._nearest(target, rendered, count=top)),
    )

  def retouch(self, found: Match, controls: Float[np.ndarray, " d"]) -> Match:
    """The same match with one answer, which is made of other controls.

    Args:
      found: a match of this matcher's models; the model of its best answer is named.
      controls: of the answer.

    Raises:
      RenderError: the engine failed on them.
    """
    model = next(model for model in self.models if model.name == found.best.model)
    candidate = _Candidate(model=model, hearing=BY_HAND, controls=controls)
    level_db = loudness_db(found.target, self.recipe.mel.sample_rate)
    rendered = self._render([candidate], found.note, level_db=level_db)
    return dataclasses.replace(found, answers=self._measure(found.target, rendered))

  def _candidates(
    self, recording: Recording, listened: Sequence[Hearing]
  ) -> tuple[Float[np.ndarray, " n"], list[_Candidate]]:
    """Returns the target, and what each model predicts in each way of listening."""
    targets, candidates = [], []
    for model in self.models:
      recipe, level_db = model.predictor.recipe, model.predictor.statistics.level_db
      clips = listen(recording, listened, pitch=recipe.note.pitch, level_db=level_db)
      targets.append(clips[AS_RECORDED])
      mels = np.stack([log_mel(clip, recipe.mel) for clip in clips.values()])
      for way, controls in zip(clips, model.predictor.predict(mels), strict=True):
        candidates.append(_Candidate(model=model, hearing=way, controls=controls))
    return targets[0], candidates

  def _render(
    self, candidates: Sequence[_Candidate], note: Note, *, level_db: float
  ) -> list[_Rendered]:
    """The candidates that the engine does not fail on; raises if there is none."""
    self.host.renew()  # So that an answer does not depend on the sounds before it.
    rendered: list[_Rendered] = []
    trouble: RenderError | None = None
    for candidate in candidates:
      try:
        played = self.host.call(play, self.recipe, Example(controls=candidate.controls, note=note))
      except RenderError as error:
        trouble = error
        continue
      silent = float(np.abs(played).max(initial=0)) < SILENT_PEAK
      estimate = match_loudness(played, level_db, self.recipe.mel.sample_rate)
      rendered.append(
        _Rendered(**vars(candidate), estimate=played if silent else estimate, silent=silent)
      )
    if trouble and not rendered:
      raise trouble
    return rendered

  def _nearest(
    self, target: Float[np.ndarray, " n"], candidates: Sequence[_Rendered], *, count: int
  ) -> list[_Rendered]:
    """The nearest candidates that are distinct; silent ones come last."""
    if len(candidates) == 1:
      return list(candidates)
    metric = suite.sound_metrics(self.recipe.mel.sample_rate)[RANKED_BY]
    wanted = metric.analyse(target)
    chosen = selection.choose(
      [one.controls for one in candidates],
      np.array([metric.distance(wanted, metric.analyse(one.estimate)) for one in candidates]),
      self.recipe.space,
      count=count,
      silent=np.array([one.silent for one in candidates]),
    )
    return [candidates[i] for i in chosen]

  def _measure(
    self, target: Float[np.ndarray, " n"], chosen: Sequence[_Rendered]
  ) -> tuple[Answer, ...]:
    """Answers with all their distances."""
    metrics = suite.sound_metrics(self.recipe.mel.sample_rate)
    wanted = suite.analyse(target, metrics)
    return tuple(
      self._answer(one, suite.compare(wanted, suite.analyse(one.estimate, metrics), metrics))
      for one in chosen
    )

  def _answer(self, chosen: _Rendered, distances: Mapping[str, float]) -> Answer:
    reference = chosen.model.reference
    return Answer(
      model=chosen.model.name,
      hearing=chosen.hearing.name,
      controls=chosen.controls,
      patch=self.recipe.space.decode(chosen.controls),
      estimate=chosen.estimate,
      distances=distances,
      confidence=SILENT if chosen.silent else reference.confidence(distances[RANKED_BY]),
    )
