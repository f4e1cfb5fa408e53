"""Where arrays live when a run is spread over devices, and over processes that have devices."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import jax
import jax.numpy as jnp
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from synthmatch_jax.errors import UserError

Params = Literal["replicated", "sharded"]

_AXIS = "data"

# Batches on the devices before they are asked for.
_AHEAD = 2

# A smaller array is kept whole on every device: to gather it costs more than it takes.
_LEAST_ELEMENTS = 2**14


@dataclass(frozen=True, kw_only=True)
class Layout:
  """A mesh of devices with one axis, along which every batch is cut.

  Attributes:
    mesh: of all devices of all processes.
    params: "replicated": each device holds the whole state of the run (data parallel);
      "sharded": each array of weights, of the optimizer and of their average is cut along its
      longest side, and gathered where it is needed (fully sharded, as ZeRO-3 and FSDP do).
  """

  mesh: Mesh
  params: Params

  @property
  def whole(self) -> NamedSharding:
    """Of an array that every device holds."""
    return NamedSharding(self.mesh, P())

  @property
  def batch(self) -> NamedSharding:
    """Of arrays whose first axis is that of the batch."""
    return NamedSharding(self.mesh, P(_AXIS))

  def state(self, shapes: Any) -> Any:
    """Shardings of a run's state: a pytree as `shapes` (arrays, abstract or not)."""
    return jax.tree.map(self._of, shapes)

  def put(self, batch: Mapping[str, Any]) -> dict[str, jax.Array]:
    """This process's part of a batch, as its part of global arrays on the devices."""
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
  """The layout that a config's `mesh` section asks for.

  Args:
    devices: how many of this process's to use; None for all, of all processes.
    params: see `Layout`.
    batch_size: records of a step, on all devices together.
    accumulate: parts that a batch is worked through in, one after the other.

  Raises:
    UserError: the machine has fewer devices, or the batch cannot be cut evenly.
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
  # Auto: the compiler finds out where intermediate results live.
  axis_types = (AxisType.Auto,)
  mesh = jax.make_mesh((len(chosen),), (_AXIS,), axis_types=axis_types, devices=chosen)
  return Layout(mesh=mesh, params=cast(Params, params))


def is_first() -> bool:
  """Whether this process is the one that writes files and speaks."""
  return jax.process_index() == 0


def say(what: str) -> None:
  """Prints what all processes know, once."""
  if is_first():
    print(what, flush=True)


def ahead(batches: Iterator[Mapping[str, Any]], layout: Layout) -> Iterator[Any]:
  """Batches on the devices, each sent there while the ones before it are worked on."""
  waiting = deque(layout.put(next(batches)) for _ in range(_AHEAD))
  while True:
    yield waiting.popleft()
    waiting.append(layout.put(next(batches)))


def join(address: str, *, num_processes: int | None, process: int | None) -> None:
  """Makes this process one of several that train together (`jax.distributed`).

  Args:
    address: "HOST:PORT" of the first process; "auto" where a cluster (TPU, Slurm, Open MPI,
      Kubernetes) tells all.
    num_processes: how many there are; None where the cluster tells.
    process: which one this is, from 0; None where the cluster tells.

  Raises:
    UserError: they do not find each other.
  """
  # Of several CPU processes, for which JAX has no default that works.
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
