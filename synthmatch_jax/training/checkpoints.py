"""Checkpoints by Orbax: the last two to go on from, and the best to use."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import grain
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from synthmatch_jax.errors import UserError
from synthmatch_jax.training.state import TrainState

_LOSS = "validation/loss"
_NONE = "there is no finished checkpoint in {} yet; the first is written after a first validation"


class Checkpoints:
  """The checkpoints of a run, written in the background; a context manager.

  A checkpoint holds three things: `model` (weights, running statistics, random state), which is
  all that inference reads; `optimizer` (its state and the step); `data` (the position of the
  record iterator). A kill while one is written leaves the earlier ones whole.
  """

  def __init__(self, folder: Path):
    """Opens a folder of checkpoints, and removes what a kill left unfinished."""
    policy = checkpoint_managers.AnyPreservationPolicy(
      # Two, so that a damaged one costs little.
      [checkpoint_managers.LatestN(2), _best(1)]
    )
    options = ocp.CheckpointManagerOptions(
      preservation_policy=policy, cleanup_tmp_directories=True, **_BEST
    )
    self._manager = ocp.CheckpointManager(folder.absolute(), options=options)

  def __enter__(self) -> "Checkpoints":
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    self._manager.close()  # Waits for the one that is being written.

  def wait(self) -> None:
    """Waits until what was saved is on disk."""
    self._manager.wait_until_finished()

  def best(self) -> tuple[int, float]:
    """Step and validation loss of the best checkpoint, where there is one."""
    step = self._manager.best_step()
    metrics = None if step is None else self._manager.metrics(step)
    assert step is not None and metrics is not None
    return step, metrics[_LOSS]

  def save(
    self, state: TrainState, batches: grain.DatasetIterator, metrics: Mapping[str, float]
  ) -> None:
    """Saves a run; returns as soon as the state has been copied.

    Args:
      state: to save.
      batches: iterator whose position is saved.
      metrics: of the state, with the "validation/loss" that ranks it.
    """
    self._manager.save(
      int(state.step),
      args=ocp.args.Composite(
        model=ocp.args.StandardSave(_model_part(state)),
        optimizer=ocp.args.StandardSave(_optimizer_part(state)),
        data=grain.checkpoint.CheckpointSave(batches),
      ),
      metrics={_LOSS: float(metrics[_LOSS])},
    )

  def restore(self, state: TrainState, batches: grain.DatasetIterator) -> TrainState:
    """The state of the last checkpoint, or `state` when there is none; moves `batches` there."""
    step = self._manager.latest_step()
    if step is None:
      return state
    restored = self._manager.restore(
      step,
      args=ocp.args.Composite(
        model=ocp.args.StandardRestore(_model_part(state)),
        optimizer=ocp.args.StandardRestore(_optimizer_part(state)),
        data=grain.checkpoint.CheckpointRestore(batches),
      ),
    )
    return TrainState(**restored["model"], **restored["optimizer"])


def restore_best(folder: Path, *, params: Any, variables: Any) -> tuple[int, Any, Any]:
  """Weights with the lowest validation loss; reads no optimizer and changes nothing on disk.

  Args:
    folder: of the checkpoints.
    params: the weights wanted (nnx.State), abstract (`nnx.eval_shape`) or not.
    variables: the same for the model's other variables.

  Returns:
    Step, params and variables.

  Raises:
    UserError: there is no finished checkpoint.
  """
  options = ocp.CheckpointManagerOptions(
    read_only=True, create=False, save_interval_steps=0, **_BEST
  )
  if not folder.is_dir():
    raise UserError(_NONE.format(folder))
  with ocp.CheckpointManager(folder.absolute(), options=options) as manager:
    step = manager.best_step()
    if step is None:
      raise UserError(_NONE.format(folder))
    wanted = {"params": params, "variables": variables}
    args = ocp.args.Composite(model=ocp.args.StandardRestore(wanted))
    restored = manager.restore(step, args=args)["model"]
  return step, restored["params"], restored["variables"]


def _rank(metrics: Mapping[str, float]) -> float:
  return metrics[_LOSS]


_BEST: dict[str, Any] = {"best_fn": _rank, "best_mode": "min"}


def _best(count: int) -> checkpoint_managers.BestN:
  # `reverse` keeps the lowest: BestN keeps the last `n` of those it sorts.
  return checkpoint_managers.BestN(get_metric_fn=_rank, reverse=True, n=count)


def _model_part(state: TrainState) -> dict[str, Any]:
  return {"params": state.params, "variables": state.variables}


def _optimizer_part(state: TrainState) -> dict[str, Any]:
  return {"step": state.step, "optimizer": state.optimizer}
