"""What is said of the released model's answers, and whether it is true.

    python -m study.reach [--matches=60] [--presets=FOLDER] [--sounds=FOLDER] [--search=0]
    python -m study.reach --answers=500
    python -m study.reach --reference

The first matches sounds of the synth itself as files, patches of another seed than the training's
and presets for Vital by people, and sounds from outside. What is said of each answer goes to
study/logs/reach.jsonl, to which the same command adds what is missing, and from there into the
table of docs/matching.md (`study.report`). The second counts how often the pitch of oscillator 2 is
off by more than a semitone if the model hears the mel spectrogram, as in `eval`. The third measures
the released model's test sounds again, drawn anew from its recipe, by what answers are judged by.
"""

import argparse
import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import stats

from study.runs import LOGS
from synthmatch_jax import exported, files
from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.mel import log_mel
from synthmatch_jax.audio.onset import hold_seconds
from synthmatch_jax.data.example import Example
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.data.sound_folder import load
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.generation.record import draw
from synthmatch_jax.matching import ensemble
from synthmatch_jax.matching.confidence import ASPECTS
from synthmatch_jax.matching.ensemble import Model
from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.metrics.suite import SOUND_METRICS
from synthmatch_jax.reports.tables import join
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.spaces.space import SILENT_CONTROL
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import engine, play
from synthmatch_jax.synths.pool import Pool

LOG = LOGS / "reach.jsonl"
GROUPS = {
  "own": "patches of its prior",
  "presets": "presets by people",
  "sounds": "sounds from outside",
}
_SEED = 777  # No data set has it.
_SOUNDING_DB = -40.0
_BLOCK = 441
_FEWEST = 20

# What agrees with a verdict if it is true: metrics that it does not rest on.
_OTHERS = {"pitch": "f0_cents", "timbre": "wmfcc", "envelope": "loudness_pattern"}

Named = tuple[str, Any]


def sound(
  recipe: Recipe, index: int, host: Host
) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " n"]]:
  """Returns the controls and the samples of a record: its first draw that is loud enough."""
  attempt = 1
  while True:
    example = draw(recipe, index, attempt)
    audio = host.call(play, recipe, example)
    if loudness_db(audio, recipe.mel.sample_rate) >= recipe.threshold_db:
      return example.controls, audio
    attempt += 1


def own(recipe: Recipe, host: Host, count: int) -> Iterator[Named]:
  """Draws patches of another seed."""
  other = dataclasses.replace(recipe, seed=_SEED)
  for index in range(count):
    yield f"patch {index}", sound(other, index, host)[1]


def presets(recipe: Recipe, folder: Path) -> Iterator[Named]:
  """Plays presets for Vital as they are, all their modulations and effects included."""
  import vita

  note, seconds = recipe.note, recipe.seconds
  for path in sorted(folder.glob("*.vital")):
    synth = vita.Synth()
    synth.set_bpm(120.0)
    if not synth.load_preset(str(path)):
      raise ValueError(f"{path} cannot be loaded")
    yield path.stem, synth.render(note.pitch, 0.79, 2.0, seconds).mean(0)


def judge(matcher: Matcher, audio: Any, *, search: int) -> dict[str, Any]:
  """Matches a sound and returns what is said of the answer, and what was measured."""
  rate = matcher.recipe.mel.sample_rate
  recording = matcher.hear(audio, sample_rate=None if isinstance(audio, Path) else rate)
  if search:
    refinement = matcher.search(recording, budget=Budget(renders=search))
    for _ in refinement:
      pass
    found = refinement.match()
  else:
    found = matcher.answer(recording)
  said = found.best.confidence
  blocks = found.target[: found.target.size // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
  power = np.square(blocks, dtype=np.float64).mean(1)
  sounding = (power > power.max() * 10 ** (_SOUNDING_DB / 10)).sum() * _BLOCK / rate
  return {
    "kind": said.kind,
    "words": said.words,
    "aspects": {v.aspect: [v.kind, v.percentile, _short(v.value)] for v in said.aspects},
    "sounding_seconds": round(float(sounding), 2),
    "distances": {m: _short(d) for m, d in found.best.distances.items() if d == d},
  }


def _short(value: float | None) -> float | None:
  return None if value is None else float(f"{value:.4g}")


def lines() -> list[dict[str, Any]]:
  """Reads the log."""
  return [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []


def told() -> str:
  """Tabulates how often each verdict is given, and what agrees with it."""
  head = ["", "", "pitch", "timbre", "envelope", "out of reach"]
  head += [f"{aspect}, `{metric}`" for aspect, metric in _OTHERS.items()]
  table = [[*head, "worst, length", "`mss`, length"], ["---", "---", *["---:"] * 9]]
  every = lines()
  kinds = {(one["group"], one["search"]) for one in every}
  for group, search in sorted(kinds, key=lambda one: (list(GROUPS).index(one[0]), one[1])):
    found = [one for one in every if (one["group"], one["search"]) == (group, search)]
    judged = [one for one in found if one["aspects"]]
    length = [one["sounding_seconds"] for one in judged]
    worst = [max(one["aspects"][a][1] for a in ("timbre", "envelope")) for one in judged]
    table.append(
      [
        f"{len(found)} {GROUPS[group]}",
        f"{search} renders" if search else "not searched",
        *(_shares(one["aspects"][aspect.name][0] for one in judged) for aspect in ASPECTS),
        f"{100 * np.mean([one['kind'] == 'out_of_reach' for one in found]):.0f} %",
        *(_agreement(judged, aspect, metric) for aspect, metric in _OTHERS.items()),
        _rho(worst, length),
        _rho([one["distances"]["mss"] for one in judged], length),
      ]
    )
  return join(table)


def _shares(kinds: Iterator[str]) -> str:
  """Returns the shares of near, usual, and far or out of reach among what could be judged."""
  found = [kind for kind in kinds if kind != "none"]
  counts = [sum(k == kind for k in found) for kind in ("near", "usual")]
  return " / ".join(f"{100 * n / len(found):.0f}" for n in [*counts, len(found) - sum(counts)])


def _agreement(judged: Sequence[dict[str, Any]], aspect: str, metric: str) -> str:
  """Returns Spearman's rank correlation of what a verdict rests on and another metric."""
  pairs = [
    (abs(value) if percentile is None else percentile, one["distances"][metric])
    for one in judged
    for _, percentile, value in [one["aspects"][aspect]]
    if value is not None and metric in one["distances"]
  ]
  return _rho(*zip(*pairs, strict=True))


def _rho(one: Sequence[float], other: Sequence[float]) -> str:
  """Returns a rank correlation; nothing where chance would make it."""
  return f"{stats.spearmanr(one, other).statistic:.2f}" if len(one) >= _FEWEST else ""


def measure_again(model: Model, host: Host, *, count: int) -> None:
  """Measures the released model's first test sounds, and seals what was found beside it."""
  recipe, split = model.predictor.recipe, model.predictor.data.dataset["num_examples"]
  plan = Plan(seed=recipe.seed, num_examples=sum(split.values()), shard_size=recipe.shard_size)
  metrics = ("mss", *(aspect.metric for aspect in ASPECTS if aspect.metric))
  found: dict[str, list[float]] = {name: [] for name in (*metrics, exported.HELD)}
  for index in plan.indices("test", 0, count):
    _, target = sound(recipe, int(index), host)
    (controls,) = model.predictor.predict(log_mel(target, recipe.mel)[None])
    answer = host.call(play, recipe, Example(controls=controls, note=recipe.note))
    found[exported.HELD].append(hold_seconds(target, recipe.mel.sample_rate))
    for name in metrics:
      found[name].append(SOUND_METRICS[name](target, answer))
  path = model.folder / exported.PER_SOUND
  with np.load(path) as arrays:
    kept = dict(arrays)
  off = np.abs(kept["model/mss"][:count] - found.pop("mss"))
  print(f"mss differs from the evaluation by {np.median(off):.4f} dB, at most {off.max():.4f}")
  kept |= {n if n == exported.HELD else f"model/{n}": np.array(v) for n, v in found.items()}
  with files.writing(path) as partial, partial.open("wb") as file:
    np.savez_compressed(file, allow_pickle=False, **kept)
  exported.seal(model.folder)


def oscillators(model: Model, host: Host, *, count: int) -> None:
  """Counts the answers in which the pitch of oscillator 2 is off."""
  recipe = dataclasses.replace(model.predictor.recipe, seed=model.predictor.recipe.seed + 1)
  drawn = [sound(recipe, index, host) for index in range(count)]
  true = np.stack([controls for controls, _ in drawn])
  answers = model.predictor.predict(np.stack([log_mel(audio, recipe.mel) for _, audio in drawn]))
  level = true[:, recipe.space.names.index("osc2_amp")]  # Gain is its square.
  pitch = [
    np.array([recipe.space.decode(row)["osc2_pitch"] for row in rows]) for rows in (true, answers)
  ]
  off = np.abs(pitch[1] - pitch[0]) > 1
  for what, least in {"is not silent": SILENT_CONTROL, "is above -20 dB": 10**-0.5}.items():
    heard = level > least
    print(
      f"oscillator 2 {what} in {heard.sum()} of {len(heard)}; in {off[heard].sum()} of these"
      f" ({100 * off[heard].mean():.0f} %) its pitch is off by more than a semitone"
    )


def main() -> None:
  """Matches, writes the log and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--matches", type=int, default=60, help="number of patches")
  parser.add_argument("--presets", type=Path, help="folder of presets for Vital")
  parser.add_argument("--sounds", type=Path, help="folder of sounds")
  parser.add_argument("--search", type=int, default=0, help="search for what is far without it")
  parser.add_argument("--limit", type=int, help="most sounds of each group to search for")
  parser.add_argument("--answers", type=int, default=0, help="count their oscillators instead")
  parser.add_argument("--reference", action="store_true", help="measure the test sounds instead")
  options = parser.parse_args()
  (model,) = ensemble.load([])
  recipe = model.predictor.recipe
  with Pool(engine(recipe), size=2) as pool, pool.lend() as host:
    if options.answers:
      return oscillators(model, host, count=options.answers)
    if options.reference:
      return measure_again(model, host, count=1_000)
    groups: dict[str, Callable[[], Iterator[Named]]] = {
      "own": lambda: own(recipe, host, options.matches)
    }
    if options.presets:
      groups["presets"] = lambda: presets(recipe, options.presets)
    if options.sounds:
      groups["sounds"] = lambda: ((one.name, one.path) for one in load(options.sounds))
    matcher = Matcher([model], pool)  # With an engine of its own.
    known = {(one["group"], one["search"], one["name"]): one["kind"] for one in lines()}
    for group, named in groups.items():
      wanted = (
        one for one in named() if not options.search or known.get((group, 0, one[0])) == "far"
      )
      for name, audio in itertools.islice(wanted, options.limit):
        key = group, options.search, name
        if key in known:
          continue
        said = dict(zip(("group", "search", "name"), key, strict=True))
        said |= judge(matcher, audio, search=options.search)
        with LOG.open("a") as file:
          file.write(json.dumps(said) + "\n")
  print(told())
  return None


if __name__ == "__main__":
  main()
