"""Checkpoints by Orbax: the last two to go on from, and the best to use."""

import sys
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
from synthmatch_jax.training.state import TrainState

_LOSS = "validation/loss"
_NONE = "there is no finished checkpoint in {} yet; the first is written after a first validation"


@dataclass(frozen=True, kw_only=True)
class Restored:
  """What a run goes on from.

  Attributes:
    state: after the checkpoint's step, on the devices that were asked for.
    losses: of the steps since metrics were logged last.
  """

  state: TrainState
  losses: Sequence[float] = ()


class Checkpoints:
  """The checkpoints of a run, written in the background; a context manager.

  A checkpoint holds three things: `model` (weights to use, running statistics, random state),
  which is all that inference reads; `optimizer` (its state, the step, and the weights where those
  to use are an average of them); `log` (losses that are not logged yet). The records need no
  position: those of a step are a function of seed and step. A kill while a checkpoint is written
  leaves the earlier ones whole.
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
    self._folder = folder
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

  def best(self) -> tuple[int, float] | None:
    """Step and validation loss of the best checkpoint; None where there is none."""
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
      state: to save.
      metrics: of the state, with the "validation/loss" that ranks it; one without is there to
        go on from only.
      losses: see `Restored`.
    """
    self._manager.save(
      int(state.step),
      args=ocp.args.Composite(
        model=ocp.args.StandardSave(_model_part(state)),
        optimizer=ocp.args.StandardSave(_optimizer_part(state)),
        log=ocp.args.JsonSave({"losses": list(losses)}),
      ),
      metrics=None if metrics is None else {_LOSS: float(metrics[_LOSS])},
    )

  def restore(self, wanted: TrainState) -> Restored | None:
    """The last checkpoint that is whole, or None when there is none.

    Args:
      wanted: shapes and shardings (`jax.ShapeDtypeStruct`), which need not be those that the
        checkpoint was saved with.

    A damaged checkpoint is named on standard error and removed.

    Raises:
      UserError: there are checkpoints, and all of them are damaged.
    """
    steps = sorted(self._manager.all_steps(), reverse=True)
    for step in steps:
      try:
        restored = self._read(step, wanted)
        for damaged in [s for s in steps if s > step]:
          self._manager.delete(damaged)
        return restored
      except Exception as error:  # Orbax and tensorstore raise of every kind.
        reason = str(error).strip().splitlines()[0][:200] if str(error) else type(error).__name__
        print(
          f"warning: the checkpoint of step {step} in {self._folder} is damaged and left out"
          f" ({reason})",
          file=sys.stderr,
        )
    if steps:
      raise UserError(
        f"every checkpoint in {self._folder} is damaged; remove the folder to begin anew, or take"
        " another --workdir"
      )
    return None

  def _read(self, step: int, wanted: TrainState) -> Restored:
    restored = self._manager.restore(
      step,
      args=ocp.args.Composite(
        model=ocp.args.StandardRestore(_model_part(wanted)),
        optimizer=ocp.args.StandardRestore(_optimizer_part(wanted)),
        log=ocp.args.JsonRestore(),
      ),
    )
    model, optimizer = restored["model"], restored["optimizer"]
    averaged = wanted.average is not None
    state = TrainState(
      step=optimizer["step"],
      params=optimizer["params"] if averaged else model["params"],
      variables=model["variables"],
      optimizer=optimizer["optimizer"],
      average=model["params"] if averaged else None,
    )
    jax.block_until_ready(state)
    return Restored(state=state, losses=restored["log"]["losses"])


def best_step(folder: Path) -> int | None:
  """Step with the lowest validation loss; None before the first."""
  if not folder.is_dir():
    return None
  with ocp.CheckpointManager(folder.absolute(), options=_reading()) as manager:
    step = manager.best_step()
    return None if step is None or manager.metrics(step) is None else step


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
  while (step := best_step(folder)) is not None:
    try:
      restored = _restore(folder, step, {"params": params, "variables": variables})
    except (OSError, ValueError):
      if best_step(folder) == step:
        raise
      continue  # A training has put a better one in its place.
    return step, restored["params"], restored["variables"]
  raise UserError(_NONE.format(folder))


def _restore(folder: Path, step: int, wanted: dict[str, Any]) -> dict[str, Any]:
  """The model's part of a checkpoint, on one device of this process."""
  with ocp.CheckpointManager(folder.absolute(), options=_reading()) as manager:
    # Wherever the run's devices were, of which there may have been others or more.
    here = SingleDeviceSharding(jax.local_devices()[0])
    placed = jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), wanted
    )
    args = ocp.args.Composite(model=ocp.args.StandardRestore(placed))
    return manager.restore(step, args=args)["model"]


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


def _model_part(state: TrainState) -> dict[str, Any]:
  return {"params": state.best_params, "variables": state.variables}


def _optimizer_part(state: TrainState) -> dict[str, Any]:
  part = {"step": state.step, "optimizer": state.optimizer}
  return part if state.average is None else part | {"params": state.params}
