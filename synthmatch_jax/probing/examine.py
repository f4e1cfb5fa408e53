"""Measures a plugin, step by step, and writes the description of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing import audible, choice, draws, priors, resets, roundtrip
from synthmatch_jax.probing.inventory import Inventory, take_inventory
from synthmatch_jax.probing.plugin_parameter import PluginParameter
from synthmatch_jax.probing.probe_report import ProbeReport
from synthmatch_jax.probing.probed_plugin import ProbedPlugin
from synthmatch_jax.probing.resets import Trial
from synthmatch_jax.probing.roundtrip import Form
from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.synths import description as descriptions
from synthmatch_jax.synths.description import Care, Description, Reset
from synthmatch_jax.synths.registry import Engine

# Limits of processes: generous, so that a busy machine does not look like a hung plugin.
_LEAST_LOAD_SECONDS, _LOADS = 60.0, 20.0
_LEAST_RENDER_SECONDS, _RENDERS = 10.0, 50.0


@dataclass(frozen=True, kw_only=True)
class Effort:
  """How much is measured.

  Attributes:
    draws: The number of random patches that are tried for silence and for values that do not stick.
    patches: The number of these that the reset policies are tried with.
    fresh: The number of these that get new processes under each policy.
  """

  draws: int = 64
  patches: int = 6
  fresh: int = 4


EFFORTS = {"thorough": Effort(), "quick": Effort(draws=12, patches=2, fresh=1)}
"""Efforts by name; "quick" is for a first look."""


@dataclass(frozen=True, kw_only=True)
class _Base:
  """The base state and the parameters to be listened to."""

  parameters: tuple[PluginParameter, ...]
  state: bytes
  values: Mapping[str, float]


def examine(
  probed: ProbedPlugin,
  *,
  report: ProbeReport,
  preset: Path | None = None,
  edit: bool = False,
  controls: Sequence[str] = (),
  most: int = choice.MOST,
  presets: Path | None = None,
  out: Path | None = None,
  seed: int = 0,
  effort: str = "thorough",
) -> Description:
  """Measures a plugin, reports what it finds, and returns its description.

  Args:
    probed: The plugin.
    report: Where the findings are written.
    preset: The preset file that the base state is loaded from.
    edit: Whether the base preset is made in the plugin's editor.
    controls: The names of the controls. If it is empty, they are those of an earlier probe, or else
      the paper's 16, or else the parameters that are heard best.
    most: The largest number of these last.
    presets: The folder of presets to measure the prior from.
    out: File for the description; None writes none.
    seed: The seed of the random patches.
    effort: A name in `EFFORTS`.

  Raises:
    UserError: The plugin cannot be probed, or is silent.
  """
  _check(presets=presets, out=out)
  work = EFFORTS[effort]
  found = take_inventory(probed, preset=preset, edit=edit)
  report.inventory(probed, found)
  given = choice.fixed(found, probed.known, controls)
  base = _base(probed, found, given, own=preset is not None or edit, report=report)
  heard = audible.listen(probed, base.parameters, state=base.state, values=base.values)
  chosen = given or choice.best_heard(found, heard, most=most)
  report.choice(found, heard, chosen, by=_by(probed, given, controls))

  def engine(reset: Reset) -> Engine:
    return probed.engine(chosen, reset=reset, state=base.state, values=base.values)

  learnt = _prior(probed, engine(heard.reset), presets, report, keep=not controls)
  drawn = draws.draw(engine(heard.reset), count=work.draws, seed=seed)
  if len(drawn.loud(2)) < 2:
    raise UserError(_mute(found, drawn))
  trials = resets.compare(engine, drawn.loud(work.patches), fresh=work.fresh)
  best = resets.choose(trials, tolerance=drawn.tolerance)
  report.resets(trials, best, tolerance=drawn.tolerance)
  report.draws(drawn)
  described = replace(
    probed.described(chosen, reset=best.reset, state=base.state, values=base.values),
    repeatable_db=None if best.exact else round(min(best.worst_db + 0.05, 0.0), 1),
    tolerance=drawn.tolerance,
    prior=learnt,
    care=_care(found, best, drawn),
    others=choice.others(found, heard, chosen),
  )
  report.end(described, probed, out and descriptions.write(described, out))
  return described


def _base(
  probed: ProbedPlugin,
  found: Inventory,
  given: tuple[Parameter, ...] | None,
  *,
  own: bool,
  report: ProbeReport,
) -> _Base:
  """Returns the parameters to be listened to, and the state if a new process takes it.

  Args:
    probed: The plugin.
    found: Its inventory.
    given: The controls that are chosen already.
    own: Whether the user gave the state; else it is an earlier probe's or the plugin's initial one.
    report: Where the findings are written.
  """
  names = {control.name for control in given or ()}
  parameters = tuple(p for p in found.parameters if p.candidate or p.name in names)
  if not parameters:
    raise UserError(f"{found.title} has no parameter that could become a control")
  values, reason = roundtrip.proven(probed, parameters, found.state)
  forms: tuple[Form, ...] = ("raw_state", "preset_data")
  vst3 = probed.path.suffix == ".vst3"
  trips = [roundtrip.round_trip(probed, parameters, f) for f in forms[: 2 if vst3 else 1]]
  report.state(trips, values, parameters)
  if not values and (own or (probed.known and probed.known.state)):
    raise UserError(f"the base preset cannot be used with {found.title}: {reason}")
  return _Base(parameters=parameters, state=found.state if values else b"", values=values)


def _by(probed: ProbedPlugin, given: Any, controls: Sequence[str]) -> str:
  if given is None:
    return "heard best in the base state"
  if controls:
    return "named by you"
  return "kept from the description" if probed.known else "the paper's 16 (Table 1)"


def _care(found: Inventory, best: Trial, drawn: draws.Draws) -> Care:
  return Care(
    load_seconds=round(max(_LEAST_LOAD_SECONDS, _LOADS * found.load_seconds), 1),
    render_seconds=round(max(_LEAST_RENDER_SECONDS, _RENDERS * best.seconds), 1),
    canary=drawn.canary(),
  )


def _prior(
  probed: ProbedPlugin, engine: Engine, presets: Path | None, report: ProbeReport, *, keep: bool
) -> str | Mapping[str, Any]:
  """Returns the prior of a folder of presets, or that of an earlier probe of the same controls."""
  if presets is None:
    return probed.known.prior if probed.known and keep else "uniform"
  extracted = priors.extract(engine, presets)
  report.prior(extracted)
  return extracted.prior.to_dict()


def _check(*, presets: Path | None, out: Path | None) -> None:
  """Raises a UserError before the work for what would otherwise fail after it."""
  if presets is not None:
    priors.require_folder(presets)
  if out is not None and out.suffix != ".json":
    raise UserError(f"the description {out} must be a .json: engines are known by that")


def _mute(found: Inventory, drawn: draws.Draws) -> str:
  if drawn.failed and len(drawn.failed) > len(drawn.done):
    return f"{found.title} fails on random patches: {drawn.failed[0]}; nothing was written"
  state = "its initial state is silent, too" if found.silent else "its initial state is not"
  return (
    f"{found.title} is silent: of {len(drawn.done)} random patches {drawn.silent} are, and {state};"
    " give it a state that sounds with --base_preset or --edit; nothing was written"
  )
