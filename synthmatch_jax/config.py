"""The config of a training run: those in configs/ start from one base and say what differs."""

import ast
import os
from pathlib import Path
from typing import Any

import ml_collections
from ml_collections.config_dict import placeholder

from synthmatch_jax import files
from synthmatch_jax.errors import UserError

Config = Any
"""An `ml_collections.ConfigDict`. Its fields have no types that a checker could know."""


def base_config() -> Config:
  """Returns what all configs share.

  Sections hold arguments under the names of the functions that take them, so they are written
  down once: `model` has those of `models.create` and of the constructors of all encoders, heads
  and proxies, `optimizer` those of `training.optimizer.create` and of the optimizer. A field of
  None keeps the function's default. A field that the chosen model does not take is refused when the
  model is made.
  """
  config: Config = ml_collections.ConfigDict()
  config.seed = 0  # Decides weights, dropout and the order of the records.

  config.data = ml_collections.ConfigDict()
  config.data.name = "massive16/standard"  # Or with a version: massive16/standard/2.0.0.
  config.data.dir = files.data_dir()
  config.data.train_examples = placeholder(int)  # Only the first so many; None: all.
  config.data.workers = 0  # Processes that read, for devices that are faster than one thread.
  config.data.live = False  # Train on what a build under way has rendered so far.
  config.data.shards = placeholder(str)  # The folder of its shards; None: .shards in data.dir.

  config.model = ml_collections.ConfigDict()
  config.model.name = placeholder(str)
  config.model.head = placeholder(str)  # None: "regression", or "by_kind" for switches or choices.
  for argument, kind in _model_fields().items():
    config.model[argument] = placeholder(kind)

  config.optimizer = ml_collections.ConfigDict()
  config.optimizer.name = "adam"  # Paper, section 3.2.1.
  config.optimizer.learning_rate = 3e-4  # The paper's for its baselines.
  config.optimizer.schedule = "constant"  # Or "cosine", down to 0 over the run.
  config.optimizer.warmup_steps = 0  # The rate rises from 0 over so many steps.
  config.optimizer.weight_decay = placeholder(float)  # For adamw.
  config.optimizer.clip_norm = placeholder(float)  # Longer gradients are cut to it.
  config.optimizer.b1 = placeholder(float)  # For adam and adamw, as are the next two.
  config.optimizer.b2 = placeholder(float)
  config.optimizer.eps = placeholder(float)

  # A proxy of the synth hears the answers of a model in training (training/audio_loss.py).
  config.loss = ml_collections.ConfigDict()
  config.loss.proxy = placeholder(str)  # The folder of its run, or of its export.
  config.loss.proxy_weight = 0.1  # Of the difference of mels, in their standard deviations.
  config.loss.proxy_from = 0  # The number of steps before it counts.
  config.loss.proxy_digest = placeholder(str)  # Of its weights: training writes it down.

  # Mels are masked while training (SpecAugment); the paper does not.
  config.masking = ml_collections.ConfigDict()
  config.masking.time_masks = 0
  config.masking.time_width = 8  # At most so many frames each.
  config.masking.bin_masks = 0
  config.masking.bin_width = 8  # At most so many bins each.

  # Sounds are disturbed while training, as recordings are: a share of them in each way
  # (training/disturbance.py). The paper does not.
  config.disturbance = ml_collections.ConfigDict()
  config.disturbance.detune = 0.0
  config.disturbance.detune_cents = 50.0  # At most so far.
  config.disturbance.onset = 0.0
  config.disturbance.onset_frames = 1.0  # At most so early or late.
  config.disturbance.room = 0.0
  config.disturbance.room_seconds = 1.0  # The longest reverberation.
  config.disturbance.tilt = 0.0
  config.disturbance.tilt_db = 3.0  # At most so many dB an octave, up or down.
  config.disturbance.noise = 0.0
  config.disturbance.noise_db = -20.0  # The loudest, against the sound's loudest frame.
  config.disturbance.hum = 0.0
  config.disturbance.hum_db = -20.0  # Likewise.
  config.disturbance.band = 0.0
  config.disturbance.band_hz = 3_400.0  # The narrowest low pass, a telephone's.
  config.disturbance.gain = 0.0
  config.disturbance.gain_db = 6.0  # At most so much louder or softer.

  config.mesh = ml_collections.ConfigDict()
  config.mesh.devices = placeholder(int)  # None: all of them.
  config.mesh.params = "replicated"  # Or "sharded": weights and optimizer cut over the devices.

  config.train = ml_collections.ConfigDict()
  # The paper is silent on the batch size. With 64 and Adam at 5e-5 one epoch of its 800,000
  # sounds is 12,500 steps; AST (its [10]) trained with 12 to 128.
  config.train.batch_size = 64  # Records in a step, on all devices together.
  config.train.accumulate = 1  # A batch is processed in so many parts, one after the other.
  config.train.epochs = 50  # Paper, section 3.2.1.
  config.train.steps = placeholder(int)  # Instead of epochs.
  config.train.eval_every = placeholder(int)  # Steps; None: every epoch.
  config.train.save_every = placeholder(int)  # Steps; None: at every validation.
  config.train.log_every = 50  # Steps.
  config.train.start_from = placeholder(str)  # A trained model whose weights it begins with.
  config.train.start_digest = placeholder(str)  # Of those weights: training writes it down.
  config.train.average_decay = placeholder(float)  # E.g. 0.999: a moving average of the weights.
  config.train.patience = placeholder(int)  # Stop after so many validations without a new best.
  config.train.note_hidden = 0.0  # The share that is not told the whole note.
  config.train.trace_at = placeholder(int)  # The profiler traces five steps from this one on.
  return config


def _model_fields() -> dict[str, type]:
  """Returns what `models.arguments` knows of all models: argument -> type (a test compares them).

  It is read in the source, since a mistaken field is to be told before JAX is imported.
  """
  found: dict[str, type] = {"note": str, "note_loss": float}
  for path in sorted((Path(__file__).parent / "models").glob("*.py")):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
      if not isinstance(node, ast.FunctionDef) or node.name != "__init__":
        continue
      taken = dict(zip((a.arg for a in node.args.kwonlyargs), node.args.kw_defaults, strict=True))
      if "num_controls" in taken or "num_bins" in taken:  # A head, an encoder or a proxy.
        found |= {k: type(d.value) for k, d in taken.items() if isinstance(d, ast.Constant)}
  return found


def unknown_variant(file: str, variant: str, *known: str) -> UserError:
  """Returns the error for `configs/x.py:variant` where x.py has no such variant."""
  name = os.path.basename(file)  # noqa: PTH119 - __file__ is a plain string.
  return UserError(
    f"configs/{name} has no variant {variant!r}; known:"
    f" {', '.join(f'configs/{name}:{k}' for k in known)} and plain configs/{name}"
  )


def check(config: Config) -> None:
  """Checks the fields that no constructor takes; those of other sections are checked there.

  Raises:
    UserError: A field has a value that cannot be meant; the sentence names it.
  """
  if config.model.name is None:
    raise UserError("model.name is not set; set it in the config or by --config.model.name=NAME")
  decay = config.train.average_decay
  if decay is not None and not 0 < decay < 1:
    raise UserError(f"train.average_decay must be between 0 and 1, not {decay}")
  require_share(**{"train.note_hidden": config.train.note_hidden})
  others = ("average_decay", "note_hidden", "start_from", "start_digest")
  counts = {f"train.{key}": n for key, n in config.train.items() if key not in others}
  require_least(1, **counts)
  others = {"seed": config.seed, "data.workers": config.data.workers}
  others |= {f"loss.{key}": config.loss[key] for key in ("proxy_weight", "proxy_from")}
  require_least(0, **others)


def require_least(least: int, **values: int | float | None) -> None:
  """Raises a UserError that names the first field below `least`; None stands for a default."""
  for name, value in values.items():
    if value is not None and value < least:
      raise UserError(f"{name} must be at least {least}, not {value}")


def require_share(**values: float) -> None:
  """Raises a UserError that names the first field out of [0, 1]."""
  for name, value in values.items():
    if not 0 <= value <= 1:
      raise UserError(f"{name} is a share, from 0 to 1, and not {value}")


def about_notes(config: Config) -> list[str]:
  """Returns the fields that ask for something to do with notes."""
  fields = {
    "model.note": config.model.note not in (None, "none"),
    "model.note_loss": config.model.note_loss,
    "train.note_hidden": config.train.note_hidden,
  }
  return [name for name, asked in fields.items() if asked]


def arguments(section: Config) -> dict[str, Any]:
  """Returns a section as keyword arguments, without the fields that are None."""
  return {key: value for key, value in section.to_dict().items() if value is not None}
