import dataclasses
import json

import pytest

from synthmatch_jax.audio.mel import MelSettings
from synthmatch_jax.audio.note import Note
from synthmatch_jax.bundled import VITAL16
from synthmatch_jax.data.recipe import REVISION, Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.spaces.prior import Prior
from synthmatch_jax.spaces.space import ParameterSpace
from synthmatch_jax.synths import registry

VITAL = registry.engine("vital").space


def recipe(**changes):
  settings = {"engine": "vital", "fingerprint": "x", "space": VITAL}
  return Recipe(**settings | {"prior": prior.load("presets", VITAL)} | changes)


def test_a_recipe_survives_json():
  one = recipe(note=Note(pitch=48), mel=MelSettings(n_mels=32), seconds=2.5)
  two = Recipe.from_dict(json.loads(json.dumps(one.to_dict())))
  assert two == one
  assert two.digest() == one.digest()


def test_the_papers_sizes():
  assert recipe().num_samples == 176_400
  assert (recipe().num_frames, recipe().mel.n_mels) == (87, 64)


def test_wording_does_not_count():
  parameters = [dataclasses.replace(p, meaning="", unit="") for p in VITAL.parameters]
  plain = dataclasses.replace(VITAL, parameters=tuple(parameters))
  assert recipe(space=plain).digest() == recipe().digest()


def test_everything_else_is_in_the_digest():
  changed = [
    {"note": Note(hold_seconds=0.5)},
    {"mel": MelSettings(f_min=30.0)},
    {"engine": "other"},
  ]
  changed += [
    {"space": ParameterSpace("other", VITAL.parameters)},
    {"fingerprint": "y"},
    {"seed": 1},
  ]
  assert len({recipe(**c).digest() for c in [{}, *changed]}) == len(changed) + 1


# As they were when the data sets and models that people have were made.
RELEASED_DIGEST = "adfdac4d597760b1"
DIGESTS = {
  ("vital", "presets"): "02a3f9f025fc729d",
  ("vital", "uniform"): "94d75b38fc0d3426",
  ("massive", "uniform"): "a58f9539367311f9",
}


def of_engine(name, prior_name, **changes):
  engine = registry.engine(name)
  plugin = engine.plugin.essentials() if engine.plugin else None
  chosen = prior.load(prior_name, engine.space)
  settings = {"engine": name, "space": engine.space, "prior": chosen, "plugin": plugin}
  return recipe(**settings | changes)


@pytest.mark.parametrize(("name", "prior_name"), DIGESTS)
def test_digests_of_what_there_is_stay(name, prior_name):
  made = of_engine(name, prior_name)
  assert made.digest() == DIGESTS[name, prior_name]
  assert Recipe.from_dict(json.loads(json.dumps(made.to_dict()))).digest() == made.digest()


def test_the_released_model_and_the_builders_default_are_one_recipe():
  import massive16.massive16_dataset_builder as massive16_builder

  released = json.loads((VITAL16 / "model.json").read_text())["data"]["recipe"]
  assert Recipe.from_dict(released).digest() == RELEASED_DIGEST
  built = massive16_builder.Massive16Config(name="any", engine="vital").recipe
  assert built.digest() == RELEASED_DIGEST


ODD_NAMES = ("meaning", "unit", "source", "why", "heard_with", "files", "care")


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_control_of_any_name_is_in_the_digest(name):
  space = ParameterSpace("odd", (Continuous(name=name, meaning=""),))
  low, high = ({"kind": "uniform", "high": h} for h in (0.5, 1.0))
  priors = [Prior(name="p", space="odd", source="", controls={name: d}) for d in (low, high)]
  assert len({recipe(space=space, prior=p).digest() for p in priors}) == 2
  plugin = {"controls": [dataclasses.asdict(space.parameters[0])], "state": "x"}
  plugins = [plugin | {"values": {name: value}} for value in (0.1, 0.2)]
  made = {recipe(space=space, prior=priors[0], plugin=p).digest() for p in plugins}
  assert len(made) == 2


def test_words_do_not_count_wherever_they_stand():
  base = of_engine("massive", "uniform")
  parts = [{"kind": "uniform", "weight": 1.0}, {"kind": "beta", "a": 1.0, "b": 2.0, "weight": 1.0}]

  def said(word):
    parameters = [dataclasses.replace(p, meaning=word, unit=word) for p in base.space.parameters]
    space = ParameterSpace(base.space.name, tuple(parameters))
    nested = {"kind": "mixture", "why": word, "components": [p | {"why": word} for p in parts]}
    controls = dict.fromkeys(space.names, nested)
    chosen = Prior(name="p", space=space.name, source=word, controls=controls)
    plugin = dict(base.plugin) | {"files": [f"{word}.vst3"], "care": {"tries": len(word)}}
    plugin["controls"] = [dataclasses.asdict(p) for p in parameters]
    return dataclasses.replace(base, space=space, prior=chosen, plugin=plugin)

  assert said("one").digest() == said("another").digest()


def test_a_recipe_of_one_revision_is_one_of_both():
  plain = recipe().to_dict()
  assert "render_revision" not in plain  # So that earlier versions read it.
  assert Recipe.from_dict(plain | {"revision": 1}).render_revision == 1
  later = recipe(revision=REVISION + 1)
  assert Recipe.from_dict(json.loads(json.dumps(later.to_dict()))) == later
  revisions = [(2, 2), (3, 2), (3, 3), (2, 3)]
  digests = {recipe(revision=a, render_revision=b).digest() for a, b in revisions}
  assert len(digests) == len(revisions)


@pytest.mark.parametrize(
  "change",
  [
    {"seconds": 1e9},
    {"seconds": 0.008},
    {"seconds": 0.099},
    {"seconds": 60.0, "mel": {"sample_rate": 768_000}},
    {"seconds": 60.1},
    {"mel": {"sample_rate": 2000}},
    {"mel": {"sample_rate": 3999}},
    {"seconds": "4"},
    {"seconds": float("nan")},
    {"seed": -1},
    {"seed": 1.5},
    {"seed": True},
    {"shard_size": 0},
    {"mel": {"n_fft": 1 << 40}},
    {"mel": {"hop_length": 0}},
    {"mel": {"hop_length": 1, "n_fft": 4096}},
    {"mel": {"n_mels": 10**9}},
    {"mel": {"f_min": 9000.0, "f_max": 900.0}},
    {"mel": {"colour": 1}},
    {"mel": 3},
    {"note": {"pitch": "C4"}},
    {"note": {"seconds": 1e6}},
    {"note": None},
    {"space": {"name": "x", "parameters": []}},
    {"space": {"name": "x", "parameters": [{"name": "a", "meaning": "", "high": 1e300}]}},
    {"space": []},
    {"prior": {"name": "x", "space": "y", "source": "", "controls": {}}},
    {"prior": {"name": "x", "space": "y", "source": "", "controls": [1]}},
    {"prior": "presets"},
    {"plugin": 7},
    {"plugin": {"controls": [3]}},
    {"plugin": {}},
    {"engine": None},
    {"fingerprint": "x" * 10_000},
    {"colour": "red"},
  ],
)
def test_no_other_recipe_is_read(change):
  with pytest.raises(UserError, match=r"^the recipe is damaged: [^\n]{1,400}$"):
    Recipe.from_dict(recipe().to_dict() | change)


@pytest.mark.parametrize(
  ("seconds", "rate", "samples"),
  [
    (0.1, 44_100, 4_410),
    (4.0, 4_000, 16_000),
    (60.0, 96_000, 5_760_000),
    (7.5, 768_000, 5_760_000),
  ],
)
def test_what_is_just_within_the_bounds_is_read(seconds, rate, samples):
  mel = MelSettings(sample_rate=rate, hop_length=2048, f_min=20.0, f_max=2000.0)
  one = recipe(seconds=seconds, mel=mel)
  assert Recipe.from_dict(one.to_dict()) == one
  assert one.num_samples == samples


def test_what_is_no_recipe_is_refused():
  for odd in (None, 3, [], "x", {}, {"engine": "vital"}):
    with pytest.raises(UserError, match="the recipe is damaged"):
      Recipe.from_dict(odd)
