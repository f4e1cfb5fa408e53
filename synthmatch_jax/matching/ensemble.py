"""The models that answer together; they all play the same synth."""

import contextlib
import dataclasses
import functools
import hashlib
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from synthmatch_jax import bundled
from synthmatch_jax.audio.hearing import Recording
from synthmatch_jax.audio.listen import AS_RECORDED, Hearing, listen
from synthmatch_jax.audio.note import KnownNote, Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.exported import PROXY
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import confidence
from synthmatch_jax.matching.confidence import Reference
from synthmatch_jax.search import neighbours, seeds
from synthmatch_jax.search.budget import NO_USE, USUAL, Use
from synthmatch_jax.search.neighbours import Neighbours
from synthmatch_jax.spaces import snapping

if TYPE_CHECKING:
  from synthmatch_jax.search.stand_in import StandIn


@dataclass(frozen=True, kw_only=True)
class Model:
  """A trained model.

  Attributes:
    name: The name of its workdir.
    predictor: The model at work.
    reference: The distances of its answers to sounds of the synth itself.
    folder: The workdir, beside whose model an index of sounds and a proxy of the synth may lie.
  """

  name: str
  predictor: Predictor
  reference: Reference
  folder: Path

  @functools.cached_property
  def neighbours(self) -> Neighbours | None:
    """The index of the sounds that it was trained on; None where it has none.

    Raises:
      UserError: The index is damaged, or did not come with the model.
    """
    return neighbours.read(self.folder, self.predictor.recipe, sums=self.predictor.sums)

  @functools.cached_property
  def stand_in(self) -> "StandIn | None":
    """The proxy that stands in for the synth; None where it has none.

    Raises:
      UserError: The proxy is damaged, plays another synth, or did not come with the model.
    """
    from synthmatch_jax.search import stand_in  # It takes Flax, which a match can spare.

    return stand_in.read(self.folder, self.predictor.recipe, sums=self.predictor.sums)

  def draws_in_each(self, ways: int, *, draws: int) -> int:
    """The number of answers that it is asked for in each way of listening, of so many in all."""
    return math.ceil(draws / ways) if self.predictor.is_drawn else 1

  @functools.cached_property
  def digest(self) -> str:
    """A hash, 16 hexadecimal digits, of all that the model's answers depend on."""
    found = self.predictor
    said = (found.recipe.digest(), found.statistics.to_dict(), dict(found.arguments))
    if found.snapping:
      said = (*said, snapping.digest(found.snapping))
    state = hashlib.sha256(repr((said, self.reference.digest)).encode())
    for name, array in sorted(found.arrays().items()):
      state.update(name.encode() + np.asarray(array).tobytes())
    return state.hexdigest()[:16]

  def listen(
    self, recording: Recording, ways: Sequence[Hearing] = (AS_RECORDED,)
  ) -> dict[Hearing, Float[np.ndarray, " m"]]:
    """Returns what the model hears of a sound in some ways of listening (see `audio.listen`)."""
    pitch, level_db = self.predictor.recipe.note.pitch, self.predictor.statistics.level_db
    return listen(recording, ways, pitch=pitch, level_db=level_db)

  def known_note(self, recording: Recording, way: Hearing, *, played: Note) -> KnownNote:
    """Returns what the model is told of the note of a sound that it listens to in some way."""
    known = recording.heard.known_note(played)
    if way.pitch == "as recorded":
      return known
    return dataclasses.replace(known, pitch=float(self.predictor.recipe.note.pitch))


def load(workdirs: Sequence[Path], *, synth: str | None = None) -> tuple[Model, ...]:
  """Loads the models of some workdirs; without any, the one that comes along for the synth.

  Args:
    workdirs: The folders of the models.
    synth: The synth that they play, a key of `bundled.SYNTHS`; None for any.

  Raises:
    UserError: A workdir holds no trained model, or has the name of another; or its model plays
      another synth than it should, or than the first one.
  """
  models: list[Model] = []
  for workdir in workdirs or (bundled.model(synth or "massive16"),):
    name = workdir.resolve().name
    if any(model.name == name for model in models):
      raise UserError(f"two models would be called {name!r}: rename the folder {workdir}")
    predictor = Predictor.load(workdir)
    if synth:
      bundled.require_played(synth, space=predictor.recipe.space.name, by=workdir)
    if models and (apart := _apart(models[0].predictor.recipe, predictor.recipe)):
      raise UserError(
        f"the model in {workdir} cannot answer together with {models[0].name}: it has another"
        f" {apart}; match with one after the other"
      )
    reference = confidence.reference(workdir, predictor)
    models.append(Model(name=name, predictor=predictor, reference=reference, folder=workdir))
  return tuple(models)


def prepare(models: Sequence[Model], *, ways: int, draws: int, use: Use) -> None:
  """Begins to compile what answers in the background (see `Predictor.prepare`).

  Args:
    models: The models.
    ways: The number of ways in which they listen.
    draws: The number of answers of a model that draws them, over all ways.
    use: What is made of the proxy of the synth.
  """
  counts = [model.draws_in_each(ways, draws=draws) for model in models]
  for model, count in zip(models, counts, strict=True):
    model.predictor.prepare(ways, answers=count)
  if use.steps:
    steering = functools.partial(_steer, proxy(models), ways * sum(counts), steps=use.steps)
    threading.Thread(target=steering).start()


def _steer(proxy: "StandIn", count: int, *, steps: int) -> None:
  """Steers so many patches to silence, for which all is compiled that others need."""
  recipe = proxy.recipe
  silence = np.full((recipe.num_frames, recipe.mel.n_mels), recipe.mel.floor_db, np.float32)
  starts = [np.full(recipe.space.width, 0.5, np.float32)] * count
  with contextlib.suppress(Exception):  # Who needs it meets it again.
    seeds.steered(proxy, silence, starts, recipe.note, recipe=recipe, steps=steps, count=1)


def use(models: Sequence[Model], asked: Use) -> Use:
  """What is made of the proxy of the synth, if a model has one.

  Raises:
    UserError: A proxy is asked for, and there is none.
  """
  is_there = any(model.stand_in for model in models)
  if not is_there and asked not in (USUAL, NO_USE):
    proxy(models)  # It says what to do.
  return asked.settled(is_there=is_there)


def proxy(models: Sequence[Model]) -> "StandIn":
  """The first proxy of the synth that lies beside one of the models.

  Raises:
    UserError: There is none.
  """
  for model in models:
    if model.stand_in:
      return model.stand_in
  raise UserError(
    f"the model {models[0].name} has no proxy of the synth, and --steer and --sieve need one: put"
    " one beside it by `python -m synthmatch_jax.export --workdir=P"
    f" --out={models[0].folder / PROXY}`"
  )


def _apart(one: Recipe, other: Recipe) -> str:
  """Names what keeps the answers of two models from being compared; empty if nothing does."""
  wanted = {
    "synth": [(r.engine, r.fingerprint, r.essentials().get("plugin")) for r in (one, other)],
    "space": [r.essentials()["space"] for r in (one, other)],
    "note": [r.note for r in (one, other)],
    "length of sounds": [r.seconds for r in (one, other)],
    "sample rate": [r.mel.sample_rate for r in (one, other)],
  }
  return next((name for name, (a, b) in wanted.items() if a != b), "")
