"""A trained model measured: on a split of a data set, or on sounds from outside."""

import dataclasses
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synthmatch_jax import cores, exported, files
from synthmatch_jax.evaluation import drawn, gallery, material, rerender, results, rows, targets
from synthmatch_jax.evaluation import presets as human
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.parts import Parts
from synthmatch_jax.evaluation.rerender import Renderer
from synthmatch_jax.evaluation.sheet import Sheet
from synthmatch_jax.inference import Predictor
from synthmatch_jax.search import stand_in
from synthmatch_jax.search.budget import USUAL, Use
from synthmatch_jax.spaces import snapping
from synthmatch_jax.training import run_log


def evaluate(
  workdir: Path,
  *,
  split: str = "test",
  sounds: Path | None = None,
  another: str | None = None,
  presets: Path | None = None,
  num_examples: int | None = None,
  names: Sequence[str] = (),
  others: Sequence[Path] = (),
  renders: int = 0,
  draws: int = 0,
  proxy: Use = USUAL,
  gallery_size: int = 40,
  data_dir: Path | None = None,
  workers: int = 0,
  plugin: str = "",
) -> tuple[Sheet, Path]:
  """Predicts, renders every answer, measures, and writes the results into the workdir.

  What was rendered and measured is kept: after an interruption the same call predicts again and
  goes on from there.

  Args:
    workdir: The folder of a training run, or of an exported model.
    split: The split of the data set that the model was trained on.
    sounds: A folder of sounds, to be taken instead.
    another: The name of a data set, to be taken instead of that one.
    presets: A folder of presets of the synth, or "held-out" (see `presets.read`), likewise.
    num_examples: The number of sounds, of which the first are taken; None for all.
    names: The names of the rows; by default all rows that there are.
    others: Workdirs of more models, which get rows of their own.
    renders: The budget of a search for each sound, for the rows that search; 0 for none of these.
    draws: The number of answers to each sound, for the rows that draw; 0 for none of these.
    proxy: What is made of the proxy of the synth that lies beside the model, if one does.
    gallery_size: The number of sounds that can be heard on the page; without any there is no page.
    data_dir: The folder where the data set is now, if it was moved.
    workers: The number of sounds that are rendered at once; 0 is one for each core.
    plugin: The path of the engine's plugin, where it is not found by itself.

  Returns:
    The sheet, and the folder that it was written to (see `results.write`); the page is
    `eval/index.html` in the workdir.

  Raises:
    UserError: The model, the data or the sounds are not there, or not what they must be.
  """
  started = time.monotonic()
  predictor = Predictor.load(workdir)
  # An engine that is not there is missed before the hours that follow.
  renderer = Renderer(predictor.recipe, workers=workers, plugin=plugin)
  playing = stand_in.read(workdir, predictor.recipe, sums=predictor.sums)
  own = sounds is None and another is None and presets is None
  seen = own and split == "train"
  chosen = rows.choose(
    names,
    others=rows.of_models(others, predictor),
    lacking={
      "truth": "the true patches of sounds from outside are not known" if sounds else "",
      "training": "on --split=train it would find each sound itself" if seen else "",
      "snapping": "" if predictor.snapping else "the model's answers are not snapped",
      "search": "" if renders else "--search says how many renders it may take",
      "proxy": "" if playing else "no proxy of the synth lies beside the model",
      "draws": _draws_nothing(predictor, draws),
    },
    draws=draws,
  )
  searched = own or any("training" in row.all_needs for row in chosen.values())
  dataset = predictor.dataset(dir=data_dir) if searched else None
  if sounds is not None:
    found = material.of_folder(sounds, predictor, limit=num_examples)
  elif presets is not None:
    found = human.read(presets, predictor.recipe, plugin=plugin, limit=num_examples)
  elif another is not None:
    found = material.of_another_dataset(
      another, predictor, dir=data_dir, split=split, limit=num_examples
    )
  else:
    assert dataset is not None
    found = material.of_split(dataset, split, limit=num_examples)
  root = workdir / "eval"
  busy = f"another evaluation is writing to {root}; wait for it"
  with files.claimed(root, busy=busy, advice="copy the model to another place"):
    asked = Asked(
      predictor=predictor,
      material=found,
      dataset=dataset,
      renders=renders,
      draws=draws,
      stand_in=playing,
      proxy=proxy.settled(is_there=playing is not None),
    )
    told: dict[str, Any] = {}
    draws_some = any("draws" in row.all_needs for row in chosen.values())
    if draws_some and found.controls is not None:  # First, as it draws the most.
      told["calibration"] = drawn.calibration(asked)
    proposals, folder = rows.propose(chosen, asked), root / found.name
    digest = rerender.digest(found.targets, proposals, predictor.recipe)
    parts = Parts(folder=folder / ".parts", digest=digest)
    resumed = min(parts.count() * rerender.CHUNK, len(found.targets))
    sheet = Sheet(
      material=found,
      recipe=predictor.recipe,
      rows={name: row.meaning for name, row in chosen.items()},
      lines=renderer.measure(found.targets, proposals, parts=parts),
      facts={
        "model": workdir.resolve().name,
        "targets": targets.digest(found.targets),
        "step": predictor.step,
        "snapping": snapping.digest(predictor.snapping),
        "machine": f"{platform.machine()}, {cores.available()} cores",
        "workers": renderer.workers,
        "search": renders,
        "proxy": {"digest": playing.digest, **vars(asked.proxy)} if playing else None,
        "seconds": time.monotonic() - started,
        "sounds_taken_from_an_interrupted_run": resumed,
      },
    )
    if draws_some:
      told["diversity"] = drawn.diversity(sheet, draws)
      sheet = dataclasses.replace(sheet, facts={**sheet.facts, **told})
    results.write(sheet, folder, curve=run_log.read(workdir) if own else ())
    if gallery_size:
      gallery.write(sheet, renderer, folder, count=gallery_size)
    gallery.assemble(root)
    parts.clear()
    if exported.is_exported(workdir):
      exported.seal(workdir)
  return sheet, folder


def _draws_nothing(predictor: Predictor, draws: int) -> str:
  """Returns why no answers are drawn; empty where they are."""
  if not predictor.is_drawn:
    return "the model knows one answer"
  return "" if draws else "--draws says how many answers"
