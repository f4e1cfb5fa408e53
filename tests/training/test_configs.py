"""The recipes in configs/ load, and say what the paper says."""

import importlib.util
import warnings
from pathlib import Path

import pytest
from absl import flags
from flax import nnx
from ml_collections import config_flags

from synthmatch_jax import config as configs
from synthmatch_jax import models
from synthmatch_jax.errors import UserError
from synthmatch_jax.training import optimizer

FOLDER = Path(__file__).parents[2] / "configs"


# The shares of the sounds that are disturbed in each way.
NOISES = ("detune", "onset", "room", "tilt", "noise", "hum", "band", "gain")


def load(name):
  spec = importlib.util.spec_from_file_location(f"configs_{name}", FOLDER / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def abstract_model(config):
  return nnx.eval_shape(
    lambda: models.create(
      num_frames=87,
      num_bins=64,
      num_controls=16,
      centres=tuple(100.0 * k for k in range(1, 65)),
      seed=0,
      **configs.arguments(config.model),
    )
  )


@pytest.mark.parametrize("variant", ["", "runlocal"])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_recipe_can_be_built_and_names_its_command(path, variant):
  module = load(path.stem)
  config = module.get_config(variant)
  configs.check(config)
  optimizer.create(total_steps=10_000, **configs.arguments(config.optimizer))
  assert models.num_params(abstract_model(config)) > 0
  suffix = f":{variant}" if variant else ""
  assert f"python -m synthmatch_jax.train --config=configs/{path.name}{suffix} " in module.__doc__


@pytest.mark.parametrize(
  ("name", "learning_rate", "model"),
  [("ast", 5e-5, "ast_base"), ("cnn", 3e-4, "cnn"), ("mlp", 3e-4, "mlp")],
)
def test_the_recipes_are_the_papers(name, learning_rate, model):
  """Section 3.2.1."""
  config = load(name).get_config()
  assert configs.arguments(config.model) == {"name": model}
  assert configs.arguments(config.optimizer) == {
    "name": "adam",
    "learning_rate": learning_rate,
    "schedule": "constant",
    "warmup_steps": 0,
  }
  assert config.train.accumulate == 1
  assert config.train.average_decay is config.train.patience is None
  assert (config.masking.time_masks, config.masking.bin_masks) == (0, 0)
  assert (config.train.epochs, config.train.steps) == (50, None)
  assert not any(v for k, v in config.disturbance.items() if k in NOISES)
  assert config.train.note_hidden == 0


def test_the_small_recipe_is_runlocal_with_more():
  small, local = (load("ast").get_config(variant) for variant in ("small", "runlocal"))
  assert small.model == local.model
  assert (small.optimizer.schedule, local.optimizer.schedule) == ("cosine", "constant")
  assert small.train.average_decay and not local.train.average_decay
  assert "configs/ast.py:small " in load("ast").__doc__


def test_the_recipe_of_notes_is_the_small_one_that_is_told_notes():
  small, notes = (load("ast").get_config(variant) for variant in ("small", "notes"))
  assert configs.about_notes(notes) == ["model.note", "model.note_loss", "train.note_hidden"]
  assert not configs.about_notes(small)
  assert notes.model.note == "aligned"
  assert (small.optimizer.name, notes.optimizer.name) == ("adam", "muon")
  assert notes.train.batch_size == small.train.batch_size
  assert "configs/ast.py:notes " in load("ast").__doc__
  notes.train.note_hidden = 1.5
  with pytest.raises(UserError, match=r"train\.note_hidden is a share"):
    configs.check(notes)


def test_runlocal_is_small():
  for name in ("ast", "cnn", "mlp"):
    full, small = (abstract_model(load(name).get_config(v)) for v in ("", "runlocal"))
    assert models.num_params(small) < 0.25 * models.num_params(full)


def test_an_unknown_variant_is_answered_with_those_there_are():
  for name in ("ast", "cnn", "mlp"):
    with pytest.raises(UserError, match=rf"configs/{name}\.py has no variant 'x'.*:runlocal"):
      load(name).get_config("x")


def flags_of(name, **values):
  """The config that `train --config=configs/NAME.py --config.model.KEY=VALUE ...` sees."""
  overrides = [f"--config.model.{key}={value}" for key, value in values.items()]
  argv = ["train", f"--config={FOLDER / name}.py", *overrides]
  parsed = flags.FlagValues()
  config_flags.DEFINE_config_file("config", flag_values=parsed, sys_argv=argv)
  with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="the load_module")  # Of ml_collections.
    parsed(argv)
  return parsed.config


# For every argument of a constructor something else than its default.
OTHERS = {
  "patch_size": 8,
  "stride": 4,
  "width": 96,
  "depth": 1,
  "heads": 3,
  "head_width": 32,
  "head_depth": 1,
  "class_tokens": 2,
  "dropout": 0.25,
  "activation": "gelu_exact",
  "dtype": "bfloat16",
  "channels": 8,
  "conv_depth": 2,
  "kernel": 3,
  "stages": 2,
  "note": "film",
  "note_loss": 0.5,
}


@pytest.mark.parametrize("name", ["ast", "cnn", "mlp", "resnet"])
def test_every_argument_of_a_model_is_a_field_of_its_config(name):
  base = {"depth": 2, "head_depth": 2}
  plain = flags_of(name, **base)
  for key, default in models.arguments(plain.model.name).items():
    config = flags_of(name, **base | {key: OTHERS[key]})
    assert type(config.model[key]) is type(default)
    changed = configs.arguments(config.model)
    assert changed == configs.arguments(plain.model) | {key: OTHERS[key]}
    assert nnx.graphdef(abstract_model(config)) != nnx.graphdef(abstract_model(plain)), key


def test_a_model_is_refused_the_argument_of_another():
  with pytest.raises(UserError, match="cnn has no argument 'heads'; known: channels"):
    abstract_model(flags_of("cnn", heads=3))


@pytest.mark.parametrize(
  ("key", "value", "said"),
  [
    ("dtype", "float8", "(?s)dtype.*float8"),
    ("class_tokens", "3", "(?s)class_tokens.*3"),
    ("heads", "5", "heads"),
    ("dropout", "1.5", "dropout must be at least 0 and below 1"),
  ],
)
def test_a_value_that_a_model_cannot_take_gets_a_sentence(key, value, said):
  with pytest.raises(UserError, match=said):
    abstract_model(flags_of("ast", **{key: value}))


def test_a_value_of_another_type_is_refused_with_the_flag_that_has_it():
  with pytest.raises(flags.IllegalFlagValueError, match=r"config\.model\.width=wide"):
    flags_of("ast", width="wide")
