"""A trained model measured: on a split of its data set, or on sounds from outside."""

import hashlib
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from synthmatch_jax import cores, exported, files
from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import gallery, material, rerender, results, rows, targets
from synthmatch_jax.evaluation.evaluation import Evaluation
from synthmatch_jax.evaluation.material import Material
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.inference import Predictor
from synthmatch_jax.metrics import parameters
from synthmatch_jax.metrics.suite import sound_metrics
from synthmatch_jax.spaces import snapping
from synthmatch_jax.synths.play import engine
from synthmatch_jax.training import run_log


def evaluate(
  workdir: Path,
  *,
  split: str = "test",
  sounds: Path | None = None,
  another: str | None = None,
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
    another: name of a data set, to be taken instead of that one.
    num_examples: the first so many sounds, or all there are.
    names: of the rows; all that there are by default.
    others: workdirs of more models, for rows of their own.
    gallery_size: sounds that can be heard on the page; without any there is no page.
    data_dir: where the data set is now, if it was moved.
    workers: sounds rendered at once; 0 is one a core.
    plugin: path of the engine's plugin, where it is not found by itself.

  What was rendered and measured is kept: after an interruption the same call predicts again and
  goes on from there.

  Returns:
    What was measured, and the folder it was written to (see `results.write`); the page is
    `eval/index.html` in the workdir.

  Raises:
    UserError: the model, the data or the sounds are not there, or not what they must be.
  """
  started = time.monotonic()
  workers = workers or cores.available()
  predictor = Predictor.load(workdir)
  engine(predictor.recipe, path=plugin)  # Speaks up before the hours that follow.
  more = rows.load_others(others, predictor)
  meanings = rows.choose(
    names, others=more, in_domain=sounds is None, snaps=bool(predictor.snapping)
  )
  own = sounds is None and another is None
  if own and split == "train":
    meanings = _without_searches(meanings, asked=names)
  searched = own or rows.searches(tuple(meanings))
  dataset = predictor.dataset(dir=data_dir) if searched else None
  if sounds is not None:
    measured_on = material.of_folder(sounds, predictor, limit=num_examples)
  elif another is not None:
    measured_on = material.of_another_dataset(
      another, predictor, dir=data_dir, split=split, limit=num_examples
    )
  else:
    assert dataset is not None
    measured_on = material.of_split(dataset, split, limit=num_examples)
  root = workdir / "eval"
  busy = f"another evaluation is writing to {root}; wait for it"
  with files.claimed(root, busy=busy, advice="copy the model to another place"):
    estimates = rows.estimates(
      tuple(meanings), predictor=predictor, others=more, material=measured_on, dataset=dataset
    )
    folder = root / measured_on.name
    parts = Parts(folder=folder / ".parts", digest=_digest(measured_on, estimates, predictor))
    resumed = parts.count()
    wanted = measured_on.targets
    scored = rerender.score(
      wanted, estimates, predictor.recipe, workers=workers, plugin=plugin, parts=parts
    )
    failures = {wanted[i].name: why for i, why in scored.failures.items()}
    missing = {
      row: {wanted[i].name: why for i, why in reasons.items()}
      for row, reasons in scored.missing.items()
    }
    evaluation = Evaluation(
      name=measured_on.name,
      title=measured_on.title,
      predictor=predictor,
      meanings=meanings,
      targets=wanted,
      estimates=estimates,
      scores=_with_parameters(scored.scores, estimates, measured_on, predictor),
      failures={**measured_on.failures, **failures},
      facts={
        "missing": missing,
        "model": workdir.resolve().name,
        "targets": targets.digest(wanted),
        "step": predictor.step,
        "snapping": snapping.digest(predictor.snapping),
        "machine": f"{platform.machine()}, {cores.available()} cores",
        "workers": workers,
        "seconds": time.monotonic() - started,
        "sounds_taken_from_an_interrupted_run": min(resumed * rerender.CHUNK, len(wanted)),
      },
    )
    results.write(evaluation, folder, curve=run_log.read(workdir) if own else ())
    if gallery_size:
      gallery.write(evaluation, folder, count=gallery_size, workers=workers, plugin=plugin)
    gallery.assemble(root)
    parts.clear()
    if exported.is_exported(workdir):
      exported.seal(workdir)
  return evaluation, folder


def _without_searches(meanings: Mapping[str, str], *, asked: Sequence[str]) -> dict[str, str]:
  """The rows but those that would find each sound itself in the training split."""
  if rows.searches(asked):
    raise UserError(
      "a nearest neighbour among the training sounds is the sound itself on --split=train: leave"
      " these --rows out"
    )
  return {name: meaning for name, meaning in meanings.items() if not rows.searches([name])}


def _with_parameters(
  scores: rerender.Scores,
  estimates: Mapping[str, Float[np.ndarray, "i d"]],
  measured_on: Material,
  predictor: Predictor,
) -> rerender.Scores:
  """The scores, with errors of the controls where the true ones are known."""
  true, space = measured_on.controls, predictor.recipe.space
  if true is None:
    return scores
  return {
    row: metrics | parameters.measure(true, estimates[row], space)
    for row, metrics in scores.items()
  }


def _digest(
  measured_on: Material, estimates: Mapping[str, np.ndarray], predictor: Predictor
) -> str:
  """Stands for all that the sound metrics depend on."""
  recipe = predictor.recipe
  metrics = sound_metrics(recipe.mel.sample_rate)
  how = {"revision": rerender.REVISION, "chunk": rerender.CHUNK}
  key = (targets.digest(measured_on.targets), recipe.digest(), metrics, how)
  state = hashlib.sha256(repr(key).encode())
  for name, controls in estimates.items():
    state.update(name.encode() + np.ascontiguousarray(controls).tobytes())
  return state.hexdigest()[:16]
