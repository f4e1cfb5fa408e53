"""A compact index of a data set: the nearest sounds, without the data set.

A file of some megabytes that lies beside a model: of each sound the controls in 8 bits, and the
log-mel as its first principal components in 8 bits. Distances are those of the components, which
approach those of the log-mels.
"""

import functools
import hashlib
import math
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from synthmatch_jax import exported, files, untrusted
from synthmatch_jax.data.batch import Columns
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.exported import NEIGHBOURS as FILE
from synthmatch_jax.inference import Predictor

_COMPONENTS = 32
_FITTED = 4_096  # Sounds from which the principal components are found.
_MOST_SOUNDS = 1_000_000
_MOST = 1e6  # Decibels: a log-mel stays far below.
_LEVELS = 255.0
_SPREAD = 4.0  # Standard deviations of a component that 8 bits reach, on either side.
_ARRAYS = ("controls", "places", "mean", "basis")


@dataclass(frozen=True, kw_only=True)
class Neighbours:
  """The sounds of a data set, in components of their log-mels.

  Attributes:
    controls: The controls of each sound, from 0 for 0 to 255 for 1.
    places: The components of each sound, in the basis, from 0 to 255.
    mean: The mean log-mel in dB, flat.
    basis: The direction of each component, times the dB of one of its 255 steps.
  """

  controls: UInt8[np.ndarray, "i d"]
  places: UInt8[np.ndarray, "i c"]
  mean: Float[np.ndarray, " m"]
  basis: Float[np.ndarray, "c m"]

  @functools.cached_property
  def digest(self) -> str:
    """A hash, 16 hexadecimal digits, of all that it finds."""
    state = hashlib.sha256()
    for name in _ARRAYS:
      state.update(getattr(self, name).tobytes())
    return state.hexdigest()[:16]

  def find(self, mels: Float[np.ndarray, "q t f"], *, count: int) -> Float[np.ndarray, "k d"]:
    """The controls of the nearest sounds, each once, those nearest to any of the log-mels first."""
    flat = mels.reshape(len(mels), -1) - self.mean
    # The basis is orthogonal: a component is the projection over the square of its length.
    squares = np.square(self.basis).sum(axis=1)
    wanted = flat @ self.basis.T / squares + _LEVELS / 2
    places = self.places.astype(np.float32)
    # |q - p|^2 with each component in dB.
    distances = np.min(
      [(squares * np.square(places - one)).sum(axis=1, dtype=np.float64) for one in wanted], axis=0
    )
    order = np.argsort(distances, kind="stable")[:count]
    return (self.controls[order] / _LEVELS).astype(np.float32)


def build(batches: Iterable[Columns]) -> Neighbours:
  """Makes the index of a data set's sounds.

  Args:
    batches: `mel` and `controls` of the sounds; the components are those of the first 4,096.

  Raises:
    ValueError: There are no sounds.
  """
  waiting: list[np.ndarray] = []
  controls: list[np.ndarray] = []
  places: list[np.ndarray] = []
  fitted: tuple[np.ndarray, np.ndarray] | None = None

  def settle() -> tuple[np.ndarray, np.ndarray]:
    mels = np.concatenate(waiting)
    waiting.clear()
    mean, basis = fitted or _components(mels)
    squares = np.square(basis).sum(axis=1)
    steps = (mels - mean) @ basis.T / squares + _LEVELS / 2
    places.append(np.clip(np.round(steps), 0, _LEVELS).astype(np.uint8))
    return mean, basis

  for batch in batches:
    waiting.append(batch["mel"].reshape(len(batch["mel"]), -1))
    controls.append(np.round(np.clip(batch["controls"], 0, 1) * _LEVELS).astype(np.uint8))
    if fitted or sum(map(len, waiting)) >= _FITTED:
      fitted = settle()
  if waiting:
    fitted = settle()
  if fitted is None:
    raise ValueError("no sounds to make an index of")
  mean, basis = fitted
  return Neighbours(
    controls=np.concatenate(controls), places=np.concatenate(places), mean=mean, basis=basis
  )


def make(workdir: Path, *, data_dir: Path | None, limit: int) -> tuple[Path, int]:
  """Makes the index of a model's training split, and writes it beside the model.

  Args:
    workdir: The folder of a run, or of an exported model.
    data_dir: Where the data set is, if it was moved.
    limit: The most sounds that are taken.

  Returns:
    The file, and the number of sounds.

  Raises:
    UserError: There is no model, its data set is not there, or the file cannot be written.
  """
  from synthmatch_jax.data import pipeline  # Slow, and not needed to find anything.

  dataset = Predictor.load(workdir).dataset(dir=data_dir)
  count = min(dataset.num_examples("train"), limit, _MOST_SOUNDS)
  batches = pipeline.ordered_batches(
    dataset, "train", batch_size=512, keys=("mel", "controls"), indices=range(count)
  )
  path = workdir / FILE
  write(path, build(batches))
  if exported.is_exported(workdir):
    exported.seal(workdir)
  return path, count


def write(path: Path, found: Neighbours) -> None:
  """Writes the index: all of it, or nothing.

  Raises:
    UserError: The file cannot be written.
  """
  arrays = {name: getattr(found, name) for name in _ARRAYS}
  with files.writing(path) as partial, partial.open("wb") as file:
    np.savez_compressed(file, allow_pickle=False, **arrays)


def read(folder: Path, recipe: Recipe, *, sums: Mapping[str, str]) -> Neighbours | None:
  """Reads the index beside a model, once it is seen to be one of the model's recipe.

  Args:
    folder: The folder of the model.
    recipe: The recipe of the model.
    sums: The checksums that are stored with the model; none where it was never exported.

  Returns:
    None where there is no index.

  Raises:
    UserError: The index is damaged, or of other sounds.
  """
  path = folder / FILE
  try:
    if sums and FILE not in sums and path.exists():
      raise ValueError("it did not come with the model")
    arrays = untrusted.read_arrays(path, _ARRAYS, sha256=sums.get(FILE, ""))
    kinds = {"controls": np.uint8, "places": np.uint8, "mean": np.float32, "basis": np.float32}
    if wrong := [name for name, kind in kinds.items() if arrays[name].dtype != kind]:
      raise ValueError(f"its {wrong[0]} are of another kind")
    width = recipe.num_frames * recipe.mel.n_mels
    count, components = (math.prod(arrays[name].shape[:1]) for name in ("controls", "basis"))
    shapes = {
      "controls": (count, recipe.space.width),
      "places": (count, components),
      "mean": (width,),
      "basis": (components, width),
    }
    if wrong := [name for name, shape in shapes.items() if arrays[name].shape != shape]:
      raise ValueError(f"its {wrong[0]} are not those of the model's sounds")
    if not 0 < count <= _MOST_SOUNDS or components > _COMPONENTS:
      raise ValueError("it holds no sounds, or too many")
    for name in ("mean", "basis"):
      if not (np.abs(arrays[name]) < _MOST).all():  # Nor is NaN.
        raise ValueError(f"its {name} are no decibels")
    if not np.square(arrays["basis"]).sum(axis=1).all():
      raise ValueError("its basis is none")
  except (FileNotFoundError, NotADirectoryError):
    return None
  except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
    raise UserError(
      f"the index of sounds {path} cannot be used ({brief(error)}): make it again by `python -m"
      f" synthmatch_jax.index --workdir={folder}`, or remove it"
    ) from None
  return Neighbours(**arrays)


def _components(mels: Float[np.ndarray, "n m"]) -> tuple[np.ndarray, np.ndarray]:
  """The mean log-mel and the basis: see `Neighbours`."""
  mean = mels.mean(axis=0, dtype=np.float64)
  centred = (mels - mean).astype(np.float32)
  _, sizes, rows = np.linalg.svd(centred, full_matrices=False)
  deviations = sizes[:_COMPONENTS] / np.sqrt(len(mels))
  kept = deviations > 1e-3 * max(float(deviations.max(initial=0)), 1e-6)
  steps = np.maximum(2 * _SPREAD * deviations[kept] / _LEVELS, 1e-6)
  basis = rows[:_COMPONENTS][kept] * steps[:, None]
  return mean.astype(np.float32), basis.astype(np.float32)
