import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio import io, mp3


def test_what_is_written_is_what_is_heard(tmp_path):
  rng = np.random.default_rng(0)
  time = np.arange(44_100) / 44_100
  sound = 0.4 * np.sin(2 * np.pi * 440 * time) + 0.01 * rng.normal(size=time.size)
  mp3.save(tmp_path / "new" / "sound.mp3", sound, sample_rate=44_100)
  assert sf.info(tmp_path / "new" / "sound.mp3").format == "MP3"
  heard = io.load(tmp_path / "new" / "sound.mp3")
  assert heard.size == sound.size  # No delay, no padding.
  error = np.sqrt(np.mean((heard - sound) ** 2)) / np.sqrt(np.mean(sound**2))
  assert error < 0.05
  assert [p.name for p in (tmp_path / "new").iterdir()] == ["sound.mp3"]


def test_beyond_full_scale_is_clipped_not_wrapped(tmp_path):
  sound = 3 * np.sin(2 * np.pi * 100 * np.arange(44_100) / 44_100)
  mp3.save(tmp_path / "loud.mp3", sound, sample_rate=44_100)
  heard = io.load(tmp_path / "loud.mp3")
  assert np.corrcoef(heard, np.clip(sound, -1, 1))[0, 1] > 0.99


@pytest.mark.parametrize("rate", mp3.RATES)
def test_every_rate_of_the_format_is_written(tmp_path, rate):
  mp3.save(tmp_path / "a.mp3", np.zeros(rate), sample_rate=rate)
  assert sf.info(tmp_path / "a.mp3").samplerate == rate


def test_what_is_no_audio_is_refused(tmp_path):
  with pytest.raises(ValueError, match="knows no sample rate of 96000"):
    mp3.save(tmp_path / "a.mp3", np.zeros(100), sample_rate=96_000)
  with pytest.raises(ValueError, match="NaN"):
    mp3.save(tmp_path / "a.mp3", np.array([0.0, np.nan]), sample_rate=44_100)
  assert not list(tmp_path.iterdir())
