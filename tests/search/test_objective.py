"""What a search makes small."""

import dataclasses
import math

import numpy as np
import pytest

from synthmatch_jax.audio.pitch import PitchSettings
from synthmatch_jax.metrics import suite
from synthmatch_jax.metrics.f0 import PitchError
from synthmatch_jax.search.objective import DEFAULT, TERMS, Objective
from synthmatch_jax.spaces import prior
from tests.search.test_locks import MIXED

RATE = 44_100
TIME = np.arange(RATE // 2) / RATE
MIDDLE = np.full(16, 0.5, np.float32)


def tone(hz, *, decay=4.0, partials=6):
  waves = (np.sin(2 * np.pi * k * hz * TIME) / k for k in range(1, partials + 1))
  return (0.2 * sum(waves) * np.exp(-decay * TIME)).astype(np.float32)


TARGET = tone(220.0)


def cost(name, sound, recipe, *, controls=MIDDLE, target=TARGET):
  return float(Objective(target, recipe, {name: 1.0}).costs(controls, sound)[0])


@pytest.mark.parametrize("name", sorted(set(TERMS) - {"controls"}))
def test_the_target_itself_costs_nothing_and_another_sound_does(name, recipe):
  assert cost(name, TARGET, recipe) == pytest.approx(0, abs=1e-6)
  assert cost(name, tone(331.0, decay=20.0), recipe) >= TERMS[name].floor


@pytest.mark.parametrize("name", sorted(TERMS))
def test_level_does_not_count(name, recipe):
  other = tone(225.0, decay=6.0)
  assert cost(name, 0.01 * other, recipe) == pytest.approx(cost(name, other, recipe), rel=0.01)


def test_a_metrics_term_is_the_metric(recipe):
  other = tone(225.0, decay=6.0)
  other *= np.float32(np.abs(TARGET).max() / np.abs(other).max())
  measured = suite.measure(TARGET, other)
  assert cost("mss", other, recipe) == pytest.approx(measured["mss"], rel=1e-4)
  assert cost("pattern", other, recipe) == pytest.approx(measured["loudness_pattern"], rel=0.1)
  assert cost("envelope", other, recipe) == pytest.approx(1 - measured["rms_cosine"], abs=1e-5)


@pytest.mark.parametrize(("cents", "semitones"), [(5, 0), (50, 0.4), (200, 1), (2_000, 1)])
def test_the_guard_counts_what_is_out_of_tune_up_to_a_semitone(cents, semitones, recipe):
  assert cost("pitch", tone(220 * 2 ** (cents / 1_200)), recipe) == pytest.approx(
    semitones, abs=0.05
  )


def test_the_guard_is_the_pitch_error_though_it_looks_at_frames_that_can_count_only(recipe):
  target = np.where(TIME < 0.2, tone(220.0, decay=1.0), np.float32(0))  # A part is silent.
  other = tone(222.0, decay=0.5)
  measured = PitchError(pitch=PitchSettings(hop_ms=40.0))(target, other)
  found = cost("pitch", other, recipe, target=target)
  assert found == pytest.approx((measured - 10) / 100, rel=1e-4)


def test_the_guard_hears_only_what_has_a_pitch(recipe):
  noise = np.random.default_rng(0).normal(0, 0.1, TIME.size).astype(np.float32)
  assert cost("pitch", noise, recipe) == 1
  assert cost("pitch", TARGET, recipe, target=noise) == 0


def test_of_two_patches_the_plainer_costs_less(recipe):
  plain = np.where(np.arange(16) < 4, 0, MIDDLE)
  assert cost("controls", TARGET, recipe, controls=plain) == pytest.approx(12 / 16)
  assert cost("controls", TARGET, recipe) == 1


def test_an_answer_in_probabilities_is_as_plain_as_the_patch_that_it_stands_for(recipe):
  recipe = dataclasses.replace(recipe, space=MIXED, prior=prior.load("uniform", MIXED))
  answer = np.array([0.3, 0.0, 0.4, 0.2, 0.5, 0.3], np.float32)
  patch = MIXED.encode(MIXED.decode(answer))
  for controls in (answer, patch):
    assert cost("controls", TARGET, recipe, controls=controls) == pytest.approx(1 / 3)


def test_a_silent_sound_has_no_value(recipe):
  objective = Objective(TARGET, recipe)
  for silence in (np.zeros_like(TARGET), np.full_like(TARGET, 9e-5)):
    costs = objective.costs(MIDDLE, silence)
    assert objective.value(costs, costs) == math.inf
  assert objective.value(objective.failed, objective.costs(MIDDLE, TARGET)) == math.inf


def test_each_term_is_relative_to_the_start_but_for_what_is_below_its_floor(recipe):
  objective = Objective(TARGET, recipe, {"mss": 2.0, "envelope": 1.0})
  start = np.array([4.0, 0.2])
  assert objective.value(start, start) == 1
  assert objective.value(np.array([2.0, 0.2]), start) == pytest.approx(2 / 3)
  near = np.array([0.001, 0.0])
  assert objective.value(near, near) == pytest.approx(2 / 3 * 0.001 / TERMS["mss"].floor)
  assert objective.value(start, objective.failed) > 1  # Where the start itself is silent.


def test_farness_is_the_largest_cost_in_units_of_its_floor(recipe):
  objective = Objective(TARGET, recipe, {"mss": 2.0, "envelope": 1.0})
  assert objective.farness(np.array([1.0, 0.02])) == pytest.approx(1 / TERMS["mss"].floor)
  assert objective.farness(np.array([0.1, 0.2])) == pytest.approx(0.2 / TERMS["envelope"].floor)


def test_an_unknown_term_is_named(recipe):
  with pytest.raises(ValueError, match="no term 'loudnes'; known are mss"):
    Objective(TARGET, recipe, {"loudnes": 1.0})
  assert set(DEFAULT) <= set(TERMS)
