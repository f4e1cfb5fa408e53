"""The probe: everything that is measured of a plugin, in order, and the description of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing import audible, choice, draws, priors, resets, roundtrip
from synthmatch_jax.probing.report import Report
from synthmatch_jax.probing.resets import Trial
from synthmatch_jax.probing.roundtrip import Form
from synthmatch_jax.probing.subject import Subject
from synthmatch_jax.probing.survey import Parameter, Survey, survey
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths import description as descriptions
from synthmatch_jax.synths.description import Care, Description, Reset
from synthmatch_jax.synths.registry import Engine

# Limits for processes are generous: a busy machine must not look like a hung plugin.
_LEAST_LOAD_SECONDS, _LOADS = 60.0, 20.0
_LEAST_RENDER_SECONDS, _RENDERS = 10.0, 50.0


@dataclass(frozen=True, kw_only=True)
class Effort:
  """How much is measured.

  Attributes:
    draws: random patches that are looked at for silence and for values that do not stick.
    patches: of them that the reset policies are tried with.
    fresh: of these that get new processes under each policy.
  """

  draws: int = 64
  patches: int = 6
  fresh: int = 4


EFFORTS = {"thorough": Effort(), "quick": Effort(draws=12, patches=2, fresh=1)}
"""By name: quick is for a first look."""


@dataclass(frozen=True, kw_only=True)
class _Base:
  """The base state and the parameters to be listened to."""

  parameters: tuple[Parameter, ...]
  state: bytes
  values: Mapping[str, float]


def probe(
  subject: Subject,
  *,
  report: Report,
  preset: Path | None = None,
  edit: bool = False,
  controls: Sequence[str] = (),
  presets: Path | None = None,
  out: Path | None = None,
  seed: int = 0,
  effort: str = "thorough",
) -> Description:
  """Probes a plugin, tells what it finds, and returns (and writes) its description.

  Args:
    subject: the plugin.
    report: where the findings are told.
    preset: base preset.
    edit: whether the base preset is made in the plugin's editor.
    controls: names; empty: those of an earlier probe, or the paper's 16, or what is heard.
    presets: folder that the prior is extracted from.
    out: file for the description.
    seed: of the random patches.
    effort: of `EFFORTS`.

  Raises:
    UserError: the plugin cannot be probed, or nobody hears it.
  """
  _check(presets=presets, out=out)
  work = EFFORTS[effort]
  found = survey(subject, preset=preset, edit=edit)
  report.survey(subject, found)
  given = choice.fixed(found, subject.known, controls)
  base = _base(subject, found, given, own=preset is not None or edit, report=report)
  heard = audible.listen(subject, base.parameters, state=base.state, values=base.values)
  chosen = given or choice.audible(found, heard)
  report.choice(found, heard, chosen, by=_by(subject, given, controls))

  def engine(reset: Reset) -> Engine:
    return subject.engine(chosen, reset=reset, state=base.state, values=base.values)

  learnt = _prior(subject, engine(heard.reset), presets, report, keep=not controls)
  drawn = draws.draw(engine(heard.reset), count=work.draws, seed=seed)
  if len(drawn.loud(2)) < 2:
    raise UserError(_mute(found, drawn))
  trials = resets.compare(engine, drawn.loud(work.patches), fresh=work.fresh)
  best = resets.choose(trials, tolerance=drawn.tolerance)
  report.resets(trials, best, tolerance=drawn.tolerance)
  report.draws(drawn)
  described = replace(
    subject.described(chosen, reset=best.reset, state=base.state, values=base.values),
    repeatable_db=None if best.exact else round(min(best.worst_db + 0.05, 0.0), 1),
    tolerance=drawn.tolerance,
    prior=learnt,
    care=_care(found, best, drawn),
    others=choice.others(found, heard, chosen),
  )
  report.end(described, subject, out and descriptions.write(described, out))
  return described


def _base(
  subject: Subject,
  found: Survey,
  given: tuple[Continuous, ...] | None,
  *,
  own: bool,
  report: Report,
) -> _Base:
  """Which parameters are looked at, and the state, once it is known to come back.

  Args:
    subject: the plugin.
    found: its survey.
    given: controls that are chosen already.
    own: whether the state is the user's, and not of an earlier probe or the plugin's initial one.
    report: gets told.
  """
  names = {control.name for control in given or ()}
  parameters = tuple(p for p in found.parameters if p.candidate or p.name in names)
  if not parameters:
    raise UserError(
      f"{found.title} has no continuous parameter: nothing that could become a control"
    )
  values, reason = roundtrip.proven(subject, parameters, found.state)
  forms: tuple[Form, ...] = ("raw_state", "preset_data")
  vst3 = subject.path.suffix == ".vst3"
  trips = [roundtrip.round_trip(subject, parameters, f) for f in forms[: 2 if vst3 else 1]]
  report.state(trips, values, parameters)
  if not values and (own or (subject.known and subject.known.state)):
    raise UserError(f"the base preset cannot be used with {found.title}: {reason}")
  return _Base(parameters=parameters, state=found.state if values else b"", values=values)


def _by(subject: Subject, given: Any, controls: Sequence[str]) -> str:
  if given is None:
    return "heard best in the base state"
  if controls:
    return "named by you"
  return "kept from the description" if subject.known else "the paper's 16 (Table 1)"


def _care(found: Survey, best: Trial, drawn: draws.Draws) -> Care:
  return Care(
    load_seconds=round(max(_LEAST_LOAD_SECONDS, _LOADS * found.load_seconds), 1),
    render_seconds=round(max(_LEAST_RENDER_SECONDS, _RENDERS * best.seconds), 1),
    canary=drawn.canary(),
  )


def _prior(
  subject: Subject, engine: Engine, presets: Path | None, report: Report, *, keep: bool
) -> str | Mapping[str, Any]:
  """The prior of a folder of presets, or of an earlier probe of the same controls."""
  if presets is None:
    return subject.known.prior if subject.known and keep else "uniform"
  extracted = priors.extract(engine, presets)
  report.prior(extracted)
  return extracted.prior.to_dict()


def _check(*, presets: Path | None, out: Path | None) -> None:
  """What would come to light at the end, said at once."""
  if presets is not None and not presets.is_dir():
    raise UserError(f"there is no folder {presets}; name one with presets of the plugin")
  if out is not None and out.suffix != ".json":
    raise UserError(f"the description {out} must be a .json: engines are known by that")


def _mute(found: Survey, drawn: draws.Draws) -> str:
  if drawn.failed and len(drawn.failed) > len(drawn.done):
    return f"{found.title} fails on random patches: {drawn.failed[0]}; nothing was written"
  state = "its initial state is silent, too" if found.silent else "its initial state is not"
  return (
    f"{found.title} is silent: of {len(drawn.done)} random patches {drawn.silent} are, and {state};"
    " give it a state that sounds with --base_preset or --edit; nothing was written"
  )
