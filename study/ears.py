"""Measures who hears the note of a sound best, on sounds whose note is known.

    python -m study.ears --folder=FOLDER [--each=100] [--ears=ours,note,pyin]

The sounds, and what befalls them in recordings, are those of `study.known`; the folder keeps them.
"ours" hears a whole recording, as `match` does: pitch, onset and hold. All other ears are told
where the note is, and hear its pitch only: "note" is the estimator of `audio.pitch`, "pyin" is
librosa's, the others need `pip install swift-f0` and `pip install pesto-pitch`. The frames of each
become a note in the same way (`audio.pitch.note_of`). Each sound is a line of
study/logs/ears/EAR.jsonl, from which `study.report` makes the tables of docs/ears.md; "before" is
"ours" at commit 5d75b5a. The command goes on where it was interrupted.
"""

import argparse
import itertools
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from jaxtyping import Float

from study import known
from study.known import CONDITIONS, RATE, REGISTERS, Known
from study.runs import LOGS
from synthmatch_jax.audio.hearing import hear
from synthmatch_jax.audio.pitch import HeardPitch, PitchTrack, heard_pitch, note_of
from synthmatch_jax.errors import UserError
from synthmatch_jax.reports.tables import join

LOG = LOGS / "ears"
Sound = Float[np.ndarray, " n"]
Line = dict[str, Any]

_BINS = (0.0, 0.5, 0.8, 0.95, 1.0)  # Of confidences.


def pyin(audio: Sound) -> HeardPitch | None:
  """Hears the note by probabilistic YIN, with librosa's default settings but for the range."""
  import librosa

  slower = soxr.resample(audio, RATE, 22_050)
  f0, voiced, probability = librosa.pyin(
    slower, fmin=27.0, fmax=4_400.0, sr=22_050, frame_length=4_096
  )
  return _note(audio, f0, voiced, probability, hop_seconds=1_024 / 22_050)


def swift(audio: Sound) -> HeardPitch | None:
  """Hears the note by SwiftF0, a small network whose range is 46.9 to 2,094 Hz."""
  import swift_f0  # pyright: ignore[reportMissingImports]  # It is installed for this study only.

  found = swift_f0.SwiftF0().detect(audio, RATE)
  voiced = found.confidence >= 0.5
  return _note(audio, found.pitch_hz, voiced, found.confidence, hop_seconds=0.016)


def pesto(audio: Sound) -> HeardPitch | None:
  """Hears the note by PESTO, a small self-supervised network on a constant-Q transform."""
  import pesto as network  # pyright: ignore[reportMissingImports]  # As above.
  import torch  # pyright: ignore[reportMissingImports]

  _, f0, confidence, _ = network.predict(torch.from_numpy(audio), RATE, step_size=10.0)
  f0, confidence = f0.numpy(), confidence.numpy()
  return _note(audio, f0, confidence > 0.5, confidence, hop_seconds=0.01)


def _note(
  audio: Sound,
  f0_hz: Float[np.ndarray, " t"],
  voiced: np.ndarray,
  confidence: Float[np.ndarray, " t"],
  *,
  hop_seconds: float,
) -> HeardPitch | None:
  """Makes a note of an estimator's frames; those 40 dB softer than the loudest one are silent."""
  hop = round(hop_seconds * RATE)
  total = np.cumsum(np.pad(np.square(audio, dtype=np.float64), (hop + 1, 2 * hop)))
  starts = np.minimum(np.arange(len(f0_hz)) * hop, audio.size)
  level = np.sqrt(np.maximum(total[starts + 2 * hop] - total[starts], 0) / (2 * hop))
  sounding = level > max(0.01 * level.max(), 1e-9)
  guessed = np.where(np.isfinite(f0_hz), f0_hz, 1.0)  # pYIN leaves out what is not voiced.
  return note_of(
    PitchTrack(
      f0_hz=np.where(sounding, guessed, np.nan).astype(np.float64),
      voiced=np.asarray(voiced, bool) & sounding,
      confidence=np.asarray(confidence, np.float64),
      level=level,
    )
  )


EARS: Mapping[str, Callable[[Sound], HeardPitch | None]] = {
  "note": lambda audio: heard_pitch(audio, RATE),
  "pyin": pyin,
  "swift": swift,
  "pesto": pesto,
}
"""The ears that are told where the note is, by their names in the log."""

NAMES = {"note": "ours", "pyin": "pYIN", "swift": "SwiftF0", "pesto": "PESTO"}


def listen(ear: str, sound: Known) -> Line:
  """Returns a line of the log: in each condition MIDI note, confidence, error of onset, hold."""
  heard = []
  for condition in CONDITIONS:
    audio, begin = known.recorded(sound, condition)
    if ear == "ours":
      found = hear(audio, source=sound.name, sample_rate=RATE, seconds=4.0).heard
      pitch = found.pitch
      place = [round(found.onset_seconds - begin, 3), round(found.hold_seconds, 3)]
    else:
      start = round(begin * RATE)
      pitch = EARS[ear](audio[start : start + round((sound.hold_seconds + 0.1) * RATE)])
      place = []
    note = [None, 0.0] if pitch is None else [round(pitch.midi, 2), round(pitch.confidence, 3)]
    heard.append(note + place)
  return {"sound": sound.name, "hold": round(sound.hold_seconds, 3), "heard": heard}


def run(ears: Sequence[str], folder: Path, each: int) -> None:
  """Hears what the logs do not have yet."""
  done = {ear: {line["sound"] for line in read(ear)} for ear in ears}
  for sound in known.sounds(folder, each):
    for ear in ears:
      if sound.name not in done[ear]:
        with (LOG / f"{ear}.jsonl").open("a") as file:
          file.write(json.dumps(listen(ear, sound), separators=(",", ":")) + "\n")


def read(ear: str) -> list[Line]:
  """Returns the lines of an ear's log."""
  path = LOG / f"{ear}.jsonl"
  return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def is_right(line: Line, number: int) -> bool:
  """Tells whether the note is within 50 cents in a condition; noise must have none."""
  wanted, heard = known.midi_of(line["sound"]), line["heard"][number][0]
  return heard is None if wanted is None else heard is not None and abs(heard - wanted) <= 0.5


def registers() -> str:
  """Tabulates how many notes are right, by register and condition, before and now."""
  rows = [["heard in a whole recording, %", "sounds", *CONDITIONS], ["---", *["---:"] * 8]]
  both = _common(["before", "ours"])
  for name in (*REGISTERS, "all notes", "noise (no pitch)"):
    before, now = (_within(lines, name) for lines in both)
    shares = [(_right(before, number), _right(now, number)) for number in range(len(CONDITIONS))]
    rows.append([name, str(len(now)), *[_change(*pair) for pair in shares]])
  return join(rows)


def estimators() -> str:
  """Tabulates the same for all that are told where the note is, and notes that are octaves off."""
  rows = [["told where the note is, %", "ear", *CONDITIONS, "octaves off"]]
  rows.append(["---", "---", *["---:"] * 8])
  found = dict(zip(NAMES, _common(list(NAMES)), strict=True))
  for name in (*REGISTERS, "all notes", "noise (no pitch)"):
    for ear, lines in found.items():
      some = _within(lines, name)
      cells = [f"{_right(some, number):.0f}" for number in range(len(CONDITIONS))]
      rows.append([f"{name} ({len(some)})", NAMES[ear], *cells, f"{_octaves(some):.0f}"])
  return join(rows)


def calibration() -> str:
  """Tabulates how many notes are right among those of a confidence, which is their mean."""
  halves = {half: [x for x in read("ours") if known.half(x["sound"]) == half] for half in (0, 1)}
  found = {"before": read("before"), "now, to choose by": halves[0], "now, to judge by": halves[1]}
  found |= {NAMES[ear]: read(ear) for ear in ("pyin", "swift", "pesto")}
  rows = [["confidence", *found], ["---", *["---:"] * len(found)]]
  for low, high in itertools.pairwise(_BINS):
    cells = []
    for lines in found.values():
      notes = [
        (one[1], is_right(line, number))
        for line in lines
        for number, one in enumerate(line["heard"])
        if one[0] is not None and low <= one[1] < (high if high < 1 else math.inf)
      ]
      said, right = np.mean(notes, axis=0) if notes else (0.0, 0.0)
      cells.append(f"{said:.2f}: {right:.2f} ({len(notes)})" if notes else "-")
    rows.append([f"{low:g} to {high:g}", *cells])
  return join(rows)


def places() -> str:
  """Tabulates how well onset and hold of notes are heard, before and now."""
  rows = [["", "onset off by, median (ms)", "onset within 30 ms, %"]]
  rows[0] += ["hold within 10 %, %", "hold within 25 %, %", "hold within a factor of 2, %"]
  rows.append(["---", *["---:"] * 5])
  both = [_within(lines, "all notes") for lines in _common(["before", "ours"])]
  for number, condition in enumerate(CONDITIONS):
    columns = []
    for lines in both:
      onset = np.abs([line["heard"][number][2] for line in lines])
      ratio = np.abs(np.log2([line["heard"][number][3] / line["hold"] for line in lines]))
      within = [100 * float(np.mean(ratio <= np.log2(most))) for most in (1.1, 1.25, 2)]
      columns.append(
        [1_000 * float(np.median(onset)), 100 * float(np.mean(onset <= 0.03)), *within]
      )
    rows.append([condition, *[_change(*pair) for pair in zip(*columns, strict=True)]])
  return join(rows)


def _common(ears: Sequence[str]) -> list[list[Line]]:
  """Returns the lines of each ear, of the sounds that all of them have heard."""
  logs = [{line["sound"]: line for line in read(ear)} for ear in ears]
  names = [name for name in logs[0] if all(name in log for log in logs)]
  return [[log[name] for name in names] for log in logs]


def _within(lines: list[Line], register: str) -> list[Line]:
  """Returns the lines of a register, of "all notes", or of what has no note."""
  low, high = REGISTERS.get(register, (known.LOWEST, known.HIGHEST))
  pairs = [(line, known.midi_of(line["sound"])) for line in lines]
  if register.startswith("noise"):
    return [line for line, midi in pairs if midi is None]
  return [line for line, midi in pairs if midi is not None and low <= midi <= high]


def _right(lines: list[Line], number: int) -> float:
  return 100 * float(np.mean([is_right(line, number) for line in lines])) if lines else math.nan


def _octaves(lines: list[Line]) -> float:
  """Returns the percentage of notes, in all conditions, that are one or more octaves off."""
  off = [
    one[0] - (known.midi_of(line["sound"]) or math.nan)
    for line in lines
    for one in line["heard"]
    if one[0] is not None
  ]
  octaves = [
    round(step / 12) != 0 and abs(step - 12 * round(step / 12)) <= 0.5
    for step in off
    if math.isfinite(step)
  ]
  return 100 * sum(octaves) / (len(CONDITIONS) * max(1, len(lines)))


def _change(before: float, now: float) -> str:
  return f"{before:.0f}" if round(before) == round(now) else f"{before:.0f} → {now:.0f}"


def main() -> None:
  """Hears and logs."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--folder", type=Path, required=True, help="keeps the sounds")
  parser.add_argument("--each", type=int, default=100, help="sounds of each synth, and noises")
  parser.add_argument("--ears", default="ours,note", help=f"of ours, {', '.join(EARS)}")
  options = parser.parse_args()
  ears = options.ears.split(",")
  if unknown := set(ears) - {"ours", *EARS}:
    parser.error(
      f"there is no ear {', '.join(sorted(unknown))}: give some of ours, {', '.join(EARS)}"
    )
  LOG.mkdir(exist_ok=True)
  try:
    run(ears, options.folder, options.each)
  except UserError as error:
    sys.exit(f"study.ears: error: {error}")


if __name__ == "__main__":
  main()
