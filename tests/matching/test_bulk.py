"""Many sounds: names, folders, kills, and what is kept."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from synthmatch_jax.audio.hearing import Assume
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import bulk, ensemble, jobs, output, stored
from synthmatch_jax.matching.bulk import Request

EXAMPLES = Path(__file__).parents[2] / "examples"


def placed(paths, out):
  return jobs.place(list(jobs.find([str(p) for p in paths], out=out)), out)


def test_every_sound_gets_a_folder_of_its_own(tmp_path):
  names = ["a.wav", "b/a.flac", "a-2.wav", "c/a.wav", "A.wav"]
  folders = [job.folder for job in placed(names, tmp_path)]
  assert [f.name for f in folders] == ["a", "a-2", "a-2-2", "a-3", "A-4"]
  assert {f.parent for f in folders} == {tmp_path}


@pytest.mark.parametrize(
  ("name", "folder"),
  [
    ("..wav", "sound"),
    ("...wav", "sound"),
    (".hidden.wav", "hidden"),
    ("a: b?.wav", "a- b-"),
    ("a\nb\u202e.wav", "a\ufffdb\ufffd"),
    ("\udcff\udcfe.wav", "\ufffd\ufffd"),
    ("x" * 250 + ".wav", "x" * 100),
    ("ü" * 100 + ".wav", "ü" * 50),
    ("<script>.wav", "-script-"),
  ],
)
def test_hostile_names_stay_in_the_folder(name, folder, tmp_path):
  (job,) = placed([name], tmp_path)
  assert job.folder == tmp_path / folder
  job.source.encode()


def test_a_folder_that_is_no_match_is_left_alone(tmp_path):
  (tmp_path / "kick").mkdir()
  (tmp_path / "kick" / "index.html").write_text("mine")
  (tmp_path / "snare").write_text("mine")
  (tmp_path / "hat").mkdir()
  found = placed(["kick.wav", "snare.wav", "hat.wav"], tmp_path)
  assert [job.folder.name for job in found] == ["kick-2", "snare-2", "hat"]


def test_the_match_of_another_sound_of_the_name_is_left_alone(tiny_run, tmp_path):
  for folder in ("a", "b"):
    (tmp_path / folder).mkdir()
    shutil.copy(EXAMPLES / "flute.flac", tmp_path / folder / "flute.flac")
  out = tmp_path / "out"
  for folder, name in (("a", "flute"), ("b", "flute-2"), ("a", "flute")):
    sound = str(tmp_path / folder / "flute.flac")
    (outcome,), _ = bulk.match_all([sound], workdirs=[tiny_run], out=out)
    assert outcome.job.folder == out / name
  assert outcome.kept


def test_names_that_cannot_be_are_a_sounds_failure(tiny_run, tmp_path):
  """And of that sound only."""
  (tmp_path / "loop.wav").symlink_to("loop.wav")
  sounds = [str(tmp_path / "loop.wav"), "x" * 5000 + ".wav", str(EXAMPLES / "flute.flac")]
  outcomes, _ = bulk.match_all(sounds, workdirs=[tiny_run], out=tmp_path / "out")
  assert [bool(outcome.match) for outcome in outcomes] == [False, False, True]
  assert all(": " in outcome.failure for outcome in outcomes[:2])


def test_folders_are_walked_and_the_answers_in_them_are_not(tmp_path):
  for name in ("b.wav", "a/c.flac", "out/d/match.wav", "a/notes.txt"):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
  found = list(jobs.find([str(tmp_path)], out=tmp_path / "out"))
  assert [(source, stem) for source, stem, _ in found] == [("a/c.flac", "a/c"), ("b.wav", "b")]
  with pytest.raises(UserError, match="no sounds but those in"):
    list(jobs.find([str(tmp_path)], out=tmp_path))


def start(tiny_run, sounds, out):
  command = [sys.executable, "-m", "synthmatch_jax.match", sounds, f"--workdir={tiny_run}"]
  command += [f"--out={out}", "--workers=1", "--search=0"]
  return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_kill_loses_only_what_was_under_way(tiny_run, tmp_path):
  out = tmp_path / "out"
  process = start(tiny_run, EXAMPLES, out)
  limit = time.monotonic() + 120
  while not (done := list(out.glob("[!.]*/patch.json"))):
    assert process.poll() is None
    assert time.monotonic() < limit
    time.sleep(0.01)
  os.kill(process.pid, signal.SIGKILL)
  process.wait()
  finished = {p.parent.name: p.stat().st_mtime_ns for p in out.glob("[!.]*/patch.json")}
  assert done
  assert all(stored.read(out / name) for name in finished)  # Whole, or not there.
  (out / f".organ.{process.pid}.partial").mkdir(exist_ok=True)  # As if it was under way.
  lines = []
  outcomes, page = bulk.match_all(
    [str(EXAMPLES)], workdirs=[tiny_run], out=out, workers=2, say=lines.append
  )
  assert page == out / "index.html"
  assert len(outcomes) == len(lines) == 6
  assert {o.job.folder.name for o in outcomes if o.kept} == set(finished)
  for name, changed in finished.items():
    assert (out / name / "patch.json").stat().st_mtime_ns == changed
  assert not list(out.glob(".*.partial"))
  assert all(stored.read(o.job.folder) for o in outcomes)


def test_what_a_match_depends_on(tiny_run, tmp_path):
  """Bytes, name, assumptions, number of answers; not the path, nor a touch."""
  sound, out = tmp_path / "sound.flac", tmp_path / "out"
  shutil.copy(EXAMPLES / "flute.flac", sound)

  def kept(**asked):
    request = Request(search=None, **asked)
    (outcome,), _ = bulk.match_all([str(sound)], workdirs=[tiny_run], out=out, request=request)
    assert outcome.match
    return outcome.kept

  assert not kept()
  os.utime(sound)
  assert kept()
  shutil.copy(EXAMPLES / "organ.flac", sound)
  assert not kept()
  assert not kept(assume=Assume(pitch=50))
  assert not kept(assume=Assume(pitch=50), top=3)
  several = {path.name for path in (out / "sound").iterdir()}
  assert kept(assume=Assume(pitch=50), top=3)
  (out / "sound" / "mine.txt").write_text("a note")
  assert not kept()
  alone = {path.name for path in (out / "sound").iterdir()}
  assert "match-2.wav" in several - alone  # What the older match had more is gone,
  assert "mine.txt" in alone  # what is not of a match stays.
  (out / "sound" / "match.wav").unlink()
  assert not kept()
  (out / "sound" / "patch.json").write_text('{"answers": [')
  assert not kept()


def test_the_digest_of_a_match_is_that_of_version_0_1(tiny_run, tmp_path):
  """Folders of that version are not matched again."""
  sound, request = EXAMPLES / "flute.flac", Request(assume=Assume(pitch=57), listen="once")
  (outcome,), _ = bulk.match_all([str(sound)], workdirs=[tiny_run], out=tmp_path, request=request)
  (model,) = ensemble.load([tiny_run])
  told = "note=57, onset_seconds=None, hold_seconds=None, level_db=None, clear=None"
  asked = f"(2, 'flute.flac', Wish(assume=Assume({told}), top=1, listen='once'))"
  digest = hashlib.sha256(f"{asked}{model.name} {model.digest}".encode())
  digest.update(hashlib.sha256(sound.read_bytes()).digest())
  assert outcome.match["digest"] == digest.hexdigest()[:16]


def test_a_replacement_that_is_broken_off_is_not_finished(tmp_path, monkeypatch):
  folder = tmp_path / "guitar"
  with output._replacing(folder) as partial:
    write(partial, "old")
  assert stored.read(folder)["source"] == "old"

  class Killed(BaseException):
    pass

  def stop(*_):
    raise Killed

  monkeypatch.setattr(output.files, "replace", stop)
  monkeypatch.setattr(output.files, "write_text", lambda path, text: path.write_text(text))
  with pytest.raises(Killed), output._replacing(folder) as partial:
    write(partial, "new")
  assert stored.read(folder) is None
  assert output.is_free(folder, "another")


def test_a_match_of_another_sound_is_not_written_over(tmp_path):
  folder = tmp_path / "guitar"
  folder.mkdir()
  write(folder, "old")
  for origin in ("mine", None):  # As now, and as written before matches said it.
    said = json.loads((folder / "patch.json").read_text()) | {"origin": origin}
    (folder / "patch.json").write_text(json.dumps(said))
    assert not output.is_free(folder, "another")
    (folder / "match.wav").unlink(missing_ok=True)
    assert stored.read(folder) is None and not output.is_free(folder, "another")
  (folder / "patch.json").write_text(json.dumps(said | {"origin": "mine"}))
  assert output.is_free(folder, "mine")


def write(folder, source):
  answer = {"preset": "guitar.vital", "sound": "match.wav", "spectrograms": "spectrograms.png"}
  for name in ("index.html", "target.wav", *answer.values()):
    (folder / name).write_text(source)
  answer |= {
    "distances": {"mss": 1.5},
    "confidence": {"kind": "near", "words": "near", "advice": ""},
  }
  found = {"source": source, "synth": "vital", "target": "target.wav", "answers": [answer]}
  found |= {"format": 1}
  (folder / "patch.json").write_text(json.dumps(found))


def test_two_commands_do_not_write_to_one_folder(tiny_run, tmp_path):
  with FileLock(tmp_path / ".lock"), pytest.raises(UserError, match="another match is writing"):
    bulk.match_all([str(EXAMPLES)], workdirs=[tiny_run], out=tmp_path)
