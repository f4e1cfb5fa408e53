"""The queue of requests: a share for everybody, and nothing malformed in it."""

import contextlib
import json
import resource
import threading

import pytest

from benchmarks.client import Client
from tests.web.serving import EXAMPLES, ask, upload

# Gradio counts what it was asked in a way that pandas does not like.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

FLUTE = (EXAMPLES / "flute.flac").read_bytes()


@pytest.fixture(scope="module")
def fns(page):
  """Numbers of what a page can be asked, by the number of their values."""
  dependencies = json.loads(ask(page, "/config")[2])["dependencies"]
  return {len(d["inputs"]): d["id"] for d in dependencies}


@pytest.fixture
def sound(page):
  """An upload, as the page names it."""
  path = json.loads(upload(page, FLUTE)[2])[0]
  return {"path": path, "meta": {"_type": "gradio.FileData"}}


def join(page, data, fn, *, session="visitor", source="127.0.0.1", **more):
  body = {"data": data, "fn_index": fn, "session_hash": session} | more
  return ask(
    page,
    "/gradio_api/queue/join",
    method="POST",
    body=json.dumps(body),
    source=source,
    content_type="application/json",
  )


def stream(page, session):
  return ask(page, f"/gradio_api/queue/data?session_hash={session}")[2]


MATCH, IMPROVE, CHANGE, RECALL = 6, 2, 18, 1
HALF = [[], *[0.5] * 16]
MALFORMED = {
  "too few values": (MATCH, [None] * 5),
  "too many values": (MATCH, [None, "", None, None, None, 1, 1]),
  "no values": (CHANGE, []),
  "a sound that is a text": (MATCH, ["a.wav", "", None, None, None, 1]),
  "a sound that is a number": (MATCH, [3, "", None, None, None, 1]),
  "a sound without a path": (MATCH, [{}, "", None, None, None, 1]),
  "a sound whose path is a list": (MATCH, [{"path": ["a"]}, "", None, None, None, 1]),
  "a note that is a list": (MATCH, [None, ["C4"], None, None, None, 1]),
  "a note of a megabyte": (MATCH, [None, "C" * 10_000, None, None, None, 1]),
  "an onset that is a text": (MATCH, [None, "", "0.5", None, None, 1]),
  "an onset that is true": (MATCH, [None, "", True, None, None, 1]),
  "an onset that is NaN": (MATCH, [None, "", float("nan"), None, None, 1]),
  "a hold that is infinite": (MATCH, [None, "", None, float("inf"), None, 1]),
  "a level of 400 digits": (MATCH, [None, "", None, None, 10**400, 1]),
  "a million answers": (MATCH, [None, "", None, None, None, 10**6]),
  "no number of answers": (MATCH, [None, "", None, None, None, None]),
  "a key that is a text": (CHANGE, ["1", *HALF]),
  "a key that is infinite": (CHANGE, [float("inf"), *HALF]),
  "a control above 1": (CHANGE, [1, *HALF[:-1], 1.5]),
  "a control that is none": (CHANGE, [1, *HALF[:-1], None]),
  "a control that is NaN": (CHANGE, [1, *HALF[:-1], float("nan")]),
  "a lock that is none": (IMPROVE, [1, ["osc3_amp"]]),
  "a lock that is a list": (IMPROVE, [1, [["noise_amp"]]]),
  "locks that are a text": (IMPROVE, [1, "noise_amp"]),
  "an answer that is a text": (RECALL, ["1"]),
  "an answer that is an object": (RECALL, [{"a": 1}]),
  "an answer that is true": (RECALL, [True]),
  "half a character in a note": (MATCH, [None, "\ud800", None, None, None, 1]),
  "half a character in a path": (MATCH, [{"path": "/\ud800"}, "", None, None, None, 1]),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_malformed_request_costs_a_line_and_no_traceback(page, fns, what, capfd):
  count, data = MALFORMED[what]
  status, _, text = join(page, data, fns[count])
  assert status == 400
  assert "this cannot be asked: " in text
  said = capfd.readouterr().err
  assert "Traceback" not in said
  assert len(said.splitlines()) == 1
  assert said.startswith("app: a request is refused: ")


@pytest.mark.parametrize(
  "more",
  [
    {"fn_index": 999},
    {"fn_index": -1},
    {"fn_index": None},
    {"fn_index": "0"},
    {"fn_index": 10**30},
    {"session_hash": None},
    {"session_hash": ""},
    {"session_hash": "../../etc"},
    {"session_hash": "a" * 1000},
    {"session_hash": 3},
    {"data": None},
    {"data": {}},
    {"batched": True},
    {"simple_format": True},
  ],
)
def test_a_request_of_another_form_is_refused(page, fns, more, capfd):
  body = {"data": [1], "fn_index": fns[RECALL], "session_hash": "visitor"} | more
  text = json.dumps(body)
  status, _, _ = ask(
    page, "/gradio_api/queue/join", method="POST", body=text, content_type="application/json"
  )
  assert status in (400, 422)
  said = capfd.readouterr().err
  assert "Traceback" not in said
  assert len(said.splitlines()) <= 1


@pytest.mark.parametrize(
  "body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 60_000, b'{"data":' * 8_000, b"x" * 100_000]
)
@pytest.mark.parametrize("path", ["queue/join", "cancel", "reset"])
def test_what_is_no_request_is_refused(page, path, body, capfd):
  where = f"/gradio_api/{path}"
  status, _, _ = ask(page, where, method="POST", body=body, content_type="application/json")
  assert status in (400, 413, 422)
  said = capfd.readouterr().err
  assert "Traceback" not in said
  assert len(said.splitlines()) <= 1


@pytest.mark.parametrize(
  ("body", "reason"),
  [
    (b'{"fn_index":1e400,"session_hash":"a","data":[]}', "the number 1e400, which is too large"),
    (b'{"fn_index":NaN,"session_hash":"a","data":[]}', "NaN, which is no number"),
    (b'{"data":NaN}', "NaN, which is no number"),
    (b'{"event_id":-Infinity,"session_hash":"a"}', "-Infinity, which is no number"),
    (b'{"data":[],"fn_index":0,"session_hash":"\\ud800"}', "surrogates not allowed"),
    (b'{"data":"\\ud800","fn_index":"\\ud800"}', "surrogates not allowed"),
    (b'{"fn_index":0,"fn_index":1}', "a key twice"),
    (b'{"data":"\xff"}', "can't decode byte 0xff"),
  ],
)
@pytest.mark.parametrize("path", ["queue/join", "cancel", "reset"])
def test_what_is_no_strict_json_is_refused_at_the_door(page, path, body, reason, capfd):
  where = f"/gradio_api/{path}"
  status, _, text = ask(page, where, method="POST", body=body, content_type="application/json")
  assert status == 400
  assert text.startswith("this cannot be asked: ")
  assert reason in text
  said = capfd.readouterr().err
  assert said.startswith("app: a request is refused: ")
  assert len(said.splitlines()) == 1


def test_the_answers_of_nobody_cost_a_line(page, capfd):
  stream(page, "nobody-has-asked")
  said = capfd.readouterr().err
  assert "Traceback" not in said
  assert len(said.splitlines()) == 1


def test_an_answer_that_is_not_there_any_more_gets_a_sentence(page, fns, sound, capfd, root):
  """All of them are well formed."""
  gone = sound | {"path": str(root / ("0" * 64) / "gone.wav")}
  asked = {
    "a key that was never given": (RECALL, [12345]),
    "an answer that was never given": (CHANGE, [12345, *HALF]),
    "a sound that is gone": (MATCH, [gone, "", None, None, None, 1]),
    "a folder": (MATCH, [sound | {"path": str(root)}, "", None, None, None, 1]),
    "a zero in a path": (MATCH, [sound | {"path": f"{root}/a\0b"}, "", None, None, None, 1]),
    "an onset beyond the sound": (MATCH, [sound, "", 1e305, None, None, 1]),
    "a note that is none": (MATCH, [sound, "H9", None, None, None, 1]),
  }
  for number, (what, (count, data)) in enumerate(asked.items()):
    session = f"visitor-{number}"
    assert join(page, data, fns[count], session=session)[0] == 200, what
    said = stream(page, session)
    assert "MSS" not in said, what
    assert "Traceback" not in said, what
  assert "Traceback" not in capfd.readouterr().err


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


def test_a_visit_has_a_share_of_the_queue(page, held, fns, sound):
  data = [sound, "", None, None, None, 1]
  with held() as begun:
    assert join(page, data, fns[MATCH], session="greedy")[0] == 200
    assert begun.wait(120)
    statuses = [join(page, data, fns[MATCH], session="greedy")[0] for _ in range(8)]
    assert statuses == [200] * 4 + [503] * 4
    assert join(page, data, fns[MATCH], session="modest")[0] == 200
  assert "MSS" in stream(page, "modest")
  assert stream(page, "greedy").count("process_completed") == 5


def test_an_address_has_a_share_of_the_queue(page, held, fns, sound):
  data = [sound, "H9", None, None, None, 1]  # Answered at once with a sentence.
  with held() as begun:
    assert join(page, [sound, "", None, None, None, 1], fns[MATCH], session="first")[0] == 200
    assert begun.wait(120)
    statuses = [join(page, data, fns[MATCH], session=f"one-{i}")[0] for i in range(44)]
    assert statuses == [200] * 40 + [503] * 4
    other = [
      join(page, data, fns[MATCH], session=f"other-{i}", source="127.0.0.2")[0] for i in range(9)
    ]
    assert other == [200] * 8 + [503]
  assert "MSS" in stream(page, "first")


def test_a_full_disk_leaves_no_half_answer_and_tells_no_path(page, root, sound, capfd):
  def answers():
    return {path: sorted(p.name for p in path.iterdir()) for path in root.glob("visit-*")}

  client = Client(page, session="full-disk")
  assert "MSS" in client.match(sound["path"])
  before = answers()  # Those of the visits of other tests, too.
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  capfd.readouterr()
  resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, limits[1]))  # Smaller than a sound.
  try:
    said = client.match(sound["path"])
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert "the page has no room for an answer now: try again later" in said
  assert str(root) not in said
  assert answers() == before
  logged = capfd.readouterr().err
  assert "Traceback" not in logged
  assert len(logged.splitlines()) == 1
  assert "2. " not in said
  assert "MSS" in client.match(sound["path"])


def test_a_newcomer_does_not_wait_for_a_stranger(page, held, fns, sound):
  """Thirty-two visits are full, and the oldest is waiting for its match."""
  data = [sound, "", None, None, None, 1]
  with held() as begun:
    assert join(page, data, fns[MATCH], session="stranger")[0] == 200
    assert begun.wait(120)
    for number in range(40):  # Answers of nobody, which need no engine.
      join(page, [1], fns[RECALL], session=f"newcomer-{number}")
    answered = threading.Event()
    thread = threading.Thread(
      target=lambda: (stream(page, "newcomer-39"), answered.set()), daemon=True
    )
    thread.start()
    assert answered.wait(120)
  said = stream(page, "stranger")
  assert "this visit is over" in said
  thread.join()
