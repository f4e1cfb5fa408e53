import matplotlib
import matplotlib.image
import numpy as np

from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.reports import spectrograms


def test_a_low_tone_is_drawn_low_and_left_a_high_one_high_and_right(tmp_path):
  sounds = [np.sin(2 * np.pi * f * np.arange(88_200) / 44_100) for f in (200, 8000)]
  low, high = (log_mel(s, MelSettings()) for s in sounds)
  spectrograms.pair(low, high, MelSettings(), tmp_path / "pair.png")
  image = matplotlib.image.imread(tmp_path / "pair.png")[..., :3]
  # Magma's loud end, orange to yellow, inside the axes only.
  bright = (image[..., 0] > 0.9) & (image[..., 2] < 0.8)
  rows, columns = np.nonzero(bright[:, : int(0.85 * image.shape[1])])
  left = columns < image.shape[1] / 2
  assert rows[left].mean() > rows[~left].mean() + 100


def test_one_spectrogram_has_a_pixel_a_bin_and_the_level_of_its_target(tmp_path):
  settings = MelSettings()
  mel = log_mel(np.sin(2 * np.pi * 200 * np.arange(88_200) / 44_100), settings)
  top = float(mel.max())
  for name, top_db in (("loud", top), ("soft", top + 40), ("silent", settings.floor_db)):
    spectrograms.alone(mel, settings, tmp_path / f"{name}.png", top_db=top_db)
  loud, soft, _ = (
    matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3].sum(2)
    for name in ("loud", "soft", "silent")
  )
  assert loud.shape == (settings.n_mels, len(mel))
  brightest = np.unravel_index(loud.argmax(), loud.shape)
  assert brightest[0] == settings.n_mels - 1 - mel.max(0).argmax()  # Low tones are low.
  assert soft.max() < loud.max() - 0.5  # 40 dB below the brightest.


def test_colours_are_those_of_magma():
  colours = spectrograms._colours(np.linspace(0, 1, 256)[:, None], 0.0, 1.0)[0]
  magma = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3]
  assert np.abs(colours.astype(int) - magma).max() <= 3


def test_steps_are_round():
  for end, wanted in ((4.04, "0 1 2 3 4"), (3.0, "0 0.5 1 1.5 2 2.5 3"), (80.0, "0 20 40 60 80")):
    assert " ".join(f"{step:g}" for step in spectrograms._round_steps(end)) == wanted
