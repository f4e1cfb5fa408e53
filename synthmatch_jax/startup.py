"""What lets a command begin soon."""

import contextlib
import gc
import os
from collections.abc import Iterator

from synthmatch_jax import files


@contextlib.contextmanager
def loading() -> Iterator[None]:
  """Keeps the garbage collector still while modules are imported, which takes it a tenth less time.

  What has been made until its end stays, and is not looked at again.
  """
  gc.disable()
  try:
    yield
  finally:
    gc.freeze()
    gc.enable()


def keep_compiled() -> None:
  """Lets JAX keep what it compiles from run to run, in the user's cache folder.

  Nothing changes if JAX_COMPILATION_CACHE_DIR names another folder. If the cache folder cannot be
  written, each run compiles anew, which takes seconds.
  """
  cache = files.user_cache()
  if os.environ.get("JAX_COMPILATION_CACHE_DIR") or cache is None:
    return
  import jax

  jax.config.update("jax_compilation_cache_dir", str(cache / "synthmatch_jax" / "jax"))
  jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
