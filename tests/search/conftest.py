"""Short sounds to search for, on Vital and on the test instrument."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest
from jaxtyping import Float

from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.search.objective import Objective
from synthmatch_jax.search.search import Search
from synthmatch_jax.search.seeds import Seed
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths.play import hosting, play
from synthmatch_jax.synths.registry import Engine
from tests.synths.remote import instrument

NOTE = Note(hold_seconds=0.1)


@dataclass(frozen=True)
class Task:
  """A sound of the synth, and a start beside it."""

  recipe: Recipe
  engine: Engine
  controls: Float[np.ndarray, " d"]
  target: Float[np.ndarray, " n"]

  def search(self, **options) -> Search:
    """A search of 20 renders from all controls in the middle."""
    middle = np.full(self.recipe.space.width, 0.5, np.float32)
    settings = {
      "seeds": [Seed(controls=middle, name="middle")],
      "recipe": self.recipe,
      "note": NOTE,
      "engine": self.engine,
      "workers": 2,
      "budget": Budget(renders=20),
    }
    return Search(Objective(self.target, self.recipe), **settings | options)


def recipe_of(engine: Engine) -> Recipe:
  space = engine.space
  uniform = prior.load("uniform", space)
  return Recipe(
    engine=engine.name, fingerprint="", space=space, prior=uniform, note=NOTE, seconds=0.25
  )


def task_of(engine: Engine) -> Task:
  recipe = recipe_of(engine)
  controls = np.linspace(0.4, 0.7, recipe.space.width, dtype=np.float32)
  with hosting(engine) as host:
    target = host.call(play, recipe, Example(controls=controls, note=NOTE))
  return Task(recipe, engine, controls, target)


@pytest.fixture(scope="session")
def vital() -> Task:
  return task_of(Engine(name="vital"))


@pytest.fixture(scope="session")
def plugin(testbed) -> Task:
  return task_of(Engine(name="testbed", plugin=instrument(), path=str(testbed)))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
  """Vital's, with the prior that comes along."""
  engine = Engine(name="vital")
  return dataclasses.replace(recipe_of(engine), prior=prior.load("presets", engine.space))
