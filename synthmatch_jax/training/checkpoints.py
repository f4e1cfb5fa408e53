"""Checkpoints by Orbax: the last two to go on from, and the best to use."""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import orbax.checkpoint as ocp
from jax.sharding import SingleDeviceSharding
from orbax.checkpoint import checkpoint_managers

from synthmatch_jax.errors import UserError
from synthmatch_jax.models import weights
from synthmatch_jax.training import integrity
from synthmatch_jax.training.integrity import DamageError
from synthmatch_jax.training.state import TrainState

_LOSS = "validation/loss"
# A training that runs beside a reader removes a checkpoint within this time.
_DELETING_SECONDS = 0.5
_NONE = "there is no finished checkpoint in {} yet; the first is written after a first validation"


@dataclass(frozen=True, kw_only=True)
class Restored:
  """The checkpoint that a run goes on from.

  Attributes:
    state: The state after the checkpoint's step, on the devices that were asked for.
    losses: The losses of the steps since metrics were last logged.
  """

  state: TrainState
  losses: Sequence[float] = ()


class Checkpoints:
  """The checkpoints of a run, written in the background; a context manager.

  A checkpoint holds three things: `model` (weights to use, running statistics, random state),
  which is all that inference reads; `optimizer` (its state, the step, and the weights where those
  to use are an average of them); `log` (losses that are not logged yet). The records need no
  position: those of a step are a function of seed and step. A kill while a checkpoint is written
  leaves the earlier ones whole. Checksums of all its files are a part of it (see `integrity`).
  """

  def __init__(self, folder: Path):
    """Takes a folder for checkpoints, which need not exist."""
    self._folder = folder

  @functools.cached_property
  def _manager(self) -> ocp.CheckpointManager:
    """Orbax's manager, which removes what a kill left unfinished and reads what is there.

    It is made late, since it does not start where metrics are damaged.
    """
    policy = checkpoint_managers.AnyPreservationPolicy(
      # The last two are kept, so that a damaged one costs little.
      [checkpoint_managers.LatestN(2), _best(1)]
    )
    options = ocp.CheckpointManagerOptions(
      preservation_policy=policy,
      cleanup_tmp_directories=True,
      temporary_path_class=integrity.Sealed,
      **_BEST,
    )
    return ocp.CheckpointManager(self._folder.absolute(), options=options)

  def __enter__(self) -> "Checkpoints":
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    if "_manager" not in vars(self):
      return
    try:
      self._manager.close()  # Waits for the one that is being written.
    except Exception:
      if error is None:  # Else it is of the error that has led here.
        raise

  def wait(self) -> None:
    """Waits until what was saved is on disk."""
    self._manager.wait_until_finished()

  def best(self) -> tuple[int, float] | None:
    """Returns step and validation loss of the best checkpoint; None where there is none."""
    step = self._manager.best_step()
    metrics = None if step is None else self._manager.metrics(step)
    return None if step is None or metrics is None else (step, metrics[_LOSS])

  def save(
    self,
    state: TrainState,
    metrics: Mapping[str, float] | None = None,
    *,
    losses: Sequence[float] = (),
  ) -> None:
    """Saves a run; returns as soon as the state has been copied.

    Args:
      state: The state to save.
      metrics: The metrics of the state, with the "validation/loss" that ranks it; a checkpoint
        without them serves for going on only.
      losses: The losses that are not logged yet.

    Raises:
      UserError: A number of the state is not finite; nothing is saved.
    """
    if not integrity.is_finite(state):
      raise UserError(
        f"the weights or the optimizer's state are no finite numbers any more after step"
        f" {int(state.step)}, which is not saved; try a lower --config.optimizer.learning_rate in"
        " another --workdir"
      )
    self._manager.save(
      int(state.step),
      args=ocp.args.Composite(
        model=ocp.args.StandardSave(_model_part(state)),
        optimizer=ocp.args.StandardSave(_optimizer_part(state)),
        log=ocp.args.JsonSave({"losses": list(losses), integrity.STEP: int(state.step)}),
      ),
      metrics=None if metrics is None else {_LOSS: float(metrics[_LOSS])},
    )

  def restore(self, wanted: TrainState) -> Restored | None:
    """Reads the last checkpoint that is whole; returns None when there is none.

    Args:
      wanted: The shapes and shardings (`jax.ShapeDtypeStruct`) of the state; the checkpoint may
        have been saved with other shardings.

    A damaged checkpoint is named on standard error, and kept under the name damaged-STEP.

    Raises:
      UserError: All of the checkpoints are damaged, or one cannot be read for a reason that may
        pass; nothing was changed.
    """
    there = sorted(integrity.steps(self._folder), reverse=True)
    damaged = {step: what for step in there if (what := integrity.damage(self._folder / str(step)))}
    whole = [step for step in there if step not in damaged]
    if whole:
      integrity.set_aside(self._folder, damaged)
    unread: dict[int, str] = {}
    for step in whole:
      try:
        restored = self._read(step, wanted)
      except DamageError as error:
        unread[step] = str(error)
        continue
      integrity.warn_if_unsealed(self._folder / str(step))
      integrity.set_aside(self._folder, unread)
      self._manager.reload()
      return restored
    if there:
      raise UserError(
        f"every checkpoint in {self._folder} is damaged (the newest:"
        f" {(damaged | unread)[there[0]]});"
        " keep the folder, and begin anew in another --workdir"
      )
    return None

  def _read(self, step: int, wanted: TrainState) -> Restored:
    try:
      restored = self._manager.restore(
        step,
        args=ocp.args.Composite(
          model=ocp.args.StandardRestore(_model_part(wanted)),
          optimizer=ocp.args.StandardRestore(_optimizer_part(wanted)),
          log=ocp.args.JsonRestore(),
        ),
      )
    except Exception as error:  # Orbax and TensorStore raise of every kind.
      raise integrity.verdict(error, self._folder / str(step)) from error
    back = {there: here for here, there in _paths(wanted).items()}
    model, optimizer = (weights.renamed(restored[part], back) for part in ("model", "optimizer"))
    averaged = wanted.average is not None
    state = TrainState(
      step=optimizer["step"],
      params=optimizer["params"] if averaged else model["params"],
      variables=model["variables"],
      optimizer=optimizer["optimizer"],
      average=model["params"] if averaged else None,
    )
    if not integrity.is_finite(state):
      raise DamageError("a number in it is not finite")
    return Restored(state=state, losses=restored["log"]["losses"])


def best_step(folder: Path) -> int | None:
  """Returns the step with the lowest validation loss; None before the first.

  Raises:
    UserError: The metrics of a checkpoint are damaged, or cannot be read.
  """
  if not folder.is_dir():
    return None
  for step in sorted(integrity.steps(folder)):
    integrity.require_sound(folder / str(step), only_metrics=True)
  try:
    with ocp.CheckpointManager(folder.absolute(), options=_reading()) as manager:
      step = manager.best_step()
      return None if step is None or manager.metrics(step) is None else step
  except Exception as error:  # Orbax raises of every kind.
    raise integrity.unreadable(folder, error) from error


def restore_best(folder: Path, *, params: Any, variables: Any) -> tuple[int, Any, Any]:
  """Reads the weights with the lowest validation loss; it changes nothing on disk.

  Args:
    folder: The folder of the checkpoints.
    params: The weights to read (nnx.State), abstract (`nnx.eval_shape`) or not.
    variables: The model's other variables, likewise.

  Returns:
    Step, params and variables.

  Raises:
    UserError: There is no finished checkpoint, or the best one is damaged or cannot be read.
  """
  while True:
    there = integrity.steps(folder)
    try:
      step = best_step(folder)
      if step is None:
        raise UserError(_NONE.format(folder))
      integrity.require_sound(folder / str(step))
      restored = _restore(folder, step, {"params": params, "variables": variables})
      integrity.warn_if_unsealed(folder / str(step))
      return step, restored["params"], restored["variables"]
    except UserError:
      time.sleep(_DELETING_SECONDS)  # A training puts a better one in its place, perhaps.
      if integrity.steps(folder) == there:
        raise


def _restore(folder: Path, step: int, wanted: dict[str, Any]) -> dict[str, Any]:
  """Reads the model's part of a checkpoint to one device of this process."""
  # The run may have had other devices, or more of them.
  here = SingleDeviceSharding(jax.local_devices()[0])
  placed = jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), wanted
  )
  paths = weights.paths_in_files(wanted["params"], wanted["variables"])
  args = ocp.args.Composite(model=ocp.args.StandardRestore(weights.renamed(placed, paths)))
  try:
    with ocp.CheckpointManager(folder.absolute(), options=_reading()) as manager:
      restored = manager.restore(step, args=args)["model"]
    if not integrity.is_finite(restored):
      raise DamageError("a number in it is not finite")
  except Exception as error:  # Orbax and TensorStore raise of every kind.
    raise integrity.refusal(error, folder / str(step)) from error
  return weights.renamed(restored, {there: here for here, there in paths.items()})


def _reading() -> ocp.CheckpointManagerOptions:
  return ocp.CheckpointManagerOptions(read_only=True, create=False, save_interval_steps=0, **_BEST)


def _rank(metrics: Mapping[str, float]) -> float:
  return metrics[_LOSS]


_BEST: dict[str, Any] = {"best_fn": _rank, "best_mode": "min"}


def _best(count: int) -> checkpoint_managers.BestN:
  # `reverse` keeps the lowest: BestN keeps the last `n` of those it sorts.
  return checkpoint_managers.BestN(
    get_metric_fn=_rank, reverse=True, n=count, keep_checkpoints_without_metrics=False
  )


def _paths(state: TrainState) -> dict[tuple[Any, ...], tuple[Any, ...]]:
  return weights.paths_in_files(state.params, state.variables)


def _model_part(state: TrainState) -> dict[str, Any]:
  part = {"params": state.best_params, "variables": state.variables}
  return weights.renamed(part, _paths(state))


def _optimizer_part(state: TrainState) -> dict[str, Any]:
  part = {"step": state.step, "optimizer": state.optimizer}
  part |= {} if state.average is None else {"params": state.params}
  return weights.renamed(part, _paths(state))
