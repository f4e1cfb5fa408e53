"""A page on disk, and a real Chromium that visits it.

By playwright, with the system's Chromium: one wheel, no driver that has to match the browser's
version, and it hears consoles, failed requests and downloads. As root Chromium needs --no-sandbox.
"""

import shutil

import pytest
from playwright.sync_api import sync_playwright

from synthmatch_jax.reports import blind, listening
from tests.reports import material

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Whatever plays by whatever element: files in order, and how many at most at once.
LISTEN = """
  window.sounded = []; window.most = 0;
  const elements = new Set(), play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    if (!elements.has(this)) this.addEventListener("playing", () => {
      sounded.push(this.src);
      most = Math.max(most, [...elements].filter((e) => !e.paused).length);
    });
    elements.add(this);
    return play.call(this);
  };
  window.clock = () => Math.max(...[...elements].map((e) => e.paused ? -1 : e.currentTime));
"""


@pytest.fixture(scope="module")
def page_folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("a page #1 %")
  sections = material.sections(folder)
  rows = ("model", "nearest_mel", "mean")
  blind.write_listening_test(
    folder, title="Blind", sections=sections, rows=rows, seed=0, num_trials=4
  )
  listening.write_page(folder, title="Listen", facts={"step": "1"}, sections=sections)
  return folder


@pytest.fixture(scope="module")
def browser():
  if not CHROMIUM:
    pytest.skip("chromium is not installed")
  with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
    yield browser
    browser.close()


@pytest.fixture
def visit(browser):
  """Opens addresses; in the end nothing was missing and no console said a word."""
  troubles, contexts = [], []

  def visit(address, **options):
    contexts.append(browser.new_context(**options))
    page = contexts[-1].new_page()
    page.add_init_script(LISTEN)
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda r: troubles.append(f"{r.url} {r.failure}"))
    page.goto(address)
    return page

  yield visit
  for context in contexts:
    context.close()
  # A sound that another one interrupts is no trouble.
  assert [t for t in troubles if not t.endswith(".mp3 net::ERR_ABORTED")] == []
