"""What models compute, as it was traced, kept from process to process.

Tracing takes Flax and the code of a model, whose import and work take longer than an answer. What
was traced (`jax.export`: StableHLO) needs neither. It lies in the folder where JAX keeps what it
has compiled, and nowhere if there is none (`startup.keep_compiled`). Code in that folder is run.
"""

import contextlib
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from jax import export

from synthmatch_jax import files
from synthmatch_jax.data.statistics import TrainingData
from synthmatch_jax.errors import UserError

# The code that is traced.
_CODE = ("models/*.py", "data/statistics.py", "inference.py", "search/stand_in.py")
# The settings of JAX that change what is traced.
_SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl")
_SUM_BYTES = 32


class Programs:
  """The programs of a model.

  Attributes:
    about: What was said of the model when it was kept; None where nothing is kept of it.
  """

  def __init__(
    self,
    arguments: Mapping[str, Any],
    data: TrainingData,
    shapes: Mapping[str, tuple[int, ...]],
  ):
    """Finds what is kept; the numbers of the weights are no part of a program.

    Args:
      arguments: The arguments that the model was built with, its name included.
      data: What is kept of the data that it was trained on.
      shapes: The name of each of its weights -> its shape.
    """
    self._folder = _folder()
    self.about: dict[str, bool] | None = None
    if self._folder is None:
      return
    said = (arguments, data.recipe.sizes, data.statistics.to_dict(), sorted(shapes.items()))
    settings = [jax.config.values[name] for name in _SETTINGS]
    key = hashlib.sha256(repr((_code(), settings, said)).encode()).hexdigest()
    self._folder /= key[:32]
    found = _read(self._folder / "about")
    self.about = None if found is None else json.loads(found)

  def keep(self, about: Mapping[str, bool]) -> None:
    """Keeps what is to be known of the model without building it: that it can be built, too."""
    self._write("about", json.dumps(dict(about)).encode())

  def get(self, name: str, make: Callable[[], Any], inputs: tuple[Any, ...]) -> Callable[..., Any]:
    """Returns a compiled function for inputs of certain shapes.

    Args:
      name: The name under which it is kept, which tells its shapes.
      make: Makes the function (`jax.jit`), where it is not kept.
      inputs: Inputs of these shapes.
    """
    if self._folder is None:
      return make()
    found = _read(self._folder / name)
    if found is None:
      program = export.export(make())(*inputs)
      self._write(name, bytes(program.serialize()))
    else:
      program = export.deserialize(bytearray(found))
    return jax.jit(program.call)

  def _write(self, name: str, data: bytes) -> None:
    if self._folder is None:
      return
    # Without it the next process takes longer, and no more.
    with contextlib.suppress(OSError, UserError), files.writing(self._folder / name) as partial:
      partial.write_bytes(hashlib.sha256(data).digest() + data)


def _read(path: Path) -> bytes | None:
  """Returns what is kept; None if it is missing or damaged."""
  try:
    data = path.read_bytes()
  except OSError:
    return None
  kept = data[_SUM_BYTES:]
  return kept if hashlib.sha256(kept).digest() == data[:_SUM_BYTES] else None


def _folder() -> Path | None:
  """Returns the folder of all programs; None where JAX keeps nothing, or not on this machine.

  On an accelerator nothing is kept: what is compiled there is not bound to be portable, and a start
  takes much longer anyway.
  """
  named = jax.config.values["jax_compilation_cache_dir"]
  if not named or "://" in named or jax.default_backend() != "cpu":
    return None
  return Path(named) / "synthmatch_jax"


@functools.cache
def _code() -> str:
  """Returns a hash of the code that is traced and of what it stands on."""
  here = Path(__file__).parent
  state = hashlib.sha256(repr([metadata.version(name) for name in ("jax", "flax")]).encode())
  for pattern in _CODE:
    for file in sorted(here.glob(pattern)):
      state.update(file.read_bytes())
  return state.hexdigest()
