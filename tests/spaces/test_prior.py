import json

import numpy as np
import pytest
import scipy.stats

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.prior import Prior
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space


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
  with pytest.raises(UserError, match="known: uniform, presets"):
    prior.load("pressets", VITAL)
  with pytest.raises(UserError, match="known: uniform"):
    prior.load("presets", ParameterSpace("other", VITAL.parameters))


def test_a_prior_for_other_controls_or_of_unknown_kind_is_refused():
  small = ParameterSpace("small", VITAL.parameters[:1])
  with pytest.raises(UserError, match="does not name exactly"):
    prior.sample(prior.load("uniform", VITAL), small, np.random.default_rng(0))
  odd = Prior(name="odd", space="small", source="", controls={"osc1_position": {"kind": "gamma"}})
  with pytest.raises(UserError, match="known kinds: uniform, beta, normal, mixture"):
    prior.sample(odd, small, np.random.default_rng(0))


def test_a_mistake_in_a_part_that_is_seldom_drawn_is_found_at_once():
  space = ParameterSpace("small", VITAL.parameters[:1])
  usual = {"kind": "uniform", "weight": 1.0}
  for part in ({"kind": "normal", "mean": 0.5}, {"kind": "nomral"}):
    mixture = {"kind": "mixture", "components": [usual, {**part, "weight": 1e-9}]}
    controls = {"osc1_position": mixture}
    data = {"name": "n", "space": "small", "source": "s", "controls": controls}
    with pytest.raises(UserError, match=r"cannot be drawn from|known kinds"):
      prior.load(data, space)


def ks_distance(values, drawn):
  """Largest distance of two distribution functions, on both sides of every step."""
  steps = np.unique(np.concatenate([values, drawn]))
  one, other = np.sort(values), np.sort(drawn)
  return max(
    np.abs(
      np.searchsorted(one, steps, side) / len(one)
      - np.searchsorted(other, steps, side) / len(other)
    ).max()
    for side in ("left", "right")
  )


@pytest.mark.parametrize("count", [2, 25, 400])
def test_empirical_follows_the_values_it_was_made_of(count):
  rng = np.random.default_rng(count)
  values = rng.beta(0.6, 1.5, count)
  atoms = {0.0: 0.2, 0.5: 0.3, 1.0: 0.1}  # Knobs that most presets leave alone.
  for value, share in atoms.items():
    values[rng.permutation(count)[: round(share * count)]] = value
  found = {"kind": "empirical", "quantiles": sorted(values), "count": count}
  space = ParameterSpace("small", VITAL.parameters[:1])
  loaded = prior.load(
    {"name": "n", "space": "small", "source": "s", "controls": {space.names[0]: found}}, space
  )
  drawn = np.array([prior.sample(loaded, space, rng)[0] for _ in range(10_000)])
  # Between neighbours a share of 1 / (count - 1) is spread out: two steps are a hair more than
  # 1 / count apart. The rest is chance: of 10,000 draws, 0.02 and more once in 2,000 times.
  assert ks_distance(np.float32(values), drawn) < 1 / count + 0.02
  assert values.min() <= drawn.min() and drawn.max() <= values.max() + 1e-6
  for value in atoms:
    share = np.mean(values == value)
    assert np.mean(drawn == np.float32(value)) == pytest.approx(share, abs=1 / count + 0.02)


def test_empirical_of_one_value_is_that_value():
  rng = np.random.default_rng(0)
  assert {prior._draw({"kind": "empirical", "quantiles": [0.3]}, rng) for _ in range(9)} == {0.3}


@pytest.mark.parametrize("quantiles", [[], "x", None])
def test_an_empirical_distribution_that_cannot_be_drawn_from_is_refused(quantiles):
  controls = {"osc1_position": {"kind": "empirical", "quantiles": quantiles}}
  data = {"name": "n", "space": "small", "source": "s", "controls": controls}
  with pytest.raises(UserError, match="cannot be drawn from"):
    prior.load(data, ParameterSpace("small", VITAL.parameters[:1]))
