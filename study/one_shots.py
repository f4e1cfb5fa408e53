"""How the list of one-shots was chosen from sample packages, and what is in it.

    python -m study.one_shots choose synthmatch_jax/generation/ood/one_shots.json
    python -m study.one_shots describe one_shots

The first command writes the list without hashes; `python -m synthmatch_jax.ood --out=one_shots
--list=one_shots --record=FILE` adds them. No synth and no model has a part in the choice.
"""

import argparse
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import soxr
from jaxtyping import Float

from synthmatch_jax import files
from synthmatch_jax.audio import io
from synthmatch_jax.audio.hearing import Heard, hear
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.data import sound_folder
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.ood import benchmark
from synthmatch_jax.generation.ood.sources import SAMPLE_RATE, SECONDS, SOURCES, Samples
from synthmatch_jax.reports.tables import join

_FAMILIES = {
  "lmms": {
    "basses/": "bass",
    "instruments/": "instrument",
    "stringsnpads/": "pad",
    "drums/": "drum",
    "effects/": "effect",
    "misc/": "effect",
  },
  "sonic_pi": {
    "bass_": "bass",
    "guit_": "instrument",
    "ambi_": "pad",
    "bd_": "drum",
    "sn_": "drum",
    "drum_": "drum",
    "elec_": "percussion",
    "perc_": "percussion",
    "tabla_": "percussion",
    "glitch_": "effect",
    "mehackit_": "effect",
    "misc_": "effect",
    "vinyl_": "effect",
  },
}
"""Source -> beginning of a path -> family. What is not here are loops, riffs and single cycles."""

_EACH = 36  # The most sounds of a family,
_OF_GROUP = 8  # and those of one group in it.
_LONGEST = 2 * SECONDS  # What lasts longer is a passage, of which 4 s would be a fragment.
_ALIKE = 0.85  # The correlation above which a sound is another one again, at the best lag.
_COPYRIGHT = Path("/usr/share/doc/sonic-pi-samples/copyright")
_KEY = re.compile(r"^(?:bass|guit|glitch_bass)_(?:\w+_)?([a-g])(?:_|$)")


@dataclass(frozen=True, kw_only=True)
class Candidate:
  """A sound of a package that may be in the list.

  Attributes:
    source: The name of its source.
    path: The file in the source's folder.
    family: Its family.
    licence: Its licence, as Debian's copyright file has it.
    credit: Who holds the rights, and where the sound comes from.
    group: The sounds that may be of one instrument: those of a maker, or else of the first word
      of their names.
    audio: The sound at `SAMPLE_RATE`, cut as the benchmark cuts it.
  """

  source: str
  path: str
  family: str
  licence: str
  credit: str
  group: str
  audio: Float[np.ndarray, " n"]

  @property
  def stem(self) -> str:
    """The name of the file, without what a shell would stumble over."""
    return re.sub(r"\W", "", Path(self.path).stem)

  @property
  def order(self) -> str:
    """What the sound is drawn by: a hash, so that no taste comes in."""
    return _hash(f"{self.source}/{self.path}")


def candidates() -> Iterator[Candidate]:
  """Yields the one-shots of all packages that can be read, and are neither silent nor too long."""
  makers = _makers(_COPYRIGHT.read_text())
  for source, families in _FAMILIES.items():
    package = SOURCES[source]
    assert isinstance(package, Samples)
    for path in sorted(p for p in package.folder.rglob("*") if p.is_file()):
      name = path.relative_to(package.folder).as_posix()
      family = next((f for begin, f in families.items() if name.startswith(begin)), None)
      if family is None:
        continue
      try:
        audio = io.load(path, sample_rate=SAMPLE_RATE, max_seconds=_LONGEST)
      except UserError as error:
        print(f"left out: {error}")
        continue
      if source == "lmms":
        licence, credit = "GPL-2+", "the authors of LMMS"
        group = re.split(r"[_\d!]", path.stem)[0]
      else:
        licence, credit = makers.get(path.name, makers["*"])
        group = re.sub(r"^[\d, -]+", "", credit).partition(",")[0]
      yield Candidate(
        source=source,
        path=name,
        family=family,
        licence=licence,
        credit=credit,
        group=f"{source}/{group}",
        audio=audio[: round(SECONDS * SAMPLE_RATE)],
      )


def unlike(sounds: Iterable[Candidate]) -> list[Candidate]:
  """Leaves out those that are another one again, be it louder or later."""
  kept: list[Candidate] = []
  spectra: list[np.ndarray] = []
  size = 1 << int(np.ceil(np.log2(2 * SECONDS * 11_025)))
  for sound in sounds:
    audio = soxr.resample(sound.audio, SAMPLE_RATE, 11_025)
    spectrum = np.fft.rfft(audio / np.sqrt(np.square(audio).sum()), size)
    alike = [np.abs(np.fft.irfft(spectrum * other.conj())).max() > _ALIKE for other in spectra]
    if any(alike):
      print(f"left out: {sound.path} is {kept[alike.index(True)].path} again")
      continue
    kept.append(sound)
    spectra.append(spectrum)
  return kept


def drawn(sounds: Iterable[Candidate]) -> list[Candidate]:
  """Draws the sounds of each family: one of every group, then the second of each, and so on."""
  seen: Counter[tuple[str, str]] = Counter()
  turns: list[list[Candidate]] = [[] for _ in range(_OF_GROUP)]
  for sound in sorted(sounds, key=lambda s: s.order):
    turn = seen[sound.family, sound.group]
    seen[sound.family, sound.group] += 1
    if turn < _OF_GROUP:
      turns[turn].append(sound)
  taken: Counter[str] = Counter()
  found = []
  for sound in chain.from_iterable(turns):
    taken[sound.family] += 1
    if taken[sound.family] <= _EACH:
      found.append(sound)
  return found


def halved(sounds: Iterable[Candidate]) -> dict[str, str]:
  """Halves the groups, the largest first, so that each family is halved as evenly as can be.

  Returns:
    Group -> "choosing" or "judging".
  """
  groups: dict[str, Counter[str]] = {}
  for sound in sounds:
    groups.setdefault(sound.group, Counter())[sound.family] += 1
  more: Counter[str] = Counter()  # Family -> how many more are for choosing than for judging.
  found = {}
  for group in sorted(groups, key=lambda g: (-groups[g].total(), _hash(g))):
    lean = sum(more[family] * count for family, count in groups[group].items())
    # At a tie the hash decides.
    sign = -np.sign(lean) or (1 if int(_hash(group)[0], 16) % 2 else -1)
    found[group] = "choosing" if sign > 0 else "judging"
    for family, count in groups[group].items():
      more[family] += int(sign) * count
  return found


def choose() -> dict[str, object]:
  """Returns the list without the hashes of its sounds."""
  chosen = drawn(unlike(candidates()))
  halves = halved(chosen)
  sounds = []
  for sound in chosen:
    named = _KEY.match(sound.stem)
    pitch = _heard(sound.audio).pitch
    sounds.append(
      {
        "name": f"{sound.family}/{sound.stem}",
        "family": sound.family,
        "half": halves[sound.group],
        "group": sound.group,
        "source": sound.source,
        "path": sound.path,
        "licence": sound.licence,
        "credit": sound.credit,
        "named_note": named[1].upper() if named else None,
        "heard_midi": round(pitch.midi, 2) if pitch else None,
      }
    )
  assert len({s["name"] for s in sounds}) == len(sounds)
  versions = {source: SOURCES[source].version() for source in _FAMILIES}
  return {"versions": versions, "sounds": sorted(sounds, key=lambda s: s["name"])}


def described(folder: Path) -> str:
  """Tabulates what is heard in the sounds of a built list, by family."""
  lines = [["family", "sounds", "judging", "groups", "with a pitch", "MIDI", "held (s)", "LUFS"]]
  lines.append(["---", *["---:"] * (len(lines[0]) - 1)])
  found = sound_folder.load(folder)
  groups = {e["name"]: e["group"] for e in benchmark.listed("one_shots")["sounds"]}
  for family in [*dict.fromkeys(sound.family for sound in found), ""]:
    some = [sound for sound in found if family in ("", sound.family)]
    audio = [io.load(sound.path, sample_rate=SAMPLE_RATE) for sound in some]
    heard = [_heard(a) for a in audio]
    midi = [h.pitch.midi for h in heard if h.pitch]
    lines.append(
      [
        family or "all",
        str(len(some)),
        str(sum(sound.half == "judging" for sound in some)),
        str(len({groups[sound.name] for sound in some})),
        str(len(midi)),
        _spread(midi, "{:.0f}"),
        _spread([h.hold_seconds for h in heard], "{:.2f}"),
        _spread([loudness_db(a, SAMPLE_RATE) for a in audio], "{:.0f}"),
      ]
    )
  return join(lines)


def _heard(audio: Float[np.ndarray, " n"]) -> Heard:
  return hear(audio, source="the sound", sample_rate=SAMPLE_RATE, seconds=SECONDS).heard


def _spread(values: Iterable[float], form: str) -> str:
  """Returns the median, and between which values nine of ten lie."""
  low, middle, high = (form.format(v) for v in np.percentile([*values], (5, 50, 95)))
  return f"{middle} ({low} to {high})"


def _makers(text: str) -> dict[str, tuple[str, str]]:
  """Returns file name -> licence and credit from a copyright file; "*" is all others."""
  found = {}
  for block in text.split("\n\n"):
    fields = dict(re.findall(r"^(Files|Copyright|Source|License): *(\S.*)$", block, re.MULTILINE))
    if re.match(r"\*$|etc/samples/", fields.get("Files", "")):
      whole = [fields["Copyright"], fields.get("Source", "")]
      credit = re.sub(r" <\S+>", "", ", ".join(filter(None, whole)))
      found[Path(fields["Files"]).name] = fields["License"], credit
  return found


def _hash(text: str) -> str:
  return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
  """Chooses or describes."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("task", choices=("choose", "describe"))
  parser.add_argument("path", type=Path, help="file of the list, or folder of its sounds")
  options = parser.parse_args()
  if options.task == "choose":
    files.write_json(options.path, choose(), indent=1)
  else:
    print(described(options.path))


if __name__ == "__main__":
  main()
