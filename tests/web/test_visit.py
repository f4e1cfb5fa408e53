"""A visit, without a browser."""

import dataclasses
import json
import shutil
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.audio.hearing import Assume
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import installing
from synthmatch_jax.synths.play import play
from synthmatch_jax.web.asking import Kept, Limits, Question, file_name, shown_name
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visit import Visit
from synthmatch_jax.web.visits import Visits

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def flute(tmp_path):
  return Path(shutil.copy(EXAMPLES / "flute.flac", tmp_path / "0.flac"))


def test_an_answer_has_its_files(visit, flute):
  entry = visit.match(flute, name="a flute.flac")
  assert entry.match.source == "a flute.flac"
  assert entry.title == "a flute 1"
  shown = {"target.wav": "a flute.wav", "answer.wav": "a flute 1.wav", "preset": "a flute 1.vital"}
  assert {key: name for key, (_, name) in entry.files.items()} == shown | {
    "patch.json": "a flute 1.json"
  }
  for path in (entry.target, entry.sound):
    audio, rate = sf.read(path)
    assert len(audio) == round(rate * entry.match.recipe.seconds)
    assert np.abs(audio).max() > 0.01
  assert json.loads(entry.preset.read_text())["settings"]
  patch = json.loads(entry.patch.read_text())
  assert patch["source"] == "a flute.flac"
  assert len(patch["answers"][0]["controls"]) == 16
  assert patch["answers"][0]["confidence"]["kind"] == "unknown"
  assert entry.match.best.confidence.advice  # It names a folder of the server's:
  assert patch["answers"][0]["confidence"]["advice"] == ""  # not for visitors.
  assert visit.history == (entry,)


def test_what_is_told_is_kept_to(visit, flute):
  said = {"note": " A3", "onset": 0.1, "hold": 0.3, "level": -20.0}
  told = Question(said, list(said)).assume()
  match = visit.match(flute, assume=told).match
  assert match.note.pitch == 57
  assert match.note.hold_seconds == 0.3
  assert match.heard.onset_seconds == 0.1
  with pytest.raises(UserError, match="'X' is no note"):
    Question({"note": "X"}, ["note"]).assume()
  for onset in (20.0, 1e305):
    with pytest.raises(UserError, match="nothing sounds after"):
      visit.match(flute, assume=Assume(onset_seconds=onset))


def test_a_control_changes_the_sound_and_the_same_controls_do_not(visit, flute):
  first = visit.match(flute)
  controls = first.match.best.controls
  assert visit.change(first.key, controls.tolist()) is first
  moved = controls.copy()
  moved[1] = 1 - moved[1].round()
  second = visit.change(first.key, moved.tolist())
  assert second.match.best.origin.by_hand
  assert second.sound.read_bytes() != first.sound.read_bytes()
  assert second.preset.read_bytes() != first.preset.read_bytes()
  assert second.match.best.distances["mss"] != first.match.best.distances["mss"]
  assert second.match.target is first.match.target
  # Further moves follow the change, the answer itself stays; moved back, the sound is the same.
  third = visit.change(second.key, controls.tolist())
  assert visit.history == (third, first)
  np.testing.assert_array_equal(third.match.best.estimate, first.match.best.estimate)
  assert visit.entry(first.key) is first
  with pytest.raises(UserError, match="not kept any more"):
    visit.entry(second.key)


def test_notes_are_those_of_the_synth_at_the_gain_of_the_answer(visit, flute):
  entry = visit.match(flute)
  answer = entry.match.best
  own = visit.play(entry.key, pitch=answer.example.note.pitch)
  np.testing.assert_allclose(own, answer.estimate, atol=0.02)
  octave = dataclasses.replace(answer.example.note, pitch=answer.example.note.pitch + 12)
  up = visit.play(entry.key, pitch=octave.pitch)
  with visit.matcher.pool.lend() as host:
    example = dataclasses.replace(answer.example, note=octave)
    rendered = host.call(play, entry.match.recipe, example)
  assert np.corrcoef(up, rendered)[0, 1] > 0.99
  assert np.corrcoef(up, own)[0, 1] < 0.9
  moved = answer.controls.copy()
  moved[1] = 1 - moved[1].round()
  held = visit.play(entry.key, controls=moved.tolist())  # While a knob is held.
  changed = visit.change(entry.key, moved.tolist())
  np.testing.assert_allclose(held, changed.match.best.estimate, atol=0.02)
  assert visit.history == (changed, entry)


def test_answers_are_made_again_from_what_a_browser_has_kept(visit, matcher, tmp_path, flute):
  first = visit.match(flute, name="a flute.flac", assume=Assume(pitch=57))
  moved = first.match.best.controls.copy()
  moved[1] = 1 - moved[1].round()
  second = visit.change(first.key, moved.tolist())
  again = Visit(matcher, Uploads(tmp_path))
  kept = [
    Kept(
      controls=entry.match.best.controls.tolist(),
      by_hand=entry.match.best.origin.by_hand,
      locked=entry.locked,
    )
    for entry in (first, second)
  ]
  made = again.restore(flute, kept, name="a flute.flac", assume=Assume(pitch=57))
  assert again.history == made[::-1]
  for was, now in zip((first, second), made, strict=True):
    assert now.match.source == was.match.source
    assert now.match.best.origin == was.match.best.origin
    assert now.locked == was.locked
    np.testing.assert_array_equal(now.match.best.controls, was.match.best.controls)
    np.testing.assert_allclose(now.match.best.estimate, was.match.best.estimate, atol=1e-3)
  assert again.restore(flute, kept, name="a flute.flac", assume=Assume(pitch=57)) == made
  assert again.history == made[::-1]  # What is there already stays as it is.
  assert again.state > visit.state
  assert not {entry.key for entry in again.history} & {first.key, second.key}
  with pytest.raises(UserError, match="16 controls"):
    again.restore(flute, [Kept(controls=[0.5])])
  again.close()


def test_a_zip_has_all_answers_and_a_preset_goes_into_vitals_folder(
  visit, flute, tmp_path, monkeypatch
):
  with pytest.raises(UserError, match="no answer yet"):
    visit.archive()
  entry = visit.match(flute, name="../a flute.flac")
  other = visit.match(flute, name="a flute.flac", assume=Assume(onset_seconds=0.1))
  with zipfile.ZipFile(visit.archive()) as archive:
    names = set(archive.namelist())
    assert archive.read(f"{entry.title}.vital") == entry.preset.read_bytes()
    assert archive.read("a flute.wav") == entry.target.read_bytes()
    assert archive.read("a flute (2).wav") == other.target.read_bytes()
  files = {name for e in visit.history for _, name in e.files.values()}
  assert names == files | {"a flute (2).wav"}
  monkeypatch.setattr(installing, "folder", lambda: tmp_path / "Presets")
  path = visit.install(entry.key)
  assert path == tmp_path / "Presets" / f"{entry.title}.vital"
  assert path.read_bytes() == entry.preset.read_bytes()


@pytest.mark.parametrize("controls", [[], [0.5] * 15, [float("nan")] * 16])
def test_controls_that_are_none(visit, flute, controls):
  entry = visit.match(flute)
  with pytest.raises(UserError, match="16 controls"):
    visit.change(entry.key, controls)


def test_controls_out_of_range_are_clamped(visit, flute):
  entry = visit.change(visit.match(flute).key, [7.0] * 8 + [-7.0] * 8)
  assert entry.match.best.controls.tolist() == [1.0] * 8 + [0.0] * 8


def test_several_answers_the_nearest_first(visit, flute):
  entry = visit.match(flute, top=3)
  distances = [e.match.best.distances["mss"] for e in visit.history]
  assert visit.history[0] is entry
  assert 1 < len(distances) <= 3
  assert distances == sorted(distances)


def test_old_answers_are_forgotten(matcher, tmp_path, flute):
  visit = Visit(matcher, Uploads(tmp_path), limits=Limits(max_answers=2))
  first, *_, fifth, sixth = (visit.match(flute) for _ in range(6))
  assert visit.history == (sixth, fifth)
  assert not first.folder.exists()
  visit.close()


def test_nothing_is_left_of_a_visit(matcher, tmp_path, flute):
  visit = Visit(matcher, Uploads(tmp_path))
  key = visit.match(flute).key
  visit.close()
  assert list(tmp_path.iterdir()) == []
  for ask in (lambda: visit.entry(key), lambda: visit.change(key, [0.5] * 16)):
    with pytest.raises(UserError, match="this visit is over"):
      ask()


def test_only_uploads_are_read(matcher, tmp_path, flute):
  root = tmp_path / "root"
  root.mkdir()
  visit = Visit(matcher, Uploads(root))
  (root / "link.flac").symlink_to(flute)
  outside = [flute, "/etc/passwd", root / "../0.flac", root / "link.flac", root, "a\0b", "a" * 5000]
  inside = visit.match(Path(shutil.copy(flute, root)))
  for path in [*outside, root / "none.wav", "http://127.0.0.1/a.wav", inside.sound]:
    with pytest.raises(UserError, match="is not here any more"):
      visit.match(Path(path))
  with pytest.raises(UserError, match="no sound yet"):
    visit.match(None)
  assert flute.exists()


def test_limits(matcher, tmp_path, flute):
  visit = Visit(matcher, Uploads(tmp_path), limits=Limits(max_seconds=1.0))
  with pytest.raises(UserError, match=r"^flute lasts .* at most 1 s"):
    visit.match(flute, name="flute")
  visit = Visit(matcher, Uploads(tmp_path), limits=Limits(max_bytes=1 << 10))
  with pytest.raises(UserError, match=r"more than 0.000976562 MB"):
    visit.match(flute)


@pytest.mark.parametrize(
  ("name", "shown"),
  [
    ("../../etc/passwd", "passwd"),
    ("C:\\sounds\\a.wav", "a.wav"),
    ("a\nb\x00.wav", "a\ufffdb\ufffd.wav"),
    ("\ud800.wav", "\ufffd.wav"),
    ("x" * 500, "x" * 60),
    ("/", "the sound"),
  ],
)
def test_names_are_for_show(name, shown):
  assert shown_name(name) == shown


@pytest.mark.parametrize(
  ("name", "plain"),
  [
    ("../../etc/passwd", "passwd"),
    ('Größe "1": a?.wav', "Größe _1_ a"),
    ("..", "sound"),
    (".wav", "wav"),
    ("a.b.wav", "a_b"),
  ],
)
def test_names_of_files_are_plain(name, plain):
  assert file_name(name) == plain


def test_no_name_of_a_client_is_part_of_a_path(visit, flute):
  entry = visit.match(flute, name="../../etc/passwd")
  assert entry.match.source == "passwd"
  names = {p.name for p in entry.folder.iterdir()}
  assert names == {"target.wav", "answer.wav", "preset.vital", "patch.json"}


def test_two_visitors_at_once(matcher, tmp_path, flute):
  """They share an engine, and get what each would get alone."""
  alone = Visit(matcher, Uploads(tmp_path)).match(flute).match.best
  answers = {}

  def visit(name):
    answers[name] = Visit(matcher, Uploads(tmp_path)).match(flute, name=name)

  threads = [threading.Thread(target=visit, args=(name,)) for name in ("a", "b", "c")]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert len({entry.folder for entry in answers.values()}) == 3
  for name, entry in answers.items():
    assert entry.match.source == name
    np.testing.assert_array_equal(entry.match.best.estimate, alone.estimate)


def test_a_file_that_two_have_uploaded_goes_with_the_last_of_them(matcher, tmp_path, flute):
  uploads = Uploads(tmp_path)
  one, other = (Visit(matcher, uploads) for _ in range(2))
  one.match(flute)
  other.match(flute)
  one.close()
  assert flute.exists()
  other.close()
  assert not flute.exists()


def test_a_file_that_was_uploaded_anew_meanwhile_stays(matcher, tmp_path, flute):
  visit, again = Visit(matcher, Uploads(tmp_path)), tmp_path / "again"
  visit.match(flute)
  again.write_bytes(flute.read_bytes())
  again.replace(flute)
  visit.close()
  assert flute.exists()


def test_visits_end_when_nobody_uses_them(matcher, tmp_path):
  now = [0.0]
  visits = Visits(lambda: Visit(matcher, Uploads(tmp_path)), clock=lambda: now[0])
  first = visits.of("a")
  assert visits.of("a") is first
  visits.of("b")
  now[0] = 4000.0
  assert visits.of("a") is first  # The one who comes is not sent away.
  assert len(visits) == 1
  for i in range(100):
    visits.of(str(i))
  assert len(visits) == 32
  assert len(list(tmp_path.iterdir())) == 32
  visits.close()
  assert list(tmp_path.iterdir()) == []
