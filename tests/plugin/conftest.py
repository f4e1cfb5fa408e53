"""Places for what touches pedalboard: in a process of its own, or in one beside the tests."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from tests.plugin import process


@pytest.fixture(scope="session")
def alone() -> Callable[..., Any]:
  """Calls a module's function on the main thread of a new process; see `process.alone`."""
  return process.alone


@pytest.fixture(scope="module")
def aside() -> Iterator[Callable[..., Any]]:
  """Calls such functions in one process, which is quicker, if they leave no traces there."""
  with ProcessPoolExecutor(max_workers=1, mp_context=process.SPAWN) as pool:
    yield lambda function, *args: pool.submit(function, *args).result(60)
