"""The page in a real Chromium, served by the command."""

import json
import time

import numpy as np
import pytest
import soundfile as sf
from playwright.sync_api import expect

from tests.web.serving import EXAMPLES, SECONDS

pytestmark = pytest.mark.slow


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


def test_upload_answer_player_and_downloads(browse):
  page = browse()
  upload(page, EXAMPLES / "flute.flac")
  match(page)
  expect(page.locator("#facts")).to_contain_text("MSS")
  expect(page.locator("#assumed")).to_contain_text("MIDI note 60 is played")
  for player in ("#target", "#answer"):
    page.locator(player).get_by_label("Play", exact=True).click()
    expect(page.locator(player).get_by_label("Pause", exact=True)).to_be_visible()
  preset, patch = download(page, "preset"), download(page, "patch")
  assert preset.suggested_filename == "match-1.vital"
  assert json.loads(preset.path().read_text())["settings"]
  assert patch.suggested_filename == "patch.json"
  controls = json.loads(patch.path().read_text())["answers"][0]["controls"]
  for name, value in controls.items():
    shown = page.locator(f"#control-{name} input[type=number]").input_value()
    assert float(shown) == pytest.approx(value, abs=6e-4)
  assert np.abs(audio(page)).max() > 0.01


def test_a_slider_changes_the_sound_and_history_brings_the_first_back(browse):
  page = browse()
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
  _, back = changed(page, lambda: answers.last.check())
  assert back == first
  np.testing.assert_array_equal(audio(page), sound)


def test_an_answer_is_improved_and_a_moved_control_stays(browse):
  page = browse()
  upload(page, EXAMPLES / "flute.flac")
  match(page)
  changed(page, lambda: typed(page, "osc1_amp", "0.4"), "#history")
  expect(page.locator("#locked")).to_contain_text("osc1_amp")
  expect(page.locator("#stop")).to_be_disabled()
  page.locator("#improve").click()
  answers = page.locator("#history input[type=radio]")
  expect(answers.nth(2)).to_be_attached(timeout=2 * SECONDS)
  page.locator("#stop").click()
  expect(page.locator("#course")).to_contain_text("Searched:", timeout=SECONDS)
  expect(page.locator("#course svg polyline")).to_be_visible()
  expect(page.locator("#stop")).to_be_disabled()
  expect(answers.first).to_be_checked()
  assert page.locator("#control-osc1_amp input[type=number]").input_value() == "0.4"
  changed(page, lambda: answers.last.check())
  expect(page.locator("#course")).to_be_empty()


def typed(page, control, text):
  box = page.locator(f"#control-{control} input[type=number]")
  box.fill(text)
  box.press("Enter")


def test_a_note_that_is_told_is_played(browse):
  page = browse()
  upload(page, EXAMPLES / "flute.flac")
  page.locator("#note textarea, #note input").fill("A3")
  match(page)
  expect(page.locator("#assumed")).to_contain_text("MIDI note 57 is played, as you said")
  page.locator("#note textarea, #note input").fill("H9")
  page.locator("#match").click()
  expect(page.get_by_text("'H9' is no note")).to_be_visible()
  expect(page.locator("#assumed")).to_contain_text("MIDI note 57 is played")


def test_trimming(browse):
  page = browse()
  upload(page, EXAMPLES / "flute.flac")
  pane = page.locator("#upload")
  whole = pane.locator("#duration").inner_text()
  pane.get_by_label("Trim audio to selection").click()
  end = pane.locator("[part*='region-handle-right']")
  box, wave = end.bounding_box(), pane.locator("#waveform").bounding_box()
  page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
  page.mouse.down()
  page.mouse.move(box["x"] - 0.6 * wave["width"], box["y"] + box["height"] / 2, steps=10)
  page.mouse.up()
  pane.get_by_role("button", name="Trim", exact=True).click()
  expect(pane.get_by_label("Trim audio to selection")).to_be_visible()
  expect(pane.locator("#duration")).not_to_have_text(whole)
  match(page)
  expect(page.locator("#facts")).to_contain_text("MSS")


def test_a_bad_upload_gets_a_sentence_and_the_next_one_an_answer(browse, tmp_path):
  page = browse()
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


# What a musician's files are called, and what is in them: the content counts.
NAMES = {
  "LOUD.AIF": ("AIFF", "PCM_16"),
  "a.wave": ("WAV", "PCM_16"),
  "a.bwf": ("WAV", "PCM_24"),
  "no_suffix": ("FLAC", "PCM_16"),
  "a.caf": ("CAF", "PCM_16"),
  "a.mp2": ("MP3", "MPEG_LAYER_III"),
}


@pytest.mark.parametrize("how", ["chosen", "dropped"])
def test_every_name_is_taken_as_the_command_takes_it(browse, tmp_path, how):
  page = browse()
  samples, rate = sf.read(EXAMPLES / "flute.flac")
  for name, (kind, subtype) in NAMES.items():
    sf.write(tmp_path / name, samples, rate, format=kind, subtype=subtype)
    page.reload()
    expect(page.locator("#upload input[type=file]")).to_be_attached()
    if how == "chosen":
      page.locator("#upload input[type=file]").set_input_files(tmp_path / name)
    else:
      drop(page, tmp_path / name)
    expect(page.locator("#upload")).not_to_contain_text("Click to Upload")
    page.wait_for_timeout(500)
    if name in ("LOUD.AIF", "no_suffix"):
      match(page)
      expect(page.locator("#history")).to_contain_text(f"1. {name}")
    expect(page.get_by_text("Invalid file type")).to_have_count(0)


def drop(page, path):
  """Drops a file as a desktop does: the browser gives its type by its suffix, or none."""
  held = page.evaluate_handle(
    """([bytes, name]) => {
      const held = new DataTransfer();
      held.items.add(new File([new Uint8Array(bytes)], name));
      return held;
    }""",
    [list(path.read_bytes()), path.name],
  )
  page.dispatch_event("#upload button", "drop", {"dataTransfer": held})


def test_the_chooser_offers_what_is_read(browse):
  page = browse()
  with page.expect_file_chooser() as caught:
    page.locator("#upload").get_by_text("Click to Upload").click()
  offered = caught.value.element.get_attribute("accept").split(",")
  assert {".aifc", ".wave", ".bwf", ".caf", ".m4a", "audio/*"} < set(offered)


def test_without_a_sound_it_says_so(browse):
  page = browse()
  page.locator("#match").click()
  expect(page.get_by_text("there is no sound yet")).to_be_visible()


def test_two_visitors_at_once_do_not_see_each_other(browse):
  pages, names = [browse(), browse()], ["flute", "strings"]
  for page, name in zip(pages, names, strict=True):
    upload(page, EXAMPLES / f"{name}.flac")
  for page in pages:
    page.locator("#match").click()
  for page, name in zip(pages, names, strict=True):
    expect(page.locator("#history")).to_contain_text(f"1. {name}.flac", timeout=SECONDS)
    expect(page.locator("#history input[type=radio]")).to_have_count(1)
  sounds = [audio(page) for page in pages]
  assert not np.array_equal(*sounds)


def test_microphone(browse):
  page = browse()
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
