"""Sounds per second of a plugin by our farm, beside common practice without one.

    python -m benchmarks.render_farm FILE.json [--plugin=PATH] [--seconds=20] [--workers=2]

FILE.json is a description that `python -m synthmatch_jax.probe` wrote; without one, the test
instrument is built and used. The same random patches, 4 s each, are rendered in four ways, one
after the other:

* bare loop: one process, `plugin(midi, reset=True)`, pedalboard's default;
* reload and flush: one process; the preset is loaded, and 32 s of silence are rendered before and
  after each sound, as earlier tools do to clear a plugin's state;
* clear, no farm: one process; pedalboard keeps and clears the plugin, the raw limit of a core;
* farm, with one worker and with all: as a data set is rendered, its canaries included, under the
  reset policy of the description. The sounds stay in their processes, where records are made.

The first sounds of every way are compared with the same sounds, each rendered first in a new
process under the reset policy of the description.
"""

import argparse
import itertools
import multiprocessing
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synthmatch_jax import cores
from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces import prior
from synthmatch_jax.synths import farm, locate, registry
from synthmatch_jax.synths.base import Synth
from synthmatch_jax.synths.hosts import Host
from synthmatch_jax.synths.play import hosting
from synthmatch_jax.synths.registry import Engine

RATE, SECONDS, NOTE = 44_100, 4.0, Note()
MIDI = [([0x90, NOTE.pitch, NOTE.velocity], 0.0), ([0x80, NOTE.pitch, 0], NOTE.hold_seconds)]
FLUSH_SECONDS = 32.0
COMPARED = 4

WAYS = (
  ("bare loop, reset=True", "bare"),
  ("reload and flush", "flush"),
  ("clear, no farm", "clear"),
)
Controls = np.ndarray
Measured = tuple[float, list[np.ndarray]]
"""Sounds per second, and the first sounds."""


def render(synth: Synth, controls: Controls, answer: Literal["sound", "nothing"]) -> Any:
  """Renders one sound: the farm's task."""
  patch = synth.space.decode(controls)
  sound = synth.render(patch, note=NOTE, seconds=SECONDS, sample_rate=RATE)
  return sound if answer == "sound" else None


def alone(
  way: Literal["bare", "flush", "clear"], path: str, names: list[str], patches: Any, seconds: float
) -> Measured:
  """Measures a way that needs one process only, in this process."""
  import pedalboard

  plugin: Any = pedalboard.load_plugin(path)
  channels = 2
  try:
    plugin(MIDI, SECONDS, RATE, num_channels=channels)
  except ValueError:
    channels = 1
    plugin(MIDI, SECONDS, RATE, num_channels=channels)
  parameters = [plugin.parameters[name] for name in names]
  with tempfile.TemporaryDirectory() as folder:
    preset = Path(folder) / "base.vstpreset"
    preset.write_bytes(plugin.preset_data)

    if way == "clear":
      plugin._reload_type = pedalboard.ExternalPluginReloadType.ClearsAudioOnReset

    def play(controls: Controls) -> np.ndarray:
      if way == "flush":
        plugin.load_preset(str(preset))
      for parameter, value in zip(parameters, controls, strict=True):
        parameter.raw_value = float(value)
      if way != "flush":
        return plugin(MIDI, SECONDS, RATE, num_channels=channels).mean(0, dtype=np.float32)
      plugin([], FLUSH_SECONDS, RATE, num_channels=channels, reset=False)
      sound = plugin(MIDI, SECONDS, RATE, num_channels=channels, reset=False)
      plugin([], FLUSH_SECONDS, RATE, num_channels=channels, reset=False)
      return sound.mean(0, dtype=np.float32)

    first = [play(controls) for controls in patches[:COMPARED]]
    start = time.perf_counter()
    for count, controls in enumerate(itertools.cycle(patches), 1):
      play(controls)
      if (elapsed := time.perf_counter() - start) > seconds:
        return count / elapsed, first
  raise AssertionError("never reached: the cycle has no end")


def farmed(engine: Engine, patches: list[Controls], *, workers: int, seconds: float) -> Measured:
  """Measures the farm in steady work, from its first sound on."""
  done: list[float] = []

  def work(job: int, host: Host, tick: Callable[[], None]) -> None:
    del job

    def busy(_: Controls) -> bool:
      return not done or time.perf_counter() < done[0] + seconds

    stream = itertools.takewhile(busy, itertools.cycle(patches))
    for _ in host.steadily(lambda controls: host.call(render, controls, "nothing"), stream):
      done.append(time.perf_counter())
      tick()

  jobs = range(workers)
  list(farm.run(work, jobs, engine=engine, workers=workers, total=0, label=f"{workers} workers"))
  # Sounds come in blocks, each after its canary; measure from the end of the first to the last.
  start = done.count(done[0]) or 1
  with hosting(engine) as host:
    first = [host.call(render, controls, "sound") for controls in patches[:COMPARED]]
  return (len(done) - start) / (max(done) - done[0]), first


def in_new_process(function: Callable[..., Measured], *args: Any) -> Measured:
  """Calls a function on the main thread of a new process, as plugins require one."""
  with multiprocessing.get_context("spawn").Pool(1) as pool:
    return pool.apply(function, args)


def difference(sounds: list[np.ndarray], reference: list[np.ndarray]) -> str:
  """Returns the worst difference from the reference, relative to its peak."""
  pairs = list(zip(sounds, reference, strict=True))
  if all(np.array_equal(sound, other) for sound, other in pairs):
    return "equal to the last bit"
  worst = max(np.abs(sound - other).max() / np.abs(other).max() for sound, other in pairs)
  return f"{20 * np.log10(worst):.0f} dB"


def testbed() -> Engine:
  """Returns the instrument of the tests; builds it if necessary."""
  from tests.plugin import build
  from tests.synths.remote import instrument

  folder = Path(tempfile.gettempdir()) / "synthmatch_testbed"
  return Engine(name="testbed", plugin=instrument(), path=str(build.build(folder)))


def main() -> None:
  """Measures and prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("description", nargs="?", help="FILE.json that the probe wrote")
  parser.add_argument("--plugin", default="", help="path of the plugin, if it is not found")
  parser.add_argument("--seconds", type=float, default=20.0, help="length of each measurement")
  parser.add_argument("--workers", type=int, default=cores.available())
  options = parser.parse_args()
  if options.description:
    engine = registry.engine(options.description, path=options.plugin)
  else:
    engine = testbed()
  if engine.plugin is None:
    parser.error(f"{engine.name} is no plugin")

  rng, uniform = np.random.default_rng(0), prior.load("uniform", engine.space)
  # More than the farm renders between two canaries, so that it repeats no patch between them.
  patches = [prior.sample(uniform, engine.space, rng) for _ in range(500)]
  reference = []
  for controls in patches[:COMPARED]:
    with hosting(engine) as host:
      reference.append(host.call(render, controls, "sound"))

  path = str(locate.locate(engine.plugin.files, option=engine.path))
  names = list(engine.space.names)
  rows = {
    label: in_new_process(alone, way, path, names, patches, options.seconds) for label, way in WAYS
  }
  for workers in sorted({1, options.workers}):
    rows[f"farm, workers: {workers}, reset: {engine.plugin.reset}"] = farmed(
      engine, patches, workers=workers, seconds=options.seconds
    )
  bare, flush = (rate for rate, _ in list(rows.values())[:2])
  print(
    f"\n{engine.name}, sounds of {SECONDS:g} s; {platform.machine()}, {cores.available()} cores"
  )
  print("| way | sounds/s | x bare loop | x reload and flush | against a new process |")
  print("|---|---:|---:|---:|---|")
  for label, (rate, first) in rows.items():
    same = difference(first, reference)
    print(f"| {label} | {rate:.1f} | {rate / bare:.1f} | {rate / flush:.1f} | {same} |")


if __name__ == "__main__":
  # Not `main()`: the farm's processes can import modules, but not the script that was started.
  from benchmarks import render_farm

  render_farm.main()
