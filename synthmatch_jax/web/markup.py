"""What the page says about an answer, as HTML in which all texts are escaped."""

import html
from collections.abc import Sequence
from typing import Any

from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.web.history import Entry

_WIDE, _HIGH = 360, 60  # Pixels of the curve of a search.


def facts(entry: Entry) -> str:
  """Returns how near an answer is, and which model gave it."""
  best = entry.match.best
  return _paragraphs(
    [
      ("Distance", f"MSS {best.distances['mss']:.1f} dB (0 is equal)"),
      ("How near", best.confidence.words),
      *((one.aspect.capitalize(), one.beside) for one in best.confidence.aspects if one.beside),
      ("Answer by", f"{best.origin.model}, {best.origin.words}"),
    ]
  )


def assumed(entry: Entry) -> str:
  """Returns what was heard in the sound, or told."""
  match, heard = entry.match, entry.match.heard
  pitch, told = heard.pitch, heard.told
  if pitch:
    found = f"{pitch.midi:.1f} is heard in the sound ({100 * pitch.confidence:.0f} % sure)"
  else:
    found = "no pitch is heard in the sound"
  if guess := heard.predicted:
    found += f", the model makes of it {guess.pitch:.1f} ({100 * guess.confidence:.0f} % sure)"
  says = {name: ", as you said" if value is not None else "" for name, value in vars(told).items()}
  lines = [
    ("Note", f"MIDI note {match.note.pitch} is played{says['pitch']}; {found}"),
    ("Onset", f"{heard.onset_seconds:.3f} s into the sound{says['onset_seconds']}"),
    (
      "Length",
      f"held for {match.note.hold_seconds:.2f} s{says['hold_seconds']};"
      f" the sound seems to be held for {heard.hold_seconds:.2f} s",
    ),
    ("Level", f"changed by {match.gain_db:+.1f} dB for the model{says['level_db']}"),
  ]
  return "<h3>What was assumed</h3>" + _paragraphs(lines)


def course(trace: Sequence[tuple[int, float]], renders: int, *, is_over: bool = True) -> str:
  """Returns how near a search has come, in a sentence and as a curve.

  Args:
    trace: (renders, value) of each improvement; the value of what it began with is 1.
    renders: The number of sounds that were rendered until now.
    is_over: Whether the search has ended.
  """
  gained = 1 - min((value for _, value in trace), default=1.0)
  what = "Searched" if is_over else "Searching"
  said = _paragraphs([(what, f"{renders} renders, {100 * gained:.0f} % nearer than at the start")])
  if not trace:
    return said
  top, points = max(value for _, value in trace), []
  for (begin, value), end in zip(trace, [*[at for at, _ in trace[1:]], renders], strict=True):
    y = _HIGH * (1 - value / top)
    points += [f"{_WIDE * at / renders:.1f},{y:.1f}" for at in (begin, end)]
  return (
    f"{said}<svg viewBox='-2 -2 {_WIDE + 4} {_HIGH + 4}' width='{_WIDE}' role='img'"
    " aria-label='The distance as it falls, over the renders'>"
    f"<path d='M0,0V{_HIGH}H{_WIDE}' fill='none' stroke='currentColor' opacity='.3'/>"
    f"<polyline points='{' '.join(points)}' fill='none' stroke='currentColor'"
    " stroke-width='2'/></svg>"
  )


def sentence(error: Exception) -> str:
  """Returns what an error says."""
  return f"<p role='alert'>{html.escape(str(error))}</p>"


def _paragraphs(facts: Sequence[tuple[str, str]]) -> str:
  lines = (f"<p><b>{html.escape(k)}:</b> {html.escape(v)}</p>" for k, v in facts)
  return f"<div class='said'>{''.join(lines)}</div>"


def info(parameter: Parameter, value: Any) -> str:
  """Returns a value in the synth's own terms with the meaning of its parameter."""
  return f"{parameter.shown(value)} {parameter.unit}: {parameter.meaning}"
