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
