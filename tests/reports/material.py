"""A small page of real sounds and pictures, with names that try to break out of it."""

import dataclasses
from pathlib import Path

import numpy as np

from synthmatch_jax.audio import io
from synthmatch_jax.audio.mel import MelSettings, log_mel
from synthmatch_jax.reports import figures, spectrograms
from synthmatch_jax.reports.listening import TARGET, Metric, Row, Section, Sound

SETTINGS = MelSettings()
HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"
ROWS = (
  Row(name="model", meaning="what was learned", kind="model"),
  Row(name="nearest_mel", meaning="nearest neighbour <by mel>"),
  Row(name="mean", meaning="mean of the training controls"),
  Row(name="oracle", meaning="the true patch", kind="ceiling"),
)
METRICS = (
  Metric(name="spectral_convergence", definition="of magnitudes & more"),
  Metric(name="rms_cosine", better="higher", definition="of envelopes"),
  Metric(name="f0_cents", unit="cents", definition="of fundamentals"),
)
# Sound by sound: the first three rows' spectral convergence, and a pick.
SCORES = ((0.30, 0.50, 0.9, "median"), (0.12, 0.10, 1.1, "best"), (0.75, 0.40, 0.8, "worst"))


def tone(hz, seconds=1.0):
  time = np.arange(int(seconds * SETTINGS.sample_rate)) / SETTINGS.sample_rate
  return (0.5 * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def sections(folder: Path) -> list[Section]:
  """In-domain sounds with all rows, and a sound from outside without pictures."""
  inside = [_sound(folder, i) for i in range(3)]
  picture = Path("error per control.png")
  figures.error_per_control({"model": {"cutoff": 0.1}, "mean": {"cutoff": 0.2}}, folder / picture)
  first = Section(
    title="In domain",
    description="Sounds of <the> test split.",
    rows=ROWS,
    metrics=METRICS,
    summaries={row.name: _summaries(inside, row) for row in ROWS},
    sounds=inside,
    figures=[("Error per control", picture)],
  )
  outside = dataclasses.replace(inside[0], name="vowel", note="C3", pictures={}, picks=())
  second = dataclasses.replace(
    first, title="Out of domain", rows=ROWS[:2], sounds=[outside], figures=()
  )
  return [first, second]


def _sound(folder: Path, i: int) -> Sound:
  place = Path(f"sounds/{i} #%?'")  # A name that an address must quote.
  (folder / place).mkdir(parents=True)
  audio, pictures = {}, {}
  for k, name in enumerate((TARGET, *(row.name for row in ROWS))):
    sound = tone(220 * (i + 1) + 30 * k)
    audio[name] = place / f"{name}.mp3"
    io.save(folder / audio[name], sound, SETTINGS.sample_rate)
    pictures[name] = place / f"{name}.png"
    mel = log_mel(sound, SETTINGS)
    spectrograms.alone(mel, SETTINGS, folder / pictures[name], top_db=float(mel.max()))
  *scores, pick = SCORES[i]
  return Sound(
    name=f"sound {10 - i}" if i else HOSTILE,
    note=f"C{i + 3}",
    facts={"licence": f"CC0 <{i}>"},
    scores={
      row.name: {
        "spectral_convergence": score,
        "rms_cosine": 1 - score / 10,
        "f0_cents": None if i == 1 else 1234.5678 * score,
      }
      for row, score in zip(ROWS, (*scores, 1.2e-5), strict=True)
    },
    audio=audio,
    pictures=pictures,
    picks=(pick,),
  )


def _summaries(sounds, row):
  found = {}
  for metric in METRICS:
    values = [s.scores[row.name][metric.name] for s in sounds]
    known = [v for v in values if v is not None]
    found[metric.name] = {
      "mean": float(np.mean(known)),
      "median": float(np.median(known)),
      "low": min(known),
      "high": max(known),
      "count": len(known),
    }
  if row.name == "mean":
    found["f0_cents"] = dict.fromkeys(("mean", "median", "low", "high")) | {"count": 0}
  return found


def heard(page, times):
  """Waits until that many sounds have begun to play; what they were."""
  page.wait_for_function("n => sounded.length >= n", arg=times, timeout=5000)
  files = page.evaluate("sounded.map(decodeURIComponent)")
  return ["/".join(file.split("/")[-2:]) for file in files]
