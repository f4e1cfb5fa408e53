"""A run in another process, followed by ear: what its model answers, in TensorBoard."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter

from synthmatch_jax.audio.loudness import LISTENING_DB, match_loudness
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import material, rerender
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.inference import Predictor
from synthmatch_jax.reports import figures
from synthmatch_jax.training import checkpoints, workdir


def follow(
  folder: Path,
  *,
  count: int,
  once: bool,
  seconds: float,
  workers: int,
  data_dir: Path | None = None,
  plugin: str = "",
) -> None:
  """Renders the first validation sounds and a run's answers to them, whenever it has a new best.

  Training itself never touches a synth: this belongs into a process of its own, on the same
  machine or on another one that sees the folder. Writes tensorboard/sounds/ in the workdir.

  Args:
    folder: workdir of the run, which may not have begun yet.
    count: sounds.
    once: return after the best model there is now; otherwise go on until interrupted.
    seconds: between two looks at the folder.
    workers: sounds rendered at once.
    data_dir: where the data set is now, if it is not where the training reads it.
    plugin: path of the engine's plugin, where it is not found by itself.

  Raises:
    UserError: `once`, and there is no model yet; or the data set is not there.
  """
  shown = None
  while True:
    step = checkpoints.best_step(workdir.checkpoints(folder))
    if step is None and once:
      raise UserError(f"there is no trained model in {folder} yet; train first, or wait for it")
    if step not in (None, shown):
      predictor = Predictor.load(folder)
      validation = material.of_split(predictor.dataset(dir=data_dir), "validation", limit=count)
      _show(predictor, validation, folder, workers=workers, plugin=plugin)
      shown = predictor.step
      print(f"step {shown}: {count} answers are in TensorBoard: tensorboard --logdir={folder}")
    if once:
      return
    time.sleep(seconds)


def _show(
  predictor: Predictor, validation: Material, folder: Path, *, workers: int, plugin: str
) -> None:
  """Sounds and pictures of one model."""
  recipe, step = predictor.recipe, predictor.step
  rate = recipe.mel.sample_rate
  estimates = {"answer": predictor.predict(validation.mel)}

  with SummaryWriter(str(folder / "tensorboard" / "sounds")) as board:

    def use(i: int, sounds: Mapping[str, np.ndarray]) -> None:
      for name, audio in sounds.items():
        loud = match_loudness(audio, LISTENING_DB, rate)
        board.add_audio(f"validation_{i}/{name}", loud, step, sample_rate=rate)
      mels = {name: log_mel(audio, recipe.mel) for name, audio in sounds.items()}
      picture = figures.side_by_side(mels["target"], mels["answer"], recipe.mel)
      board.add_figure(f"validation_{i}/spectrograms", picture, step)

    rerender.render(validation.targets, estimates, recipe, use=use, workers=workers, plugin=plugin)
