"""Presets that people made, as sounds whose controls are known."""

from collections.abc import Iterator
from operator import attrgetter, methodcaller
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.evaluation import targets
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.spaces import dx7
from synthmatch_jax.spaces.voices import Voices
from synthmatch_jax.synths import play
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.registry import Engine

HELD_OUT = "held-out"
"""What stands in the place of a folder for the voices that no training patch was drawn around."""

_OF_DX7 = (".syx", ".dx7")


def read(where: Path, recipe: Recipe, *, plugin: str = "", limit: int | None = None) -> Material:
  """Plays the presets of a folder, or the voices that a prior holds out for testing.

  A preset is reduced to the patch of the model's space that its engine reads from it, and that is
  what is played, with the note of the data set: so the true controls are known. Those that cannot
  be read or played, or are too quiet, are among the failures.

  Args:
    where: A folder or a file of presets of the synth, or `HELD_OUT`.
    recipe: The recipe of the data set that the model was trained on.
    plugin: The path of the engine's plugin, where it is not found by itself.
    limit: The number of presets, of which the first are taken; None for all.

  Raises:
    UserError: There are no presets, or none can be played.
  """
  engine = play.engine(recipe, path=plugin)
  failures: dict[str, str] = {}
  held_out = str(where) == HELD_OUT and not where.exists()
  found = _held_out(recipe) if held_out else _of_files(where, recipe, engine, failures)
  examples: dict[str, Example] = {}
  mels: list[Float[np.ndarray, "t f"]] = []
  with play.hosting(engine) as host:
    for name, controls in found:
      example = Example(controls=controls, note=recipe.note)
      try:
        level_db, mel = host.call(_heard, recipe, example)
      except RenderError as error:
        failures[name] = f"{recipe.engine} failed: {error}"
        continue
      if not level_db >= recipe.threshold_db:
        failures[name] = f"it is too quiet ({level_db:.1f} LUFS)"
        continue
      examples[name] = example
      mels.append(mel)
      if len(mels) == limit:
        break
  if not mels:
    reason = next(iter(failures.values()), "there is none")
    raise UserError(f"no preset of {recipe.engine} in {where} can be measured: {reason}")
  name = HELD_OUT if held_out else f"{where.resolve().stem}-presets"
  return Material(
    name=name,
    title="voices held out for testing" if held_out else f"presets of {where.resolve().name}",
    targets=targets.of_examples(examples),
    mel=np.stack(mels),
    failures=failures,
  )


def _held_out(recipe: Recipe) -> Iterator[tuple[str, Float[np.ndarray, " d"]]]:
  if recipe.prior.voices is None:
    raise UserError(
      f"the prior {recipe.prior.name} of the model's data set holds no voices out: name a folder of"
      f" presets of {recipe.engine}"
    )
  people = Voices(**recipe.prior.voices).people(recipe.space)["test"]
  return ((f"voice {i}", one) for i, one in enumerate(people, 1))


def _of_files(
  where: Path, recipe: Recipe, engine: Engine, failures: dict[str, str]
) -> Iterator[tuple[str, Float[np.ndarray, " d"]]]:
  """Yields the name and the controls of each preset that can be read."""
  if not where.exists():
    raise UserError(f"there is no folder {where} of presets: check --presets")
  with play.hosting(engine) as host:
    suffix = host.call(attrgetter("preset_suffix"))
    suffixes = _OF_DX7 if suffix in _OF_DX7 else (suffix,)
    paths = files.walk(where) if where.is_dir() else [where]
    for path in (path for path in paths if path.suffix.lower() in suffixes):
      name = path.name if path == where else path.relative_to(where).as_posix()
      try:
        voices = dx7.read(path) if suffix in _OF_DX7 else []
        for i in range(1, len(voices) + 1) if len(voices) > 1 else (0,):
          part = f"#{i}" if i else ""
          patch = host.call(methodcaller("read_preset", path.with_name(path.name + part)))
          yield name + part, recipe.space.encode(patch)
      except (UserError, RenderError, OSError, ValueError, TypeError) as error:
        failures[name] = brief(error)


def _heard(
  synth: Synth, recipe: Recipe, example: Example
) -> tuple[float, Float[np.ndarray, "t f"]]:
  """Returns the loudness of an example and its log-mel; runs where the engine is."""
  sound = play.play(synth, recipe, example)
  return loudness_db(sound, recipe.mel.sample_rate), log_mel(sound, recipe.mel)
