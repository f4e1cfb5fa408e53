"""The folder of a run: its config, the facts about its data, its checkpoints and metrics."""

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from synthmatch_jax import checksums, files, untrusted
from synthmatch_jax.config import Config, base_config
from synthmatch_jax.data import fit_statistics
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.data.recipe import Recipe, Sizes
from synthmatch_jax.data.statistics import TrainingData
from synthmatch_jax.errors import UserError, brief
from synthmatch_jax.spaces import snapping
from synthmatch_jax.spaces.snapping import Snapping
from synthmatch_jax.training import parallel, run_log
from synthmatch_jax.training.integrity import steps

# A run may go on with other values of these fields, which change no step that was made.
_FREE = (
  *("data.dir", "data.shards", "data.workers", "mesh.devices", "mesh.params"),
  *("train.log_every", "train.save_every", "train.patience", "train.trace_at"),
)
# It may do so with these fields where the learning rate does not depend on them.
_LENGTH = ("train.epochs", "train.steps")

_SNAPPING = "snapping.json"
_CHECKSUM = "statistics_sha256"
_DATA_KEYS = ("dataset", "recipe", "statistics", _CHECKSUM)


def checkpoints(workdir: Path) -> Path:
  """Returns the folder of the checkpoints."""
  return workdir / "checkpoints"


def has_checkpoint(workdir: Path) -> bool:
  """Whether the run has a finished checkpoint."""
  return bool(steps(checkpoints(workdir)))


def read(workdir: Path) -> tuple[dict[str, Any], TrainingData]:
  """Reads the config of a run and the facts about its data.

  Raises:
    UserError: There is no run in the folder, or one of the two files is damaged.
  """
  config, data = _read(workdir, "config.json"), _read(workdir, "data.json")
  try:
    config = checksums.unseal("config.json", config, keys=base_config().keys())
    data = checksums.unseal("data.json", data, keys=_DATA_KEYS)
    model = config["model"]
    if not isinstance(model, dict) or {"seed", "rngs", *Sizes.__annotations__} & set(model):
      raise ValueError("config.json has no model that can be built")
    # Earlier versions wrote a checksum of the statistics alone, or none.
    if data.pop(_CHECKSUM, None) not in (None, _checksum(data)):
      raise ValueError(f"the statistics are not those of their checksum ({_CHECKSUM})")
    return config, TrainingData.from_dict(data)
  except (ValueError, KeyError, TypeError, AttributeError, UserError) as error:
    raise UserError(
      f"data.json or config.json in {workdir} is damaged ({brief(error)}); put"
      " back a copy, or train anew in another --workdir"
    ) from None


def _read(workdir: Path, name: str) -> dict[str, Any]:
  try:
    found = untrusted.read_json(workdir / name)
  except (FileNotFoundError, NotADirectoryError):
    raise UserError(
      f"there is no trained model in {workdir} ({name} is missing); train"
      " one by `python -m synthmatch_jax.train --config=configs/ast.py:runlocal"
      f" --workdir={workdir}`"
    ) from None
  except OSError as error:
    raise UserError(f"{workdir / name} cannot be read ({error.strerror or error})") from None
  except ValueError:
    found = None
  if not isinstance(found, dict):
    raise UserError(f"{workdir / name} is damaged; put back a copy, or train anew elsewhere")
  return found


def _checksum(data: Mapping[str, Any]) -> str:
  """Hashes the statistics of data.json, where another number would change every answer."""
  text = json.dumps(data["statistics"], sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()


def read_snapping(workdir: Path, recipe: Recipe, *, step: int) -> Snapping:
  """Reads the snapping that was fitted to the weights of a step, if there is one.

  Raises:
    UserError: The file is damaged.
  """
  path = workdir / _SNAPPING
  try:
    kept = checksums.unseal(_SNAPPING, untrusted.read_json(path), keys=("step", "curves"))
    return snapping.check(kept["curves"], recipe.space) if kept["step"] == step else {}
  except FileNotFoundError:
    return {}
  except (OSError, ValueError, KeyError, TypeError) as error:
    raise UserError(f"{path} cannot be read ({error}); remove it, or snap again") from None


def write_snapping(workdir: Path, curves: Snapping, *, step: int) -> None:
  """Writes the snapping that was fitted to the weights of a step.

  Raises:
    UserError: The folder cannot be written.
  """
  files.write_json(
    workdir / _SNAPPING, checksums.seal({"step": step, "curves": curves}), indent=None
  )


@contextlib.contextmanager
def claim(workdir: Path) -> Iterator[None]:
  """Makes the folder and keeps others from training in it; the first process does so for all.

  Raises:
    UserError: The folder cannot be written, now or later, or another run is at work in it.
  """
  busy = f"another training is at work in {workdir}; wait for it or end it"
  with contextlib.ExitStack() as stack:
    if parallel.is_first():
      stack.enter_context(files.claimed(workdir, busy=busy, advice="take another --workdir"))
    try:
      with files.disk_errors():
        yield
    except OSError as error:
      if not files.is_disk_error(error):
        raise
      raise UserError(
        f"{workdir} cannot be written any more ({(error.strerror or str(error)).lower()}): what was"
        " saved before is whole; make room, and the same command goes on from there"
      ) from error


def prepare(workdir: Path, config: Config, dataset: Dataset) -> TrainingData:
  """Writes config.json and data.json; where a run goes on, it first compares them.

  Raises:
    UserError: The folder's checkpoints are of another config or another data set.
  """
  plain = json.loads(json.dumps(config.to_dict()))
  description = {
    "name": dataset.name,
    "version": dataset.version,
    "dir": str(dataset.path.parents[2].absolute()),  # Read again from any working directory.
    "num_examples": {split: dataset.num_examples(split) for split in dataset.sources},
    "first": config.data.train_examples is not None,  # Whether its training split has more.
  }
  if has_checkpoint(workdir):
    earlier, data = read(workdir)
    free = _FREE if config.optimizer.schedule == "cosine" else _FREE + _LENGTH
    # A field that is newer than the run was at its default, which changed nothing.
    defaults = json.loads(json.dumps(base_config().to_dict()))
    _require_same(earlier, plain, what="config", workdir=workdir, free=free, defaults=defaults)
    _require_same(
      {"recipe": data.recipe.essentials(), "num_examples": data.dataset["num_examples"]},
      {"recipe": dataset.recipe.essentials(), "num_examples": description["num_examples"]},
      what=f"data set of the name {dataset.name}",
      workdir=workdir,
    )
    kept = data.statistics
  else:
    _require_new(workdir)
    kept = fit_statistics.compute(dataset)
  found = TrainingData(dataset=description, recipe=dataset.recipe, statistics=kept)
  if parallel.is_first():
    files.write_json(workdir / "config.json", checksums.seal(plain))
    files.write_json(workdir / "data.json", checksums.seal(found.to_dict()))
    checkpoints(workdir).mkdir(exist_ok=True)  # If it is missing later, it was taken away.
  return found


def _require_new(workdir: Path) -> None:
  """Raises a UserError where a run without checkpoints has had some.

  A kill or a full disk during the first checkpoint leaves the folder, and one validation in the
  log; the next validation is logged when that checkpoint is finished.
  """
  folder = checkpoints(workdir)
  validations = sum("validation/loss" in line for line in run_log.read(workdir))
  if (
    validations > (1 if folder.exists() else 0)
    or (workdir / _SNAPPING).exists()
    or any(folder.glob("damaged-*"))
  ):
    raise UserError(
      f"the run in {workdir} has been validated, and there is no sound checkpoint in {folder}: put"
      " the checkpoints back, or begin anew in another --workdir; nothing was changed"
    )


def _require_same(
  earlier: Mapping[str, Any],
  now: Mapping[str, Any],
  *,
  what: str,
  workdir: Path,
  free: tuple[str, ...] = (),
  defaults: Mapping[str, Any] | None = None,
) -> None:
  old, new = dict(_flat(defaults or {})) | dict(_flat(earlier)), dict(_flat(now))
  keys = [key for key in sorted(old | new) if key not in free and old.get(key) != new.get(key)]
  if keys:
    named = "; ".join(f"{k} was {old.get(k)!r} and is {new.get(k)!r}" for k in keys[:3])
    more = f"; and {len(keys) - 3} more" if len(keys) > 3 else ""
    raise UserError(
      f"{workdir} holds a run of another {what} ({named}{more}); take another --workdir or go"
      " back to what it was"
    )


def _flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
  """Leaves of nested dictionaries and lists, under dotted names."""
  items = tree.items() if isinstance(tree, Mapping) else enumerate(tree)
  for key, value in items:
    name = f"{prefix}{key}"
    if isinstance(value, (Mapping, list)):
      yield from _flat(value, f"{name}.")
    else:
      yield name, value
