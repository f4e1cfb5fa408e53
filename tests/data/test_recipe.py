import dataclasses
import json

from synthmatch_jax.audio.mel import MelSettings
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.spaces import massive16, prior
from synthmatch_jax.spaces.space import ParameterSpace


def recipe(**changes):
  space = massive16.VITAL
  settings = {"engine": "vital", "fingerprint": "x", "space": space}
  return Recipe(**settings | {"prior": prior.load("presets", space)} | changes)


def test_a_recipe_survives_json():
  one = recipe(note=Note(pitch=48), mel=MelSettings(n_mels=32), seconds=2.5)
  two = Recipe.from_dict(json.loads(json.dumps(one.to_dict())))
  assert two == one
  assert two.digest() == one.digest()


def test_the_papers_sizes():
  assert recipe().num_samples == 176_400
  assert (recipe().num_frames, recipe().mel.n_mels) == (87, 64)


def test_wording_does_not_count():
  parameters = [dataclasses.replace(p, meaning="", unit="") for p in massive16.VITAL.parameters]
  plain = dataclasses.replace(massive16.VITAL, parameters=tuple(parameters))
  assert recipe(space=plain).digest() == recipe().digest()


def test_everything_else_is_in_the_digest():
  changed = [{"note": Note(seconds=0.5)}, {"mel": MelSettings(f_min=30.0)}, {"engine": "other"}]
  changed += [
    {"space": ParameterSpace("other", massive16.VITAL.parameters)},
    {"fingerprint": "y"},
    {"seed": 1},
  ]
  assert len({recipe(**c).digest() for c in [{}, *changed]}) == len(changed) + 1
