"""Makes all pictures of README.md and docs/, of the pages as they are now and of the study's logs,
and the sounds that README.md lets one hear.

    python -m study.screens [--evaluation=W]

The pages are photographed in Debian's chromium, with the model that comes along. The two pictures
of an evaluation are of W/eval/index.html, where `python -m synthmatch_jax.eval` has measured the
run that the released model is from; without --evaluation they stay as they are. What each picture
was made of is in docs/images/made.json, and a test (tests/test_screens.py) says which are older.
"""

import argparse
import contextlib
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import soundfile as sf

from study.report import IMAGES, draw
from study.runs import ROOT
from synthmatch_jax import bundled, files

MADE = IMAGES / "made.json"
SOUNDS = IMAGES.parent / "sounds"
HEARD = ("electric_piano", "trumpet")
"""The examples whose matches the README lets one hear."""

RELEASED = bundled.model()
_PACKAGE = ROOT / "synthmatch_jax"
_EXAMPLES = ROOT / "examples"
_ANSWERS = ("audio/**/*.py", "matching/**/*.py")  # They decide what is heard, and the MSS of it.
_REPORTS = ("reports/spectrograms.py", "reports/templates/*.css", "reports/templates/base.html")
_PAGE = ("web/static/*", "web/panel.*", "web/telling.py")
SOURCES: dict[str, tuple[str, ...]] = {
  "matches.png": ("reports/templates/matches.html", "reports/templates/nearness.html", *_REPORTS),
  "app.png": _PAGE,
  "app_dark.png": _PAGE,
  "app_narrow.png": _PAGE,
}
"""What is seen on each picture of a page, below the package."""

EVALUATION = ("evaluation_table.png", "evaluation_sounds.png")
_SHOWN = (
  "the page of `python -m synthmatch_jax.eval` over the run that the released model is from, with"
  " its weights; it is made again from that run (--evaluation), and its layout may be older"
)

_SECONDS = 60_000  # What a browser waits for, in milliseconds.
_WIDTH = 1240


def state(picture: str, model: Path = RELEASED) -> dict[str, str]:
  """Returns what a picture would be made of now, as hashes; of an evaluation the weights alone.

  Args:
    picture: The name of the file.
    model: The folder of the model that it shows.
  """
  if picture in EVALUATION:
    return {"shows": _SHOWN, "weights": _digest(model.glob("*.safetensors"))}
  return {
    "model": _digest(path for path in model.rglob("*") if path.is_file()),
    "page": _digest(path for pattern in SOURCES[picture] for path in _PACKAGE.glob(pattern)),
    "sounds": _digest(_EXAMPLES.glob("*.flac")),
    "answers": _digest(path for pattern in _ANSWERS for path in _PACKAGE.glob(pattern)),
  }


def _digest(paths: Iterable[Path]) -> str:
  total = hashlib.sha256()
  for path in sorted(set(paths)):
    total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
  return total.hexdigest()[:16]


def matches(browser: Any, path: Path) -> None:
  """Photographs the page over the matches of the examples."""
  with tempfile.TemporaryDirectory() as out:
    sounds = sorted(_EXAMPLES.glob("*.flac"))
    _run("match", *map(str, sounds), f"--out={out}")
    for name in HEARD:
      audio, rate = sf.read(Path(out) / name / "match.wav")
      sf.write(SOUNDS / f"{name}.flac", audio, rate, subtype="PCM_16")
    page = browser.new_page(viewport={"width": 1000, "height": 1320})
    page.goto(f"{Path(out).as_uri()}/index.html")
    page.add_style_tag(content="img { content-visibility: visible; }")
    page.wait_for_function("[...document.images].slice(0, 2).every(image => image.complete)")
    page.screenshot(path=path)
    page.close()


def app(browser: Any, path: Path, *, width: int = _WIDTH, scheme: str = "light") -> None:
  """Photographs the page with an answer to a flute; a narrow one as far as a long screen goes."""
  with _served() as address:
    viewport = {"width": width, "height": 900 if width == _WIDTH else 1500}
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.set_default_timeout(_SECONDS)
    page.goto(address)
    page.locator("html[data-ready=true]").wait_for()
    page.locator("#file").set_input_files(ROOT / "examples" / "flute.flac")
    page.locator("#region").wait_for()
    page.locator("#match").click()
    page.locator("#match-says", has_text="distance").wait_for()
    page.locator("#play").click()  # So that the playhead stands still.
    page.screenshot(path=path, full_page=width == _WIDTH)
    page.close()


def evaluation(browser: Any, table: Path, sounds: Path, folder: Path) -> None:
  """Photographs both parts of the page of an evaluation."""
  page = browser.new_page(viewport={"width": 1180, "height": 1100})
  page.goto((folder / "eval" / "index.html").resolve().as_uri())
  page.screenshot(path=table)
  page.set_viewport_size({"width": 1180, "height": 880})
  page.locator("section.sound, article").first.scroll_into_view_if_needed()
  page.wait_for_timeout(1000)
  page.screenshot(path=sounds)
  page.close()


@contextlib.contextmanager
def _served() -> Iterator[str]:
  command = [sys.executable, "-m", "synthmatch_jax.app", "--port=0"]
  process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
  try:
    assert process.stdout
    yield process.stdout.readline().split()[-1]
  finally:
    process.terminate()
    process.communicate(timeout=30)


def _run(command: str, *arguments: str) -> None:
  subprocess.run(
    [sys.executable, "-m", f"synthmatch_jax.{command}", *arguments], check=True, cwd=ROOT
  )


def main() -> None:
  """Makes the pictures."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--evaluation", type=Path, help="a workdir that eval has measured")
  options = parser.parse_args()
  chromium = shutil.which("chromium") or shutil.which("chromium-browser")
  if not chromium:
    parser.error("chromium is not installed: apt-get install chromium")
  from playwright.sync_api import sync_playwright

  draw(IMAGES)
  made = json.loads(MADE.read_text(encoding="utf-8")) if MADE.exists() else {}
  pages: dict[str, Callable[[Any, Path], None]] = {
    "matches.png": matches,
    "app.png": app,
    "app_dark.png": functools.partial(app, scheme="dark"),
    "app_narrow.png": functools.partial(app, width=360),
  }
  with sync_playwright() as playwright:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    arguments = ["--no-sandbox"] * root
    browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
    for name, photograph in pages.items():
      photograph(browser, IMAGES / name)
      made[name] = state(name)
    if options.evaluation:
      table, sounds = (IMAGES / name for name in EVALUATION)
      evaluation(browser, table, sounds, options.evaluation)
      made |= {name: state(name) for name in EVALUATION}
    browser.close()
  files.write_text(MADE, json.dumps(made, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
  main()
