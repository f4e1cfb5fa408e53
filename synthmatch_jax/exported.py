"""A trained model as a folder that needs nothing of training: no Orbax, grain, TFDS or TensorBoard.

model.json           the model's name and arguments, the recipe of its sounds, statistics
weights.safetensors  its weights
README.md            the model card
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from synthmatch_jax import files, models
from synthmatch_jax.data.statistics import TrainingData
from synthmatch_jax.errors import UserError
from synthmatch_jax.models.base import Estimator
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.snapping import Snapping

_EVALUATION = Path("eval", "test")
_MODEL, _WEIGHTS, _CARD = "model.json", "weights.safetensors", "README.md"

# Raised where a folder cannot be read by earlier versions any more.
_FORMAT = 2  # 1 does not know of snapping.

StoredDtype = Literal["float32", "float16"]


@dataclass(frozen=True, kw_only=True)
class Exported:
  """A model from a folder.

  Attributes:
    model: in evaluation mode; its weights are float32, and it computes in its own dtype.
    arguments: that it was built with, its name included.
    data: that it was trained on.
    step: of training, at which its weights had the lowest validation loss.
    snapping: of its answers; none by default.
  """

  model: Estimator
  arguments: Mapping[str, Any]
  data: TrainingData
  step: int
  snapping: Snapping = field(default_factory=dict)

  def is_measured_by(self, results: Mapping[str, Any]) -> bool:
    """Whether an evaluation (results.json) is of these weights, snapped as they are."""
    now = (self.step, snapping.digest(self.snapping))
    return (results["step"], results.get("snapping", "")) == now


def is_exported(folder: Path) -> bool:
  """Whether a folder holds an exported model."""
  return (folder / _MODEL).exists()


def write(folder: Path, exported: Exported, *, card: str, dtype: StoredDtype = "float32") -> None:
  """Writes a model; one that is there already is replaced.

  Args:
    folder: is made.
    exported: the model.
    card: Markdown for people.
    dtype: of the weights in the file; float16 halves it.

  Raises:
    UserError: the folder cannot be written, or holds something else than an exported model.
  """
  if (folder / "config.json").exists():
    raise UserError(f"{folder} is the folder of a run: take another --out")
  if folder.is_dir() and any(folder.iterdir()) and not (folder / _WEIGHTS).exists():
    raise UserError(f"{folder} holds something else than an exported model: take another --out")
  data = exported.data.to_dict()
  data["dataset"].pop("dir", None)  # Of this machine.
  described = {
    "format": _FORMAT if exported.snapping else 1,
    "step": exported.step,
    "model": dict(exported.arguments),
    "data": data,
    "snapping": dict(exported.snapping),
  }
  arrays = {
    name: np.asarray(array).astype(dtype) for name, array in arrays_of(exported.model).items()
  }
  with files.writing(folder / _WEIGHTS) as partial:
    partial.write_bytes(safetensors.save(arrays))
    (folder / _MODEL).unlink(missing_ok=True)  # Until all of the new one is there, it is no model.
  files.write_text(folder / _CARD, card)
  files.write_text(folder / _MODEL, json.dumps(described, indent=2) + "\n")


def carry_evaluation(workdir: Path, folder: Path, exported: Exported) -> bool:
  """Copies what `eval` has measured on the test split, so that a match can be told from it.

  Of single sounds only the distances of the model's answers come along. What an earlier export has
  left of another model is removed.

  Returns:
    Whether there was a whole evaluation of these weights, snapped as they are.
  """
  source, target = workdir / _EVALUATION, folder / _EVALUATION
  shutil.rmtree(target, ignore_errors=True)
  try:
    results = (source / "results.json").read_text()
    if not exported.is_measured_by(json.loads(results)):
      return False
    # Opened here: NumPy does not close what it cannot read.
    with (source / "per_sound.npz").open("rb") as file, np.load(file) as found:
      kept = {name: found[name] for name in found.files if name in ("model/mss", "model/mse")}
  except files.UNREADABLE:
    return False
  with files.writing(target / "per_sound.npz") as partial, partial.open("wb") as file:
    np.savez_compressed(file, allow_pickle=False, **kept)
  files.write_text(target / "results.json", results)
  return True


def read(folder: Path) -> Exported:
  """Reads what `write` has written.

  Raises:
    UserError: there is no model, or it is damaged or of a newer version.
  """
  try:
    described = json.loads((folder / _MODEL).read_text(encoding="utf-8"))
    if described["format"] > _FORMAT:
      raise UserError(f"the model in {folder} is of a newer version; update synthmatch_jax")
    arrays = safetensors.load_file(folder / _WEIGHTS)
    described["data"]["dataset"]["dir"] = files.data_dir()
    data = TrainingData.from_dict(described["data"])
    arguments, step = dict(described["model"]), int(described["step"])
    snaps = snapping.check(described.get("snapping", {}), data.recipe.space)
  except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
    raise UserError(
      f"the model in {folder} cannot be read ({type(error).__name__}: {error}); export it again"
    ) from None
  return Exported(
    model=_build(arguments, data, arrays, folder),
    arguments=arguments,
    data=data,
    step=step,
    snapping=snaps,
  )


def _build(
  arguments: Mapping[str, Any], data: TrainingData, arrays: Mapping[str, np.ndarray], folder: Path
) -> Estimator:
  """The model with its weights; none is drawn at random on the way, which takes a second."""
  abstract = nnx.eval_shape(lambda: models.create(**arguments, **data.recipe.sizes, seed=0))
  wanted = arrays_of(abstract)
  shapes = {name: array.shape for name, array in wanted.items()}
  if shapes != {name: array.shape for name, array in arrays.items()}:
    raise UserError(f"the weights in {folder} are not those of its model; export it again")
  graphdef, state = nnx.split(abstract)
  flat = [
    (path, variable.replace(_value(path, variable, arrays)))
    for path, variable in nnx.to_flat_state(state)
  ]
  model = nnx.merge(graphdef, nnx.from_flat_state(flat))
  model.eval()
  return model


def _value(path: tuple[Any, ...], variable: Any, arrays: Mapping[str, np.ndarray]) -> Any:
  name = _name(path)
  if name in arrays:
    return jnp.asarray(arrays[name], jnp.float32)
  leaf = variable.get_raw_value()  # Of dropout, which does not act here.
  if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
    return jax.random.key(0)
  return jnp.zeros(leaf.shape, leaf.dtype)


def arrays_of(model: Estimator) -> dict[str, Any]:
  """Name -> array of all that inference computes with."""
  state = nnx.state(model, nnx.Any(nnx.Param, nnx.BatchStat))
  return {_name(path): variable.get_raw_value() for path, variable in nnx.to_flat_state(state)}


def _name(path: tuple[Any, ...]) -> str:
  return "/".join(map(str, path))
