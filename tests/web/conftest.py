import shutil
import tempfile
from pathlib import Path

import pytest

from synthmatch_jax.matching.matcher import Matcher
from synthmatch_jax.web.uploads import Uploads
from synthmatch_jax.web.visit import Visit
from tests.web.serving import SECONDS, running, served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGS = [
  "--no-sandbox",
  "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
  "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def matcher(trained_run):
  """A very small trained model and its synth."""
  with Matcher.open([trained_run]) as opened:
    yield opened


@pytest.fixture
def visit(matcher, tmp_path):
  visit = Visit(matcher, Uploads(tmp_path))
  yield visit
  visit.close()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
  """Folder of the files of `page`."""
  return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="module")
def page(matcher, root):
  """Address of a page in this process."""
  with running(matcher, root) as address:
    yield address


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


@pytest.fixture(scope="module")  # While it is there, a loop of Playwright's runs in this thread.
def browser():
  if not CHROMIUM:
    pytest.skip("chromium is not installed")
  from playwright.sync_api import expect, sync_playwright

  expect.set_options(timeout=SECONDS)
  with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
    yield browser
    browser.close()


@pytest.fixture
def opened(browser):
  """Opens pages; in the end no console had an error, and nobody else was asked for anything."""
  troubles, contexts = [], []

  def open_page(address, *, context=None, script="", **options):
    if context is None:
      granted = ["microphone", "clipboard-read", "clipboard-write"]
      contexts.append(browser.new_context(permissions=granted, **options))
      context = contexts[-1]
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda r: None if local(r.url, address) else troubles.append(r.url))
    if script:
      page.add_init_script(script)
    page.goto(address)
    ready(page)
    return page

  yield open_page
  for context in contexts:
    context.close()
  # A browser says there, too, what was refused, and where nobody answers.
  expected = ("status of 4", "ERR_CONNECTION_REFUSED")
  assert [t for t in troubles if not any(e in t for e in expected)] == []


@pytest.fixture
def browse(opened, address):
  """Opens the page of the command."""
  return lambda **options: opened(address, **options)


def ready(page):
  page.locator("html[data-ready=true]").wait_for(timeout=SECONDS)


def local(url, address):
  place = "/".join(address.split("/")[:3])
  return url.startswith((place, f"blob:{place}", "data:"))
