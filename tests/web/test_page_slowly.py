"""The page in a real Chromium, served by the command."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
import soundfile as sf
from playwright.sync_api import expect

from synthmatch_jax.audio.loudness import loudness_db
from synthmatch_jax.audio.pitch import heard_pitch
from synthmatch_jax.spaces import dx7
from synthmatch_jax.synths import registry
from synthmatch_jax.web import panel
from tests.audio.test_ffmpeg import encoded
from tests.web.acting import audio, bring, cards, download, knob, match
from tests.web.conftest import ready
from tests.web.serving import EXAMPLES, SECONDS, served

pytestmark = pytest.mark.slow


def test_what_is_taken_along(browse):
  page = browse()
  match(page)
  preset, patch = download(page, "preset"), download(page, "patch")
  assert preset.suggested_filename == "flute 1.vital"
  assert json.loads(preset.path().read_text())["settings"]
  controls = json.loads(patch.path().read_text())["answers"][0]["controls"]
  for name, value in controls.items():
    assert float(knob(page, name).get_attribute("aria-valuenow")) == pytest.approx(value, abs=6e-4)
  assert np.abs(audio(page)).max() > 0.01
  with zipfile.ZipFile(download(page, "zip").path()) as archive:
    assert {"flute.wav", "flute 1.wav", "flute 1.vital", "flute 1.json"} == set(archive.namelist())
  dragged = page.evaluate(
    """() => {
      const dataTransfer = new DataTransfer();
      const event = new DragEvent("dragstart", { dataTransfer, bubbles: true });
      document.getElementById("take-preset").dispatchEvent(event);
      return dataTransfer.getData("DownloadURL");
    }"""
  )
  kind, name, address = dragged.split(":", 2)
  assert (kind, name) == ("application/octet-stream", "flute 1.vital")
  assert page.request.get(address).body() == preset.path().read_bytes()


def test_a_link_opens_the_same_answer_again(browse, opened):
  page = browse()
  match(page)
  first = audio(page)
  knob(page, "osc1_amp").focus()
  page.keyboard.press("End")
  expect(cards(page)).to_have_count(2)
  page.locator("#take-link").click()
  link = page.locator("#take-says").inner_text().split(": ", 1)[1]
  cards(page).last.click()
  expect(cards(page).last).to_have_attribute("aria-pressed", "true")
  again = opened(link, context=page.context)
  expect(cards(again).first).to_have_attribute("aria-pressed", "true")
  assert not np.array_equal(audio(again), first)
  stranger = opened(link)
  expect(stranger.locator("#match-says")).to_contain_text("not in this browser")


def test_a_knob_is_dragged_wheeled_typed_reset_and_undone(browse):
  page = browse()
  match(page)
  cutoff = knob(page, "filter1_cut_prm_1")
  frame = page.locator("[data-name=filter1_cut_prm_1]")
  expect(frame).to_have_attribute("title", re.compile(r"\(filter1_cut_prm_1\)$"))
  cutoff.scroll_into_view_if_needed()
  first = cutoff.get_attribute("aria-valuetext")
  box = cutoff.bounding_box()
  x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
  page.mouse.move(x, y)
  page.mouse.down()
  with page.expect_response("**/play"):  # It is heard while it is held.
    page.mouse.move(x, y + 60, steps=4)
  page.mouse.up()
  expect(cards(page)).to_have_count(2)
  dragged = cutoff.get_attribute("aria-valuetext")
  assert dragged != first
  cutoff.hover()
  page.mouse.wheel(0, -100)
  expect(cards(page).first).to_contain_text("3. ")
  assert cutoff.get_attribute("aria-valuetext") != dragged
  value = page.locator("[data-name=filter1_cut_prm_1] .value")
  value.fill("soon")
  value.press("Enter")
  expect(page.locator("#turn-says")).to_contain_text("soon is no value of Filter 1")
  value.fill("0.44 kHz")
  value.press("Enter")
  expect(cards(page).first).to_contain_text("4. ")
  expect(cutoff).to_have_attribute("aria-valuetext", "440 Hz")
  for _ in range(2):  # Faster than the synth.
    page.keyboard.press("Control+z")
  expect(cutoff).to_have_attribute("aria-valuetext", dragged)
  expect(page.locator("#redo")).to_be_enabled()
  for _ in range(2):
    page.keyboard.press("Control+Shift+z")
  expect(cutoff).to_have_attribute("aria-valuetext", "440 Hz")
  expect(page.locator("#redo")).to_be_disabled()
  cutoff.dblclick()
  expect(cutoff).to_have_attribute("aria-valuetext", first)
  expect(cards(page)).to_have_count(2)


@pytest.mark.parametrize(
  ("names", "right", "up"),
  [
    (("filter1_cut_prm_1", "filter1_res_prm_3"), -40, 20),
    (("envelope1_att_tme", "envelope1_att_lev"), -12, 8),
  ],
)
def test_a_curve_is_taken_hold_of(browse, names, right, up):
  page = browse()
  match(page)
  handle = page.locator(f"fieldset:has([data-name={names[0]}]) circle").first
  handle.scroll_into_view_if_needed()
  before = [float(knob(page, name).get_attribute("aria-valuenow") or 0) for name in names]
  box = handle.bounding_box()
  page.mouse.move(box["x"] + 4, box["y"] + 4)
  page.mouse.down()
  page.mouse.move(box["x"] + 4 + right, box["y"] + 4 - up, steps=4)
  page.mouse.up()
  expect(cards(page)).to_have_count(2)
  after = [float(knob(page, name).get_attribute("aria-valuenow") or 0) for name in names]
  assert after[0] < before[0] and after[1] > before[1]


def test_an_answer_is_improved_and_what_is_locked_stays(browse):
  page = browse()
  match(page)
  page.get_by_role("button", name="Lock Oscillator 1: Level").click()
  locked = knob(page, "osc1_amp").get_attribute("aria-valuenow")
  expect(page.locator("#stop")).to_be_disabled()
  page.locator("#improve").click()
  expect(cards(page).nth(1)).to_be_visible(timeout=2 * SECONDS)
  page.locator("#stop").click()
  expect(page.locator("#turn-says")).to_contain_text("Searched: ")
  expect(page.locator("#stop")).to_be_disabled()
  assert page.locator("#course polyline").get_attribute("points")
  expect(cards(page).first).to_have_attribute("aria-pressed", "true")
  assert knob(page, "osc1_amp").get_attribute("aria-valuenow") == locked
  cards(page).last.click()
  expect(cards(page).last).to_have_attribute("aria-pressed", "true")


def test_several_answers_to_choose_from(browse):
  page = browse()
  bring(page)
  page.locator("#top").select_option("3")
  begun = page.evaluate(
    """() => {
      const [button, bar] = ["match", "working"].map((id) => document.getElementById(id));
      button.click();
      return [button.ariaDisabled, bar.hidden];
    }"""
  )
  assert begun == ["true", False]  # That something goes on is seen at once.
  expect(cards(page).nth(1)).to_be_visible()
  sounds = []
  for card in cards(page).all():
    card.click()
    expect(card).to_have_attribute("aria-pressed", "true")
    sounds.append(audio(page))
  assert not np.array_equal(*sounds[:2])


FAKE_MIDI = """
  const keys = { name: "Testbed", onmidimessage: null };
  window.sent = (bytes) => keys.onmidimessage({ data: new Uint8Array(bytes) });
  navigator.requestMIDIAccess = async () => ({ inputs: new Map([["a", keys]]) });
"""


def test_a_keyboard_by_pointer_keys_and_midi_plays_the_synth(browse):
  page = browse(script=FAKE_MIDI)
  match(page)
  played = []
  page.on("response", lambda r: played.append(r) if r.url.endswith("/play") else None)
  key = page.get_by_role("button", name="C5", exact=True)
  key.scroll_into_view_if_needed()
  with page.expect_response("**/play") as caught:
    key.hover()
    page.mouse.down()
  samples, rate = sf.read(io.BytesIO(caught.value.body()), dtype="float32")
  pitch = heard_pitch(samples, rate)
  assert pitch is None or pitch.midi % 12 == pytest.approx(0, abs=0.6)
  assert caught.value.request.post_data_json["pitch"] == 72
  expect(key).to_have_class(re.compile("pressed"))
  page.mouse.up()
  expect(key).not_to_have_class(re.compile("pressed"))
  page.wait_for_event("response", lambda r: r.url.endswith("/play"))  # The neighbours, ahead.
  neighbours = {one.request.post_data_json["pitch"] for one in played} - {72}
  assert neighbours <= {71, 73, 70, 74, 69, 75}
  page.mouse.down()  # It is there now.
  page.mouse.up()
  page.locator("h1").click()
  page.keyboard.down("k")
  expect(key).to_have_class(re.compile("pressed"))
  page.keyboard.up("k")
  assert [one.request.post_data_json["pitch"] for one in played].count(72) == 1
  page.locator("#midi").click()
  expect(page.locator("#keys-says")).to_have_text("MIDI: Testbed")
  page.evaluate("sent([0x90, 72, 100])")
  expect(key).to_have_class(re.compile("pressed"))
  page.evaluate("sent([0x80, 72, 0])")
  expect(key).not_to_have_class(re.compile("pressed"))
  page.locator("h1").click()
  page.keyboard.down("k")
  expect(key).to_have_class(re.compile("pressed"))
  page.keyboard.press("x")  # An octave up, while the key is held.
  expect(key).not_to_have_class(re.compile("pressed"))
  page.keyboard.up("k")
  page.keyboard.press("z")
  page.keyboard.down("k")  # It is no key that hangs.
  expect(key).to_have_class(re.compile("pressed"))
  page.keyboard.up("k")
  assert "pressed" in key.evaluate("key => { key.click(); return key.className; }")  # No pointer.
  expect(key).not_to_have_class(re.compile("pressed"))
  page.locator("#shortcuts").uncheck()
  page.locator("h1").click()
  page.keyboard.press("k")
  expect(key).not_to_have_class(re.compile("pressed"))


def test_answers_survive_a_reload_a_tab_and_another_server(opened, tiny_run, tmp_path):
  folders = [tmp_path / "one", tmp_path / "other", tmp_path / "third"]
  for folder in folders:
    folder.mkdir()
  with served(tiny_run, folders[0]) as (_, address):
    page = opened(address)
    match(page)
    knob(page, "osc1_amp").focus()
    page.keyboard.press("End")
    expect(cards(page)).to_have_count(2)
    page.reload()
    ready(page)
    expect(cards(page)).to_have_count(2)
    page.goto("about:blank")
    page.go_back()
    ready(page)
    expect(cards(page)).to_have_count(2)
    tab = opened(address, context=page.context)
    expect(cards(tab)).to_have_count(2)
    tab.close()
  page.locator("#improve").click()  # Nobody answers.
  expect(page.locator("#turn-says")).to_contain_text("cannot be reached")
  with served(tiny_run, folders[1], f"--port={address.rsplit(':', 1)[1]}"):
    page.reload()  # It goes on from what this browser has kept.
    ready(page)
    expect(cards(page)).to_have_count(2, timeout=4 * SECONDS)
    expect(knob(page, "osc1_amp")).to_have_attribute("aria-valuetext", "0 dB")
  with served(tiny_run, folders[2], f"--port={address.rsplit(':', 1)[1]}"):
    knob(page, "osc1_amp").focus()
    with page.expect_request("**/change"):
      page.keyboard.press("PageDown")  # On the page that was left open.
    page.reload()  # Before the synth has played it.
    ready(page)
    expect(knob(page, "osc1_amp")).to_have_attribute("aria-valuetext", "-1.83 dB")
    bring(page, EXAMPLES / "strings.flac")
    page.locator("#match").click()
    expect(page.locator("#match-says")).to_contain_text("strings")
    expect(cards(page).first).to_contain_text("strings")
    expect(cards(page).last).to_contain_text("flute")


def test_what_is_told_is_assumed_and_a_mistake_is_said_beside_it(browse):
  page = browse()
  bring(page)
  page.locator("summary").click()
  page.locator("#note").fill("A3")
  page.locator("#match").click()
  expect(page.locator("#assumptions")).to_contain_text("Note A3 (MIDI 57) is played, as you said.")
  for field, text, sentence in (("note", "H9", "'H9' is no note"), ("onset", "soon", "soon is no")):
    page.locator(f"#{field}").fill(text)
    page.locator("#match").click()
    expect(page.locator("#match-says")).to_contain_text(sentence)
    expect(page.locator("#match-says")).to_have_attribute("role", "alert")
    page.locator(f"#{field}").fill("")
  expect(cards(page)).to_have_count(1)


def test_a_part_of_a_long_recording(browse, tmp_path):
  page = browse()
  samples, rate = sf.read(EXAMPLES / "flute.flac")
  sf.write(tmp_path / "long.wav", np.concatenate([np.zeros(12 * rate), samples]), rate)
  bring(page, tmp_path / "long.wav")
  expect(page.locator("#match-says")).to_contain_text("at most 10 s are matched: choose a part")
  wave = page.locator("#region-wave").bounding_box()
  middle = wave["y"] + wave["height"] / 2
  page.mouse.move(wave["x"] + 0.75 * wave["width"], middle)
  page.mouse.down()
  page.mouse.move(wave["x"] + wave["width"] - 2, middle, steps=5)
  page.mouse.up()
  expect(page.locator("#region-length")).to_contain_text("11.2")
  page.locator("#match").click()
  expect(page.locator("#match-says")).to_contain_text("distance")


def test_a_recording(browse):
  page = browse()
  page.locator("#record").click()
  expect(page.locator("#level")).to_be_visible()
  expect(page.locator("#match-says")).to_contain_text("Recording in 3")
  expect(page.locator("#sound-name")).to_have_text(re.compile(r"Recording: ([2-9]|\d\d)\."))
  page.get_by_role("button", name="Stop recording").click()  # The browser's fake device beeps.
  expect(page.locator("#sound-name")).to_have_text("recording.wav")
  page.locator("#match").click()
  expect(page.locator("#match-says")).to_contain_text("recording 1: distance")


def test_a_bad_sound_gets_a_sentence_and_the_next_one_an_answer(browse, tmp_path):
  page = browse()
  page.locator("#match").click()
  expect(page.locator("#match-says")).to_contain_text("There is no sound yet")
  (tmp_path / "<b>text<b>.wav").write_text("Dear diary")
  page.locator("#file").set_input_files(tmp_path / "<b>text<b>.wav")
  expect(page.locator("#match-says")).to_contain_text("cannot show <b>text<b>.wav")
  page.locator("#match").click()
  expect(page.locator("#match-says")).to_contain_text("is no wav, flac, ogg, mp3 or aiff file")
  expect(page.locator("#hear")).to_be_hidden()
  (tmp_path / "large.wav").write_bytes(bytes(3 << 20))
  page.locator("#file").set_input_files(tmp_path / "large.wav")
  page.locator("#match").click()
  expect(page.locator("#match-says")).to_contain_text("large.wav has 3 MB")
  match(page)


# What a musician's files are called, and what is in them: the content counts.
NAMES = {
  "LOUD.AIF": ("AIFF", "PCM_16"),
  "no_suffix": ("FLAC", "PCM_16"),
  "a.bwf": ("WAV", "PCM_24"),
  "a.caf": ("CAF", "PCM_16"),
  "a.mp2": ("MP3", "MPEG_LAYER_III"),
}
# What phones and browsers record: the browser decodes it, or else the extra `formats`.
PHONES = ("memo.m4a", "browser.webm", "windows.wma")


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_every_name_is_taken_wherever_it_comes_from(browse, tmp_path, how):
  page = browse()
  samples, rate = sf.read(EXAMPLES / "flute.flac")
  for name, (kind, subtype) in NAMES.items():
    sf.write(tmp_path / name, samples, rate, format=kind, subtype=subtype)
  for name in PHONES:
    (tmp_path / name).write_bytes(encoded(name))
  for number, name in enumerate([*NAMES, *PHONES], start=1):
    give(page, tmp_path / name, how)
    expect(page.locator("#sound-name")).to_have_text(name)
    page.locator("#match").click()
    stem = name.split(".")[0]
    expect(page.locator("#match-says")).to_contain_text(f"{stem} {number}: distance")


def give(page, path, how):
  """Drops a file as a desktop does, without its type, or pastes it."""
  page.evaluate(
    """([bytes, name, how]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
      const event = how === "drop"
        ? new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: dataTransfer, bubbles: true });
      document.body.dispatchEvent(event);
    }""",
    [list(path.read_bytes()), path.name, how],
  )


def test_two_visitors_at_once_do_not_see_each_other(browse):
  pages, names = [browse(), browse()], ["flute", "strings"]
  for page, name in zip(pages, names, strict=True):
    bring(page, EXAMPLES / f"{name}.flac")
  for page in pages:
    page.locator("#match").click()
  for page, name in zip(pages, names, strict=True):
    expect(page.locator("#match-says")).to_contain_text(f"{name} 1: distance")
    expect(cards(page)).to_have_count(1)
  assert not np.array_equal(*[audio(page) for page in pages])


def test_both_sounds_are_seen_and_heard_equally_loud_from_any_place(browse):
  page = browse()
  match(page)
  for name in ("waves", "spectrum-target", "spectrum-answer", "difference", "axis"):
    colours = page.locator(f"#{name}").evaluate(
      """canvas => new Set(new Uint32Array(canvas.getContext("2d").getImageData(
        0, 0, canvas.width, canvas.height).data.buffer)).size"""
    )
    assert colours > 2, name
  expect(page.locator("#difference-says")).to_contain_text(re.compile("too (loud|soft)|No part"))
  sounds = page.evaluate(
    """async () => {
      const { flip } = await import("/static/listening.js");
      return ["target", "answer"].map((name) => [...flip.buffers[name].getChannelData(0)]);
    }"""
  )
  rate = page.evaluate("import('/static/sound.js').then(({ audio }) => audio().sampleRate)")
  levels = [loudness_db(np.array(sound, np.float32), int(rate)) for sound in sounds]
  assert levels[0] == pytest.approx(levels[1], abs=0.5)
  box = page.locator("#waves").bounding_box()
  sought = page.evaluate(
    """async ([x, y]) => {
      const { flip } = await import("/static/listening.js");
      const canvas = document.getElementById("waves");
      canvas.dispatchEvent(
        new PointerEvent("pointerdown", { clientX: x, clientY: y, bubbles: true }));
      return flip.position() / flip.seconds;
    }""",
    [box["x"] + 0.5 * box["width"], box["y"] + 5],
  )
  assert sought == pytest.approx(0.5, abs=0.05)
  followed = page.evaluate(
    """async (least) => {
      const head = document.getElementById("playhead");
      for (let i = 0; i < 1000; i++) {
        if (parseFloat(head.style.transform.slice("translateX(".length)) > least) return true;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return false;
    }""",
    0.5 * box["width"],
  )
  assert followed  # By the playhead.


def test_a_search_that_waits_is_given_up_by_stop(browse):
  pages = [browse(), browse()]
  for page in pages:
    match(page)
  pages[0].locator("#improve").click()
  expect(pages[0].locator("#turn-says")).to_contain_text("Searching")
  pages[1].locator("#improve").click()
  expect(pages[1].locator("#turn-says")).to_have_text("Waiting: 1 in the queue.")
  pages[1].locator("#stop").click()
  expect(pages[1].locator("#improve")).to_be_enabled()
  expect(pages[1].locator("#turn-says")).to_have_text("")
  pages[0].locator("#stop").click()
  expect(pages[0].locator("#turn-says")).to_contain_text(re.compile("Searched|nothing nearer"))
  expect(cards(pages[1])).to_have_count(1)


def test_large_spaces_have_menus_and_switches_in_their_modules(browse):
  page = browse()
  match(page)
  for space, menus, switches in (
    (registry.built_in("vital_wide").space, 12, 10),
    (dx7.space(), 20, 8),
  ):
    modules = panel.describe(space)
    controls = np.full(space.width, 0.4, np.float32)
    told = {"controls": controls.tolist(), "locked": []}
    told["heard"] = space.heard(controls[None])[0].tolist()
    changed = page.evaluate(
      """async ([modules, answer]) => {
        const { Panel } = await import("/static/panel.js");
        const changed = [];
        const on = { input() {}, change: (controls) => changed.push(controls), refuse() {} };
        new Panel(modules, on).show(answer, answer.controls);
        const menu = document.querySelector("#modules select");
        menu.selectedIndex = 1;
        menu.dispatchEvent(new Event("change"));
        document.querySelector("#modules [role=switch]").click();
        return changed;
      }""",
      [modules, told],
    )
    assert page.locator("#modules .control").count() == len(space.parameters)
    assert page.locator("#modules .curve").count() == sum(len(one["curves"]) for one in modules)
    dimmed = page.locator("#modules .unheard").evaluate_all("all => all.map(e => e.dataset.name)")
    assert set(dimmed) == {n for n, on in zip(space.names, told["heard"], strict=True) if not on}
    assert page.locator("#modules select").count() >= menus
    assert page.locator("#modules [role=switch]").count() >= switches
    choice = next(p for p in space.parameters if getattr(p, "options", ()))
    chosen = space.decode(np.array(changed[0]))[choice.name]
    assert chosen == choice.options[1]
    assert len(changed[1]) == space.width
