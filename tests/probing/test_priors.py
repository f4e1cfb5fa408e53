"""Priors out of folders of presets, on the test instrument."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.probing import priors
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths import states
from synthmatch_jax.synths.description import Description
from synthmatch_jax.synths.plugin import load
from synthmatch_jax.synths.registry import Engine, described

CONTROLS = described()["massive"].controls  # The instrument has parameters of these names.
NAMES = tuple(control.name for control in CONTROLS)
COUNT = 30


@pytest.fixture
def engine(testbed, monkeypatch):
  monkeypatch.delenv("TESTBED", raising=False)
  plain = Description(name="testbed", files=(testbed.name,), controls=CONTROLS, reset="clear")
  return Engine(name="testbed", plugin=plain, path=str(testbed))


@pytest.fixture
def library(testbed, tmp_path, monkeypatch):
  """A folder of presets, some of them raw states in a folder of their own, and their values."""
  monkeypatch.delenv("TESTBED", raising=False)
  plugin, rng = load(testbed), np.random.default_rng(0)
  folder = tmp_path / "Factory Sounds"
  (folder / "Bass").mkdir(parents=True)
  table = np.float32(rng.beta(0.5, 2.0, (COUNT, 16)))
  table[: COUNT // 3, 0] = 0.5  # A third of all presets has the same position.
  for i, row in enumerate(table):
    for name, value in zip(NAMES, row, strict=True):
      plugin.parameters[name].raw_value = float(value)
    state = states.capture(plugin)
    if i % 2:
      (folder / f"{i}.vstpreset").write_bytes(plugin.preset_data)
    else:
      (folder / "Bass" / f"{i}.state").write_bytes(state)
  return folder, table


def test_a_prior_is_the_distribution_of_the_presets(engine, library):
  folder, table = library
  extracted = priors.extract(engine, folder)
  assert (extracted.loaded, extracted.copies, extracted.failed) == (COUNT, 0, {})
  found = extracted.prior
  assert found.source == "30 presets of the folder Factory Sounds, read by testbed"
  assert list(found.controls) == list(NAMES)
  for name, column in zip(NAMES, table.T, strict=True):
    assert found.controls[name]["count"] == COUNT
    np.testing.assert_allclose(found.controls[name]["quantiles"], np.sort(column), atol=1e-6)
  # It is what data sets take, after a way through JSON.
  loaded = prior.load(json.loads(json.dumps(found.to_dict())), engine.space)
  rng = np.random.default_rng(1)
  drawn = np.stack([prior.sample(loaded, engine.space, rng) for _ in range(2000)])
  np.testing.assert_allclose(drawn.mean(0), table.mean(0), atol=0.04)
  assert np.mean(drawn[:, 0] == 0.5) == pytest.approx(1 / 3, abs=1 / COUNT + 0.04)


def test_copies_count_once_and_what_fails_is_listed(engine, library):
  folder, _ = library
  (folder / "copy.vstpreset").write_bytes((folder / "1.vstpreset").read_bytes())
  (folder / "broken.vstpreset").write_bytes((folder / "1.vstpreset").read_bytes()[:100])
  (folder / "Bass" / "Fat.nmsv").write_bytes(b"hsin")
  (folder / "other.fxp").write_bytes(b"CcnK")
  for ignored in ("readme.txt", "cover.PNG", ".DS_Store", "Bass/.hidden.state"):
    (folder / ignored).write_bytes(b"x")
  extracted = priors.extract(engine, folder)
  assert (extracted.loaded, extracted.copies) == (COUNT, 1)
  assert sorted(extracted.failed) == ["Bass/Fat.nmsv", "broken.vstpreset", "other.fxp"]
  assert "Massive's own format" in extracted.failed["Bass/Fat.nmsv"]
  assert "no whole .vstpreset" in extracted.failed["broken.vstpreset"]
  assert "no preset of a kind that is known here" in extracted.failed["other.fxp"]
  assert not any(str(folder) in reason for reason in extracted.failed.values())


def read_or_die(synth, path):
  if Path(path).name == "3.vstpreset":
    os.kill(os.getpid(), signal.SIGSEGV)
  states.apply(synth.plugin, Path(path))
  return synth.read_back()


def test_a_preset_that_crashes_the_plugin_is_one_failed_preset(engine, library, monkeypatch):
  monkeypatch.setattr(priors, "_read", read_or_die)
  extracted = priors.extract(engine, library[0])
  assert extracted.loaded == COUNT - 1
  assert list(extracted.failed) == ["3.vstpreset"]
  assert "SIGSEGV" in extracted.failed["3.vstpreset"]


def test_controls_that_are_narrowed_keep_their_mass_at_the_ends(engine, library):
  folder, table = library
  narrow = Description.from_dict(
    engine.plugin.to_dict()
    | {"controls": [{"name": "osc1_amp", "meaning": "", "low": 0.1, "high": 0.3}]}
  )
  found = priors.extract(Engine(name="testbed", plugin=narrow, path=engine.path), folder).prior
  expected = np.sort(np.clip((table[:, 1] - 0.1) / 0.2, 0, 1))
  np.testing.assert_allclose(found.controls["osc1_amp"]["quantiles"], expected, atol=1e-5)


def test_more_presets_than_quantiles_keep_their_shape():
  column = np.float32(np.random.default_rng(0).beta(2, 5, 5000))
  kept = priors._found(Continuous(name="amount", meaning="", unit=""), column[:, None])
  assert kept["count"] == 5000
  assert len(kept["quantiles"]) == 1001
  assert kept["quantiles"][0] == pytest.approx(column.min(), abs=1e-6)
  assert kept["quantiles"][-1] == pytest.approx(column.max(), abs=1e-6)
  assert kept["quantiles"][500] == pytest.approx(np.median(column), abs=1e-3)


def test_a_folder_without_a_preset_that_loads_is_an_error(engine, tmp_path):
  with pytest.raises(UserError, match=r"there is no folder .*gone; name one with presets"):
    priors.extract(engine, tmp_path / "gone")
  with pytest.raises(UserError, match=r"not one preset .* it has no preset files \(\.vstpreset"):
    priors.extract(engine, tmp_path)
  (tmp_path / "a.ksd").write_bytes(b"x")
  with pytest.raises(UserError, match=r"1 failed, the first because a\.ksd is in Massive's own"):
    priors.extract(engine, tmp_path)


def test_a_missing_plugin_is_not_laid_on_the_presets(engine, library, tmp_path):
  gone = Engine(name="testbed", plugin=engine.plugin, path=str(tmp_path / "nowhere"))
  with pytest.raises(UserError, match=r"no plugin Testbed\.vst3 found"):
    priors.extract(gone, library[0])
