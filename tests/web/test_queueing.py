"""The queue of requests: a share for everybody, and nothing malformed in it."""

import asyncio
import contextlib
import json
import resource
import socket
import threading
import urllib.request
from urllib.parse import urlsplit

import pytest

from benchmarks.client import Client, events
from synthmatch_jax.web.queueing import FullError, Queue
from tests.web.serving import EXAMPLES, ask, upload

FLUTE = (EXAMPLES / "flute.flac").read_bytes()
VISIT = "0123456789abcdef"
HALF = [0.5] * 16
SOUND = "0" * 64


@pytest.fixture
def sound(page):
  """An upload, as the page names it."""
  return json.loads(upload(page, FLUTE)[2])["sound"]


def post(page, verb, body, *, visit=VISIT, source="127.0.0.1"):
  text = body if isinstance(body, bytes) else json.dumps(body)
  return ask(page, f"/api/visits/{visit}/{verb}", method="POST", body=text, source=source)


def errors(stream):
  return [event["error"] for event in events(stream) if "error" in event]


MALFORMED = {
  "no object": ("match", []),
  "an unknown field": ("match", {"path": "/etc/passwd"}),
  "a sound that is a path": ("match", {"sound": "../../etc/passwd"}),
  "a sound that is a number": ("match", {"sound": 3}),
  "a sound that is an object": ("match", {"sound": {"path": "a.wav"}}),
  "a sound in capitals": ("match", {"sound": "A" * 64}),
  "a note that is a list": ("match", {"sound": SOUND, "note": ["C4"]}),
  "a note of a megabyte": ("match", {"sound": SOUND, "note": "C" * 10_000}),
  "a name that is a number": ("match", {"sound": SOUND, "name": 3}),
  "an onset that is a text": ("match", {"sound": SOUND, "onset": "0.5"}),
  "an onset that is true": ("match", {"sound": SOUND, "onset": True}),
  "a level of 400 digits": ("match", {"sound": SOUND, "level": 10**400}),
  "a million answers": ("match", {"sound": SOUND, "top": 10**6}),
  "half an answer": ("match", {"sound": SOUND, "top": 1.5}),
  "a key that is a text": ("change", {"key": "1", "controls": HALF}),
  "a key that is true": ("change", {"key": True, "controls": HALF}),
  "no key": ("change", {"controls": HALF}),
  "no controls": ("change", {"key": 1}),
  "controls that are a text": ("change", {"key": 1, "controls": "half"}),
  "a control above 1": ("change", {"key": 1, "controls": [*HALF[:-1], 1.5]}),
  "a control that is none": ("change", {"key": 1, "controls": [*HALF[:-1], None]}),
  "ten thousand controls": ("change", {"key": 1, "controls": [0] * 10_000}),
  "a lock that is none": ("improve", {"key": 1, "locked": ["osc3_amp"]}),
  "a lock that is a list": ("improve", {"key": 1, "locked": [["noise_amp"]]}),
  "locks that are a text": ("improve", {"key": 1, "locked": "noise_amp"}),
  "no answers": ("restore", {"sound": SOUND, "answers": []}),
  "nine answers": ("restore", {"sound": SOUND, "answers": [{"controls": HALF}] * 9}),
  "an answer that is a number": ("restore", {"sound": SOUND, "answers": [1]}),
  "no sound of an answer": ("restore", {"answers": [{"controls": HALF}]}),
  "a hand that is a text": (
    "restore",
    {"sound": SOUND, "answers": [{"controls": HALF, "by_hand": "yes"}]},
  ),
  "a pitch beyond the keyboard": ("play", {"key": 1, "pitch": 128}),
  "half a pitch": ("play", {"key": 1, "pitch": 60.5}),
  "an answer that is an object": ("play", {"key": {"a": 1}}),
  "half a character in a note": ("match", {"sound": SOUND, "note": "\ud800"}),
  "half a character in a name": ("match", {"sound": SOUND, "name": "\ud800"}),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_costs_a_line_and_no_traceback(page, what, capfd):
  status, _, text = post(page, *MALFORMED[what])
  assert status == 400
  assert "this cannot be asked: " in text
  said = capfd.readouterr().err
  assert len(said.splitlines()) == 1
  assert said.startswith("app: a request is refused: ")


@pytest.mark.parametrize(
  "visit", ["short", "a" * 65, "0123456789abcde.", "%2e%2e%2f0123456789abcd"]
)
def test_a_visit_has_a_token(page, visit, capfd):
  for verb, body in (("match", {"sound": SOUND}), ("play", {"key": 1}), ("stop", {})):
    assert post(page, verb, body, visit=visit)[0] in (400, 404)
  assert ask(page, f"/api/visits/{visit}")[0] in (400, 404)
  assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
  ("body", "reason"),
  [
    (b"", ""),
    (b"{", ""),
    (b"null", "no object"),
    (b"[" * 60_000, ""),
    (b'{"key":' * 8_000, ""),
    (b'{"onset":1e400}', "the number 1e400, which is too large"),
    (b'{"onset":NaN}', "NaN, which is no number"),
    (b'{"onset":-Infinity}', "-Infinity, which is no number"),
    (b'{"note":"\\ud800"}', "surrogates not allowed"),
    (b'{"key":0,"key":1}', "a key twice"),
    (b'{"note":"\xff"}', "can't decode byte 0xff"),
  ],
)
@pytest.mark.parametrize("verb", ["match", "play"])
def test_what_is_no_strict_json_is_refused(page, verb, body, reason, capfd):
  status, _, text = post(page, verb, body)
  assert status == 400
  assert "this cannot be asked: " in text
  assert reason in text
  said = capfd.readouterr().err
  assert said.startswith("app: a request is refused: ")
  assert len(said.splitlines()) == 1
  assert post(page, verb, b"x" * 100_000)[0] == 413


def test_what_is_not_there_any_more_gets_a_sentence(page, sound, capfd):
  """All of them are well formed."""
  asked = {
    "an answer that was never given": ("change", {"key": 12345, "controls": HALF}),
    "a search from nowhere": ("improve", {"key": 12345}),
    "a sound that is gone": ("match", {"sound": SOUND}),
    "no sound": ("match", {}),
    "an onset beyond the sound": ("match", {"sound": sound, "onset": 1e305}),
    "too few controls": ("restore", {"sound": sound, "answers": [{"controls": [0.5]}]}),
  }
  for what, (verb, body) in asked.items():
    status, _, text = post(page, verb, body)
    assert status == 200, what
    assert len(errors(text)) == 1, what
    assert "answers" not in text, what
  for verb, body in (
    ("match", {"sound": sound, "note": "H9"}),
    ("match", {"sound": sound, "hold": -1}),
    ("play", {"key": 12345}),
  ):
    status, _, text = post(page, verb, body)
    assert status == 422
    assert json.loads(text)["error"]
  assert ask(page, f"/api/visits/{VISIT}/answers/12345/preset")[0] == 422
  assert ask(page, f"/api/visits/{VISIT}/answers.zip")[0] == 422
  assert capfd.readouterr().err == ""


@pytest.fixture
def held(matcher, monkeypatch):
  """Matches that are under way wait until a block ends; yields an event: one is under way."""
  begun, real = threading.Event(), matcher.answer

  def answer(*args, **options):
    begun.set()
    return real(*args, **options)

  @contextlib.contextmanager
  def taken():
    with contextlib.ExitStack() as stack:
      for _ in range(matcher.pool.size):
        stack.enter_context(matcher.pool.lend())
      yield begun

  monkeypatch.setattr(matcher, "answer", answer)
  return taken


class Asking(threading.Thread):
  """A match that is asked for elsewhere; it is begun when the first event has come."""

  def __init__(self, page, body, *, visit):
    super().__init__(daemon=True)
    request = urllib.request.Request(
      f"{page}/api/visits/{visit}/match", json.dumps(body).encode(), method="POST"
    )
    self._response = urllib.request.urlopen(request, timeout=120)
    self.text = self._response.readline().decode()
    self.more = threading.Event()  # More has come.
    self.start()

  def run(self):
    with self._response:
      for line in self._response:
        self.text += line.decode()
        self.more.set()


def test_a_visit_waits_its_turn_is_told_its_place_and_has_a_share(page, held, sound):
  body, greedy = {"sound": sound}, "greedy-0123456789"
  with held() as begun:
    first = Asking(page, body, visit=greedy)
    assert begun.wait(120)
    waiting = [Asking(page, body, visit=greedy) for _ in range(4)]
    status, _, refused = post(page, "match", body, visit=greedy)
    waiting.append(Asking(page, body, visit="modest-0123456789"))
  assert status == 503
  assert "your other requests come first" in refused
  for number, one in enumerate([first, *waiting]):
    one.join(120)
    places = [event["place"] for event in events(one.text) if "place" in event]
    assert places == list(range(number, -1, -1))
    assert events(one.text)[-1]["answers"]


def test_notes_that_nobody_waits_for_any_more_take_no_place(page, held, sound):
  """As where keys are pressed, and then another answer is shown."""
  body, visit = {"sound": sound}, "leaving-0123456789"
  note = f"POST /api/visits/{visit}/play HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
  with held() as begun:
    first = Asking(page, body, visit="the-first-0123456789")
    assert begun.wait(120)
    with contextlib.ExitStack() as notes:
      for _ in range(4):
        left = socket.create_connection(("127.0.0.1", urlsplit(page).port), timeout=120)
        notes.enter_context(left).sendall(note.encode() + b'{"key":1}')
      last = Asking(page, body, visit="the-last-0123456789")
    while '"place": 1}' not in last.text:  # It has moved up, though the first has not ended.
      assert last.more.wait(120)
      last.more.clear()
  for one in (first, last):
    one.join(120)
    assert events(one.text)[-1]["answers"]


def test_shares_of_the_queue_and_its_order():
  async def check():
    queue = Queue(workers=2)
    served = [queue.join("engine", visit=f"s{i}", address="a") for i in range(2)]
    search = queue.join("search", visit="s", address="a")
    waiting = [queue.join("engine", visit=f"v{i // 4}", address="b") for i in range(40)]
    with pytest.raises(FullError, match="your other requests"):
      queue.join("search", visit="v0", address="c")
    with pytest.raises(FullError, match="your address"):
      queue.join("engine", visit="w", address="b")
    others = [queue.join("search", visit=f"o{i}", address="c") for i in range(8)]
    with pytest.raises(FullError, match="too many others"):
      queue.join("engine", visit="x", address="d")
    for one in (*served, search):  # They are not told a place: it is their turn.
      assert [place async for place in queue.places(one)] == []
    places = queue.places(waiting[2])
    assert await anext(places) == 3
    queue.leave(served[0])
    queue.leave(served[0])  # Once is enough.
    assert await anext(places) == 2
    queue.leave(waiting[1])  # Somebody goes away.
    assert await anext(places) == 1
    queue.leave(served[1])
    assert [place async for place in places] == []
    assert await anext(queue.places(others[0])) == 1
    queue.leave(search)
    assert [place async for place in queue.places(others[0])] == []

  asyncio.run(asyncio.wait_for(check(), 60))


def test_a_full_disk_leaves_no_half_answer_and_tells_no_path(page, root, sound, capfd):
  def answers():
    return {path: sorted(p.name for p in path.iterdir()) for path in root.glob("visit-*")}

  client = Client(page, visit="full-disk-0123456789")
  assert '"answers"' in client.match(sound)
  before = answers()  # Those of the visits of other tests, too.
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  capfd.readouterr()
  resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, limits[1]))  # Smaller than a sound.
  try:
    said = client.match(sound)
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert errors(said) == ["the page has no room for an answer now: try again later"]
  assert answers() == before
  logged = capfd.readouterr().err
  assert "Traceback" not in logged
  assert len(logged.splitlines()) == 1
  assert '"answers"' in client.match(sound)


def test_a_newcomer_does_not_wait_for_a_stranger(page, held, sound):
  """Thirty-two visits are full, and the oldest is waiting for its match."""
  with held() as begun:
    stranger = Asking(page, {"sound": sound}, visit="stranger-0123456789")
    assert begun.wait(120)
    for number in range(40):
      assert ask(page, f"/api/visits/newcomer-0123456789-{number}")[0] == 200
  stranger.join(120)
  assert errors(stranger.text) == ["this visit is over: load the page again"]
