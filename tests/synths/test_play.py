"""What a recipe asks for is what the engine plays, or a sentence says why not."""

import dataclasses
import json

import numpy as np
import pytest

from synthmatch_jax.audio.note import Note
from synthmatch_jax.bundled import VITAL16
from synthmatch_jax.data import recipe as recipes
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import record
from synthmatch_jax.inference import Predictor
from synthmatch_jax.inspection import dataset_report
from synthmatch_jax.synths import hosts, play, vital
from synthmatch_jax.synths.base import RenderError, sound
from synthmatch_jax.synths.registry import Engine
from synthmatch_jax.synths.vital import Vital, VitalDescription


@pytest.fixture
def recipe():
  return Recipe.from_dict(json.loads((VITAL16 / "model.json").read_text())["data"]["recipe"])


def described(monkeypatch, change):
  """Vital, whose description has its parameters changed."""
  data = json.loads((vital._PRESETS / "vital16.json").read_text())
  data["parameters"] = change(data["parameters"])
  changed = VitalDescription.from_dict(data)
  monkeypatch.setattr(vital, "described", lambda: {"vital": changed})


def with_entries(name, **entries):
  """What changes the entries of one parameter."""
  return lambda parameters: [p | entries if p["name"] == name else p for p in parameters]


@pytest.mark.parametrize(
  "change", [{"low": -7.0, "high": 7.0}, {"high": 24.0}, {"low": 0.0, "curve": "quadratic"}]
)
def test_an_engine_whose_controls_mean_something_else_is_refused(recipe, monkeypatch, change):
  assert play.engine(recipe).name == "vital"
  described(monkeypatch, with_entries("osc2_pitch", **change))
  synth, example = Engine(name="vital").make(), Example(controls=np.ones(16), note=recipe.note)
  for asked in (lambda: play.engine(recipe), lambda: play.play(synth, recipe, example)):
    with pytest.raises(UserError, match=r"differ in osc2_pitch, -12 to 12 \(linear\) and .* to "):
      asked()


@pytest.mark.parametrize(
  ("change", "says"),
  [(lambda ps: ps[:-1], "differ in the parameters master"), (lambda ps: ps[::-1], "in the order")],
)
def test_an_engine_with_other_controls_or_another_order_is_refused(
  recipe, monkeypatch, change, says
):
  described(monkeypatch, change)
  with pytest.raises(UserError, match=says):
    play.engine(recipe)


def test_an_engine_that_sets_something_else_is_refused(recipe, monkeypatch):
  """The space is the same, and the sounds are not: so the fingerprint tells."""
  described(monkeypatch, with_entries("filter1_res_prm_3", sets="filter_1_drive"))
  with pytest.raises(UserError, match=r"rendered by vital/2 .*, the engine here is .* settings/"):
    play.engine(recipe)


def test_words_make_no_other_space(recipe, monkeypatch):
  described(monkeypatch, with_entries("osc2_pitch", meaning="x", unit="y", heard_with=""))
  assert play.engine(recipe).name == "vital"


def test_a_range_that_vital_does_not_have_is_told(monkeypatch):
  """Vital transposes by four octaves; its own clamp would play that and say nothing."""
  described(monkeypatch, with_entries("osc2_pitch", low=-60.0, high=60.0))
  synth = Engine(name="vital").make()
  patch = synth.space.decode(np.full(16, 0.5)) | {"osc2_pitch": 55.0}
  with pytest.raises(RenderError, match=r"osc2_pitch was set to 55 and reads back as 48"):
    synth.render(patch, note=Note(), seconds=0.1, sample_rate=44_100)


def test_a_value_that_does_not_stick_is_told(monkeypatch):
  synth = Engine(name="vital").make()
  patch = synth.space.decode(np.full(16, 0.5))
  monkeypatch.setattr(Vital, "_set", lambda self, control, value: None)
  with pytest.raises(RenderError, match=r"was set to .* and reads back as"):
    synth.render(patch, note=Note(), seconds=0.1, sample_rate=44_100)


@pytest.mark.parametrize("engine", ["other", "massive", "", "vital:Vital", "../vital"])
def test_an_engine_that_is_not_known_is_named(recipe, engine):
  with pytest.raises(UserError, match=r"the engine '.*' is not known here.*known: dexed, vital"):
    play.engine(dataclasses.replace(recipe, engine=engine))


def spoilt(monkeypatch, value):
  """Vital, of which every sound has one odd sample."""
  render = Vital.render

  def odd(self, patch, **options):
    audio = render(self, patch, **options).copy()
    audio[len(audio) // 2] = value
    return audio

  monkeypatch.setattr(Vital, "render", odd)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sound_that_is_not_finite_is_no_sound(recipe, monkeypatch, value):
  spoilt(monkeypatch, value)
  synth = Engine(name="vital").make()
  with pytest.raises(RenderError, match="NaN or infinite samples"):
    play.play(synth, recipe, Example(controls=np.full(16, 0.5), note=recipe.note))
  with pytest.raises(UserError, match="vital failed on 10 patches of 10"):
    record.make_record(
      dataclasses.replace(recipe, seconds=0.2), 0, hosts.host(Engine(name="vital"))
    )


def test_a_sound_of_another_length_is_no_sound(recipe, monkeypatch):
  monkeypatch.setattr(Vital, "render", lambda self, patch, **options: np.zeros(7, np.float32))
  with pytest.raises(RenderError, match="samples instead of"):
    sound(Engine(name="vital").make(), {}, note=Note(), seconds=1.0, sample_rate=44_100)


def test_a_level_that_is_no_number_is_rejected(recipe, monkeypatch):
  monkeypatch.setattr(record, "loudness_db", lambda audio, rate: float("nan"))
  short = dataclasses.replace(recipe, seconds=0.1)
  assert record._render(Engine(name="vital").make(), short, 0, 1)[1] is None


def test_the_released_model_outlives_a_revision_of_records(recipe, monkeypatch):
  later = recipes.REVISION + 1
  for module in (recipes, record):
    monkeypatch.setattr(module, "REVISION", later)
  predictor = Predictor.load(VITAL16)
  assert play.engine(predictor.recipe).name == "vital"
  with pytest.raises(UserError, match="by revision 2 of the record code, here is revision 3"):
    dataset_report._engine(predictor.recipe, "")


def test_a_revision_of_renders_ends_matches(recipe, monkeypatch):
  monkeypatch.setattr(play, "RENDER_REVISION", recipes.RENDER_REVISION + 1)
  with pytest.raises(UserError, match="revision 2 of the code that plays, here is revision 3"):
    play.engine(recipe)


def test_the_fingerprint_is_known_before_an_engine_is_made(recipe):
  engine = Engine(name="vital")
  assert engine.expected("anything") == engine.make().fingerprint() == recipe.fingerprint
  assert vital.REVISION == 2
