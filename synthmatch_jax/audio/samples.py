"""Takes samples from an array of whatever kind."""

from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax.errors import UserError

MIN_RATE, MAX_RATE = 1_000, 768_000
"""The sample rates that are read, in Hz: from old phones to the fastest converters."""

_INTEGERS = (np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32)


def to_float(values: Any, *, name: str) -> Float[np.ndarray, "n c"]:
  """Returns floating-point samples of full scale 1, a column for each channel, as soundfile does.

  Args:
    values: An array of NumPy, JAX or another library, or a list: (n,) or (n, channels). Floats
      are taken as they are. Integers of 8, 16 and 32 bits are scaled by their type; those
      without a sign rest at the middle of their range, as in WAV files of 8 bits.
    name: The name of the sound in error messages.

  Raises:
    UserError: The values are no array of numbers, or are not laid out so, or their full scale is
      not known.
  """
  array = _array(values, name)
  if array.ndim not in (1, 2):
    raise UserError(f"{name} has {array.ndim} dimensions: give samples as (n,) or (n, channels)")
  if array.ndim == 2:
    count, channels = array.shape
    if 0 < count < channels or (count and not channels):
      raise UserError(
        f"{name} holds {count} samples of {channels} channels: give it as (n, channels), transposed"
      )
  columns = array.reshape(len(array), -1) if array.size else np.zeros((0, 1), np.float32)
  if array.dtype.kind == "f":
    return columns
  bits = 8 * array.dtype.itemsize
  rest = 2.0 ** (bits - 1) if array.dtype.kind == "u" else 0.0
  return (columns.astype(np.float64) - rest) / 2.0 ** (bits - 1)


def to_rate(value: Any, *, name: str) -> float:
  """Returns a sample rate in Hz.

  Raises:
    UserError: There is none, it is no number, or it is no rate of a sound.
  """
  if value is None:
    raise UserError(f"{name} has no sample rate: give sample_rate, in Hz")
  try:
    array = np.asarray(value)
    rate = float(array) if array.ndim == 0 and array.dtype.kind in "iuf" else None
  except Exception as error:  # The number may be from any library.
    raise UserError(f"{name} has no sample rate ({error}): give a number, in Hz") from error
  if rate is None:
    raise UserError(f"{name} has the sample rate {value!r}: give a number, in Hz")
  if not MIN_RATE <= rate <= MAX_RATE:
    raise UserError(
      f"{name} has a sample rate of {rate:g} Hz, {MIN_RATE} to {MAX_RATE} Hz are read: give the"
      " one that it was recorded at"
    )
  return rate


def _array(values: Any, name: str) -> np.ndarray:
  """Returns the numbers in native byte order."""
  try:
    array = np.asarray(values)
    if array.dtype.kind == "V" or array.dtype == np.float16:  # V: JAX's bfloat16.
      array = array.astype(np.float32)
  except Exception as error:  # The array may be from any library.
    raise UserError(
      f"{name} cannot be read as an array ({error}): give a NumPy array of floats"
    ) from error
  if array.size == 0 and array.ndim in (1, 2):
    return array.astype(np.float32) if array.dtype.kind in "iuf" else np.zeros(0, np.float32)
  if array.dtype.kind == "f" or array.dtype.newbyteorder("=").type in _INTEGERS:
    return array.astype(array.dtype.newbyteorder("="), copy=False)
  if array.dtype.kind in "iu":
    raise UserError(
      f"{name} holds integers of {8 * array.dtype.itemsize} bits, whose full scale is not known:"
      " give int16, int32 or floats"
    )
  if array.ndim == 0 and array.dtype == object:
    raise UserError(
      f"{name} is {'None' if values is None else f'of the type {type(values).__name__}'}: give a"
      " path, the bytes of a sound file, an open one, or samples"
    )
  raise UserError(f"{name} holds {array.dtype} and no samples: give an array of floats")
