"""What docs/dexed.md says of the engine and of its prior, measured.

python -m study.dexed | tee study/logs/dexed.log
"""

import time
from collections.abc import Iterator

import numpy as np
from dexed import DexedSynth, algorithms
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.note import Note
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.generation.record import draw, make_record
from synthmatch_jax.spaces import dx7, prior
from synthmatch_jax.spaces.space import Patch
from synthmatch_jax.spaces.voices import WAYS, Voices
from synthmatch_jax.synths.dexed import Dexed, DexedDescription
from synthmatch_jax.synths.hosts import ThreadHost
from synthmatch_jax.synths.registry import Engine

_SPACE, _SYNTH, _PRIOR = dx7.space(), Dexed(), prior.load("voices", dx7.space())
_HEARD_DB = -60.0


def _play(patch: Patch, seconds: float = 4.0) -> Float[np.ndarray, " n"]:
  return _SYNTH.render(patch, note=Note(), seconds=seconds, sample_rate=44_100)


def _used(patches: list[Patch]) -> Iterator[Float[np.ndarray, " n"]]:
  """Yields the sounds of one instance of Dexed, which plays each patch twice."""
  synth = DexedSynth(44_100)
  for patch in patches:
    synth._synth.load_sysex(dx7.dump(patch, "")[6:-2] + b"\x3f")
    synth.render(60, 127, 1.0, 4.0)
    yield synth.render(60, 127, 1.0, 4.0)


def hidden_state() -> None:
  """Compares an instance that has played all sounds before with new ones."""
  people = Voices(**_PRIOR.voices or {}).people(_SPACE)
  voices = [_SPACE.decode(one) for split in people.values() for one in split]
  drawn = np.random.default_rng(0).random((300, len(_SPACE.names)))
  uniform = [_SPACE.decode(_SPACE.place(dict(zip(_SPACE.names, d, strict=True)))) for d in drawn]
  for name, patches in {"voices": voices, "uniform patches": uniform}.items():
    for order in (patches, patches[::-1]):
      pairs = zip(order, _used(order), strict=True)
      same = sum(np.array_equal(_play(patch), sound) for patch, sound in pairs)
      print(f"hidden state: {same} of {len(order)} {name} as by a new instance, to the last bit")


def loud() -> None:
  """Counts how many draws of each way are loud enough."""
  people = Voices(**_PRIOR.voices or {}).people(_SPACE)["train"]
  for way, drawn in WAYS.items():
    rngs = map(np.random.default_rng, range(100))
    levels = [loudness_db(_play(_SPACE.decode(drawn(people, _SPACE, r))), 44_100) for r in rngs]
    print(f"loud: {sum(level >= Recipe.threshold_db for level in levels)} of 100 {way}")


def heard() -> None:
  """Changes parameters of some patches, and compares with what is said to be heard."""
  rngs = map(np.random.default_rng, range(400))
  drawn = [prior.sample(_PRIOR, _SPACE, rng, split="train") for rng in rngs]
  said = _SPACE.heard(np.stack(drawn))
  patches = [_SPACE.decode(controls) for controls in drawn]
  on = [op for patch in patches for op in _operators(patch)]
  print(f"heard: {said.mean():.3f} of the parameters of 400 patches are said to be")
  print(f"heard: {np.mean(on):.3f} of the operators that are on modulate nothing that sounds")
  rng, changes = np.random.default_rng(0), {True: [], False: []}
  for patch, row in zip(patches[:16], said, strict=False):
    before = _play(patch, 2.0)
    for parameter, is_heard in zip(_SPACE.parameters, row, strict=True):
      value = patch[parameter.name]
      while value == patch[parameter.name]:
        value = parameter.decode(parameter.place(float(rng.random())))
      apart = np.abs(_play(patch | {parameter.name: value}, 2.0) - before).max()
      changes[bool(is_heard)].append(apart > 10 ** (_HEARD_DB / 20) * np.abs(before).max())
  for is_heard, changed in changes.items():
    print(f"heard: {sum(changed)} of {len(changed)} change the sound, said to be heard: {is_heard}")


def _operators(patch: Patch) -> Iterator[bool]:
  """Yields, for each operator that has a level, whether no carrier that has one depends on it."""
  algorithm = algorithms[int(patch["algorithm"]) - 1]
  levels = [patch[op + "level"] for op in dx7.OPERATORS]

  def sounds(k: int) -> bool:
    above = np.flatnonzero(algorithm.mod_matrix[:, k])
    return levels[k] > 0 and (k in algorithm.carriers or any(sounds(int(j)) for j in above))

  return (not sounds(k) for k in range(6) if levels[k])


def speed() -> None:
  """Measures how long records take: on the processor, which other work disturbs little."""
  engine = Engine(name="dexed")
  fingerprint = DexedDescription().fingerprint()
  recipe = Recipe(engine="dexed", fingerprint=fingerprint, space=_SPACE, prior=_PRIOR)
  host = ThreadHost(engine)
  with threadpool_limits(1):
    make_record(recipe, 0, host)
    wall, processor = time.perf_counter(), time.process_time()
    for index in range(500):
      make_record(recipe, index, host)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
  print(f"speed: 500 records took {processor:.1f} s of the processor, {wall:.1f} s by the clock")
  patches = [_SPACE.decode(draw(recipe, index, 1).controls) for index in range(100)]
  tasks = {"an instance": lambda patch: DexedSynth(44_100), "a sound": _play}
  for name, task in tasks.items():
    before = time.process_time()
    for patch in patches:
      task(patch)
    print(f"speed: {name} takes {10 * (time.process_time() - before):.1f} ms of the processor")


if __name__ == "__main__":
  for measure in (hidden_state, loud, heard, speed):
    measure()
