"""What the page says about an answer, as HTML in which all texts are escaped."""

import html
from collections.abc import Sequence

from synthmatch_jax.spaces.parameters import Parameter
from synthmatch_jax.web.history import Entry


def facts(entry: Entry) -> str:
  """Returns how near an answer is, and which model gave it."""
  best = entry.match.best
  return _paragraphs(
    [
      ("Distance", f"MSS {best.distances['mss']:.1f} dB (0 is equal)"),
      ("How near", best.confidence.words),
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


def _paragraphs(facts: Sequence[tuple[str, str]]) -> str:
  lines = (f"<p><b>{html.escape(k)}:</b> {html.escape(v)}</p>" for k, v in facts)
  return f"<div class='said'>{''.join(lines)}</div>"


def info(parameter: Parameter, value: float) -> str:
  """Returns a value in the synth's own terms with the meaning of its parameter."""
  return f"{value:.3g} {parameter.unit}: {parameter.meaning}"
