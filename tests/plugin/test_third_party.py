"""Two instruments of other people: they build, load and sound."""

from pathlib import Path

import numpy as np
import pytest

from tests.plugin import build, playing, third_party

PARAMETERS = {
  "Kars": ["sustain", "release_s", "volume"],
  "Nekobi": [
    *("waveform", "tuning", "cutoff", "vcf_resonance", "env_mod", "decay", "accent", "volume"),
  ],
}


@pytest.fixture(scope="module")
def bundles(request) -> dict[str, Path]:
  if reason := third_party.why_not():
    (pytest.fail if build.is_debian() else pytest.skip)(reason)
  return third_party.build(Path(request.config.cache.mkdir("third_party")))


@pytest.mark.slow
@pytest.mark.parametrize("name", third_party.NAMES)
def test_it_loads_and_sounds(bundles, alone, name):
  parameters, is_instrument, sounds = alone(playing.third_party, bundles[name])
  assert parameters == PARAMETERS[name]
  assert is_instrument
  for sound in sounds:
    assert sound.shape == (1, round(playing.SECONDS * 44100))
    assert 0.001 < np.abs(sound).max() < 1


@pytest.mark.slow
def test_their_memories_differ(bundles, alone):
  """Kars takes noise from C's `rand`; only Nekobi's first sound is unlike the later ones."""
  _, _, (first, second, third) = alone(playing.third_party, bundles["Nekobi"])
  assert not np.array_equal(first, second)
  np.testing.assert_allclose(second, third, atol=1e-6)
  _, _, (first, second, third) = alone(playing.third_party, bundles["Kars"])
  assert not np.array_equal(second, third)
