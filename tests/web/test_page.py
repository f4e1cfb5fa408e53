"""The page in a real Chromium: the shortest way through it; `test_page_slowly.py` has the rest."""

import json

import pytest
from playwright.sync_api import expect

from tests.web.serving import EXAMPLES, ask


def test_a_sound_is_matched_heard_turned_and_taken_along(opened, page):
  shown = opened(page)
  shown.locator("#file").set_input_files(EXAMPLES / "flute.flac")
  expect(shown.locator("#region")).to_be_visible()
  shown.locator("#match").click()
  expect(shown.locator("#match-says")).to_contain_text("flute 1: distance")
  expect(shown.locator("#facts")).to_contain_text("MSS")
  expect(shown.locator("#assumptions")).to_contain_text("Note C4 (MIDI 60) is played.")
  expect(shown.locator("#play")).to_have_text("Stop")
  shown.keyboard.press("b")
  expect(shown.locator("#hear-target")).to_be_checked()
  knob = shown.get_by_role("slider", name="Oscillator 1: Level", exact=True)
  before = knob.get_attribute("aria-valuetext")
  knob.focus()
  shown.keyboard.press("End")
  expect(shown.locator(".card")).to_have_count(2)
  expect(knob).to_have_attribute("aria-valuetext", "0 dB")
  expect(shown.get_by_role("button", name="Lock Oscillator 1: Level")).to_have_attribute(
    "aria-pressed", "true"
  )
  shown.locator("#undo").click()
  expect(knob).to_have_attribute("aria-valuetext", before)
  expect(shown.locator(".card").last).to_have_attribute("aria-pressed", "true")
  with shown.expect_download() as caught:
    shown.locator("#take-preset").click()
  assert caught.value.suggested_filename == "flute 1.vital"
  assert json.loads(caught.value.path().read_text())["settings"]
  # As after a restart of the server: what a page that was left open asks for is made again first.
  forget(page)
  with shown.expect_request("**/answer.wav") as restored:
    # The change is refused when the answers are there again, but none of them is shown yet.
    shown.route("**/change", lambda route: (restored.value, route.continue_()))
    knob.focus()
    shown.keyboard.press("Home")
  expect(shown.locator(".card")).to_have_count(3)
  expect(knob).to_have_attribute("aria-valuetext", "-∞ dB")
  forget(page)
  with shown.expect_download() as caught:
    shown.locator("#take-preset").click()
  assert caught.value.suggested_filename == "flute 3.vital"


def forget(page):
  """Has the page forget the visit that was left alone longest: there is room for 32."""
  for i in range(32):
    assert ask(page, f"/api/visits/another-visitor-{i:02d}")[0] == 200


CONSTANT = """
  const { Flip } = await import("/static/flip.js");
  const rate = 8000;
  const constant = (value, seconds) => {
    const buffer = new AudioBuffer({ length: rate * seconds, sampleRate: rate });
    buffer.getChannelData(0).fill(value);
    return buffer;
  };
  const context = new OfflineAudioContext(1, 2 * rate, rate);
  const flip = new Flip(context);
"""
CASES = {
  # Two sounds that are equal: whatever is flipped, looped or replaced, no sample is missing.
  "no gap": (
    """
    flip.set("target", constant(0.5, 0.3));
    flip.set("answer", constant(0.5, 0.3));
    flip.play(0, 0);
    flip.flip("target", 0.7);
    flip.flip("answer", 1.1);
    context.suspend(1.5).then(() => {
      flip.set("answer", constant(0.5, 0.3));
      context.resume();
    });
    """,
    {0.1: 0.5, 0.305: 0.5, 0.7: 0.5, 0.702: 0.5, 1.101: 0.5, 1.5: 0.5, 1.502: 0.5, 1.9: 0.5},
  ),
  "each is heard": (
    """
    flip.set("target", constant(-0.5, 0.3));
    flip.set("answer", constant(0.25, 0.3));
    flip.play(0, 0);
    flip.flip("target", 0.7);
    flip.flip("answer", 1.1);
    """,
    {0.2: 0.25, 0.69: 0.25, 0.72: -0.5, 1.09: -0.5, 1.12: 0.25},
  ),
  "without a loop it ends": (
    """
    flip.loop = false;
    flip.set("target", constant(0.5, 0.3));
    flip.set("answer", constant(0.5, 0.3));
    flip.play(0.1, 0);
    """,
    {0.1: 0.5, 0.19: 0.5, 0.21: 0.0, 1.0: 0.0},
  ),
}


def test_flipping_looping_and_replacing_leave_no_gap(opened, page):
  shown = opened(page)
  for case, (script, wanted) in CASES.items():
    samples = shown.evaluate(
      f"async () => {{ {CONSTANT} {script}"
      " return [...(await context.startRendering()).getChannelData(0)]; }"
    )
    for seconds, value in wanted.items():
      assert samples[round(8000 * seconds)] == pytest.approx(value, abs=0.01), (case, seconds)
    if case == "no gap":
      assert max(abs(one - 0.5) for one in samples[100:]) < 0.01


def test_values_are_read_as_they_are_shown(opened, page):
  """Units of all spaces, there and back."""
  shown = opened(page)
  cases = shown.evaluate(
    """async () => {
      const { show, read } = await import("/static/units.js");
      const at = (unit, low, high, exponent, share, text) => {
        const control = { kind: "continuous", unit, low, high, exponent };
        return [show(control, share), text === undefined ? null : read(control, text)];
      };
      return {
        hertz: at("MIDI semitones", 9, 129, 1, 0.5, "440 Hz"),
        kilohertz: at("MIDI semitones", 9, 129, 1, 0.6, "0.88k"),
        milliseconds: at("s", 0, 8, 4, 0.5, "500 ms"),
        decibels: at("level; gain is its square", 0, 1, 1, 0.5, "-12.04 dB"),
        silence: at("level; gain is its square", 0, 1, 1, 0),
        percent: at("of its range", 0, 10, 1, 0.5, "50"),
        semitones: at("semitones", -12, 12, 1, 0.75, "+6"),
        rate: at("octaves over 1 Hz", -3, 5, 1, 0.5, "2"),
        nonsense: at("s", 0, 8, 4, 0, "soon"),
      };
    }"""
  )
  approx = pytest.approx
  assert cases == {
    "hertz": ["440 Hz", approx(0.5)],
    "kilohertz": ["880 Hz", approx(0.6)],
    "milliseconds": ["500 ms", approx(0.5)],
    "decibels": ["-12 dB", approx(0.5, abs=1e-3)],
    "silence": ["-∞ dB", None],
    "percent": ["50 %", approx(0.5)],
    "semitones": ["+6 st", approx(0.75)],
    "rate": ["2 Hz", approx(0.5)],
    "nonsense": ["0 ms", None],
  }
