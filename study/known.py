"""Sounds whose note is known, and what recordings do to them: the material of `study.ears`.

The notes are spread evenly over the registers of a piano. Three synths play them, none of which is
told apart by its pitch alone: sampled instruments (General MIDI, fluidsynth), as far as each plays;
FM voices of the DX7 whose operators are all multiples of the first one, so that its frequency is
the pitch; and patches of Vital from the prior of presets, where one pitch can be heard.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile as sf
from jaxtyping import Float
from tqdm import tqdm

from synthmatch_jax import files
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.note import Note
from synthmatch_jax.generation.ood.sources import Dx7, GeneralMidi
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.dx7 import OPERATORS
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.synths.registry import Engine

RATE = 44_100
Player = Callable[[Note, np.random.Generator], Float[np.ndarray, " n"]]
LOWEST, HIGHEST = 21, 108  # A0 and C8.
REGISTERS = {
  "A0 to B1": (21, 35),
  "C2 to B3": (36, 59),
  "C4 to B5": (60, 83),
  "C6 to B6": (84, 95),
  "C7 to C8": (96, 108),
}
"""Name of a register -> its lowest and its highest MIDI note number."""

CONDITIONS = ("clean", "40 dB", "30 dB", "20 dB", "10 dB", "offset", "quiet start")
"""Signal-to-noise ratios, over the loudest 50 ms of the note, and what else befalls a recording."""

_GENERAL_MIDI, _DX7 = GeneralMidi(), Dx7()
_WINDOW = 1_323  # 30 ms.
_LOUDEST = 2_205  # 50 ms.
_LEAST_DB = -50.0  # LUFS; what is softer is hardly heard.
_INSTRUMENTS = {
  "piano": (0, 21, 108),
  "electric piano": (4, 28, 103),
  "harpsichord": (6, 29, 89),
  "celesta": (8, 60, 108),
  "vibraphone": (11, 53, 89),
  "marimba": (12, 45, 96),
  "organ, reeds": (20, 36, 96),
  "nylon guitar": (24, 40, 88),
  "steel guitar": (25, 40, 88),
  "fingered bass": (33, 23, 60),
  "synth bass": (38, 21, 60),
  "violin": (40, 55, 103),
  "cello": (42, 36, 76),
  "contrabass": (43, 24, 55),
  "harp": (46, 24, 103),
  "strings": (48, 28, 96),
  "choir": (52, 48, 79),
  "trumpet": (56, 54, 86),
  "tuba": (58, 24, 60),
  "horn": (60, 35, 77),
  "tenor sax": (66, 44, 76),
  "oboe": (68, 58, 91),
  "bassoon": (70, 34, 72),
  "clarinet": (71, 50, 91),
  "piccolo": (72, 74, 108),
  "flute": (73, 60, 96),
  "square lead": (80, 21, 108),
  "saw lead": (81, 21, 108),
}
"""Name -> the program of General MIDI, counted from 0, and its lowest and highest note."""


@dataclass(frozen=True, kw_only=True)
class Known:
  """A sound whose note is known.

  Attributes:
    name: The name of its file: SYNTH-INDEX-MIDI-HOLD.
    audio: The samples from note-on, mono, at `RATE`.
    hold_seconds: The time for which its key is held, or until it has died away by 20 dB.
  """

  name: str
  audio: Float[np.ndarray, " n"]
  hold_seconds: float


def midi_of(name: str) -> int | None:
  """Returns the note of a sound, as its name tells it; None for noise."""
  family, _, midi, _ = name.split("-")
  return None if family == "noise" else int(midi)


def half(name: str) -> int:
  """Returns in which half a sound is: 0 is to choose by, 1 to judge by."""
  return int(name.split("-")[1]) % 2


def sounds(folder: Path, each: int) -> Iterator[Known]:
  """Yields so many sounds of each synth, in turn; those that the folder lacks are rendered.

  Raises:
    UserError: A synth is not installed.
  """
  folder.mkdir(parents=True, exist_ok=True)
  for index in tqdm(range(each), unit=f" x {len(_PLAYERS)} sounds"):
    for number, (family, player) in enumerate(_PLAYERS.items()):
      rng = np.random.default_rng([number, index])
      made = sorted(folder.glob(f"{family}-{index}-*.flac"))
      if not made:
        for source in (_GENERAL_MIDI, _DX7):
          source.version()  # It says what is not installed.
        # Golden ratio: any number of sounds is spread evenly over the keyboard.
        midi = LOWEST + int((index * 0.618034 + number / 3) % 1 * (HIGHEST - LOWEST + 1))
        hold = float(np.exp(rng.uniform(np.log(0.1), np.log(2.5))))
        note = Note(pitch=midi, velocity=int(rng.integers(70, 128)), hold_seconds=hold)
        audio = player(note, rng)
        path = folder / f"{family}-{index}-{midi}-{hold:.3f}.flac"
        with files.writing(path) as partial:
          sf.write(partial, 0.7 * audio / np.abs(audio).max(), RATE, format="FLAC")
        made = [path]
      yield _known(made[0])


def recorded(sound: Known, condition: str) -> tuple[Float[np.ndarray, " n"], float]:
  """Returns the sound as a recording of that condition, and the time at which it begins in it."""
  rng = np.random.default_rng([*sound.name.encode()])
  lead, tail = (round(seconds * RATE) for seconds in rng.uniform(0.2, 1.0, 2))
  audio = np.pad(sound.audio, (lead, tail))
  if condition == "offset":
    audio = audio + rng.choice([-1, 1]) * rng.uniform(0.02, 0.3)
  elif condition == "quiet start":
    rise = np.minimum(0, np.arange(sound.audio.size) / RATE / 0.3 - 1)
    audio[lead : lead + sound.audio.size] *= 10 ** (40 * rise / 20)
  elif condition != "clean":
    noise = _noise(rng.choice(["white", "pink", "hum"]), audio.size, rng)
    blocks = audio[: audio.size // _LOUDEST * _LOUDEST].reshape(-1, _LOUDEST)
    loudest = np.sqrt(np.square(blocks).mean(1).max())
    audio = audio + noise * loudest * 10 ** (-float(condition.split()[0]) / 20)
  return audio.astype(np.float32), lead / RATE


def _noise(kind: str, samples: int, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
  """Returns noise of a recorder with a power of 1: hiss, a room, or hum with three overtones."""
  if kind == "hum":
    phase = 2 * np.pi * rng.choice([50, 60]) * np.arange(samples) / RATE
    noise = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5))
  else:
    spectrum = np.fft.rfft(rng.normal(size=samples))
    slope = np.maximum(np.fft.rfftfreq(samples, 1 / RATE), 20) ** -0.5
    noise = np.fft.irfft(spectrum * (slope if kind == "pink" else 1), samples)
  return np.asarray(noise / np.sqrt(np.square(noise).mean()))


def _known(path: Path) -> Known:
  audio = sf.read(path)[0]
  held = audio[: round(float(path.stem.split("-")[3]) * RATE)]
  power = np.convolve(np.square(held), np.ones(_WINDOW), "same")
  last = int(np.flatnonzero(power >= 0.01 * power.max())[-1])
  return Known(name=path.stem, audio=audio, hold_seconds=(last + 1) / RATE)


def _seconds(note: Note) -> float:
  return note.hold_seconds + 1.0


def _general_midi(note: Note, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
  """Draws until an instrument plays the note."""
  able = [p for p, low, high in _INSTRUMENTS.values() if low <= note.pitch <= high]
  while True:
    audio = _GENERAL_MIDI.play(int(rng.choice(able)), note, seconds=_seconds(note))
    if _sounds_at(note, audio):
      return audio


def _unpitched(note: Note, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
  """Draws a sound of nature of General MIDI, or noise of a band that swells and dies away."""
  if rng.random() < 0.5:
    program = int(rng.choice([119, 120, 121, 122, 126, 127]))  # From a cymbal to a gunshot.
    return _GENERAL_MIDI.play(program, note, seconds=_seconds(note))
  time = np.arange(round(_seconds(note) * RATE)) / RATE
  low = rng.uniform(20, 3_000)
  band = [low, min(20_000, low * rng.uniform(2, 50))]
  filtered = scipy.signal.butter(2, band, "band", fs=RATE, output="sos")
  rise, fall = np.exp(rng.uniform(np.log(0.002), np.log(0.5), 2))
  held = np.minimum(time / rise, 1) * np.exp(-np.maximum(time - note.hold_seconds, 0) / fall)
  return np.asarray(scipy.signal.sosfilt(filtered, rng.normal(size=time.size))) * held


def _dx7(note: Note, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
  """Draws until a voice can play the note."""
  while True:
    voice = int(rng.integers(128))
    ratio = _ratio(_DX7.patch(voice))
    key = note.pitch - 12 * np.log2(ratio) if ratio else np.inf
    if 12 <= key <= 120 and key == round(key):
      audio = _DX7.play(voice, replace(note, pitch=int(key)), seconds=_seconds(note))
      if _sounds_at(note, audio):
        return audio


def _ratio(patch: Patch) -> float:
  """Returns the pitch of a voice of the DX7 over that of its key; 0 where it has no single one.

  The first operator is heard in every algorithm. If all that are loud are at multiples of its
  frequency, so is every partial.
  """
  ratios = {op: float(patch[op + "coarse"]) * (1 + patch[op + "fine"] / 100) for op in OPERATORS}
  loud = [op for op in OPERATORS if patch[op + "level"] >= 50]
  first = OPERATORS[0]
  fixed = any(patch[op + "fixed"] for op in loud)
  bends = any(patch[f"pitch_eg_level{number}"] != 50 for number in range(1, 5))
  multiples = all(
    (r := ratios[op] / ratios[first]) >= 1 and abs(r - round(r)) < 1e-6 for op in loud
  )
  if fixed or bends or patch[first + "level"] < 90 or not multiples:
    return 0.0
  return ratios[first] * 2 ** (patch["transpose"] / 12)


def _sounds_at(note: Note, audio: Float[np.ndarray, " n"]) -> bool:
  """Tells whether a sound can be heard, and at its note, not an octave or a twelfth over it.

  Half of its energy is in partials of the note, 3 % in odd ones, 10 % in no multiples of three.
  """
  held = audio[: round((note.hold_seconds + 0.1) * RATE)]
  size = max(held.size, RATE)
  power = np.square(np.abs(np.fft.rfft(held * np.hanning(held.size), size)))
  hz, pitch = np.fft.rfftfreq(size, 1 / RATE), 440 * 2 ** ((note.pitch - 69) / 12)
  partial = np.round(hz / pitch)
  near = np.abs(hz - partial * pitch) < np.minimum(pitch / 4, 0.03 * partial * pitch + 8)
  harmonic = (partial > 0) & near
  total = power[harmonic].sum()
  least = {0.03: harmonic & (partial % 2 == 1), 0.1: harmonic & (partial % 3 != 0)}
  return (
    loudness_db(audio, RATE) > _LEAST_DB
    and total > power.sum() / 2
    and all(power[some].sum() > share * total for share, some in least.items())
  )


_engine = functools.cache(Engine(name="vital").make)


def _vital(note: Note, rng: np.random.Generator) -> Float[np.ndarray, " n"]:
  """Draws until a patch has one pitch, which is the note's: most of them have two, or noise."""
  synth = _engine()
  presets = prior.load("presets", synth.space)
  while True:
    patch = synth.space.decode(prior.sample(presets, synth.space, rng))
    first, second, noise = (patch[name] ** 2 for name in ("osc1_amp", "osc2_amp", "noise_amp"))
    octave = min(abs(patch["osc2_pitch"] - step) for step in (0, 12)) < 0.2
    if (second > first / 100 and not octave) or first < second / 4 or noise > first / 4:
      continue
    if patch["filter1_cut_prm_1"] > note.pitch:
      audio = synth.render(patch, note=note, seconds=_seconds(note), sample_rate=RATE)
      if _sounds_at(note, audio):
        return audio


_PLAYERS: dict[str, Player] = {
  "midi": _general_midi,
  "dx7": _dx7,
  "vital": _vital,
  "noise": _unpitched,
}
