import matplotlib.image
import numpy as np

from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.reports import figures


def test_pictures_are_written(tmp_path):
  rng = np.random.default_rng(0)
  sounds = [np.sin(2 * np.pi * f * np.arange(88_200) / 44_100) for f in (200, 4000)]
  target, estimate = (log_mel(s + 0.01 * rng.normal(size=88_200), MelSettings()) for s in sounds)
  figures.spectrogram_pair(target, estimate, MelSettings(), tmp_path / "pair.png")
  lines = [{"step": 1, "train/loss": 1.0}, {"step": 2, "train/loss": 0.5, "validation/loss": 0.6}]
  figures.learning_curve(lines, tmp_path / "curve.png", floor=0.08)
  errors = {"model": {"cutoff": 0.01, "attack": 0.02}, "mean": {"cutoff": 0.08, "attack": 0.09}}
  figures.error_per_control(errors, tmp_path / "errors.png")
  for name in ("pair", "curve", "errors"):
    image = matplotlib.image.imread(tmp_path / f"{name}.png")
    assert min(image.shape[:2]) > 200
    assert image.std() > 0.05  # Something is drawn.


def test_a_low_tone_is_drawn_low_and_left_a_high_one_high_and_right(tmp_path):
  sounds = [np.sin(2 * np.pi * f * np.arange(88_200) / 44_100) for f in (200, 8000)]
  low, high = (log_mel(s, MelSettings()) for s in sounds)
  figures.spectrogram_pair(low, high, MelSettings(), tmp_path / "pair.png")
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
    figures.spectrogram(mel, settings, tmp_path / f"{name}.png", top_db=top_db)
  loud, soft, _ = (
    matplotlib.image.imread(tmp_path / f"{name}.png")[..., :3].sum(2)
    for name in ("loud", "soft", "silent")
  )
  assert loud.shape == (settings.n_mels, len(mel))
  brightest = np.unravel_index(loud.argmax(), loud.shape)
  assert brightest[0] == settings.n_mels - 1 - mel.max(0).argmax()  # Low tones are low.
  assert soft.max() < loud.max() - 0.5  # 40 dB below the brightest.
