"""Copies what lies beside a model from the folder of its run into that of its export."""

import json
import shutil
from pathlib import Path

import numpy as np

from synthmatch_jax import exported, files
from synthmatch_jax.exported import TrainedModel


def evaluation(workdir: Path, folder: Path, trained: TrainedModel) -> bool:
  """Copies the results of `eval` on the test split, from which `match` tells its confidence.

  For single sounds, only the distances of the model's answers are copied, and which notes
  they are of. Results that an earlier export of another model has left are removed.

  Returns:
    Whether there was a whole evaluation of these weights with this snapping.
  """
  shutil.rmtree((folder / exported.RESULTS).parent, ignore_errors=True)
  try:
    results = (workdir / exported.RESULTS).read_text()
    if not trained.is_measured_by(json.loads(results)):
      return False
    # Opened here: NumPy does not close what it cannot read.
    with (workdir / exported.PER_SOUND).open("rb") as file, np.load(file) as found:
      kinds = "model/", f"{exported.ANSWERED}/", exported.HELD, exported.PITCH
      names = [name for name in found.files if name.startswith(kinds)]
      arrays = {name: found[name] for name in names}
    kept = {name: array for name, array in arrays.items() if name.count("/") < 2 > array.ndim}
  except files.UNREADABLE:
    return False
  with files.writing(folder / exported.PER_SOUND) as partial, partial.open("wb") as file:
    np.savez_compressed(file, allow_pickle=False, **kept)
  files.write_text(folder / exported.RESULTS, results)
  exported.seal(folder)
  return True


def neighbours(workdir: Path, folder: Path) -> None:
  """Copies the index of sounds; what an earlier export has left of another model is removed."""
  (folder / exported.NEIGHBOURS).unlink(missing_ok=True)
  if (workdir / exported.NEIGHBOURS).exists():
    with files.writing(folder / exported.NEIGHBOURS) as partial:
      shutil.copyfile(workdir / exported.NEIGHBOURS, partial)
    exported.seal(folder)


def proxy(workdir: Path, folder: Path) -> None:
  """Copies the proxy of the synth; what an earlier export has left of another model is removed."""
  shutil.rmtree(folder / exported.PROXY, ignore_errors=True)
  if exported.is_exported(workdir / exported.PROXY):
    (folder / exported.PROXY).mkdir()
    for name in exported.MODEL_FILES:
      with files.writing(folder / exported.PROXY / name) as partial:
        shutil.copyfile(workdir / exported.PROXY / name, partial)
    exported.seal(folder)
