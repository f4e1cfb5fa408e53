"""What estimates are measured against: sounds of a data set, or from outside."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import Heard, hear
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Target:
  """A sound that estimates are measured against, and the note that they play.

  Attributes:
    name: for people.
    family: of sounds that are also summed up by themselves; empty for none.
    note: the note that every estimate plays.
    example: the patch and note of a sound of the data set, which is rendered again.
    heard: a sound from outside; estimates are brought to its loudness.

  One of `example` and `heard` is there.
  """

  name: str
  family: str = ""
  note: Note
  example: Example | None = None
  heard: Heard | None = None

  def __post_init__(self):
    if (self.example is None) == (self.heard is None):
      raise ValueError(f"the target {self.name} needs an example or a sound, not both")

  @property
  def known(self) -> Example:
    """The example of a sound of the data set."""
    assert self.example is not None
    return self.example

  @property
  def assumed(self) -> str:
    """The note and where it is from, in a few words."""
    if self.heard is None:
      return f"MIDI note {self.note.pitch}"
    if self.heard.pitch is None:
      return f"MIDI note {self.note.pitch}: no pitch heard"
    pitch = self.heard.pitch
    return (
      f"MIDI note {self.note.pitch}: heard {pitch.midi:.1f}, {100 * pitch.confidence:.0f} % sure"
    )


def of_dataset(
  controls: Float[np.ndarray, "i d"], notes: Sequence[Note], *, split: str
) -> list[Target]:
  """The first sounds of a split, rendered again from their controls and notes."""
  return [
    Target(name=f"{split} {i}", note=note, example=Example(controls=one, note=note))
    for i, (one, note) in enumerate(zip(controls, notes, strict=True))
  ]


def from_outside(
  sounds: Sequence[SoundFile], recipe: Recipe, *, level_db: float
) -> tuple[list[Target], dict[str, str]]:
  """Sound files, heard as `match` hears them; and name -> reason of those that cannot be.

  Answers are held as long as the data set's notes: numbers compare from sound to sound.
  """
  targets, failures = [], {}
  rate = recipe.mel.sample_rate
  for sound in sounds:
    try:
      audio = io.load(sound.path, sample_rate=rate)
    except UserError as error:
      failures[sound.name] = str(error)
      continue
    heard = hear(audio, sample_rate=rate, seconds=recipe.seconds, level_db=level_db)
    note = heard.note(recipe.note)
    targets.append(Target(name=sound.name, family=sound.family, note=note, heard=heard))
  return targets, failures


def digest(targets: Sequence[Target]) -> str:
  """16 hexadecimal digits of all that is measured against."""
  state = hashlib.sha256()
  for target in targets:
    sound = target.heard.audio if target.heard else target.known.controls
    state.update(repr((target.name, target.note, sound.shape)).encode())
    state.update(np.ascontiguousarray(sound).tobytes())
  return state.hexdigest()[:16]
