"""How many cores this process may use, which in a container is fewer than the machine has."""

import contextlib
import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from threadpoolctl import OpenBLASController, threadpool_limits

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")

_lock = threading.Lock()
_blocks: list[None] = []  # One for each block that is entered.
_limits: list[Any] = []


def available() -> int:
  """Returns the number of cores that this process may use, which is at least 1.

  It is the least of the cores that the machine has, those that the process may run on (`taskset`, a
  container's cpuset), and the time on them that its control groups allow (`docker --cpus`, limits
  of Kubernetes), rounded up.
  """
  counts = [os.cpu_count() or 1]
  if hasattr(os, "sched_getaffinity"):  # Linux.
    counts.append(len(os.sched_getaffinity(0)))
  quotas = [math.ceil(quota) for quota in _quotas(_ROOT, _OWN)]
  return max(1, min(counts + quotas))


@contextlib.contextmanager
def one_each() -> Iterator[None]:
  """Lets linear algebra (BLAS) use one thread a call, while any such block is entered.

  It is for work in several threads, each of which has a core. It also is what makes the last bits
  of a matrix product the same from call to call. The limit is one of the process: the block that
  is left last lifts it, whichever was entered first.
  """
  with _lock:
    if not _blocks:
      _take_control()
      _limits.append(threadpool_limits(1, user_api="blas"))
    _blocks.append(None)
  try:
    yield
  finally:
    with _lock:
      _blocks.pop()
      if not _blocks:
        _take_control()
        _limits.pop().restore_original_limits()


def _take_control() -> None:
  """Lets this thread set the limit: threadpoolctl 3.8 heeds only the first one that has set it."""
  if hasattr(OpenBLASController, "clear_controlling_thread"):  # Earlier versions heed every thread.
    OpenBLASController.clear_controlling_thread(force=True)


def _quotas(root: Path, own: Path) -> Iterator[float]:
  """Yields how many cores' time the control groups of a process, and those around them, allow.

  Args:
    root: The folder where the file system of the control groups is mounted.
    own: The file that names the groups of the process.
  """
  try:
    lines = own.read_text().splitlines()
  except OSError:  # No Linux.
    return
  for line in lines:
    _, controllers, path = line.split(":", 2)
    if not controllers:  # Version 2: one hierarchy for all.
      mounted, read = root, _quota_of_version_2
    elif "cpu" in controllers.split(","):
      mounted, read = root / "cpu", _quota_of_version_1
    else:
      continue
    inner = PurePosixPath(path.lstrip("/"))
    # A container sees its own group as the root, under whatever name the host has for it.
    for group in (inner, *inner.parents):
      try:
        quota = read(mounted / group)
      except (OSError, ValueError, IndexError, ZeroDivisionError):
        continue
      if quota is not None:
        yield quota


def _quota_of_version_2(group: Path) -> float | None:
  """Reads a limit, e.g. "150000 100000": microseconds in a period, or "max"."""
  quota, period = (group / "cpu.max").read_text().split()
  return None if quota == "max" else int(quota) / int(period)


def _quota_of_version_1(group: Path) -> float | None:
  quota = int((group / "cpu.cfs_quota_us").read_text())
  return quota / int((group / "cpu.cfs_period_us").read_text()) if quota > 0 else None
