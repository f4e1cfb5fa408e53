"""What a failed save leaves behind in Orbax's tasks is not printed; errors of others are."""

import asyncio
import gc
import logging

import pytest

from synthmatch_jax.training.quiet import quiet


def forget(task):
  """Runs a task whose error nobody asks for, which asyncio logs."""

  async def main():
    asyncio.ensure_future(task())  # noqa: RUF006 - Nothing is to keep it.
    await asyncio.sleep(0.01)

  asyncio.run(main())
  gc.collect()


def of_orbax():
  names = {}
  code = "async def write():\n  raise ValueError('no space left')\n"
  exec(compile(code, "/orbax/checkpoint/serialization.py", "exec"), names)
  return names["write"]


async def of_another():
  raise ValueError("of another")


def test_errors_that_outlive_a_failed_save_are_not_logged(caplog):
  logger = logging.getLogger("asyncio")
  before = list(logger.filters)
  try:
    with pytest.raises(OSError, match="full"), quiet():
      raise OSError("full")
    forget(of_orbax())
    assert not caplog.records
    forget(of_another)
    assert "of another" in caplog.text
  finally:
    logger.filters[:] = before
