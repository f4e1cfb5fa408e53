"""What a visitor does on the page, in a browser."""

import soundfile as sf
from playwright.sync_api import expect

from tests.web.serving import EXAMPLES


def bring(page, path=EXAMPLES / "flute.flac"):
  page.locator("#file").set_input_files(path)
  expect(page.locator("#sound-name")).to_have_text(path.name)
  expect(page.locator("#region")).to_be_visible()


def match(page, path=EXAMPLES / "flute.flac"):
  bring(page, path)
  page.locator("#match").click()
  expect(page.locator("#match-says")).to_contain_text("distance")


def knob(page, name):
  return page.locator(f"[data-name={name}] .knob")


def cards(page):
  return page.locator(".card")


def download(page, name):
  with page.expect_download() as caught:
    page.locator(f"#take-{name}").click()
  return caught.value


def audio(page):
  return sf.read(download(page, "sound").path())[0]


def tab_to(page, selector):
  """Presses Tab until something has the focus; everything is less than 200 steps away."""
  for _ in range(200):
    page.keyboard.press("Tab")
    if page.evaluate("selector => document.activeElement.matches(selector)", selector):
      return
  raise AssertionError(f"no way to {selector}")
