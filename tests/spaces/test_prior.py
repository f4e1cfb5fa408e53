import json

import numpy as np
import pytest
import scipy.stats

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.massive16 import VITAL
from synthmatch_jax.spaces.prior import Prior
from synthmatch_jax.spaces.space import ParameterSpace


def draws(name, n=2000):
  loaded, rng = prior.load(name, VITAL), np.random.default_rng(0)
  return np.stack([prior.sample(loaded, VITAL, rng) for _ in range(n)])


def test_presets_say_why_and_where_from():
  presets = prior.load("presets", VITAL)
  assert presets.space == VITAL.name
  assert "designed" in presets.source
  assert list(presets.controls) == list(VITAL.names)
  assert all(d["why"] for d in presets.controls.values())
  assert Prior(**json.loads(json.dumps(presets.to_dict()))) == presets


def test_uniform_is_uniform_on_every_control():
  for column in draws("uniform").T:
    assert scipy.stats.kstest(column, "uniform").pvalue > 1e-4


def test_presets_follow_their_data():
  sampled = dict(zip(VITAL.names, draws("presets").T, strict=True))
  assert all(v.min() >= 0 and v.max() <= 1 and v.std() > 0.05 for v in sampled.values())
  detune = sampled["osc2_pitch"]
  # Weights of the mixture: unison .45, octave down .12, octave up .12, the rest elsewhere.
  assert np.mean(np.abs(detune - 0.5) < 0.02) == pytest.approx(0.45 + 0.25 * 0.04, abs=0.04)
  assert np.mean(detune < 0.02) == pytest.approx(0.12 + 0.25 * 0.02, abs=0.03)
  assert np.mean(detune > 0.98) == pytest.approx(0.12 + 0.25 * 0.02, abs=0.03)
  resonance = scipy.stats.beta(1.3, 2.6)
  assert scipy.stats.kstest(sampled["filter1_res_prm_3"], resonance.cdf).pvalue > 1e-4


def test_sampling_depends_on_the_generator_alone():
  loaded = prior.load("presets", VITAL)
  one, two = (prior.sample(loaded, VITAL, np.random.default_rng(7)) for _ in range(2))
  np.testing.assert_array_equal(one, two)


def test_an_unknown_prior_lists_the_known_ones():
  with pytest.raises(UserError, match="known are uniform, presets"):
    prior.load("pressets", VITAL)
  with pytest.raises(UserError, match="known are uniform"):
    prior.load("presets", ParameterSpace("other", VITAL.parameters))


def test_a_prior_for_other_controls_or_of_unknown_kind_is_refused():
  small = ParameterSpace("small", VITAL.parameters[:1])
  with pytest.raises(UserError, match="does not name exactly"):
    prior.sample(prior.load("uniform", VITAL), small, np.random.default_rng(0))
  odd = Prior(name="odd", space="small", source="", controls={"osc1_position": {"kind": "gamma"}})
  with pytest.raises(UserError, match="known kinds: uniform, beta, normal, mixture"):
    prior.sample(odd, small, np.random.default_rng(0))
