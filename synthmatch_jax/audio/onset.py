"""Finds the note in a recording and how long it was held, and cuts it out."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from synthmatch_jax.audio.floor import runs
from synthmatch_jax.audio.pitch import heard_pitch

_WINDOW_SECONDS = 0.01  # The envelope's window: over two periods of C4.
_HOLD_WINDOW_SECONDS = 0.03  # The same for a hold: two periods of the lowest note that is heard.
_THRESHOLD = 0.01  # -40 dB of the loudest window: under a soft attack.
_RESIDUE = 0.125  # -9 dB of the noise: what its removal leaves in the frames of an attack.
_MIN_SECONDS = 0.05  # A click fills one window; a sound that counts stays longer.
_PRE_ROLL_SECONDS = 0.005  # The part of an attack that lies under the threshold.
_GAP_SECONDS = 0.05  # Shorter gaps are the waveform's own: a period of A0 is 36 ms.
_FALL = 0.1  # -20 dB of the loudest window: there a sound is over to the ear, its reverb as well.
_STEEPER = 2.0  # Times: the fall behind a release over that before it.
_RELEASE_DB = 6.0  # The least fall behind a release, before the sound is over.
_BENT = 0.25  # The squared error of two lines over that of one, for a level that is bent.
_SHORT_SECONDS = 0.25  # A count-in's beeps are shorter, and so is a thump.
_PAUSE_SECONDS = 0.5  # A gate, a tremolo, an echo come back sooner.
_SOFT = 0.2  # -14 dB of the loudest window: breath and bow are softer than their note.
_OVER = 0.1  # -10 dB of its own loudest window: there a breath is over.
_BREATH_SECONDS = 0.2  # The noise of an attack and a consonant are shorter than a breath.


@dataclass(frozen=True, kw_only=True)
class Event:
  """A stretch of a recording that sounds, between gaps of 50 ms at least.

  Attributes:
    start: Its first sample; that of its first 50 ms without a gap, if it has such.
    end: The sample behind its last one.
    peak: The power of its loudest window.
    seconds: The time from its start until it has fallen by 20 dB for good.
    lasting: Whether it is more than a click.
  """

  start: int
  end: int
  peak: float
  seconds: float
  lasting: bool


@dataclass(frozen=True, kw_only=True)
class Place:
  """The place of the note in a recording.

  Attributes:
    start_seconds: The time 5 ms before the level says that it begins; 0 for silence.
    end_seconds: The time from which it can no longer be heard; 0 for silence.
    passed_over: Whether something else than a click sounds before it.
  """

  start_seconds: float
  end_seconds: float
  passed_over: bool


def find_note(
  audio: Float[np.ndarray, " n"], sample_rate: int, *, noise_db: float | None = None
) -> Place:
  """Finds the note of a recording.

  What rises above -40 dB of the maximum is an event. The note is the first event that is not much
  shorter than what follows: not a click, nor a beep of a count-in or a thump, which are shorter
  than 0.25 s and than half of the longest event. Noise before a note that has a pitch is breath if
  it is 14 dB softer, longer than 0.2 s, and over before the note begins. Where noise was taken
  away, the note begins above -9 dB of it: some is left up to 30 ms before an attack. The note ends
  with its event, or with a later one that comes within 0.5 s and is half as long (0.125 s for a
  long note), as an echo or the next beat of a tremolo. A click that is alone is the sound.

  Args:
    audio: A mono sound without noise and offset (see `floor`).
    sample_rate: The sample rate, in Hz.
    noise_db: The level of the noise that was taken away, in dB of full scale.
  """
  power = _power(audio, sample_rate)
  found = _events(power, sample_rate)
  if not found:
    return Place(start_seconds=0.0, end_seconds=0.0, passed_over=False)
  lasting = [event for event in found if event.lasting] or found[:1]
  loudest = max(event.peak for event in lasting)
  longest = max(e.seconds for e in lasting if e.peak >= _FALL**2 * loudest)
  least = min(_SHORT_SECONDS, longest / 2)
  number = next(i for i, event in enumerate(lasting) if event.seconds >= least)
  note = lasting[number]
  start, end = note.start, note.end
  for event in lasting[number + 1 :]:
    if event.start - end > _PAUSE_SECONDS * sample_rate:
      break
    if event.seconds >= min(_SHORT_SECONDS, note.seconds) / 2:
      end = event.end
  start = _behind_breath(audio, power, (start, end), sample_rate)
  passed_over = start > lasting[0].start
  if noise_db is not None:
    start += int((power[start:end] > _RESIDUE * 10 ** (noise_db / 10)).argmax())
  return Place(
    start_seconds=max(0, start - round(_PRE_ROLL_SECONDS * sample_rate)) / sample_rate,
    end_seconds=end / sample_rate,
    passed_over=passed_over,
  )


def cut(
  audio: Float[np.ndarray, " n"], start_seconds: float, *, sample_rate: int, seconds: float
) -> Float[np.ndarray, " m"]:
  """Cuts out a part of a sound, float32; it is zero before the sound's start and after its end."""
  length, start = round(seconds * sample_rate), round(start_seconds * sample_rate)
  lead = min(length, max(0, -start))
  clip = audio[max(0, start) : max(0, start + length)].astype(np.float32)
  return np.pad(clip, (lead, length - lead - clip.size))


def hold_seconds(audio: Float[np.ndarray, " n"], sample_rate: int) -> float:
  """Measures the time from the first sample until the key was let go.

  That is where the sound bends down (see `_bend`) on its way to -20 dB of its loudest window. Where
  it does not, as when it dies away by itself, it is the time until it has fallen by 20 dB for good:
  to hold the key on would have made little difference. Of sounds whose hold is known, 9 of 10 are
  told within 0.2 s (`python -m study.ears`).

  Args:
    audio: A mono sound, from its onset on.
    sample_rate: The sample rate, in Hz.

  Returns:
    The time in seconds: at least 0.05, at most the length of the audio, which silence gets.
  """
  window = max(1, round(_HOLD_WINDOW_SECONDS * sample_rate))
  total = np.concatenate([[0.0], np.cumsum(audio.astype(np.float64) ** 2)])

  def energy(hop: int) -> np.ndarray:
    """Returns the energy of each window."""
    starts = np.arange(0, max(1, audio.size - window + 1), hop)
    return total[np.minimum(starts + window, audio.size)] - total[starts]

  hop, step = max(1, window // 6), max(1, window // 3)
  power = energy(hop)
  first, last = int(power.argmax()), int(np.flatnonzero(power >= _FALL**2 * power.max())[-1])
  falling = power[first : last + 1] / max(power[first], np.finfo(np.float64).tiny)
  bend = _bend(10 * np.log10(np.maximum(falling, _THRESHOLD**2)))
  if bend is not None:
    held = (first + bend) * hop + window / 2
  else:
    power = energy(step)
    last = int(np.flatnonzero(power >= _FALL**2 * power.max())[-1])
    held = audio.size if last == power.size - 1 else last * step + window / 2
  return max(_MIN_SECONDS, float(held) / sample_rate)


def _bend(level: Float[np.ndarray, " t"]) -> float | None:
  """Finds where a level, in dB, bends down: two lines fit it far better than one does.

  The second line is twice as steep as the first, at least, and falls by 6 dB.

  Returns:
    The place at which both lines cross; None if the level does not bend so.
  """
  size, margin = level.size, 3
  if size < 4 * margin:
    return None
  time = np.arange(size)
  terms = np.stack([np.ones(size), time, time**2, level, time * level, level**2])
  total = np.pad(np.cumsum(terms, axis=1), ((0, 0), (1, 0)))

  def fit(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Returns the squared error, the slope and the offset of the line through each stretch."""
    count, t, tt, x, tx, xx = total[:, ends] - total[:, starts]
    slope = (count * tx - t * x) / (count * tt - t * t)
    offset = (x - slope * t) / count
    return np.stack([xx - offset * x - slope * tx, slope, offset])

  places = np.arange(margin, size - margin)
  before, behind = fit(0 * places, places), fit(places, 0 * places + size)
  best = int((before[0] + behind[0]).argmin())
  error, slope, offset = np.stack([before[:, best], behind[:, best]], axis=1)
  fallen = level[places[best]] - level[-1] > _RELEASE_DB
  (straight,), *_ = fit(np.array([0]), np.array([size]))
  if not fallen or slope[1] > min(_STEEPER * slope[0], 0) or error.sum() > _BENT * straight:
    return None
  return float(np.clip((offset[0] - offset[1]) / (slope[1] - slope[0]), 0, size))


def _events(power: Float[np.ndarray, " n"], sample_rate: int) -> list[Event]:
  """Finds all events, in the order of time."""
  loud = runs(power > _THRESHOLD**2 * power.max(initial=0))
  if not len(loud):
    return []
  apart = np.flatnonzero(loud[1:, 0] - loud[:-1, 1] >= _GAP_SECONDS * sample_rate) + 1
  events = []
  for group in np.split(loud, apart):
    long = group[group[:, 1] - group[:, 0] >= _MIN_SECONDS * sample_rate]
    start, end = int((long if len(long) else group)[0, 0]), int(group[-1, 1])
    peak = float(power[start:end].max())
    fallen = np.flatnonzero(power[start:end] >= _FALL**2 * peak)[-1] / sample_rate
    events.append(
      Event(start=start, end=end, peak=peak, seconds=float(fallen), lasting=len(long) > 0)
    )
  return events


def _behind_breath(
  audio: np.ndarray, power: np.ndarray, note: tuple[int, int], sample_rate: int
) -> int:
  """Returns the first sample of a note without the breath that was drawn before it."""
  start, end = note
  loud = runs(power[start:] > _SOFT**2 * power[start:].max())
  loud = loud[loud[:, 1] - loud[:, 0] >= _MIN_SECONDS * sample_rate]
  if not len(loud) or loud[0, 0] < _BREATH_SECONDS * sample_rate:
    return start
  first = start + int(loud[0, 0])
  lead = power[start:first]
  # A breath is over before its note; the noise of a bow or a flute grows into it.
  over = np.flatnonzero(lead <= _OVER * np.maximum.accumulate(lead))
  before, behind = audio[start : first - round(_GAP_SECONDS * sample_rate)], audio[first:end]
  if not over.size or heard_pitch(before, sample_rate) or not heard_pitch(behind, sample_rate):
    return start
  return start + int(over[-1]) + 1


def _power(audio: np.ndarray, sample_rate: int) -> np.ndarray:
  """Computes the mean square of the window that ends at each sample."""
  window = round(_WINDOW_SECONDS * sample_rate)
  total = np.concatenate([np.zeros(window), np.cumsum(np.square(audio, dtype=np.float64))])
  return (total[window:] - total[:-window]) / window if audio.size else np.zeros(0)
