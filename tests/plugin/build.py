"""Builds the test instrument `testbed.cpp`, a VST3, with one call of g++."""

import ctypes
import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from filelock import FileLock

from synthmatch_jax.audio.note import Note

_SOURCE = Path(__file__).with_name("testbed.cpp")
_HEADERS = Path("/usr/share/dpf/distrho/src")
# No contraction to fused operations: plugin and native function then agree on every processor.
# Nothing unloads the library: faults "of the process" outlive the plugin's last instance.
_FLAGS = (
  *("-std=c++17", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden"),
  *("-Wall", "-Wextra", "-Wl,--no-undefined", "-Wl,-z,nodelete"),
)
_FLOATS = ctypes.POINTER(ctypes.c_float)

Native = Callable[..., np.ndarray]


def why_not() -> str | None:
  """Why the instrument cannot be built here, or None if it can."""
  if sys.platform != "linux":
    return f"the test instrument is built on Linux only, not on {platform.system()}"
  if shutil.which("g++") is None or not (_HEADERS / "travesty").is_dir():
    return "the test instrument needs a compiler and headers: apt-get install g++ dpf-source"
  return None


def is_debian() -> bool:
  """Whether what is missing can be had from the distribution, so that tests must not skip."""
  return Path("/etc/debian_version").exists()


def build(folder: Path) -> Path:
  """Compiles the instrument, unless the folder has a build of the same source.

  Args:
    folder: Where the bundle goes; made if it is not there.

  Returns:
    The bundle, `folder/Testbed.vst3`.

  Raises:
    RuntimeError: It cannot be built here (see `why_not`), or the compiler refused.
  """
  if reason := why_not():
    raise RuntimeError(reason)
  bundle = folder / "Testbed.vst3"
  library, stamp = binary(bundle), folder / "Testbed.sha256"
  library.parent.mkdir(parents=True, exist_ok=True)
  digest = hashlib.sha256(_SOURCE.read_bytes() + " ".join(_FLAGS).encode()).hexdigest()
  with FileLock(folder / "Testbed.lock"):
    if library.exists() and stamp.exists() and stamp.read_text() == digest:
      return bundle
    fresh = library.with_suffix(".new")
    command = ["g++", *_FLAGS, f"-I{_HEADERS}", str(_SOURCE), "-o", str(fresh)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
      raise RuntimeError(f"{_SOURCE} does not compile:\n{done.stderr}")
    fresh.replace(library)  # Processes that have the old one loaded keep it.
    stamp.write_text(digest)
  return bundle


def binary(bundle: Path) -> Path:
  """The shared library inside a VST3 bundle."""
  return bundle / "Contents" / f"{platform.machine()}-linux" / f"{bundle.stem}.so"


def native(bundle: Path) -> Native:
  """The instrument's sound without any host, by a plain function of the same library.

  Returns:
    `render(values, *, note, seconds, sample_rate)`, with the values of all 16 parameters in the
    order of the paper's Table 1, which gives float32 stereo of shape (2, samples).
  """
  library = ctypes.CDLL(str(binary(bundle)))
  library.testbed_render.argtypes = [
    *(_FLOATS, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int),
    *(ctypes.c_double, _FLOATS, _FLOATS),
  ]
  library.testbed_render.restype = None

  def render(values, *, note: Note, seconds: float, sample_rate: int) -> np.ndarray:
    values = np.ascontiguousarray(values, np.float32)
    if values.shape != (16,):
      raise ValueError(f"the test instrument has 16 parameters, not {values.shape}")
    out = np.zeros((2, round(seconds * sample_rate)), np.float32)
    held = round(note.hold_seconds * sample_rate)
    pointers = [row.ctypes.data_as(_FLOATS) for row in (values, *out)]
    library.testbed_render(
      *(pointers[0], note.pitch, note.velocity, held, out.shape[1], sample_rate, *pointers[1:])
    )
    return out

  return render
