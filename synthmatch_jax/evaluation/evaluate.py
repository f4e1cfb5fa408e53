"""A trained model measured: on a split of its data set, or on sounds from outside."""

import hashlib
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.ood import sounds as outside
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import gallery, rerender, results, rows, targets
from synthmatch_jax.evaluation.evaluation import Evaluation
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.evaluation.targets import Target
from synthmatch_jax.inference import Predictor
from synthmatch_jax.metrics import parameters
from synthmatch_jax.metrics.suite import sound_metrics


def evaluate(
  workdir: Path,
  *,
  split: str = "test",
  sounds: Path | None = None,
  num_examples: int | None = None,
  names: Sequence[str] = (),
  others: Sequence[Path] = (),
  gallery_size: int = 40,
  data_dir: Path | None = None,
  workers: int = 0,
  plugin: str = "",
) -> tuple[Evaluation, Path]:
  """Predicts, renders every answer, measures, and writes the results into the workdir.

  Args:
    workdir: of a training run.
    split: of the data set that the model was trained on.
    sounds: a folder of sounds, to be taken instead.
    num_examples: the first so many sounds, or all there are.
    names: of the rows; all that there are by default.
    others: workdirs of more models, for rows of their own.
    gallery_size: sounds that can be heard on the page; without any there is no page.
    data_dir: where the data set is now, if it was moved.
    workers: sounds rendered at once; 0 is one a core.
    plugin: path of the engine's plugin, where it is not found by itself.

  What is finished is kept: after an interruption the same call goes on from there.

  Returns:
    What was measured, and the folder it was written to (see `results.write`); the page is
    `eval/index.html` in the workdir.

  Raises:
    UserError: the model, the data or the sounds are not there, or not what they must be.
  """
  started = time.monotonic()
  workers = workers or os.cpu_count() or 1
  predictor = Predictor.load(workdir)
  more = rows.load_others(others, predictor)
  meanings = rows.choose(names, others=more, in_domain=sounds is None)
  needs_data = sounds is None or rows.searches(tuple(meanings))
  dataset = predictor.dataset(dir=data_dir) if needs_data else None
  failures: dict[str, str] = {}
  true_controls = None
  if sounds is None:
    assert dataset is not None
    name, title = split, f"{dataset.name}, {split} split"
    mel, true_controls = dataset.read(split, limit=num_examples)
    wanted = targets.of_dataset(true_controls, predictor.recipe, split=split)
  else:
    name, title = sounds.resolve().name, f"sounds of {sounds.resolve().name}"
    found = outside.load_folder(sounds)[:num_examples]
    wanted, failures = targets.from_outside(
      found, predictor.recipe, level_db=predictor.statistics.level_db
    )
    if not wanted:
      raise UserError(f"no sound in {sounds} can be measured: {next(iter(failures.values()))}")
    heard = [target.heard.audio for target in wanted if target.heard]
    mel = np.stack([log_mel(audio, predictor.recipe.mel) for audio in heard])
  estimates = rows.estimates(
    tuple(meanings),
    predictor=predictor,
    others=more,
    mel=mel,
    dataset=dataset,
    targets=true_controls,
  )
  folder = workdir / "eval" / name
  parts = Parts(folder=folder / ".parts", digest=_digest(wanted, estimates, predictor))
  resumed = parts.count()
  scored = rerender.score(
    wanted,
    estimates,
    predictor.recipe,
    workers=workers,
    plugin=plugin,
    parts=parts,
  )
  scores = scored.scores
  if true_controls is not None:
    for row, controls in estimates.items():
      scores[row] |= _parameter_scores(true_controls, controls, predictor)
  evaluation = Evaluation(
    name=name,
    title=title,
    predictor=predictor,
    meanings=meanings,
    targets=wanted,
    estimates=estimates,
    scores=scores,
    failures=failures | {wanted[i].name: why for i, why in scored.failures.items()},
    facts={
      "model": workdir.resolve().name,
      "targets": targets.digest(wanted),
      "step": predictor.step,
      "machine": f"{platform.machine()}, {os.cpu_count()} cores",
      "seconds": time.monotonic() - started,
      "sounds_taken_from_an_interrupted_run": min(resumed * rerender.CHUNK, len(wanted)),
    },
  )
  results.write(evaluation, folder, workdir=workdir)
  parts.clear()
  if gallery_size:
    gallery.write(evaluation, folder, count=gallery_size, workers=workers, plugin=plugin)
    gallery.assemble(workdir / "eval")
  return evaluation, folder


def _parameter_scores(
  true_controls: Float[np.ndarray, "i d"],
  estimate: Float[np.ndarray, "_ d"],
  predictor: Predictor,
) -> dict[str, Float[np.ndarray, " i"]]:
  space = predictor.recipe.space
  whole = np.broadcast_to(estimate, true_controls.shape)
  return parameters.measure(true_controls, whole, names=space.names, gates=space.gates)


def _digest(
  wanted: Sequence[Target], estimates: Mapping[str, np.ndarray], predictor: Predictor
) -> str:
  """Stands for all that the sound metrics depend on."""
  recipe = predictor.recipe
  metrics = sound_metrics(recipe.mel.sample_rate)
  state = hashlib.sha256(repr((targets.digest(wanted), recipe.digest(), metrics)).encode())
  for name, controls in estimates.items():
    state.update(name.encode() + np.ascontiguousarray(controls).tobytes())
  return state.hexdigest()[:16]
