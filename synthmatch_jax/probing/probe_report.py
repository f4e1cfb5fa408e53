"""Reports what a probe finds on the terminal, and keeps the report as a page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from synthmatch_jax.audio.loudness import THRESHOLD_DB
from synthmatch_jax.probing.audible import Audibility
from synthmatch_jax.probing.choice import HALF_STEP
from synthmatch_jax.probing.draws import Draws
from synthmatch_jax.probing.inventory import Inventory
from synthmatch_jax.probing.plugin_parameter import PluginParameter
from synthmatch_jax.probing.priors import Extracted
from synthmatch_jax.probing.probed_plugin import ProbedPlugin
from synthmatch_jax.probing.resets import ENOUGH_DB, Trial
from synthmatch_jax.probing.roundtrip import RoundTrip
from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.synths.description import Description

_WIDTH = 100
_MUCH = 5.0  # How many times faster a policy must be to be worth the last bit.


class ProbeReport:
  """A report that is written as soon as something is found, with a method for each part."""

  def __init__(self, console: Console | None = None):
    self._console = console or Console(record=True, highlight=False)
    if not self._console.is_terminal or self._console.width > _WIDTH:
      self._console.width = _WIDTH

  def inventory(self, probed: ProbedPlugin, found: Inventory) -> None:
    """Reports the plugin and its parameters."""
    self._title(f"{found.title} {found.version} by {found.maker or 'nobody named'}")
    self._say(
      f"{probed.path.suffix[1:].upper()}, {found.kind}. {found.channels} channels, latency"
      f" {found.latency} samples. A process with it is ready in {found.load_seconds:.1f} s."
    )
    if found.silent:
      self._warn(
        "Its base state is silent at C4. If random patches are, too, it needs a base preset."
      )
    else:
      self._say(f"It sounds: a C4 of one second has {found.level_db:.1f} LUFS.")
    table = Table("parameter", "unit", "from", "to", title="Parameters")
    for name in ("steps", "default", "value"):
      table.add_column(name, justify="right")
    table.add_column("type")
    for p in found.parameters:
      numbers = (str(p.steps), f"{p.default:.3f}", f"{p.value:.3f}")
      made = p.control("")
      kind = made.kind if made else f"{p.kind}, no control"
      table.add_row(*map(escape, (p.name, p.unit, p.lowest, p.highest, *numbers, kind)))
    self._console.print(table)
    if found.blind:
      self._warn(
        "The host is shown 0 for every value; the defaults are taken for the values it has."
      )
    if found.midi:
      self._say(f"{found.midi} parameters of MIDI controllers are not listed.")

  def state(
    self,
    trips: Sequence[RoundTrip],
    values: Mapping[str, float],
    parameters: Sequence[PluginParameter],
  ) -> None:
    """Reports whether the state comes back."""
    self._title("State")
    for trip in trips:
      label = {"raw_state": "Raw state", "preset_data": ".vstpreset"}[trip.form]
      if trip.error:
        self._warn(f"{label}: could not be tried: {trip.error}")
      elif not trip.wrong:
        self._say(
          f"{label}: a new process takes it; values agree; the sound {_apart(trip.sound_db)}."
        )
      else:
        worst = max(trip.wrong, key=lambda name: trip.wrong[name])
        self._warn(
          f"{label}: {len(trip.wrong)} of {len(parameters)} values do not come back in a new"
          f" process; {worst} is off by {trip.wrong[worst]:.3f}."
        )
    if values:
      self._say("The base state is kept in the description and loaded at every start.")
      lost = [p.name for p in parameters if p.name not in values]
      if lost:
        self._warn(f"It does not hold {', '.join(lost)}.")
    else:
      self._warn(
        "The plugin does not take its state back, so the description has no base preset, and data"
        " sets depend on the state in which the plugin starts. A base preset cannot be used."
      )

  def choice(
    self, found: Inventory, heard: Audibility, chosen: Sequence[Parameter], *, by: str
  ) -> None:
    """Reports the controls, and how well they are heard."""
    names = [control.name for control in chosen]
    table = Table("control", "meaning", title=f"Controls: {by}")
    for column in ("heard by, dB", "steps", "off by"):
      table.add_column(column, justify="right")
    for control in chosen:
      one = heard.heard[control.name]
      change = "fails" if one.error else f"{one.change_db:.2f}"
      steps = found.parameter(control.name).steps
      table.add_row(control.name, control.meaning, change, str(steps), f"{one.deviation:.4f}")
    self._console.print(table)
    self._say(
      "heard by: mean difference of the log-mel spectrogram when this parameter alone is moved;"
      f" from {heard.threshold_db:.2f} dB on it counts. off by: distance of a value read back from"
      " the value set."
    )
    deaf = [
      n for n in names if heard.heard[n].change_db < heard.threshold_db and not heard.heard[n].error
    ]
    if deaf:
      self._warn(f"Not heard in the base state: {', '.join(deaf)}.")
    for name, one in heard.heard.items():
      if one.error:
        self._warn(f"{name}, moved alone: {one.error}")
      elif one.deviation > HALF_STEP:
        self._warn(f"{name} does not stick: it is off by {one.deviation:.3f}.")
    rest = [n for n, h in heard.heard.items() if n not in names and h.change_db]
    if rest:
      best = sorted(rest, key=lambda n: -heard.heard[n].change_db)
      told = ", ".join(f"{n} ({heard.heard[n].change_db:.2f} dB)" for n in best)
      self._say(f"Heard too, and no controls: {told}.")

  def resets(self, trials: Sequence[Trial], best: Trial, *, tolerance: float) -> None:
    """Reports the policies, and the one that was taken."""
    table = Table(title="Reset policies: the same patch against itself, worst difference in dB")
    for column in ("policy", "after another", "shuffled", "new process", "sounds/s", "off by"):
      table.add_column(column, justify="left" if column == "policy" else "right")
    table.add_column("verdict")
    for trial in trials:
      table.add_row(
        trial.reset,
        _db(trial.after_another_db),
        _db(trial.shuffled_db),
        _db(trial.fresh_db),
        f"{trial.per_second:.1f}",
        f"{trial.deviation:.4f}",
        escape(_verdict(trial, tolerance)),
      )
    self._console.print(table)
    for trial in trials:
      for trouble in (*trial.failures, *trial.replaced):
        self._warn(f"{trial.reset}: {trouble}")
    self._say(
      "sounds/s: of 4 s, on one core. A policy qualifies if all values stick and no difference"
      f" exceeds {ENOUGH_DB:g} dB of the peak: less is under what ears and spectrograms tell apart."
    )
    if not best.qualifies(tolerance):
      self._warn(
        f"NO POLICY QUALIFIES. {best.reset} is the least bad; data sets made with it are not to be"
        f" relied on. {_advice(best, tolerance)}"
      )
    elif best.exact:
      self._say(f"Taken: [bold]{best.reset}[/], the cheapest that is repeatable to the last bit.")
    else:
      self._warn(
        f"Taken: {best.reset}, repeatable to {best.worst_db:.0f} dB, not to the last bit: two"
        " builds of a data set agree to that, not byte for byte."
      )
    self._faster(trials, best, tolerance)

  def draws(self, drawn: Draws) -> None:
    """Reports what random patches are like."""
    self._title("Random patches")
    count = len(drawn.done)
    self._say(
      f"{drawn.silent} of {count} uniform patches are silent ({100 * drawn.silent / count:.0f} %,"
      f" under {THRESHOLD_DB:g} LUFS); data sets draw them again."
    )
    for reason, times in Counter(drawn.failed).most_common():
      self._warn(f"{times} failed: {reason}")
    if drawn.stepped:
      self._warn(
        f"Values are rounded to steps of about {2 * drawn.stepped:.3g}: the description admits"
        f" {drawn.tolerance:g} between a value set and read back, which is half a step and a"
        " quarter more; data sets store both."
      )

  def prior(self, extracted: Extracted) -> None:
    """Reports the prior of a folder of presets."""
    self._title("Prior")
    copies = f"; {extracted.copies} files are copies of these" if extracted.copies else ""
    self._say(f"{extracted.loaded} presets were read{copies}.")
    for file, reason in extracted.failed.items():
      self._warn(f"not {file}: {reason}")

  def end(self, described: Description, probed: ProbedPlugin, out: Path | None) -> None:
    """Reports what was written, and how to go on."""
    self._title("Description")
    if out is None:
      self._say("Nothing was written; --out=FILE.json writes what data set and match need.")
      return
    options = f'"engine": "{out}", "plugin": "{probed.path}", "num_examples": 2000'
    self._say(f"{out}: edit names, ranges and controls there, then probe {out} again. To build:")
    command = f'synthmatch build massive16 --config=\'{{"name": "{described.name}", {options}}}\''
    self._console.print(command, markup=False, soft_wrap=True)
    page = out.with_suffix(".html")
    self._say(f"This report: {page}")
    self._console.save_html(str(page))

  def _faster(self, trials: Sequence[Trial], best: Trial, tolerance: float) -> None:
    others = [t for t in trials if t.qualifies(tolerance) and not t.exact]
    fast = max(others, key=lambda t: t.per_second, default=best)
    if best.exact and fast.per_second > _MUCH * best.per_second:
      self._say(
        f"{fast.reset} is {fast.per_second / best.per_second:.1f} times faster and repeatable to"
        f' {fast.worst_db:.0f} dB: write "reset": "{fast.reset}" and "repeatable_db":'
        f" {fast.worst_db + 0.05:.1f} into the description if that is enough for you."
      )

  def _title(self, text: str) -> None:
    self._console.print(f"\n[bold]{escape(text)}[/]")

  def _say(self, text: str) -> None:
    self._console.print(text)

  def _warn(self, text: str) -> None:
    self._console.print(f"[yellow]! {escape(text)}[/]")


def _advice(best: Trial, tolerance: float) -> str:
  if best.deviation > tolerance:
    return f"Leave {best.parameter} out with --controls, or try another base preset."
  return "Try a base preset in which nothing runs free (LFOs, random phases)."


def _verdict(trial: Trial, tolerance: float) -> str:
  if trial.failures:
    return "fails"
  if trial.deviation > tolerance:
    return f"{trial.parameter} does not stick"
  if trial.exact:
    return "repeatable to the bit"
  return (
    f"repeatable to {trial.worst_db:.0f} dB" if trial.worst_db < ENOUGH_DB else "depends on history"
  )


def _db(difference: float | None) -> str:
  if difference is None:
    return ""
  if np.isinf(difference):
    return "to the bit" if difference < 0 else "no sound"
  return f"{difference:.1f}"


def _apart(difference: float) -> str:
  if difference == -np.inf:
    return "agrees to the last bit"
  return f"differs by {difference:.1f} dB of the peak"
