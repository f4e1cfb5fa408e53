"""Patches that are drawn around voices."""

import json
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import dx7, prior
from synthmatch_jax.spaces.voices import WAYS, Voices, split_of
from tests.spaces.test_dx7 import voices
from tests.spaces.voices_folder import prior_around

SPACE = dx7.space()


def drawn(found, count=20, split="test"):
  rng = np.random.default_rng(0)
  return [SPACE.decode(prior.sample(found, SPACE, rng, split=split)) for _ in range(count)]


def loaded(folder, **shares):
  return prior.load(prior_around(folder, shares=shares), SPACE)


def differing(patch, other):
  return {name for name in SPACE.names if patch[name] != other[name]}


def nearest(patch, others):
  return min((differing(patch, other) for other in others), key=len)


def test_the_patches_of_a_split_come_from_its_own_voices_alone(tmp_path):
  own = [v.patch for v in voices(60) if split_of(v) == "test"]
  assert 2 <= len(own) <= 15
  for way in ("as it is", "mixed", "independent"):
    for patch in drawn(loaded(tmp_path, **{way: 1})):
      assert all(patch[name] in [voice[name] for voice in own] for name in SPACE.names)


def test_variants_of_a_voice_are_in_one_split():
  for voice in voices(5):
    other = voice.patch | {"feedback": 3, "op2_level": 50, "op4_fine": 1, "lfo_wave": "sine"}
    assert split_of(dx7.Voice(name="", patch=other)) == split_of(voice)


def test_each_way_does_what_it_is_called(tmp_path):
  own = [v.patch for v in voices(60) if split_of(v) == "train"]
  for patch in drawn(loaded(tmp_path, **{"as it is": 1}), 10, "train"):
    assert patch in own
  moved = [nearest(p, own) for p in drawn(loaded(tmp_path, jittered=1), 20, "train")]
  assert 0.15 < np.mean([len(names) for names in moved]) / len(SPACE.names) < 0.35
  for patch in drawn(loaded(tmp_path, mixed=1), 10, "train"):
    (base,) = [v for v in own if not any("op" not in name[:2] for name in differing(patch, v))]
    for op in dx7.OPERATORS:
      parts = [{n: v for n, v in one.items() if n.startswith(op)} for one in (patch, *own)]
      assert parts[0] in parts[1:]
    assert base["algorithm"] == patch["algorithm"]
  independent = drawn(loaded(tmp_path, independent=1), 10, "train")
  assert min(len(nearest(patch, own)) for patch in independent) > 50


def test_the_order_in_json_does_not_matter(tmp_path):
  one, other = loaded(tmp_path, mixed=0.5, jittered=0.5), loaded(tmp_path, jittered=0.5, mixed=0.5)
  assert drawn(one, 5) == drawn(other, 5)


def test_shares_are_kept(tmp_path):
  own = [v.patch for v in voices(60) if split_of(v) == "train"]
  found = drawn(loaded(tmp_path, **{"as it is": 0.3, "independent": 0.7}), 100, "train")
  assert sum(patch in own for patch in found) / 100 == pytest.approx(0.3, abs=0.15)


def test_without_a_split_every_parameter_is_drawn_as_the_training_voices_have_it(tmp_path):
  found = loaded(tmp_path, mixed=1)
  train = Voices(**found.voices).people(SPACE)["train"]
  alone = np.stack([prior.sample(found, SPACE, np.random.default_rng(i)) for i in range(60)])
  assert np.abs(alone.mean(0) - train.mean(0)).max() < 0.35
  # Whoever has no voices can still read what is known of each parameter.
  (tmp_path / "some.syx").unlink()
  again = prior.checked(json.loads(json.dumps(found.to_dict())), SPACE, origin="its")
  one, other = (prior.sample(p, SPACE, np.random.default_rng(7)) for p in (found, again))
  np.testing.assert_array_equal(one, other)


def test_voices_that_are_missing_or_others_are_told(tmp_path):
  found = prior_around(tmp_path, shares={"jittered": 1})
  (tmp_path / "some.syx").write_bytes(b"\xf0\x00\xf7")
  with pytest.raises(UserError, match=r"some.syx is not what the prior was made with: .*checksum"):
    prior.load(found, SPACE)
  (tmp_path / "some.syx").unlink()
  with pytest.raises(UserError, match=r"the prior needs the voices in .*some.syx: write them"):
    prior.load(found, SPACE)
  few = prior_around(tmp_path, shares={"jittered": 1}, count=3)
  with pytest.raises(UserError, match="too few voices"):
    prior.load(few, SPACE)


@pytest.mark.parametrize(
  ("changes", "reason"),
  [
    ({"shares": {"jittered": 0.5}}, "add up to 1"),
    ({"shares": {"jittered": True}}, "add up to 1"),
    ({"shares": {"shaken": 1}}, f"'shaken'; known: {', '.join(WAYS)}"),
    ({"files": {"../some.syx": "0" * 64}}, "bare file name"),
    ({"files": {}}, "need files and shares"),
  ],
)
def test_a_prior_of_strange_voices_is_refused(tmp_path, changes, reason):
  path = prior_around(tmp_path, **{"shares": {"jittered": 1}, **changes})
  with pytest.raises(UserError, match=reason):
    prior.load(path, SPACE)


def test_what_a_stranger_sends_reads_no_file(tmp_path):
  data = json.loads(Path(prior_around(tmp_path, shares={"jittered": 1})).read_text())
  with pytest.raises(UserError, match="its prior cannot be drawn from"):
    prior.checked(data, SPACE, origin="its")
