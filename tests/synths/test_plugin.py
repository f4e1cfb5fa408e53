import resource

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import instrument


def save(synth, path, most):
  """Saves a preset in the plugin's process, which may not write more bytes than `most`."""
  _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
  return synth.save_preset(synth.space.decode(np.full(synth.space.width, 0.5)), path)


def test_a_preset_that_cannot_be_written_gets_a_sentence_and_no_file(testbed, tmp_path):
  path = tmp_path / "mine.vstpreset"
  with hosting(Engine(name="testbed", plugin=instrument(), path=str(testbed))) as host:
    with pytest.raises(UserError, match=r"mine\.vstpreset cannot be written \(file too large\): "):
      host.call(save, path, 100)
    assert list(tmp_path.iterdir()) == []
    assert host.call(save, path, 1 << 20) == path
  assert path.read_bytes().startswith(b"VST3")
