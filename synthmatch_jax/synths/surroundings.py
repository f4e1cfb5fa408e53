"""What the process of an engine inherits from its parent; it is decided here alone."""

import contextlib
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Surroundings:
  """What a process that is started here and now inherits.

  Only Linux needs this: there, processes come out of a fork server, which has what the first start
  in this program found, perhaps long ago. Elsewhere a process comes from its parent directly.
  `multiprocessing` takes the working directory and the search path of modules along.

  Attributes:
    environment: The environment variables and their values.
    umask: The permission bits that new files lack; None where the system does not tell.
    limits: The soft and the hard limit of every `resource.RLIMIT_...`.
    niceness: The niceness of the calling thread, as the system counts it.
    processors: The processors that the calling thread may run on.
    blocked: The signals that the calling thread has blocked.
    ignored: The signals that are ignored; handlers are not inherited.
  """

  environment: Mapping[str, str]
  umask: int | None
  limits: Mapping[int, tuple[int, int]]
  niceness: int
  processors: frozenset[int]
  blocked: frozenset[int]
  ignored: frozenset[int]

  @classmethod
  def now(cls) -> "Surroundings | None":
    """Returns those of this process and thread; None where a new process need not be told."""
    if sys.platform != "linux":
      return None
    import resource  # Windows has none.

    names = [name for name in vars(resource) if name.startswith("RLIMIT_")]
    # `os.umask` can only tell by changing it, and other threads may be writing files.
    told = re.search(r"^Umask:\s*(\d+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    signals = signal.valid_signals()
    return cls(
      environment=dict(os.environ),
      umask=int(told[1], 8) if told else None,
      limits={n: resource.getrlimit(n) for n in {getattr(resource, name) for name in names}},
      niceness=os.getpriority(os.PRIO_PROCESS, 0),
      processors=frozenset(os.sched_getaffinity(0)),
      blocked=frozenset(int(s) for s in signal.pthread_sigmask(signal.SIG_BLOCK, ())),
      ignored=frozenset(int(s) for s in signals if signal.getsignal(s) == signal.SIG_IGN),
    )

  def enter(self) -> None:
    """Gives these surroundings to this process, which is new and has one thread."""
    assert sys.platform == "linux"
    import resource

    for name in set(os.environ) - set(self.environment):
      del os.environ[name]
    os.environ.update(self.environment)
    if self.umask is not None:
      os.umask(self.umask)
    for limit, pair in self.limits.items():
      _where_allowed(resource.setrlimit, limit, pair)
    _where_allowed(os.setpriority, os.PRIO_PROCESS, 0, self.niceness)
    _where_allowed(os.sched_setaffinity, 0, self.processors)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
      handler = signal.SIG_IGN if number in self.ignored else signal.SIG_DFL
      _where_allowed(signal.signal, number, handler)
    # At the end of the program `multiprocessing` ends what is left by SIGTERM, and waits for it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, self.blocked - {signal.SIGTERM})
    for file in Path("/proc/self/fd").iterdir():  # Programs that a plugin starts get no pipe.
      if int(file.name) > 2:
        _where_allowed(os.set_inheritable, int(file.name), False)


def _where_allowed(change, *args) -> None:
  with contextlib.suppress(OSError, ValueError):
    change(*args)
