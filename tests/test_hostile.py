"""Two hundred hostile models, descriptions and presets: a sentence each, in time and memory.

What is merely odd may load; it must then work. Anything but a `UserError` would be a traceback.
"""

import re
import resource
import shutil
import time

import numpy as np
import pytest

from synthmatch_jax.bundled import VITAL16
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import confidence, ensemble
from synthmatch_jax.synths import locate, play, registry, states
from synthmatch_jax.synths.plugin import load
from tests import hostile

SECONDS = 10.0  # On a machine that does other things, too; two on one that does not.
MEGABYTES = 600.0
FEW = range(10)
ALL = {"model": range(100), "description": range(60), "preset": range(40)}


def every(kind):
  """The first ten seeds always, the others in the slow tests."""
  return [pytest.param(n, marks=() if n in FEW else pytest.mark.slow) for n in ALL[kind]]


@pytest.fixture
def bounded(monkeypatch, tmp_path):
  """Bounds of time and of memory; there are no plugins here."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.delenv(locate.VARIABLE, raising=False)
  monkeypatch.setattr(locate, "usual_folders", list)
  before, started = _megabytes(), time.monotonic()
  yield
  assert time.monotonic() - started < SECONDS
  assert _megabytes() - before < MEGABYTES


def _megabytes():
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def sentence(do, *arguments):
  """What `do` gives, or None where it answers with one sentence."""
  try:
    return do(*arguments)
  except UserError as error:
    assert re.fullmatch(r"[^\n]{10,2000}", str(error)), error
    return None


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("seed", every("model"))
def test_models(tmp_path, seed):
  folder = hostile.model(tmp_path / "model", seed)
  if (loaded := sentence(ensemble.load, [folder])) is None:
    return
  (model,) = loaded
  recipe = model.predictor.recipe
  mel = np.zeros((1, recipe.num_frames, recipe.mel.n_mels), np.float32)
  answer = sentence(model.predictor.predict, mel)
  assert answer is None or np.isfinite(answer).all()
  assert len(model.digest) == 16
  sentence(play.engine, recipe)


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("seed", every("description"))
def test_descriptions(tmp_path, seed):
  path = hostile.description(tmp_path / "plugin.json", seed)
  engine = sentence(registry.engine, str(path))
  if engine is not None:
    assert engine.space.width >= 1
    with pytest.raises(UserError, match="no plugin"):
      locate.locate(engine.plugin.files)


@pytest.fixture(scope="module")
def plugin(testbed):
  """The test instrument; it lives on, as a plugin's first thread is its main one."""
  return load(testbed)


@pytest.fixture
def plain(plugin):
  return {"vstpreset": plugin.preset_data, "state": plugin.raw_state}


@pytest.mark.usefixtures("bounded")
@pytest.mark.parametrize("seed", every("preset"))
def test_presets(tmp_path, plugin, plain, seed, monkeypatch):
  monkeypatch.delenv("TESTBED", raising=False)
  kind = ("vstpreset", "nksf", "state")[seed % 3]
  data = plain.get(kind) or b"RIFF\x50\0\0\0NIKSPCHK\x48\0\0\0\1\0\0\0TBED" + bytes(64)
  path = hostile.preset(tmp_path / f"x.{kind}", data, seed)
  sentence(states.apply, plugin, path)
  assert all(0 <= p.raw_value <= 1 for p in plugin.parameters.values())


def test_a_state_with_entities_is_refused(tmp_path, plugin):
  """Nine lines of XML that stand for a billion words."""
  lines = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
  text = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "a">{lines}]><x>&a9;</x>'.encode()
  (tmp_path / "x.state").write_bytes(b"VC2!" + len(text).to_bytes(4, "little") + text)
  with pytest.raises(UserError, match="no preset that can be loaded"):
    states.apply(plugin, tmp_path / "x.state")


FLIPS = 100


def flips(folder):
  """Seeded places, as likely in each file that a match depends on: file, byte, bit."""
  rng = np.random.default_rng(0)
  names = ("weights.safetensors", "model.json", "eval/test/results.json", "eval/test/per_sound.npz")
  for i in range(FLIPS):
    name = names[i % 4]
    yield name, int(rng.integers((folder / name).stat().st_size)), int(rng.integers(8))


@pytest.mark.slow
def test_all_flipped_bits_are_found(tmp_path):
  _find(tmp_path, step=1)


def test_flipped_bits_are_found(tmp_path):
  _find(tmp_path, step=17)


def _find(tmp_path, *, step):
  """Damage of a model is refused; damage of what was measured of it is told with each answer."""
  folder = tmp_path / "model"
  shutil.copytree(VITAL16, folder)
  predictor = Predictor.load(folder)
  assert not confidence.reference(folder, predictor).unknown
  for name, at, bit in list(flips(folder))[::step]:
    whole = (folder / name).read_bytes()
    damaged = bytearray(whole)
    damaged[at] ^= 1 << bit
    (folder / name).write_bytes(damaged)
    if name.startswith("eval"):
      found = confidence.reference(folder, predictor)
      assert "damaged" in found.unknown, (name, at, bit)
      assert not found.distances
    else:
      with pytest.raises(UserError, match=f"the model in {folder} cannot be"):
        Predictor.load(folder)
    (folder / name).write_bytes(whole)
