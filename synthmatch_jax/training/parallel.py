"""Placement of arrays when a run is spread over several devices and processes."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import jax
import jax.numpy as jnp
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from synthmatch_jax.errors import UserError

Params = Literal["replicated", "sharded"]

_AXIS = "data"

# Number of batches that are sent to the devices in advance.
_AHEAD = 2

# A smaller array is kept whole on every device, as gathering it costs more than storing it.
_LEAST_ELEMENTS = 2**14


@dataclass(frozen=True, kw_only=True)
class Layout:
  """A mesh of devices with one axis, along which every batch is split.

  Attributes:
    mesh: Mesh of all devices of all processes.
    params: "replicated": each device holds the whole state of the run (data parallel);
      "sharded": each array of the weights, their average and the optimizer's state is split along
      its longest side and gathered where it is needed (fully sharded, as in ZeRO-3 and FSDP).
  """

  mesh: Mesh
  params: Params

  @property
  def whole(self) -> NamedSharding:
    """Sharding of an array that every device holds."""
    return NamedSharding(self.mesh, P())

  @property
  def batch(self) -> NamedSharding:
    """Sharding of arrays whose first axis is the batch."""
    return NamedSharding(self.mesh, P(_AXIS))

  def state(self, shapes: Any) -> Any:
    """Returns the shardings of a run's state, a pytree like `shapes` (arrays, abstract or not)."""
    return jax.tree.map(self._of, shapes)

  def put(self, batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    """Puts this process's part of a batch on its devices, as part of global arrays."""
    return {
      key: jax.make_array_from_process_local_data(self.batch, values)
      for key, values in batch.items()
    }

  def _of(self, leaf: Any) -> NamedSharding:
    count = self.mesh.size
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    if self.params == "replicated" or is_key or leaf.size < _LEAST_ELEMENTS:
      return self.whole
    axes = [axis for axis in range(leaf.ndim) if leaf.shape[axis] % count == 0]
    if not axes:
      return self.whole
    longest = max(axes, key=lambda axis: leaf.shape[axis])
    return NamedSharding(self.mesh, P(*[None] * longest, _AXIS))


def layout(*, devices: int | None, params: str, batch_size: int, accumulate: int = 1) -> Layout:
  """Creates the layout that a config's `mesh` section asks for.

  Args:
    devices: Number of this process's devices to use; None for all devices of all processes.
    params: See `Layout`.
    batch_size: Number of records in a step, on all devices together.
    accumulate: Number of parts in which a batch is processed, one after the other.

  Raises:
    UserError: The machine has fewer devices, or the batch cannot be split evenly.
  """
  if params not in get_args(Params):
    raise UserError(f"mesh.params must be {' or '.join(get_args(Params))}, not {params!r}")
  there = jax.devices()
  if devices is not None and jax.process_count() > 1 and devices != len(there):
    raise UserError("several processes use all of their devices; leave mesh.devices unset")
  if devices is not None and not 1 <= devices <= len(there):
    raise UserError(f"mesh.devices is {devices}, but there are {len(there)} ({there[0].platform})")
  chosen = there[:devices]
  if batch_size % (len(chosen) * accumulate):
    parts = f" in {accumulate} parts" if accumulate > 1 else ""
    raise UserError(
      f"train.batch_size {batch_size} cannot be cut evenly for {len(chosen)} devices{parts}; make"
      f" it a multiple of {len(chosen) * accumulate}"
    )
  # Auto: the compiler decides where intermediate results are placed.
  axis_types = (AxisType.Auto,)
  mesh = jax.make_mesh((len(chosen),), (_AXIS,), axis_types=axis_types, devices=chosen)
  return Layout(mesh=mesh, params=cast(Params, params))


def is_first() -> bool:
  """Whether this process is the one that writes files and prints."""
  return jax.process_index() == 0


def meet(where: str) -> None:
  """Waits until every process of the run is there."""
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices(where)


def say(what: str) -> None:
  """Prints a message that all processes have, once."""
  if is_first():
    print(what, flush=True)


def ahead(batches: Iterator[Mapping[str, Any]], layout: Layout) -> Iterator[Any]:
  """Yields batches on the devices; each is sent there while earlier ones are processed."""
  waiting = deque(layout.put(next(batches)) for _ in range(_AHEAD))
  while True:
    yield waiting.popleft()
    waiting.append(layout.put(next(batches)))


def join(address: str, *, num_processes: int | None, process: int | None) -> None:
  """Makes this process one of several that train together (`jax.distributed`).

  Args:
    address: "HOST:PORT" of the first process; "auto" where a cluster (TPU, Slurm, Open MPI,
      Kubernetes) provides it.
    num_processes: Number of processes; None where the cluster provides it.
    process: Index of this process, from 0; None where the cluster provides it.

  Raises:
    UserError: The processes do not find each other.
  """
  # For several CPU processes, where JAX's default does not work.
  jax.config.update("jax_cpu_collectives_implementation", "gloo")
  try:
    jax.distributed.initialize(
      None if address == "auto" else address, num_processes=num_processes, process_id=process
    )
  except (ValueError, RuntimeError) as error:
    reason = str(error).strip().splitlines()[0]
    raise UserError(
      f"the processes of --distributed={address} did not find each other: {reason}"
    ) from None
