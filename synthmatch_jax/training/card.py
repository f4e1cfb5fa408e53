"""The model card, which describes a trained model to its users."""

import contextlib
import json
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from synthmatch_jax import files, models
from synthmatch_jax.data import growing
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.exported import TrainedModel
from synthmatch_jax.models.proxy import Proxy
from synthmatch_jax.training import workdir as workdirs

_METRICS = {
  "mse": "parameter MSE",
  "spectral_convergence": "spectral convergence",
  "mss": "MSS (dB)",
}


def write(found: TrainedModel, workdir: Path, *, dtype: str) -> str:
  """Returns the card in Markdown: task, data, config, measurements and licence."""
  config, data = workdirs.read(workdir)
  recipe, counts = data.recipe, data.dataset["num_examples"]
  sizes = ", ".join(f"{count:,} {split}" for split, count in counts.items())
  if passes := growing.read_passes(workdir / growing.FILE):
    sizes += f"; sounds were rendered while it was trained, {passes[-1]:,} by its last pass"
  weights = models.num_params(found.model)
  version = f"synthmatch_jax {metadata.version('synthmatch_jax')}{_commit()}"
  engine = json.dumps(recipe.fingerprint, sort_keys=True)
  scope = "one synth" if recipe.notes else "one synth, one note"
  return f"""# {found.arguments["name"]} for {recipe.engine}

{_about(found)}

* Model: `{json.dumps(dict(found.arguments))}`, {weights:,} weights, stored as {dtype}; they
  are those of step {found.step}, which had the lowest validation loss.{_snapped(found)}
* Data: {data.dataset["name"]} {data.dataset["version"]}, {sizes}; {_played(recipe)},
  {recipe.seconds:g} s in all; prior `{recipe.prior.name}`;
  recipe {recipe.digest()}.
* Engine: `{engine}`.
* Made with {version}.

{_measured(workdir, found)}
Limits: it was trained on {scope} and one base preset.{_answered(found)}

Licence of the weights: Apache-2.0. They are the result of training on sounds that were rendered
with `{recipe.engine}`, whose licence is its own.

## Config

```json
{json.dumps(_shown(config), indent=2)}
```
"""


def _shown(config: dict[str, Any]) -> dict[str, Any]:
  """Returns a config without the folders of this machine."""
  shown = {key: value for key, value in config.items() if key != "data"}
  for section, field in (("loss", "proxy"), ("train", "start_from")):
    if folder := shown.get(section, {}).get(field):
      shown[section] = shown[section] | {field: Path(folder).resolve().name}
  return shown


def _about(found: TrainedModel) -> str:
  synth, width = found.data.recipe.engine, found.data.recipe.space.width
  if isinstance(found.model, Proxy):
    return (
      f"A proxy of the synth: it maps {width} controls of {synth}, and a note, to the log-mel of\n"
      "their sound. It matches no sound by itself."
    )
  return (
    f"A synthesizer sound matching model: it maps the log-mel of a sound to {width}\n"
    f"controls of {synth} that come near it."
  )


def _answered(found: TrainedModel) -> str:
  if isinstance(found.model, Proxy):
    return ""
  return (
    " A sound of another instrument is\nanswered with the nearest sound that this synth can make,"
    " which may be far from it."
  )


def _played(recipe: Recipe) -> str:
  if recipe.notes:
    return recipe.notes.words
  return f"MIDI note {recipe.note.pitch} held for {recipe.note.hold_seconds:g} s"


def _snapped(found: TrainedModel) -> str:
  names = ", ".join(f"`{name}`" for name in found.snapping)
  return f" Answers are drawn to the peaks of the prior in {names}." if names else ""


def _measured(workdir: Path, found: TrainedModel) -> str:
  """Returns a table of each evaluation in the workdir of these weights with this snapping."""
  tables = []
  for path in sorted(workdir.glob("eval/*/results.json")):
    with contextlib.suppress(*files.UNREADABLE):  # Damaged results are left out.
      results = json.loads(path.read_text())
      tables += [_table(results)] if found.is_measured_by(results) else []
  return "\n".join(tables) or "Not evaluated yet.\n"


def _table(results: dict[str, Any]) -> str:
  rows = results["rows"]
  metrics = [name for name in _METRICS if name in rows.get("model", {})]
  lines = [
    f"Measured on {results['title']} ({results['num_examples']:,} sounds), mean and its 95 %"
    " interval; smaller is better:",
    "",
    f"| row | {' | '.join(_METRICS[name] for name in metrics)} |",
    f"|---|{'---|' * len(metrics)}",
  ]
  for row, measured in rows.items():
    cells = [_cell(measured[name]) for name in metrics]
    lines.append(f"| {row} | {' | '.join(cells)} |")
  return "\n".join(lines) + "\n"


def _cell(summary: dict[str, Any]) -> str:
  if summary["mean"] is None:
    return "none"
  return f"{summary['mean']:.4g} ({summary['low']:.4g} to {summary['high']:.4g})"


def _commit() -> str:
  """Names the commit of the source if it is a clone, with "-dirty" if it was changed since."""
  command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
  try:
    done = subprocess.run(
      command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
  except OSError:
    return ""
  return f", commit {done.stdout.strip()}" if done.returncode == 0 else ""
