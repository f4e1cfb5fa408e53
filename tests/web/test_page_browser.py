"""The page in a real Chromium, served by the command."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from playwright.sync_api import expect, sync_playwright

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
EXAMPLES = Path(__file__).parents[2] / "examples"
REPO = Path(__file__).parents[2]
ARGS = [
  "--no-sandbox",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
]
SECONDS = 30_000  # In milliseconds: the machine may be busy.


@contextlib.contextmanager
def served(workdir, folder, *flags):
  """The command at work: its process and its address; temporary files go to a folder."""
  command = [sys.executable, "-m", "synthmatch_jax.app", f"--workdir={workdir}", "--port=0", *flags]
  environment = os.environ | {"PYTHONPATH": str(REPO), "TMPDIR": str(folder)}
  with (folder / "log.txt").open("w") as log:
    process = subprocess.Popen(
      command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, cwd=REPO
    )
    try:
      assert process.stdout
      line = process.stdout.readline()
      assert line.startswith("open http://127.0.0.1:"), (folder / "log.txt").read_text()
      yield process, line.split()[1]
    finally:
      process.terminate()
      process.communicate(timeout=30)


@pytest.fixture(scope="module")
def folder():
  with tempfile.TemporaryDirectory() as folder:
    yield Path(folder)


@pytest.fixture(scope="module")
def address(tiny_run, folder):
  with served(tiny_run, folder, "--max_seconds=10", "--max_megabytes=2") as (process, address):
    yield address
    assert process.poll() is None
  assert process.returncode == 0
  assert [p.name for p in folder.iterdir() if p.name.startswith("synthmatch-page-")] == []
  log = (folder / "log.txt").read_text()
  assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def browser():
  if not CHROMIUM:
    pytest.skip("chromium is not installed")
  with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
    yield browser
    browser.close()


@pytest.fixture
def visit(browser, address):
  """Opens the page; in the end no console had an error, and nobody else was asked for anything."""
  troubles, contexts = [], []

  def visit():
    contexts.append(browser.new_context(permissions=["microphone"]))
    page = contexts[-1].new_page()
    page.set_default_timeout(SECONDS)
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda r: None if local(r.url, address) else troubles.append(r.url))
    page.goto(address)
    expect(page.locator("#match")).to_be_visible(timeout=SECONDS)
    expect(page.locator("#upload input[type=file]")).to_be_attached()
    return page

  yield visit
  for context in contexts:
    context.close()
  # Which the browser says of a file that it cannot play.
  assert [t for t in troubles if "Waveform load error" not in t] == []


def local(url, address):
  return url.startswith((address, f"blob:{address}", "data:"))


def upload(page, path):
  page.locator("#upload input[type=file]").set_input_files(path)
  expect(page.locator("#upload").get_by_label("Trim audio to selection")).to_be_visible(
    timeout=SECONDS
  )


def match(page):
  page.locator("#match").click()
  expect(page.locator("#picture img")).to_be_visible(timeout=SECONDS)


def changed(page, act, selector="#facts .said"):
  """Does something that changes a text; returns it before and after."""
  before = page.locator(selector).inner_text()
  act()
  expect(page.locator(selector)).not_to_have_text(before, use_inner_text=True, timeout=SECONDS)
  return before, page.locator(selector).inner_text()


def download(page, name):
  with page.expect_download() as caught:
    page.locator(f"#get-{name}").click()
  return caught.value


def audio(page, name="sound"):
  return sf.read(download(page, name).path())[0]


def test_upload_answer_player_and_downloads(visit):
  page = visit()
  upload(page, EXAMPLES / "flute.flac")
  match(page)
  expect(page.locator("#facts")).to_contain_text("MSS")
  expect(page.locator("#assumed")).to_contain_text("MIDI note 60 is played")
  for player in ("#target", "#answer"):
    page.locator(player).get_by_label("Play", exact=True).click()
    expect(page.locator(player).get_by_label("Pause", exact=True)).to_be_visible()
  preset, patch = download(page, "preset"), download(page, "patch")
  assert preset.suggested_filename == "match.vital"
  assert json.loads(preset.path().read_text())["settings"]
  assert patch.suggested_filename == "patch.json"
  controls = json.loads(patch.path().read_text())["answers"][0]["controls"]
  for name, value in controls.items():
    shown = page.locator(f"#control-{name} input[type=number]").input_value()
    assert float(shown) == pytest.approx(value, abs=6e-4)
  assert np.abs(audio(page)).max() > 0.01


def test_a_slider_changes_the_sound_and_history_brings_the_first_back(visit):
  page = visit()
  upload(page, EXAMPLES / "flute.flac")
  match(page)
  first, sound = page.locator("#facts .said").inner_text(), audio(page)
  slider = page.locator("#control-osc1_amp input[type=range]")
  slider.scroll_into_view_if_needed()
  box = slider.bounding_box()
  middle = box["y"] + box["height"] / 2

  def drag():
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 3, middle, steps=3)
    page.mouse.up()

  changed(page, drag, "#history")
  assert not np.array_equal(audio(page), sound)

  def press():
    page.locator("#control-noise_amp input[type=range]").focus()
    page.keyboard.press("End")

  changed(page, press, "#history")
  changed(page, lambda: typed(page, "filter1_cut_prm_1", "0.2"), "#history")
  expect(page.locator("#control-filter1_cut_prm_1")).to_contain_text("33.6 MIDI semitones")
  answers = page.locator("#history input[type=radio]")
  expect(answers).to_have_count(2)
  page.wait_for_timeout(2000)  # A typed number is let go of twice; the second changes nothing.
  _, back = changed(page, lambda: answers.last.check())
  assert back == first
  np.testing.assert_array_equal(audio(page), sound)


def typed(page, control, text):
  box = page.locator(f"#control-{control} input[type=number]")
  box.fill(text)
  box.press("Enter")


def test_a_note_that_is_told_is_played(visit):
  page = visit()
  upload(page, EXAMPLES / "flute.flac")
  page.locator("#note textarea, #note input").fill("A3")
  match(page)
  expect(page.locator("#assumed")).to_contain_text("MIDI note 57 is played, as you said")
  page.locator("#note textarea, #note input").fill("H9")
  page.locator("#match").click()
  expect(page.get_by_text("'H9' is no note")).to_be_visible()
  expect(page.locator("#assumed")).to_contain_text("MIDI note 57 is played")


def test_trimming(visit):
  page = visit()
  upload(page, EXAMPLES / "flute.flac")
  pane = page.locator("#upload")
  pane.get_by_label("Trim audio to selection").click()
  pane.get_by_role("button", name="Trim", exact=True).click()
  expect(pane.get_by_label("Trim audio to selection")).to_be_visible()
  match(page)
  expect(page.locator("#facts")).to_contain_text("MSS")


def test_a_bad_upload_gets_a_sentence_and_the_next_one_an_answer(visit, tmp_path):
  page = visit()
  rng = np.random.default_rng(0)
  (tmp_path / "<b>text<b>.wav").write_text("Dear diary")
  sf.write(tmp_path / "long.wav", rng.normal(0, 0.1, 11 * 8000), 8000)
  bad = {
    tmp_path / "<b>text<b>.wav": "is no wav, flac, ogg, mp3 or aiff file",
    tmp_path / "long.wav": "at most 10 s are read",
  }
  for path, sentence in bad.items():
    page.reload()
    page.locator("#upload input[type=file]").set_input_files(path)
    expect(page.locator("#upload")).not_to_contain_text("Click to Upload")
    page.wait_for_timeout(1000)
    page.locator("#match").click()
    expect(page.get_by_text(sentence)).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("Traceback")).to_have_count(0)
    expect(page.locator("#picture")).to_be_hidden()
  page.reload()
  upload(page, EXAMPLES / "flute.flac")
  match(page)


def test_without_a_sound_it_says_so(visit):
  page = visit()
  page.locator("#match").click()
  expect(page.get_by_text("there is no sound yet")).to_be_visible()


def test_a_file_that_is_too_large_is_refused(address):
  status, text = post_file(address, b"\0" * (3 << 20))
  assert status == 413
  assert "maximum allowed size" in text


def test_two_visitors_at_once_do_not_see_each_other(visit):
  pages, names = [visit(), visit()], ["flute", "strings"]
  for page, name in zip(pages, names, strict=True):
    upload(page, EXAMPLES / f"{name}.flac")
  for page in pages:
    page.locator("#match").click()
  for page, name in zip(pages, names, strict=True):
    expect(page.locator("#history")).to_contain_text(f"1. {name}.flac", timeout=SECONDS)
    expect(page.locator("#history input[type=radio]")).to_have_count(1)
  sounds = [audio(page) for page in pages]
  assert not np.array_equal(*sounds)


def test_microphone(visit):
  page = visit()
  page.locator("#upload").get_by_label("Record audio").click()
  page.locator("#upload").get_by_role("button", name="Record", exact=True).click()
  page.wait_for_timeout(2500)  # The browser's fake device beeps.
  page.locator("#upload .stop-button:visible").click()
  expect(page.locator("#upload").get_by_label("Trim audio to selection")).to_be_visible()
  match(page)
  expect(page.locator("#facts")).to_contain_text("MSS")


def test_files_go_with_the_visitor(browser, address, folder):
  def visits():
    return set(folder.glob("synthmatch-page-*/visit-*"))

  before = visits()
  context = browser.new_context()
  page = context.new_page()
  page.set_default_timeout(SECONDS)
  page.goto(address)
  upload(page, EXAMPLES / "flute.flac")
  match(page)
  (mine,) = visits() - before
  context.close()
  deadline = time.monotonic() + 60
  while mine.exists() and time.monotonic() < deadline:
    time.sleep(0.5)
  assert not mine.exists()


def test_no_path_or_address_of_a_client_is_read(tiny_run, tmp_path):
  """By a client that is no browser, and names what it was not given."""
  secret = tmp_path / "secret.flac"
  shutil.copy(EXAMPLES / "flute.flac", secret)
  with served(tiny_run, tmp_path) as (_, address):
    config = json.loads(urllib.request.urlopen(f"{address}/config").read())
    (match,) = [
      d for d in config["dependencies"] if len(d["inputs"]) == 6 and len(d["outputs"]) > 20
    ]

    def matched(path, url):
      file = {"path": path, "url": url, "meta": {"_type": "gradio.FileData"}}
      return ask(address, match["id"], [file, "", None, None, None, 1])

    status, text = post_file(address, secret.read_bytes())
    assert status == 200
    answer = matched(json.loads(text)[0], None)
    assert '"success":true' in answer
    assert "MSS" in answer
    for path in (str(secret), "/etc/passwd", f"{address}/theme.css", "http://192.0.2.1/a.wav"):
      for url in (None, path):
        answer = matched(path, url)
        assert '"success":false' in answer
        assert "MSS" not in answer
    for path in (str(secret), "/etc/passwd", str(REPO / "setup.cfg"), "setup.cfg"):
      with pytest.raises(urllib.error.HTTPError, match=r"403|404"):
        urllib.request.urlopen(f"{address}/gradio_api/file={path}")


def test_a_page_elsewhere_does_not_get_in(address):
  request = urllib.request.Request(address, headers={"Host": "evil.example"})
  with pytest.raises(urllib.error.HTTPError, match="400"):
    urllib.request.urlopen(request)


def ask(address, function, data, session="abcdefghij"):
  """What the server's stream says to a request."""
  body = {"data": data, "fn_index": function, "session_hash": session, "event_data": None}
  request = urllib.request.Request(
    f"{address}/gradio_api/queue/join",
    json.dumps(body).encode(),
    {"Content-Type": "application/json"},
  )
  urllib.request.urlopen(request, timeout=30).read()
  stream = f"{address}/gradio_api/queue/data?session_hash={session}"
  return urllib.request.urlopen(stream, timeout=60).read().decode()


def post_file(address, data):
  body = (
    b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n'
    b"Content-Type: audio/wav\r\n\r\n" + data + b"\r\n--x--\r\n"
  )
  request = urllib.request.Request(
    f"{address}/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"}
  )
  try:
    answer = urllib.request.urlopen(request, timeout=30)
  except urllib.error.HTTPError as error:
    return error.code, error.read().decode()
  return answer.status, answer.read().decode()


def test_a_port_that_is_taken_is_said_in_a_sentence(address, tiny_run):
  port = re.sub(".*:", "", address)
  done = subprocess.run(
    [sys.executable, "-m", "synthmatch_jax.app", f"--workdir={tiny_run}", f"--port={port}"],
    capture_output=True,
    text=True,
    env=os.environ | {"PYTHONPATH": str(REPO)},
    cwd=REPO,
    check=False,
  )
  assert done.returncode == 1
  assert done.stderr.strip().endswith("(address already in use): give another --port or --host")
  assert "Traceback" not in done.stderr


def test_ctrl_c_leaves_nothing(tiny_run, tmp_path):
  with served(tiny_run, tmp_path) as (process, address):
    urllib.request.urlopen(address).read()
    assert list(tmp_path.glob("synthmatch-page-*"))
    process.send_signal(signal.SIGINT)
    process.wait(30)
  assert process.returncode == 130
  assert not list(tmp_path.glob("synthmatch-page-*"))
  assert "Traceback" not in (tmp_path / "log.txt").read_text()
