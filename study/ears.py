"""Who hears the note of a sound best, on sounds whose note is known?

    python -m study.ears --folder=FOLDER [--each=130] [--ears="ours,yin,pyin"]
    python -m study.ears --table

The sounds and what befalls them are those of `study.known`. "ours" hears a whole recording, as
`match` does: pitch, onset and hold. All other ears are told where the note is and hear its pitch
only: "note" is our estimator, the others need `pip install librosa`, `swift-f0`, `pesto-pitch`. The
frames of each become a note in the same way (`audio.pitch.note_of`). Each sound is a line of
study/logs/ears/EAR.jsonl; the command goes on where it was interrupted.
"""

import argparse
import json
import math
from collections.abc import Callable, Sequence
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
from synthmatch_jax.reports.tables import join

LOG = LOGS / "ears"
Sound = Float[np.ndarray, " n"]


def pyin(audio: Sound) -> HeardPitch | None:
  """Probabilistic YIN, by librosa, with its default settings but for the range."""
  import librosa

  f0, voiced, probability = librosa.pyin(
    soxr.resample(audio, RATE, 22_050), fmin=27.0, fmax=4_400.0, sr=22_050, frame_length=4_096
  )
  return _note(audio, f0, voiced, probability, hop_seconds=1_024 / 22_050)


def swift(audio: Sound) -> HeardPitch | None:
  """SwiftF0, a small network (46.9 to 2,094 Hz)."""
  import swift_f0

  found = swift_f0.SwiftF0().detect(audio, RATE)
  voiced = found.confidence >= 0.5
  return _note(audio, found.pitch_hz, voiced, found.confidence, hop_seconds=0.016)


def pesto(audio: Sound) -> HeardPitch | None:
  """PESTO, a small self-supervised network on a constant-Q transform."""
  import pesto as network
  import torch

  _, f0, confidence, _ = network.predict(torch.from_numpy(audio), RATE, step_size=10.0)
  return _note(audio, f0.numpy(), (confidence > 0.5).numpy(), confidence.numpy(), hop_seconds=0.01)


def _note(
  audio: Sound, f0_hz: Any, voiced: Any, confidence: Any, *, hop_seconds: float
) -> HeardPitch | None:
  """Makes a note of an estimator's frames; those that are 40 dB softer than the loudest are silent."""
  hop = round(hop_seconds * RATE)
  padded = np.pad(np.square(audio, dtype=np.float64), (hop, 2 * hop))
  total = np.concatenate([[0.0], np.cumsum(padded)])
  starts = np.minimum(np.arange(len(f0_hz)) * hop, audio.size)
  level = np.sqrt((total[starts + 2 * hop] - total[starts]) / (2 * hop))
  sounding = level > max(level.max() * 0.01, 1e-9)
  return note_of(
    PitchTrack(
      f0_hz=np.where(sounding, np.where(np.isfinite(f0_hz), f0_hz, 1.0), np.nan).astype(float),
      voiced=np.asarray(voiced, bool) & sounding,
      confidence=np.asarray(confidence, float),
      level=level,
    )
  )


EARS: dict[str, Callable[[Sound], HeardPitch | None]] = {
  "note": lambda audio: heard_pitch(audio, RATE),
  "pyin": pyin,
  "swift": swift,
  "pesto": pesto,
}
"""The ears that are told where the note is, by their names in the log."""


def listen(ear: str, sound: Known) -> dict[str, Any]:
  """Returns a line of the log: for each condition the MIDI note, its confidence, onset and hold."""
  heard = {}
  for condition in CONDITIONS:
    audio, begin = known.recorded(sound, condition)
    if ear == "ours":
      found = hear(audio, source=sound.name, sample_rate=RATE, seconds=4.0).heard
      place = [round(found.onset_seconds - begin, 3), round(found.hold_seconds, 3)]
      pitch = found.pitch
    else:
      start = round(begin * RATE)
      pitch = EARS[ear](audio[start : start + round((sound.hold_seconds + 0.1) * RATE)])
      place = []
    note = [None, 0.0] if pitch is None else [round(pitch.midi, 2), round(pitch.confidence, 3)]
    heard[condition] = note + place
  return {"sound": sound.name, "hold": round(sound.hold_seconds, 3), "heard": heard}


def run(ears: Sequence[str], folder: Path, each: int) -> None:
  """Hears what the logs do not have yet."""
  LOG.mkdir(exist_ok=True)
  done = {ear: {line["sound"] for line in read(ear)} for ear in ears}
  for sound in known.sounds(folder, each):
    for ear in ears:
      if sound.name not in done[ear]:
        with (LOG / f"{ear}.jsonl").open("a") as file:
          file.write(json.dumps(listen(ear, sound), separators=(",", ":")) + "\n")


def read(ear: str) -> list[dict[str, Any]]:
  """Returns the lines of an ear's log."""
  path = LOG / f"{ear}.jsonl"
  return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
