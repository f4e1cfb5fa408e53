"""The page asked over HTTP, as its own scripts ask it."""

import io
import json
import urllib.request

import numpy as np
import pytest
import soundfile as sf

from benchmarks.client import Client, events
from synthmatch_jax.errors import UserError
from synthmatch_jax.matching import installing
from synthmatch_jax.search.budget import Budget
from synthmatch_jax.web import improving
from tests.web.serving import EXAMPLES, ask, running

VISIT = "api-0123456789abcdef"
AT = f"/api/visits/{VISIT}"


@pytest.fixture(scope="module")
def client(page):
  return Client(page, visit=VISIT)


@pytest.fixture(scope="module")
def matched(client):
  """The name of a sound, and the answer to it."""
  sound = json.loads(client.upload((EXAMPLES / "flute.flac").read_bytes(), "../my flute.wav")[1])
  status, text = client.ask("match", **sound, name="../my flute.wav", note="A3")
  assert status == 200
  first, last = events(text)
  assert first == {"place": 0}
  (answer,) = last["answers"]
  assert last["key"] == answer["key"]
  return sound["sound"], answer


def asked(client, verb, **fields):
  status, text = client.ask(verb, **fields)
  assert status == 200, text
  return events(text)[-1]


def fetched(page, path, body=None):
  """The bytes of a response, and its headers."""
  data = None if body is None else json.dumps(body).encode()
  with urllib.request.urlopen(f"{page}{AT}{path}", data) as answer:
    return answer.read(), dict(answer.headers)


def test_the_page_is_told_of_the_synth(page):
  told = json.loads(ask(page, "/api/page")[2])
  names = [module["name"] for module in told["modules"]]
  assert names[:3] == ["Oscillator 1", "Oscillator 2", "Noise"]
  controls = [control for module in told["modules"] for control in module["controls"]]
  assert sorted(control["at"] for control in controls) == list(range(16))
  assert sorted(control["index"] for control in controls) == list(range(16))
  assert told["limits"] == {"seconds": 30.0, "bytes": 20 << 20, "answers": 20, "top": 4}
  assert {"en", "de"} <= set(told["languages"])
  assert ".aiff" in told["accept"].split(",")


def test_an_answer_is_told_with_all_that_is_shown(page, matched):
  sound, answer = matched
  assert answer["sound"] == sound
  assert answer["source"] == "my flute.wav"
  assert (answer["title"], answer["note"]["name"]) == ("my flute 1", "A3")
  assert answer["assumed"]["told"] == {"note": 57}
  assert len(answer["controls"]) == len(answer["heard"]) == 16
  shown = json.loads(ask(page, AT)[2])["answers"]
  assert answer in shown
  for name, file in answer["files"].items():
    data, headers = fetched(page, f"/answers/{answer['key']}/{name}")
    assert headers["cache-control"] == "no-store"
    assert file.replace(" ", "%20") in headers["content-disposition"]
    assert data
  assert ask(page, f"{AT}/answers/{answer['key']}/target.png")[0] == 404
  assert ask(page, f"/api/visits/{VISIT[::-1]}/answers/{answer['key']}/preset")[0] == 422


def test_a_note_is_a_sound_of_its_own(page, matched):
  key = matched[1]["key"]
  sounds = [fetched(page, "/play", {"key": key, "pitch": pitch})[0] for pitch in (57, 69)]
  samples, rate = sf.read(io.BytesIO(sounds[0]))
  own, same = sf.read(io.BytesIO(fetched(page, f"/answers/{key}/answer.wav")[0]))
  assert rate == same
  np.testing.assert_allclose(samples, own, atol=0.02)
  assert sounds[0] != sounds[1]


def test_a_change_is_an_answer_beside_the_one_that_it_comes_from(client, matched):
  answer = matched[1]
  controls = [*answer["controls"]]
  controls[1] = 0.25
  last = asked(client, "change", key=answer["key"], controls=controls, locked=["noise_amp"])
  changed = next(one for one in last["answers"] if one["key"] == last["key"])
  assert changed["by_hand"]
  assert changed["locked"] == ["osc1_amp", "noise_amp"]
  assert changed["controls"] == [np.float32(one) for one in controls]
  again = asked(client, "change", key=changed["key"], controls=changed["controls"])
  assert again["key"] == changed["key"]  # Nothing has moved.


def test_a_search_tells_its_course_and_what_it_finds(client, matched, monkeypatch):
  monkeypatch.setattr(improving, "allowed", lambda engine: Budget(renders=24))
  status, text = client.ask("improve", key=matched[1]["key"], locked=["osc1_amp"])
  assert status == 200
  told = [event for event in events(text) if "course" in event]
  courses = [event["course"] for event in told]
  assert [one["over"] for one in courses] == [False] * (len(courses) - 1) + [True]
  assert courses[-1]["renders"] == 24
  found = [event for event in told if "answers" in event]
  best = next(one for one in found[-1]["answers"] if one["key"] == courses[-1]["key"])
  assert best["step"]
  assert best["locked"] == ["osc1_amp"]
  assert best["controls"][1] == matched[1]["controls"][1]
  assert best["searched"]["trace"] == courses[-1]["trace"]


def test_what_a_browser_has_kept_is_made_again_elsewhere(matcher, matched, tmp_path):
  sound, answer = matched
  with running(matcher, tmp_path) as elsewhere:  # As after a restart.
    client = Client(elsewhere, visit=VISIT)
    fields = {"sound": sound, "name": answer["source"], "note": "57"}
    fields["answers"] = [{"controls": answer["controls"], "locked": ["osc1_amp"]}]
    assert "error" in events(client.ask("restore", **fields)[1])[-1]  # It has to be uploaded.
    client.upload((EXAMPLES / "flute.flac").read_bytes())
    (again,) = asked(client, "restore", **fields)["answers"]
  assert again["locked"] == ["osc1_amp"]
  same = ("controls", "distance", "assumed", "origin", "note", "sound", "source")
  assert {key: again[key] for key in same} == {key: answer[key] for key in same}


def test_a_preset_goes_into_the_vital_of_this_machine_alone(
  matcher, page, client, matched, tmp_path, monkeypatch
):
  key = matched[1]["key"]

  def nowhere():
    raise UserError("Vital has no folder here")

  monkeypatch.setattr(installing, "folder", nowhere)
  assert json.loads(ask(page, "/api/page")[2])["own"] is False
  assert client.ask("install", key=key)[0] == 403
  monkeypatch.setattr(installing, "folder", lambda: tmp_path / "Presets")
  assert json.loads(ask(page, "/api/page")[2])["own"] is True
  status, text = client.ask("install", key=key)
  path = tmp_path / "Presets" / "my flute 1.vital"
  assert (status, json.loads(text)) == (200, {"path": str(path)})
  assert path.read_bytes() == fetched(page, f"/answers/{key}/preset")[0]
  with running(matcher, tmp_path, names=["match.example.org"]) as behind_a_proxy:
    assert json.loads(ask(behind_a_proxy, "/api/page")[2])["own"] is False
    assert Client(behind_a_proxy, visit=VISIT).ask("install", key=1)[0] == 403
  forwarded = ask(page, "/api/page", x_forwarded_for="192.168.1.5")[2]
  assert json.loads(forwarded)["own"] is False
