"""The test instrument as an engine, for tests: its process is not the tests' own."""

import time
from dataclasses import dataclass, field
from operator import methodcaller
from types import SimpleNamespace

import numpy as np

from synthmatch_jax.audio.note import Note
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths import hosts
from synthmatch_jax.synths.base import sound
from synthmatch_jax.synths.description import Care, Description
from synthmatch_jax.synths.registry import Engine


def instrument(**changes):
  """The description of the test instrument, as somebody who knows it would write it."""
  settings = {
    "name": "testbed",
    "files": ("Testbed.vst3",),
    "controls": tuple(Continuous(name=n, meaning=m) for n, m in TABLE_1.items()),
    "reset": "clear",
    "care": Care(render_seconds=5.0, load_seconds=30.0, canary_every=8, canary=CANARY),
  }
  return Description(**settings | changes)


CANARY = {"osc1_amp": 0.9, "filter1_cut_prm_1": 0.9, "filter2_cut_prm_1": 0.1}


@dataclass(frozen=True, kw_only=True)
class Puppet(Engine):
  """A process and no plugin: what happens there is up to the tasks of a test."""

  name: str = "puppet"
  limits: Care = field(default_factory=Care)

  parallelism = "process"
  repeatable_db = None
  process_per_sound = False

  @property
  def care(self):
    return self.limits

  def make(self):
    played = []

    def render(patch, *, seconds=1, sample_rate=1, **_):
      played.append(patch)
      time.sleep(patch.get("wait", 0.0))
      return np.ones(round(seconds * sample_rate), np.float32)

    space = SimpleNamespace(width=1, decode=lambda controls: {})
    return SimpleNamespace(space=space, played=played, render=render)


class Remote:
  """A plugin in its process, with the methods of a `Synth`."""

  parallelism = "process"

  def __init__(self, engine):
    self.name, self.space = engine.name, engine.space
    self.preset_suffix = ".vstpreset"
    self._engine = engine
    self._host = hosts.host(engine)

  def render(self, patch, *, note, seconds, sample_rate):
    options = {"note": note, "seconds": seconds, "sample_rate": sample_rate}
    return self._host.call(methodcaller("render", patch, **options))

  def read_back(self):
    return self._host.call(methodcaller("read_back"))

  def save_preset(self, patch, path):
    return self._host.call(methodcaller("save_preset", patch, path))

  def read_preset(self, path):
    return self._host.call(methodcaller("read_preset", path))

  def fingerprint(self):
    return self._host.call(methodcaller("fingerprint"))

  def with_preset(self, path):
    """Another one that plays the preset, whatever patch it is asked for."""
    other = Remote(self._engine)
    other.render = lambda patch, *, note, seconds, sample_rate: other._host.call(
      play_preset, path, note, seconds, sample_rate
    )
    return other

  def close(self):
    self._host.close()


def play_preset(synth, path, note: Note, seconds, sample_rate):
  """What a DAW does: a new plugin, the preset, the note."""
  synth.plugin.load_preset(str(path))
  midi = [([0x90, note.pitch, note.velocity], 0.0), ([0x80, note.pitch, 0], note.hold_seconds)]
  return synth.plugin(midi, seconds, sample_rate).mean(0)


def play_scripted(synth, value, seconds=0.5):
  """A sound of one number: oscillator 1 at the wavetable position `value`."""
  patch = synth.space.decode([0.5] * synth.space.width) | CANARY | {"osc1_position": value}
  note = Note(hold_seconds=seconds / 2)
  return sound(synth, patch, note=note, seconds=seconds, sample_rate=44_100)
