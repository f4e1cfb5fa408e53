"""Builds the parts of a run from its config: model, steps, batches and layout."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import optax
from flax import nnx

from synthmatch_jax import config as configs
from synthmatch_jax import files, models
from synthmatch_jax.config import Config
from synthmatch_jax.data import growing, pipeline
from synthmatch_jax.data.growing import Passes, Rendered
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.data.statistics import Statistics
from synthmatch_jax.errors import UserError
from synthmatch_jax.models import flops, weights
from synthmatch_jax.models.estimator import Estimator
from synthmatch_jax.models.model import Model
from synthmatch_jax.training import audio_loss, hardware, parallel, trained
from synthmatch_jax.training import optimizer as optimizers
from synthmatch_jax.training import state as states
from synthmatch_jax.training.audio_loss import AudioLoss
from synthmatch_jax.training.augment import Masking
from synthmatch_jax.training.disturbance import KINDS, Disturbance
from synthmatch_jax.training.parallel import Layout
from synthmatch_jax.training.state import TrainState
from synthmatch_jax.training.step import EvalStep, TrainStep, make_eval_step, make_train_step


@dataclass(frozen=True, kw_only=True)
class Run:
  """A run before its first step.

  Attributes:
    config: The config that shapes it; it names the head where that depends on the data set.
    dataset: The data set that it trains on.
    live: The sounds that it trains on in place of the training split, while they are rendered.
    layout: The layout of its arrays on the devices.
    masking: The masking of its mels.
    disturbance: What happens to its sounds before they are heard.
    start: The model whose weights it begins with, where they fit; None for none.
    audio: What a proxy of the synth adds to its loss; None for nothing.
    optimizer: The optimizer of its weights.
    total: Number of steps, unless it stops early.
    eval_every: Number of steps from one validation to the next.
  """

  config: Config
  dataset: Dataset
  live: Rendered | None
  layout: Layout
  masking: Masking
  disturbance: Disturbance
  start: Model | None
  audio: AudioLoss | None
  optimizer: optax.GradientTransformation
  total: int
  eval_every: int

  @classmethod
  def open(cls, config: Config) -> "Run":
    """Checks a config and opens what it names.

    Raises:
      UserError: Something in it, or in the data set, does not fit.
    """
    configs.check(config)
    train = config.train
    layout = parallel.layout(
      batch_size=train.batch_size, accumulate=train.accumulate, **config.mesh.to_dict()
    )
    masking = Masking(**config.masking.to_dict())
    dataset = pipeline.open_dataset(config.data.name, dir=config.data.dir)
    if config.data.train_examples is not None:
      dataset = dataset.with_first(config.data.train_examples)
    live = _live(config, dataset) if config.data.live else None
    asked = configs.about_notes(config)
    if asked and dataset.recipe.notes is None:
      raise UserError(
        f"{asked[0]} is about notes, and {dataset.name} has only one; leave it out, or build a"
        ' data set of many: `tfds build` with "notes": "varied" in --config'
      )
    if config.model.name in models.PROXIES:
      _require_plain_sounds(config)
    takes_head = config.model.name in models.MODELS and config.model.head is None
    if takes_head and not dataset.recipe.space.is_numerical:
      # It is written down: where a config of a run says none, the head is the paper's.
      config = config.copy_and_resolve_references()
      config.model.head = "by_kind"
    audio = audio_loss.read(config.loss.to_dict(), dataset.recipe)
    if audio:
      config = config.copy_and_resolve_references()
      config.loss.proxy_digest = weights.digest(audio.proxy)
    start = None
    if train.start_from is not None:
      start = trained.read(Path(train.start_from)).model
      config = config.copy_and_resolve_references()
      config.train.start_digest = weights.digest(start)
    epoch = max(1, dataset.num_examples("train") // train.batch_size)  # Steps.
    total = train.steps or train.epochs * epoch
    run = cls(
      config=config,
      dataset=dataset,
      live=live,
      layout=layout,
      masking=masking,
      start=start,
      audio=audio,
      disturbance=Disturbance(mel=dataset.recipe.mel, **config.disturbance.to_dict()),
      optimizer=optimizers.create(**configs.arguments(config.optimizer), total_steps=total),
      total=total,
      eval_every=train.eval_every or epoch,
    )
    run.wanted()  # Nothing is written for a model that cannot be built.
    if run.audio and not run.has_one_answer:
      raise UserError(
        "loss.proxy hears the answer to a sound, of which the head flow has many and a proxy none:"
        " leave it out, or take the head regression or by_kind"
      )
    return run

  def model(self) -> Model:
    """Builds the model, with its first weights."""
    arguments = configs.arguments(self.config.model)
    return models.create(**arguments, **self.dataset.recipe.sizes, seed=self.config.seed)

  def wanted(self) -> TrainState:
    """Returns shapes, types and shardings of the state (`jax.ShapeDtypeStruct`)."""
    _, shapes = self._abstract
    return jax.tree.map(
      lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
      shapes,
      self.layout.state(shapes),
    )

  @property
  def has_one_answer(self) -> bool:
    """Whether its model gives one answer to each sound."""
    model = nnx.eval_shape(self.model)
    return isinstance(model, Estimator) and not model.head.is_drawn

  def begin(self) -> TrainState:
    """Makes the state at step 0, on its devices."""
    return jax.jit(lambda: self._create()[1], out_shardings=self._shardings())()

  def train_step(self, statistics: Statistics) -> TrainStep:
    """Returns the training step, compiled at its first call; it reuses the memory of the state."""
    train = self.config.train
    step = make_train_step(
      self._abstract[0],
      self.optimizer,
      statistics,
      masking=self.masking,
      disturbance=self.disturbance,
      audio=self.audio,
      note_hidden=train.note_hidden,
      seed=self.config.seed,
      accumulate=train.accumulate,
      average_decay=train.average_decay,
    )
    shardings = (self._shardings(), self.layout.whole)
    return jax.jit(step, donate_argnums=0, out_shardings=shardings)

  def eval_step(self, statistics: Statistics) -> EvalStep:
    """Returns the validation step, compiled at its first call."""
    step = make_eval_step(self._abstract[0], statistics, audio=self.audio)
    return jax.jit(step, out_shardings=self.layout.whole)

  def passes(self, workdir: Path, start: int) -> Passes | None:
    """Returns the passes over sounds that are being rendered, if it trains on such sounds.

    Raises:
      UserError: Those of the steps up to `start` cannot be made again.
    """
    train, seed = self.config.train, self.config.seed
    if self.live is None:
      return None
    path = workdir / growing.FILE
    return Passes(self.live, path, seed=seed, batch_size=train.batch_size, start=start)

  def batches(self, start: int, passes: Passes | None = None) -> Iterator[Any]:
    """Returns training batches on the devices, beginning with the one after step `start`."""
    return parallel.ahead(
      pipeline.training_batches(
        self.dataset if self.live is None else self.dataset.with_training(self.live),
        batch_size=self.config.train.batch_size,
        seed=self.config.seed,
        start=start,
        part=(jax.process_index(), jax.process_count()),
        workers=self.config.data.workers,
        passes=passes,
      ),
      self.layout,
    )

  def share_of_peak(self) -> float | None:
    """Returns the fraction of the devices' peak that one example per second takes, if known."""
    peak = hardware.peak_flops(self.layout.mesh.devices.ravel().tolist())
    cost = flops.training_flops(nnx.eval_shape(self.model))
    return cost / peak if peak and cost else None

  def _create(self) -> tuple[nnx.GraphDef, TrainState]:
    averaged = self.config.train.average_decay is not None
    model = self.model()
    if self.start and not weights.take_over(model, self.start):
      raise UserError(
        f"train.start_from names {self.config.train.start_from}, whose model has no weights of the"
        " same name and shape as this one"
      )
    return states.create(model, self.optimizer, averaged=averaged)

  @functools.cached_property
  def _abstract(self) -> tuple[nnx.GraphDef, TrainState]:
    return nnx.eval_shape(self._create)

  def _shardings(self) -> Any:
    return self.layout.state(self._abstract[1])


def _live(config: Config, dataset: Dataset) -> Rendered:
  """Returns the sounds that are being rendered.

  Raises:
    UserError: There are none yet, or a field does not fit.
  """
  if config.train.steps is None or config.data.train_examples is not None:
    raise UserError(
      "data.live has neither epochs nor a number of sounds: set train.steps, and leave"
      " data.train_examples out"
    )
  if jax.process_count() > 1:
    raise UserError("data.live is for one process; several train on a finished data set")
  shards = config.data.shards or Path(config.data.dir, growing.SHARDS)
  return growing.rendered(dataset, files.expanded(shards))


def _require_plain_sounds(config: Config) -> None:
  """Raises a UserError where a proxy would learn other sounds than the synth makes."""
  parts = {"masking": ("time_masks", "bin_masks"), "disturbance": KINDS}
  for section, fields in parts.items():
    if given := [name for name in fields if config[section][name]]:
      raise UserError(
        f"{section}.{given[0]} changes what a model hears, and a proxy is to learn the sound as it"
        " is: leave it out"
      )
