"""Writes MP3 files for pages: they are small, and every browser plays them."""

from pathlib import Path

import numpy as np
import soundfile as sf
from jaxtyping import Float

from synthmatch_jax import files

RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""All sample rates that the format knows (MPEG 1, 2 and 2.5), in Hz."""


def save(path: Path, audio: Float[np.ndarray, " n"], *, sample_rate: int) -> None:
  """Writes a mono MP3 file: whole or not at all, an existing file is replaced.

  LAME in libsndfile encodes it at its best variable bit rate, 130 kbit/s for noise and a quarter of
  that for a tone, so that a listener judges the sound and not the coding.

  Args:
    path: The path of the file; missing folders are made.
    audio: Finite samples; what exceeds full scale (1) is clipped, as any player would clip it.
    sample_rate: The sample rate in Hz, one of `RATES`.

  Raises:
    ValueError: The audio holds NaN or infinity, or the format does not know the sample rate.
    UserError: The file cannot be written.
  """
  if sample_rate not in RATES:
    raise ValueError(f"MP3 knows no sample rate of {sample_rate} Hz, resample to {RATES[-2]} Hz")
  if not np.isfinite(audio).all():
    raise ValueError(f"audio for {path} holds NaN or infinity")
  with files.writing(path) as partial:
    sf.write(
      partial,
      np.clip(audio, -1, 1),
      sample_rate,
      format="MP3",
      compression_level=0.0,
      bitrate_mode="VARIABLE",
    )
