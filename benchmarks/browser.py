"""A part of `page`: what a visitor waits for, in Debian's chromium."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

_MOST_MS = 120_000
_ARGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]

# Whatever is heard goes through `tap` as well; `until` returns the milliseconds from an act until
# something holds, which is looked at every few milliseconds.
_TAP = """
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode) {
      window.tap ??= new AnalyserNode(to.context, { fftSize: 512 });
      connect.call(this, window.tap);
    }
    return connect.call(this, to, ...rest);
  };
  window.isHeard = () => {
    const samples = new Float32Array(512);
    window.tap?.getFloatTimeDomainData(samples);
    return samples.some((one) => Math.abs(one) > 1e-3);
  };
  window.until = async (act, holds) => {
    const begun = performance.now();
    act();
    while (!holds()) {
      if (performance.now() - begun > 120000) throw new Error(`in vain: ${holds}`);
      await new Promise((resolve) => setTimeout(resolve));
    }
    return performance.now() - begun;
  };
  window.played = 0; // Notes that have come.
  const ask = window.fetch;
  window.fetch = async (path, ...rest) => {
    const response = await ask(path, ...rest);
    if (String(path).endsWith("/play")) window.played += 1;
    return response;
  };
  window.type = (key, kind = "keydown", at = document.body) =>
    at.dispatchEvent(new KeyboardEvent(kind, { key, bubbles: true }));
"""
_FLIP = """async () => {
  const { flip } = await import("/static/listening.js");
  const other = flip.heard === "answer" ? "target" : "answer";
  return until(() => type("b"), () => flip.playing.gains[other].gain.value > 0.9);
}"""
_KEY = """key => until(() => type(key), isHeard).finally(() => type(key, "keyup"))"""
_KNOB = """async ([name, key]) => {
  const { flip } = await import("/static/listening.js");
  const before = flip.buffers.answer;
  const knob = document.querySelector(`[data-name=${name}] .knob`);
  knob.focus();
  return until(() => type(key, "keydown", knob), () => flip.buffers.answer !== before);
}"""


def waits(address: str, sound: Path) -> Iterator[tuple[str, list[float]]]:
  """Uses a page, and yields what is waited for and the seconds of each time.

  Args:
    address: The address of the page, on which nobody has been yet.
    sound: A sound to match.
  """
  with sync_playwright() as playwright:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    browser = playwright.chromium.launch(executable_path=found, args=_ARGS)
    opened = [_opened(browser, address) for _ in range(3)]
    pages, paints, readies = zip(*opened, strict=True)
    yield "first paint", list(paints)
    yield "ready", list(readies)
    yield "first answer, after Match", [_matched(page, sound) for page in pages]
    page = pages[-1]
    yield "A/B flip", [page.evaluate(_FLIP) / 1000 for _ in range(10)]
    yield "key to sound, first", [_key(one, "k") for one in pages]
    _until(page, "played >= 10")  # The neighbours are fetched ahead, the nearest first.
    yield "key to sound, later", [_key(page, key) for key in "jolu"]
    names = [one.get_attribute("data-name") for one in page.locator(".control").all()]
    yield "knob to sound", [_turned(page, name) for name in names[:10] if name]
    yield "opened page to preset", [_path(browser, address, sound) for _ in range(3)]
    browser.close()


def _opened(browser: Browser, address: str) -> tuple[Page, float, float]:
  """Opens the page as a new visitor; returns it with the seconds to first paint and until ready."""
  page = browser.new_context().new_page()
  page.set_default_timeout(_MOST_MS)
  page.add_init_script(_TAP)
  begun = time.perf_counter()
  page.goto(address)
  page.locator("html[data-ready=true]").wait_for()
  ready = time.perf_counter() - begun
  painted = page.evaluate(
    """() => new Promise((resolve) => new PerformanceObserver((list) => {
      const found = list.getEntriesByName("first-contentful-paint")[0];
      if (found) resolve(found.startTime);
    }).observe({ type: "paint", buffered: true }))"""
  )
  return page, painted / 1000, ready


def _matched(page: Page, sound: Path) -> float:
  """Brings a sound and presses Match; returns the seconds from then until the answer plays."""
  page.locator("#file").set_input_files(sound)
  page.locator("#region").wait_for()
  begun = time.perf_counter()
  page.locator("#match").click()
  page.locator("#match-says", has_text="distance").wait_for()
  _until(page, "isHeard()")
  return time.perf_counter() - begun


def _key(page: Page, key: str) -> float:
  """Presses a key of the computer while nothing plays; returns the seconds until it is heard."""
  if page.locator("#play").inner_text() == "Stop":
    page.locator("#play").click()
  _until(page, "!isHeard()")
  return page.evaluate(_KEY, key) / 1000


def _turned(page: Page, name: str) -> float:
  """Turns a knob by a tenth; returns the seconds until that is heard."""
  knob = page.locator(f"[data-name={name}] .knob")
  key = "PageUp" if float(knob.get_attribute("aria-valuenow") or 0) < 0.5 else "PageDown"
  with page.expect_response(lambda one: one.url.endswith("/change")):  # When it is let go of.
    seconds = page.evaluate(_KNOB, [name, key]) / 1000
  _until(page, "document.getElementById('turn-says').textContent === ''")
  return seconds


def _until(page: Page, condition: str) -> None:
  """Waits; Playwright's own way evaluates text in the page, which the page does not let happen."""
  page.evaluate(f"until(() => {{}}, () => {condition})")


def _path(browser: Browser, address: str, sound: Path) -> float:
  """The path of a new visitor: opens the page, brings a sound, matches it and takes the preset."""
  context = browser.new_context()
  page = context.new_page()
  page.set_default_timeout(_MOST_MS)
  begun = time.perf_counter()
  page.goto(address)
  page.locator("html[data-ready=true]").wait_for()
  page.locator("#file").set_input_files(sound)
  page.locator("#region").wait_for()
  page.locator("#match").click()
  page.locator("#take").wait_for()
  with page.expect_download() as caught:
    page.locator("#take-preset").click()
  assert caught.value.path().stat().st_size
  seconds = time.perf_counter() - begun
  context.close()
  return seconds
