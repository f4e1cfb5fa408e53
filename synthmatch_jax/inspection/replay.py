"""Renders records again and compares them with what is stored."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.pipeline import Dataset
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.generation.record import draw
from synthmatch_jax.inspection.check import Check
from synthmatch_jax.synths import farm
from synthmatch_jax.synths.base import RenderError, Synth
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import play
from synthmatch_jax.synths.registry import Engine

_KEYS = ("mel", "controls", "read_back", "index", "attempts", "level_db")
# Number of records that one engine renders before it is made anew, so that results do not depend
# on the number of workers.
_CHUNK = 8

# A sound rendered alone is not quite the one in a shard: Vital's depend on the sounds before them.
# Among 140 records of 4 s the worst deviation was -79 dB (vita 0.1.0; after others or on a new
# engine); three in four of 20 records deviated by more than -50 dB when one control moved by 0.01.
_TOLERANCE_DB = -60.0
# How much more two sounds may differ than the plugin was measured to differ from itself.
_MARGIN_DB = 6.0
_LEVEL_TOLERANCE_DB = 0.1  # The worst difference among the same records was 0.0001.
_READ_BACK_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Place:
  """The place of a record.

  Attributes:
    split: The split that it belongs to.
    position: The position in the split.
    index: The index according to the plan.
  """

  split: str
  position: int
  index: int


@dataclass(frozen=True, kw_only=True, eq=False)
class ReplayedSound:
  """A sound rendered again.

  Attributes:
    audio: The sound.
    mel: Its log-mel spectrogram.
    stored: The log-mel spectrogram of the record.
  """

  audio: Float[np.ndarray, " n"]
  mel: Float[np.ndarray, "t f"]
  stored: Float[np.ndarray, "t f"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Replay:
  """A record and the result of rendering it again.

  Attributes:
    place: The place of the record.
    attempts: The number of draws that it took, as stored.
    level_db: The loudness as stored, in LUFS.
    controls: The controls as stored.
    deviation_db: The difference of the spectrograms (see `deviation_db`); NaN if the engine failed.
    faults: The faults of the record, each a sentence.
    sound: The new sound; None if it is not kept or the engine failed.
  """

  place: Place
  attempts: int
  level_db: float
  controls: Float[np.ndarray, " d"]
  deviation_db: float
  faults: tuple[str, ...]
  sound: ReplayedSound | None


def replay(
  dataset: Dataset, places: Sequence[Place], *, keep: int, engine: Engine, workers: int
) -> list[Replay]:
  """Renders records again, from seed, index and attempt.

  Args:
    dataset: The data set of the records.
    places: The places of the records.
    keep: The number of records, from the first, whose sound is kept.
    engine: The engine that the data set was rendered with.
    workers: The number of sounds rendered at once.
  """
  kept, within_db = set(places[:keep]), tolerance_db(engine)

  def work(start: int, host: Host, tick: farm.Tick) -> tuple[int, list[Replay]]:
    def do(place: Place) -> Replay:
      return _replay(dataset, place, host, keep=place in kept, within_db=within_db)

    done: list[Replay] = []
    for one in host.steadily(do, places[start : start + _CHUNK]):
      done.append(one)
      tick()
    return start, done

  starts = range(0, len(places), _CHUNK)
  total, label = len(places), "rendering again"
  parts = dict(farm.run(work, starts, engine=engine, workers=workers, total=total, label=label))
  return [one for start in starts for one in parts[start]]


def check(replays: Sequence[Replay], engine: Engine | None) -> Check:
  """Checks that the records that were rendered again are as they should be."""
  if engine is None or not replays:
    return Check(name="sounds", finding="no record was rendered again", done=False)
  damages = [
    f"{one.place.split} record {one.place.index}: {fault}"
    for one in replays
    for fault in one.faults
  ]
  deviations = [one.deviation_db for one in replays if not math.isnan(one.deviation_db)]
  worst = max(deviations, default=math.nan)
  return Check(
    name="sounds",
    finding=f"{len(replays)} random records were rendered again and compared; the worst spectrogram"
    f" is {spoken(worst)} (up to {tolerance_db(engine):g} dB is due to the engine)",
    damages=tuple(damages),
  )


def tolerance_db(engine: Engine) -> float:
  """Returns the largest deviation of a spectrogram that the engine itself may cause, in dB."""
  if engine.repeatable_db is None:
    return _TOLERANCE_DB
  return max(_TOLERANCE_DB, engine.repeatable_db + _MARGIN_DB)


def deviation_db(stored: Float[np.ndarray, "t f"], mel: Float[np.ndarray, "t f"]) -> float:
  """Computes the largest difference of amplitude between two log-mel spectrograms.

  Amplitudes are compared since a bin is the length of a vector of weighted spectral lines: its
  change is at most the length of what was added to the sound, whether the bin is loud or quiet.

  Returns:
    The difference in dB relative to the first one's maximum; -inf where they are equal, NaN where
    one is not finite.
  """
  with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
    a, b = (10 ** (np.asarray(x, np.float64) / 20) for x in (stored, mel))
    ratio = float(np.abs(a - b).max() / a.max())
  return 20 * math.log10(ratio) if ratio else -math.inf


def spoken(deviation: float) -> str:
  """Returns a deviation in words."""
  if math.isnan(deviation):
    return "unknown"
  if deviation == -math.inf:
    return "equal to the last bit"
  return f"off by {deviation:.0f} dB"


def _replay(dataset: Dataset, place: Place, host: Host, *, keep: bool, within_db: float) -> Replay:
  recipe = dataset.recipe
  record = dataset.decode(dataset.sources[place.split][place.position], _KEYS)
  attempts = int(record["attempts"])
  # No draw has a number below 1; `record_checks` reports a record that has one.
  example = draw(recipe, place.index, max(1, attempts))
  drawn = np.array_equal(example.controls, record["controls"])
  faults = [] if drawn else ["its controls are not as drawn"]
  deviation, sound = math.nan, None
  try:
    audio, read_back = host.call(_render, recipe, example)
  except RenderError as error:
    faults.append(f"{recipe.engine} fails on it: {error}")
  else:
    mel = log_mel(audio, recipe.mel)
    deviation = deviation_db(record["mel"], mel)
    change_db = abs(loudness_db(audio, recipe.mel.sample_rate) - record["level_db"])
    if not deviation <= within_db:  # Also NaN.
      faults.append(f"its spectrogram is {spoken(deviation)}")
    if not change_db <= _LEVEL_TOLERANCE_DB:
      faults.append(f"its loudness is {change_db:.1f} dB off")
    if not np.allclose(read_back, record["read_back"], rtol=0, atol=_READ_BACK_TOLERANCE):
      faults.append("the engine reads back other controls")
    sound = ReplayedSound(audio=audio, mel=mel, stored=record["mel"]) if keep else None
  return Replay(
    place=place,
    attempts=attempts,
    level_db=float(record["level_db"]),
    controls=record["controls"],
    deviation_db=deviation,
    faults=tuple(faults),
    sound=sound,
  )


def _render(
  synth: Synth, recipe: Recipe, example: Example
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " d"]]:
  """Renders an example, in the engine's process, and reads back the controls that it has."""
  audio = play(synth, recipe, example)
  return audio, recipe.space.encode(synth.read_back())
