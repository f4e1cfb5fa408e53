"""What a run answers, to be heard while it goes on."""

import struct

import pytest
from tensorboardX.proto.event_pb2 import Event

from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import following
from synthmatch_jax.inference import Predictor


def summaries(folder):
  """Tag -> (step, value) of what TensorBoard is shown: records behind their lengths and sums."""
  found = {}
  for path in folder.glob("events.*"):
    data = path.read_bytes()
    while data:
      (length,) = struct.unpack("<Q", data[:8])
      event = Event.FromString(data[12 : 12 + length])
      found |= {value.tag: (event.step, value) for value in event.summary.value}
      data = data[16 + length :]
  return found


def test_sounds_and_pictures_of_the_best_model(tiny_run):
  following.follow(tiny_run, count=2, once=True, seconds=1.0, workers=1)
  found = summaries(tiny_run / "tensorboard" / "sounds")
  assert {step for step, _ in found.values()} == {Predictor.load(tiny_run).step}
  for i in range(2):
    for name in ("target", "answer"):
      sound = found[f"validation_{i}/{name}"][1].audio
      assert (sound.sample_rate, sound.length_frames) == (44_100, 44_100)
    picture = found[f"validation_{i}/spectrograms"][1].image
    assert picture.width > picture.height > 100


def test_without_a_model_it_says_so(tmp_path):
  with pytest.raises(UserError, match="no trained model in"):
    following.follow(tmp_path, count=2, once=True, seconds=1.0, workers=1)
