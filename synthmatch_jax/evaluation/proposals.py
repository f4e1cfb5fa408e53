"""What the rows of a table propose: an answer to each sound, or several candidates for it.

Each takes what there is to ask and returns controls, (i, d) or (i, n, d).
"""

import numpy as np

from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.search import neighbours, seeds
from synthmatch_jax.spaces import prior

_STREAM = 2  # This keeps the random numbers apart from those of the data set.
_SPREAD_OF = 64  # Draws that tell how far those of a sound lie apart.


def mean(asked: Asked) -> np.ndarray:
  """The mean of the training controls."""
  mean = asked.predictor.statistics.controls_mean.astype(np.float32)
  return np.tile(mean, (len(asked.material.mel), 1))


def random(asked: Asked) -> np.ndarray:
  """A draw from the prior for each sound."""
  recipe = asked.predictor.recipe

  def draw(i: int) -> np.ndarray:
    seed = np.random.SeedSequence(recipe.seed, spawn_key=(_STREAM, i))
    return prior.sample(recipe.prior, recipe.space, np.random.default_rng(seed))

  return np.stack([draw(i) for i in range(len(asked.material.mel))])


def middle(asked: Asked) -> np.ndarray:
  """The middle of the prior."""
  middle = seeds.middle(asked.predictor.recipe).controls
  return np.tile(middle, (len(asked.material.mel), 1))


def model_and_middle(asked: Asked) -> np.ndarray:
  """The model's answer, and the middle of the prior."""
  return np.stack([asked.answers(), middle(asked)], axis=1)


def nearest_sounds(asked: Asked, count: int) -> np.ndarray:
  """The nearest training sounds, the nearest first."""
  index = neighbours.build(asked.training)
  return np.stack([index.find(mel[None], count=count) for mel in asked.material.mel])


def jitter(asked: Asked) -> np.ndarray:
  """Draws around the mean of the model's answers, each control for itself and as far as they do."""
  drawn = asked.drawn(_SPREAD_OF)
  rng = np.random.default_rng(np.random.SeedSequence(asked.predictor.recipe.seed, spawn_key=(4,)))
  noise = rng.normal(size=(len(drawn), asked.draws, drawn.shape[-1]))
  around = drawn.mean(axis=1, keepdims=True) + noise * drawn.std(axis=1, keepdims=True)
  return np.clip(around, 0.0, 1.0).astype(np.float32)


def oracle(asked: Asked) -> np.ndarray:
  """The true controls, as if they were predicted."""
  space = asked.predictor.recipe.space  # A prediction is decoded to a patch as well.
  return np.stack([space.encode(space.decode(controls)) for controls in asked.true])


def draws_and_middle(asked: Asked) -> np.ndarray:
  """The model's draws, and the middle of the prior."""
  return np.concatenate([asked.drawn(asked.draws), middle(asked)[:, None]], axis=1)


def steered_and_model(asked: Asked) -> np.ndarray:
  """The model's answers, what gradients through the proxy make of them, and the middle."""
  given = asked.drawn(max(1, asked.draws))
  steered = asked.steered(given, count=seeds.STEERED)
  return np.concatenate([given, steered, middle(asked)[:, None]], axis=1)
