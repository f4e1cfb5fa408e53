"""A trained model as a folder that needs nothing of training: no Orbax, grain, TFDS or TensorBoard.

model.json           the model's name and arguments, the recipe of its sounds, statistics, and
                     checksums of itself and of the files beside it
weights.safetensors  its weights
neighbours.npz       an index of the sounds that it was trained on, if one was made
proxy/               a proxy of the synth, itself an exported model, if one was put there
eval/test/           what `eval` has measured of it, if it has
README.md            the model card

Such a folder may come from a stranger: docs/trust.md says what it can and cannot do.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError

from synthmatch_jax import arrays, checksums, files, untrusted
from synthmatch_jax.arrays import StoredDtype
from synthmatch_jax.data.statistics import TrainingData
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.programs import Programs
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.snapping import Snapping

if TYPE_CHECKING:
  from synthmatch_jax.models.model import Model

RESULTS, PER_SOUND = "eval/test/results.json", "eval/test/per_sound.npz"
"""The results of `eval` on the test split, in the folder of a run or of an exported model."""

HELD = "hold_seconds"
"""The name of the array in the second file that tells how long each sound is held."""

PITCH = "note_pitch"
"""The name of the one that tells which MIDI note each is, where the notes of the data set vary."""

ANSWERED = "answered_16"
"""The row of such an evaluation that holds what a match makes of a proxy of the synth."""

NEIGHBOURS = "neighbours.npz"
"""The index of the sounds that a model was trained on (`search.neighbours`), in the same folder."""

PROXY = "proxy"
"""The folder of a proxy of the synth (`search.stand_in`), in the same folder."""

_MODEL, _WEIGHTS, _CARD = "model.json", "weights.safetensors", "README.md"

MODEL_FILES = (_WEIGHTS, _CARD, _MODEL)
"""The files of a model without what lies beside it; the last one makes it a model."""

_KEYS = {"format", "step", "model", "data", "snapping", "files"}

# Raised where a folder cannot be read by earlier versions any more.
_FORMAT = 2  # 1 does not know of snapping.


@dataclass(frozen=True, kw_only=True)
class TrainedModel:
  """A trained model, from the folder of a run or of an export.

  Attributes:
    weights: Its weights by their names in files, float32, whatever dtype it computes in.
    build: Builds the model with them, in evaluation mode.
    arguments: The arguments that it was built with, its name included.
    data: What is kept of the data that it was trained on.
    step: The step of training at which its weights had the lowest validation loss.
    snapping: The snapping of its answers; none by default.
    sums: SHA-256 of the files beside it, as they were stored; empty for the folder of a run and
      for one that was exported before there were checksums.
  """

  weights: Mapping[str, Any]
  build: Callable[[], "Model"]
  arguments: Mapping[str, Any]
  data: TrainingData
  step: int
  snapping: Snapping = field(default_factory=dict)
  sums: Mapping[str, str] = field(default_factory=dict)

  @classmethod
  def of(cls, model: "Model", **others: Any) -> "TrainedModel":
    """Takes a model that is there, in evaluation mode, with what else belongs to it."""
    from synthmatch_jax.models import weights

    return cls(weights=weights.arrays_of(model), build=lambda: model, **others)

  @functools.cached_property
  def model(self) -> "Model":
    """The model itself, which is built when it is asked for first: that takes Flax and time."""
    return self.build()

  def is_measured_by(self, results: Mapping[str, Any]) -> bool:
    """Returns whether an evaluation (results.json) measured these weights with this snapping."""
    now = (self.step, snapping.digest(self.snapping))
    return (results["step"], results.get("snapping", "")) == now


def is_exported(folder: Path) -> bool:
  """Returns whether a folder holds an exported model."""
  return (folder / _MODEL).exists()


def write(
  folder: Path, trained: TrainedModel, *, card: str, dtype: StoredDtype = "float32"
) -> None:
  """Writes a model, in place of one that is there already.

  Args:
    folder: The folder to write, which need not exist.
    trained: The model.
    card: The model card, in Markdown.
    dtype: The dtype of the weights in the file; float16 halves its size.

  Raises:
    UserError: The folder cannot be written, or holds something else than an exported model.
  """
  if (folder / "config.json").exists():
    raise UserError(f"{folder} is the folder of a run: take another --out")
  if folder.is_dir() and any(folder.iterdir()) and not (folder / _WEIGHTS).exists():
    raise UserError(f"{folder} holds something else than an exported model: take another --out")
  data = trained.data.to_dict()
  data["dataset"].pop("dir", None)  # The folder is one of this machine.
  data_of_weights = arrays.dumps(trained.weights, dtype=dtype)
  described = {
    "format": _FORMAT if trained.snapping else 1,
    "step": trained.step,
    "model": dict(trained.arguments),
    "data": data,
    "snapping": dict(trained.snapping),
    "files": {_WEIGHTS: hashlib.sha256(data_of_weights).hexdigest()},
  }
  with files.writing(folder / _WEIGHTS) as partial:
    partial.write_bytes(data_of_weights)
    (folder / _MODEL).unlink(missing_ok=True)  # Until all of the new one is there, it is no model.
  files.write_text(folder / _CARD, card)
  files.write_json(folder / _MODEL, checksums.seal(described))


def read_proxy(folder: Path, sums: Mapping[str, str]) -> TrainedModel:
  """Reads the proxy of the synth beside a model; what is sealed comes with a sealed one only.

  Args:
    folder: The folder of the model.
    sums: The checksums that are stored with the model; none where it was never exported.

  Raises:
    FileNotFoundError, NotADirectoryError: There is none.
    OSError, ValueError: It is damaged, or did not come with the model.
    UserError: Its folder cannot be read as a model.
  """
  name = f"{PROXY}/{_MODEL}"
  untrusted.read_json(folder / name, sha256=sums.get(name, ""))
  found = read(folder / PROXY)
  if sums and not (name in sums and found.sums):
    raise ValueError("it did not come with the model")
  return found


def seal(folder: Path) -> None:
  """Stores the checksums of what was written to an exported model's folder beside the model.

  Nothing is stored for a folder that has no checksums yet.

  Raises:
    UserError: The folder's model.json is damaged, or cannot be written.
  """
  try:
    described = _said(folder)
    if "digest" not in described:
      return
    checksums.unseal(_MODEL, described, keys=_KEYS)
    for name in (RESULTS, PER_SOUND, NEIGHBOURS, f"{PROXY}/{_MODEL}"):
      described["files"].pop(name, None)
      if (folder / name).exists():
        data = untrusted.read_bytes(folder / name, most=untrusted.MOST_ARRAY_BYTES)
        described["files"][name] = hashlib.sha256(data).hexdigest()
  except (OSError, ValueError) as error:
    raise _unreadable(folder, error) from None
  files.write_json(folder / _MODEL, checksums.seal(described))


def read(folder: Path) -> TrainedModel:
  """Reads what `write` has written; everything is checked before it is used.

  Raises:
    UserError: There is no model, or it is damaged or of a newer version.
  """
  try:
    described = _said(folder)
    data = TrainingData.from_dict(described["data"])
    data = dataclasses.replace(data, dataset={**data.dataset, "dir": files.data_dir()})
    arguments, step = dict(described["model"]), described["step"]
    if not isinstance(step, int) or step < 0:
      raise ValueError(f"its step is {step!r:.50}")
    snaps = snapping.check(described.get("snapping", {}), data.recipe.space)
    sums = described.get("files", {})
    with arrays.opened(folder / _WEIGHTS) as stored:
      build = _building(arguments, data, stored.shapes)
      weights = stored.read(sha256=sums.get(_WEIGHTS, ""))
    # This is asked last, for all else says more about what is wrong.
    checksums.unseal(_MODEL, described, keys=_KEYS)
  except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
    raise _unreadable(folder, error) from None
  except UserError as error:
    raise UserError(f"the model in {folder} cannot be used: {brief(error)}") from None
  return TrainedModel(
    weights=weights,
    build=lambda: build(weights),
    arguments=arguments,
    data=data,
    step=step,
    snapping=snaps,
    sums=sums,
  )


def _building(
  arguments: Mapping[str, Any], data: TrainingData, shapes: Mapping[str, tuple[int, ...]]
) -> Callable[[Mapping[str, np.ndarray]], "Model"]:
  """Returns what builds a model with its weights.

  Raises:
    UserError: There is no such model with weights of these shapes.
  """

  @functools.cache
  def blueprint() -> "Model":
    from synthmatch_jax.models import weights

    return weights.blueprint(arguments, data.recipe.sizes, shapes)

  def build(values: Mapping[str, np.ndarray]) -> "Model":
    from synthmatch_jax.models import weights

    return weights.filled(blueprint(), values)

  if Programs(arguments, data, shapes).about is None:  # Otherwise it has been built before.
    blueprint()
  return build


def _said(folder: Path) -> dict[str, Any]:
  """Reads model.json.

  Raises:
    OSError, ValueError: It cannot be read, or is damaged.
    UserError: It is of a newer version.
  """
  described = untrusted.read_json(folder / _MODEL)
  if not isinstance(described, dict) or not isinstance(described.get("format"), int):
    raise ValueError(f"{_MODEL} does not describe a model")
  if described["format"] > _FORMAT:
    raise UserError(f"the model in {folder} is of a newer version; update synthmatch_jax")
  if ("digest" in described) != ("files" in described):
    raise ValueError(f"{_MODEL} is damaged: one of its checksums is missing")
  sums = described.get("files", {_WEIGHTS: ""})
  if not isinstance(sums, dict) or _WEIGHTS not in sums:
    raise ValueError(f"{_MODEL} has no checksum of the weights")
  return described


def _unreadable(folder: Path, error: Exception) -> UserError:
  kind = type(error).__name__
  return UserError(
    f"the model in {folder} cannot be read ({kind}: {brief(error)}); export it again"
  )
