"""The targets that estimates are measured against: sounds of a data set, or from outside."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import Recording, hear
from synthmatch_jax.audio.listen import AS_RECORDED, listen
from synthmatch_jax.audio.note import KnownNote, Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.sound_folder import SoundFile
from synthmatch_jax.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Target:
  """A sound that estimates are measured against, and the note that they play.

  Attributes:
    name: The name for people.
    note: The note that every estimate plays.
    assumed: The note and where it is from, in a few words.
    told: What models are told of it.
    family: The family of sounds that are also summed up by themselves; empty for none.
    example: The patch and note of a sound of the data set, which is rendered again.
    audio: A sound from outside as the model hears it; estimates are brought to its loudness.

  Either `example` or `audio` is there.
  """

  name: str
  note: Note
  assumed: str
  told: Note | KnownNote
  family: str = ""
  example: Example | None = None
  audio: Float[np.ndarray, " n"] | None = None

  def __post_init__(self):
    if (self.example is None) == (self.audio is None):
      raise ValueError(f"the target {self.name} needs an example or a sound, not both")

  @property
  def known(self) -> Example:
    """The example of a sound of the data set."""
    assert self.example is not None
    return self.example


def of_dataset(
  controls: Float[np.ndarray, "i d"], notes: Sequence[Note], *, split: str
) -> list[Target]:
  """Returns the first sounds of a split, to be rendered again from their controls and notes."""
  pairs = enumerate(zip(controls, notes, strict=True))
  return of_examples({f"{split} {i}": Example(controls=c, note=n) for i, (c, n) in pairs})


def of_examples(examples: Mapping[str, Example]) -> list[Target]:
  """Returns sounds of known patches, by their names, to be rendered again."""
  return [
    Target(
      name=name,
      note=example.note,
      assumed=f"MIDI note {example.note.pitch}",
      told=example.note,
      example=example,
    )
    for name, example in examples.items()
  ]


def from_outside(
  sounds: Sequence[SoundFile],
  recipe: Recipe,
  *,
  level_db: float,
  predict: Callable[[Recording], Recording],
) -> tuple[list[Target], dict[str, str]]:
  """Listens to sound files as `match` does.

  Where the notes of the data set are of one length, answers are held as long: numbers compare from
  sound to sound.

  Args:
    sounds: The files.
    recipe: The recipe of the data set.
    level_db: The loudness (LUFS) of the model's training.
    predict: Adds the note that the model predicts (see `Predictor.hear`).

  Returns:
    The targets, and name -> reason of the files that cannot be read.
  """
  targets, failures = [], {}
  rate = recipe.mel.sample_rate
  for sound in sounds:
    try:
      audio = io.load(sound.path, sample_rate=rate)
    except UserError as error:
      failures[sound.name] = str(error)
      continue
    recording = hear(audio, source=sound.name, sample_rate=rate, seconds=recipe.seconds)
    clips = listen(recording, pitch=recipe.note.pitch, level_db=level_db)
    heard = predict(recording).heard
    note = heard.note(recipe.note) if recipe.notes is None else heard.held_note(recipe.note)
    pitch = heard.pitch
    sure = pitch and f"heard {pitch.midi:.1f}, {100 * pitch.confidence:.0f} % sure"
    targets.append(
      Target(
        name=sound.name,
        note=note,
        assumed=f"MIDI note {note.pitch}: {sure or 'no pitch heard'}",
        told=heard.known_note(note),
        family=sound.family,
        audio=clips[AS_RECORDED],
      )
    )
  return targets, failures


def digest(targets: Sequence[Target]) -> str:
  """Returns 16 hexadecimal digits of all that is measured against."""
  state = hashlib.sha256()
  for target in targets:
    sound = target.known.controls if target.audio is None else target.audio
    # A note is written as it always has been, so that results compare with older ones.
    said = repr((target.name, target.note, sound.shape)).replace(" hold_seconds=", " seconds=")
    state.update(said.encode())
    state.update(np.ascontiguousarray(sound).tobytes())
  return state.hexdigest()[:16]
