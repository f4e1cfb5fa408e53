"""The out-of-domain benchmark that is built."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio.note import name_of
from synthmatch_jax.data import sound_folder
from synthmatch_jax.errors import UserError
from synthmatch_jax.generation.ood import benchmark
from synthmatch_jax.generation.ood.sources import SOURCES, GeneralMidi, Samples

RENDERED = ("general_midi", "dx7", "voice")


def installed(*families):
  """The families whose sources are here."""
  found = []
  for family in families or RENDERED:
    try:
      SOURCES[family].version()
    except UserError:
      continue
    found.append(family)
  return found


def some(*families, each=2):
  """The beginning of the benchmark's list."""
  listed = benchmark.listed()
  by_family = {f: [e for e in listed["sounds"] if e["family"] == f] for f in families}
  return {
    "versions": listed["versions"],
    "sounds": [e for f in families for e in by_family[f][:each]],
  }


def test_the_list_is_fixed_and_whole():
  listed = benchmark.listed()
  assert set(listed["versions"]) == set(RENDERED) == {e["family"] for e in listed["sounds"]}
  names = [e["name"] for e in listed["sounds"]]
  assert len(names) == len(set(names)) == 154
  assert all(len(e["sha256"]) == 64 for e in listed["sounds"])
  notes = [e["note"] for e in listed["sounds"] if "note" in e]
  assert min(notes) == 36
  assert max(notes) == 84
  assert sum(note != 60 for note in notes) > 60


def test_the_list_of_one_shots_halves_every_family_and_no_group():
  listed = benchmark.listed("one_shots")
  sounds = listed["sounds"]
  assert set(listed["versions"]) == {e["source"] for e in sounds} == set(SOURCES) - set(RENDERED)
  for key in ("name", "sha256"):
    assert len({e[key] for e in sounds}) == len(sounds) >= 150
  assert len({(e["source"], e["path"]) for e in sounds}) == len(sounds)
  assert len({(e["group"], e["half"]) for e in sounds}) == len({e["group"] for e in sounds})
  for family in {e["family"] for e in sounds}:
    halves = [e["half"] for e in sounds if e["family"] == family]
    assert abs(halves.count("choosing") - halves.count("judging")) <= 1
    assert set(halves) == {"choosing", "judging"}
  named = [e for e in sounds if e["named_note"] and e["heard_midi"]]
  assert len(named) > 5
  assert all(name_of(round(e["heard_midi"]))[:-1] == e["named_note"] for e in named)
  licences = {(e["source"], e["licence"]) for e in sounds}
  assert licences == {("lmms", "GPL-2+"), ("sonic_pi", "CC0"), ("sonic_pi", "MIT")}


def test_a_one_shot_is_read_from_its_package_and_cut(tmp_path, monkeypatch):
  tone = 0.1 * np.sin(np.arange(5 * 22_050) / 20)
  (tmp_path / "basses").mkdir()
  sf.write(tmp_path / "basses" / "low.wav", np.stack([tone, tone], 1), 22_050)
  package = Samples("some-package", tmp_path / "basses", licence="CC0")
  monkeypatch.setattr(benchmark, "SOURCES", {"some": package})
  sound = {"name": "bass/low", "family": "bass", "source": "some", "half": "judging"}
  wanted = {"versions": {}, "sounds": [sound | {"path": "low.wav", "sha256": ""}]}
  told = []
  manifest = benchmark.build(tmp_path / "out", wanted=wanted, report=told.append)
  assert manifest["versions"] == {"some": "some-package of an unknown version"}
  assert told == [
    "1 of the sounds some differ from the list's: here is some-package of an unknown version, the"
    " list was made with an unknown version"
  ]
  (found,) = sound_folder.load(tmp_path / "out")
  assert (found.name, found.family, found.half) == ("bass/low", "bass", "judging")
  audio, rate = sf.read(found.path)
  assert (rate, audio.shape) == (44_100, (4 * 44_100,))
  assert np.abs(audio).max() == pytest.approx(10 ** (-3 / 20), abs=1e-4)
  with pytest.raises(UserError, match=r"no .*lost\.wav: apt-get install --reinstall some-package"):
    package.render({"path": "lost.wav"})
  with pytest.raises(UserError, match="apt-get install lmms-common"):
    Samples("lmms-common", tmp_path / "none", licence="").version()


def test_what_is_built_is_what_the_list_says(tmp_path):
  families = installed()
  if not families:
    pytest.skip("none of the sources is installed (docs/ood.md says which)")
  told = []
  wanted = some(*families)
  manifest = benchmark.build(tmp_path, wanted=wanted, report=told.append)
  if all(wanted["versions"][f] == manifest["versions"][f] for f in families):
    assert told == []
  found = sound_folder.load(tmp_path)
  assert [(s.name, s.family) for s in found] == [(e["name"], e["family"]) for e in wanted["sounds"]]
  for sound in found:
    audio, rate = sf.read(sound.path)
    assert (rate, audio.ndim) == (44_100, 1)
    assert np.abs(audio).max() == pytest.approx(10 ** (-3 / 20), abs=1e-4)
    assert len(audio) <= 4 * rate
  before = {s.path: s.path.stat().st_mtime_ns for s in found}
  benchmark.build(tmp_path, wanted=manifest)
  assert {s.path: s.path.stat().st_mtime_ns for s in found} == before, "made what was there"


def test_an_altered_or_missing_sound_is_found_and_made_again(tmp_path):
  families = installed("voice", "dx7")
  if not families:
    pytest.skip("neither espeak-ng nor dexed-py with hexter is installed")
  manifest = benchmark.build(tmp_path, wanted=some(families[0]), report=str)
  path = sound_folder.load(tmp_path)[0].path
  audio, rate = sf.read(path)
  sf.write(path, 0.9 * audio, rate)
  with pytest.raises(UserError, match="was altered; build the benchmark again"):
    sound_folder.load(tmp_path)
  path.unlink()
  with pytest.raises(UserError, match="cannot be read"):
    sound_folder.load(tmp_path)
  assert benchmark.build(tmp_path, wanted=manifest, report=str)["sounds"] == manifest["sounds"]
  assert len(sound_folder.load(tmp_path)) == 2


def test_a_difference_is_told_with_the_versions(tmp_path):
  families = installed("voice", "dx7")
  if not families:
    pytest.skip("neither espeak-ng nor dexed-py with hexter is installed")
  (family,) = families[:1]
  wanted = some(family)
  wanted["sounds"][0]["sha256"] = "0" * 64
  wanted["versions"] = {family: "an older one"}
  told = []
  manifest = benchmark.build(tmp_path, wanted=wanted, report=told.append)
  here = manifest["versions"][family]
  assert told == [
    f"1 of the sounds {family} differ from the list's: here is {here}, the list was made with"
    " an older one"
  ]


def test_what_is_missing_is_named(tmp_path):
  with pytest.raises(UserError, match=r"apt-get install (fluidsynth|fluid-soundfont-gm)"):
    GeneralMidi(tmp_path / "none.sf2").version()


@pytest.mark.slow
@pytest.mark.parametrize("name", benchmark.LISTS)
def test_a_whole_list_comes_out_to_the_last_bit(name, tmp_path):
  listed = benchmark.listed(name)
  if len(installed(*listed["versions"])) < len(listed["versions"]):
    pytest.skip("not all sources are installed (docs/ood.md says which)")
  command = [sys.executable, "-m", "synthmatch_jax.ood", f"--out={tmp_path}", f"--list={name}"]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stdout
  made = json.loads((tmp_path / "sounds.json").read_text())
  expected = {e["name"]: e["sha256"] for e in listed["sounds"]}
  assert {e["name"]: e["sha256"] for e in made["sounds"]} == expected
