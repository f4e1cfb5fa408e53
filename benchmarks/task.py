"""The task of the trainings that benchmarks measure: the paper's sizes, on random numbers."""

import numpy as np

from synthmatch_jax.data.statistics import Statistics

MEL = (87, 64)
"""The frames and bins of a mel spectrogram: 4 s of sound with the default settings."""

CONTROLS = 16

SIZES = {"num_frames": MEL[0], "num_bins": MEL[1], "num_controls": CONTROLS}

STATISTICS = Statistics(
  mel_mean=0.0,
  mel_std=1.0,
  controls_mean=np.zeros(CONTROLS, np.float32),
  level_db=0.0,
  num_examples=0,
)
"""Random numbers are normal already: these statistics leave them as they are."""
