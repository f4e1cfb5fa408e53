"""Functions called in new processes: a plugin wants a main thread, and may not survive."""

import multiprocessing
from collections.abc import Callable
from typing import Any

SPAWN = multiprocessing.get_context("spawn")  # Never fork what has threads or plugins.


class Died(Exception):  # noqa: N818 - what a test expects is no error.
  """A process gave no answer; `code` is its exit code, or None where it took too long."""

  def __init__(self, code: int | None):
    super().__init__(f"no answer, exit code {code}")
    self.code = code


def alone(function: Callable, *args: Any, seconds: float = 60) -> Any:
  """Gives what `function(*args)` gives in a new process, or raises what it raises.

  Raises:
    Died: The process ended, or took longer than `seconds`.
  """
  here, there = SPAWN.Pipe()
  process = SPAWN.Process(target=_answer, args=(there, function, args), daemon=True)
  process.start()
  there.close()
  try:
    if not here.poll(seconds):
      raise Died(None)
    raised, answer = here.recv()
  except EOFError:
    process.join()
    raise Died(process.exitcode) from None
  finally:
    process.kill()
    process.join()
  if raised:
    raise answer
  return answer


def _answer(connection: Any, function: Callable, args: tuple) -> None:
  try:
    answer = (False, function(*args))
  except Exception as error:
    answer = (True, error)
  connection.send(answer)
