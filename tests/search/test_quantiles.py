"""The scale of a search's steps."""

import dataclasses

import numpy as np

from synthmatch_jax.search.quantiles import Quantiles
from synthmatch_jax.spaces import prior


def test_places_and_controls_are_inverse(recipe):
  scale = Quantiles.of(recipe)
  assert scale.values.shape[0] == recipe.space.width
  assert (np.diff(scale.values, axis=1) > 0).all()
  assert (scale.values[:, 0] == 0).all()
  assert (scale.values[:, -1] == 1).all()
  for place in (0.0, 0.02, 0.37, 0.5, 0.99, 1.0):
    controls = np.full(recipe.space.width, place)
    np.testing.assert_allclose(scale.controls(scale.places(controls)[None])[0], controls, atol=1e-9)


def test_likely_values_lie_far_apart(recipe):
  scale = Quantiles.of(recipe)
  pitch = recipe.space.names.index("osc2_pitch")
  below, above = (scale.places(np.full(16, place))[pitch] for place in (0.485, 0.515))
  assert above - below > 0.3  # Unison within some cents: 45 % of the prior.
  below, above = (scale.places(np.full(16, place))[pitch] for place in (0.6, 0.65))
  assert 0.01 < above - below < 0.05
  drawn = prior.draws(recipe.prior, recipe.space, count=2_000)
  places = np.stack([scale.places(one) for one in drawn])
  # All of the scale is used, the more so as a fifth of it belongs to all values alike.
  assert (
    np.abs(np.quantile(places, [0.25, 0.5, 0.75], axis=0).mean(1) - [0.25, 0.5, 0.75]).max() < 0.1
  )


def test_an_even_prior_is_an_even_scale(recipe):
  even = dataclasses.replace(recipe, prior=prior.load("uniform", recipe.space))
  assert np.abs(Quantiles.of(even).values - np.linspace(0, 1, 401)).max() < 0.04


def test_beyond_the_ends_there_is_nothing(recipe):
  scale = Quantiles.of(recipe)
  assert (scale.controls(np.full((1, 16), -0.03)) == 0).all()
  assert (scale.controls(np.full((1, 16), 1.03)) == 1).all()
