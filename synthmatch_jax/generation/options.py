"""The options of a build, which people give as JSON, and the recipe that they describe."""

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

import tensorflow_datasets as tfds

from synthmatch_jax.audio.mel import MelSettings
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import NotePrior
from synthmatch_jax.data.recipe import BOUNDS, Recipe, require_bounded
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import registry
from synthmatch_jax.synths.play import fingerprint

_TEXTS = ("name", "description", "engine", "plugin", "prior", "shards")

# The numbers, with their bounds; most of them are numbers of the recipe.
_NUMBERS = {
  "num_examples": (int, 10, 10**12),
  "workers": (int, 0, 10**6),
  "seed": BOUNDS["seed"],
  "shard_size": BOUNDS["shard_size"],
  "pitch": BOUNDS["note.pitch"],
  "velocity": BOUNDS["note.velocity"],
  "note_seconds": BOUNDS["note.hold_seconds"],
  "seconds": BOUNDS["seconds"],
  "threshold_db": BOUNDS["threshold_db"],
  "n_mels": BOUNDS["mel.n_mels"],
}


@dataclasses.dataclass(eq=False, kw_only=True)
class Options(tfds.core.BuilderConfig):
  """The options of a build: `--config '{"name": "mine", "num_examples": 1000}'`.

  A data set subclasses them to say its default engine, and other defaults if it has any.

  Attributes:
    engine: The name of the engine that renders, or a FILE.json that the probe wrote.
    plugin: The path of the engine's plugin, if it is not found by itself.
    num_examples: The number of records in the three splits together.
    seed: The seed of everything random.
    prior: The name of a prior of the engine's space, or a FILE.json; the engine's own prior if it
      is empty.
    pitch: The MIDI note number of the note; 60 is C4.
    velocity: The MIDI velocity of the note.
    note_seconds: The time from note-on to note-off, in seconds.
    notes: The distribution that each record draws its note from: "varied" for the default one, or
      {"pitch": [33, 96], "velocity": 127, "hold_seconds": [0.08, 3.0]}, any of which may be left
      out. If it is empty, every record is of the one note that the options above describe.
    seconds: The length of a sound.
    threshold_db: The loudness in LUFS below which a sound is drawn again.
    n_mels: The number of mel bins of a spectrogram.
    shard_size: The number of records in a file.
    workers: The number of sounds that each machine renders at once; 0 is one for each core. It
      does not change a byte.
    shards: The folder or bucket in which finished shards are kept until they are all there, e.g.
      "gs://bucket/shards"; a folder beside the data set if it is empty.

  Raises:
    UserError: An option is unknown, missing or of another kind, or is out of its bounds.
  """

  engine: str
  plugin: str = ""
  num_examples: int = 1_000_000
  seed: int = Recipe.seed
  prior: str = ""
  pitch: int = Note.pitch
  velocity: int = Note.velocity
  note_seconds: float = Note.hold_seconds
  notes: str | Mapping[str, Any] = ""
  seconds: float = Recipe.seconds
  threshold_db: float = Recipe.threshold_db
  n_mels: int = MelSettings.n_mels
  shard_size: int = Recipe.shard_size
  workers: int = 0
  shards: str = ""

  def __new__(cls, **options: Any):
    """Checks what JSON says; the dataclass alone would answer with a traceback, or not at all."""
    known = [field.name for field in dataclasses.fields(cls)]
    if unknown := sorted(set(options) - set(known)):
      raise UserError(f"unknown option {', '.join(unknown)} in --config; known: {', '.join(known)}")
    if "name" not in options:
      raise UserError('--config needs a "name": it becomes the folder of the data set')
    for option, value in options.items():
      if option in _TEXTS and not isinstance(value, str):
        raise UserError(f"{option} must be a text; --config has {value!r}")
      if option in _NUMBERS:
        require_bounded(f"{option} in --config", value, _NUMBERS[option])
    if not re.fullmatch(r"[\w.+-]*\w[\w.+-]*", options["name"]):
      raise UserError(
        "name must be letters, digits and any of ._+-, as a folder's; --config has"
        f" {options['name']!r}"
      )
    return super().__new__(cls)

  @functools.cached_property
  def found_engine(self) -> registry.Engine:
    """The engine that the options name."""
    return registry.engine(self.engine, path=self.plugin)

  @functools.cached_property
  def recipe(self) -> Recipe:
    """What the options say about the records."""
    engine = self.found_engine
    return Recipe(
      engine=engine.name,
      fingerprint=fingerprint(engine),
      space=engine.space,
      prior=prior.load(self.prior or engine.prior, engine.space),
      seed=self.seed,
      note=Note(pitch=self.pitch, velocity=self.velocity, hold_seconds=float(self.note_seconds)),
      notes=_note_prior(self.notes),
      seconds=float(self.seconds),
      mel=MelSettings(n_mels=self.n_mels),
      threshold_db=float(self.threshold_db),
      shard_size=self.shard_size,
      plugin=engine.plugin.essentials() if engine.plugin else None,
    )


def _note_prior(option: Any) -> NotePrior | None:
  """Returns the distribution of notes that an option asks for; None for one note."""
  if option == "":
    return None
  try:
    return NotePrior() if option == "varied" else NotePrior.from_dict(option)
  except UserError as error:
    raise UserError(f'{error}; give "varied", or such ranges, as "notes" in --config') from None
