"""A run in another process, followed by ear: what its model answers, in TensorBoard."""

import time
from pathlib import Path

from tensorboardX import SummaryWriter

from synthmatch_jax.audio.loudness import LISTENING_DB, match_loudness
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import material
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.evaluation.rerender import Renderer
from synthmatch_jax.inference import Predictor
from synthmatch_jax.reports import spectrograms
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

  Training itself never touches a synth: this belongs in a process of its own, on the same machine
  or on another one that sees the folder. It writes tensorboard/sounds/ in the workdir.

  Args:
    folder: The workdir of the run, which may not have begun yet.
    count: The number of sounds.
    once: Whether to return after the best model that there is now; otherwise it goes on until it
      is interrupted.
    seconds: The time between two looks at the folder.
    workers: The number of sounds that are rendered at once; 0 is one for each core.
    data_dir: The folder where the data set is now, if it is not where the training reads it.
    plugin: The path of the engine's plugin, where it is not found by itself.

  Raises:
    UserError: There is no model yet, and `once` is set; or the data set is not there.
  """
  shown = None
  while True:
    step = checkpoints.best_step(workdir.checkpoints(folder))
    if step is None and once:
      raise UserError(f"there is no trained model in {folder} yet; train first, or wait for it")
    if step not in (None, shown):
      predictor = Predictor.load(folder)
      validation = material.of_split(predictor.dataset(dir=data_dir), "validation", limit=count)
      renderer = Renderer(predictor.recipe, workers=workers, plugin=plugin)
      _show(predictor, validation, renderer, folder)
      shown = predictor.step
      print(f"step {shown}: {count} answers are in TensorBoard: tensorboard --logdir={folder}")
    if once:
      return
    time.sleep(seconds)


def _show(predictor: Predictor, validation: Material, renderer: Renderer, folder: Path) -> None:
  """Writes the sounds and pictures of one model."""
  mel, step = predictor.recipe.mel, predictor.step
  answers = {"answer": predictor.predict(validation.mel, validation.notes)}
  with SummaryWriter(str(folder / "tensorboard" / "sounds")) as board:
    for i, sounds in renderer.sounds(validation.targets, answers):
      for name, audio in sounds.items():
        loud = match_loudness(audio, LISTENING_DB, mel.sample_rate)
        board.add_audio(f"validation_{i}/{name}", loud, step, sample_rate=mel.sample_rate)
      target, answer = (log_mel(sounds[name], mel) for name in ("target", "answer"))
      picture = spectrograms.side_by_side(target, answer, mel)
      board.add_image(f"validation_{i}/spectrograms", picture, step, dataformats="HWC")
