"""The page in a real Chromium, from disk."""

import functools
import http.server
import re
import threading

import pytest
from playwright.sync_api import expect

from synthmatch_jax.reports import cells
from tests.reports import material
from tests.reports.material import heard

pytestmark = pytest.mark.slow

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture
def page(visit, page_folder):
  return visit((page_folder / "index.html").as_uri())


def names(page):
  return page.locator("#section-0 .sound:visible .name").evaluate_all(
    "all => all.map((e) => e.childNodes[e.childNodes.length - 2].textContent)"
  )


def pressed(page):
  return page.locator(".player[aria-pressed=true]")


def test_every_player_of_the_table_plays_and_only_one_at_a_time(page):
  players = page.locator(".sounds .player")
  assert players.count() == 3 * 5 + 3
  for i in range(players.count()):
    players.nth(i).click()
    heard(page, i + 1)
  sounds = heard(page, players.count())
  assert len(set(sounds)) == 15  # The three from outside are heard a second time.
  assert sounds[:5] == [f"0 #%?'/{n}.mp3" for n in ("target", *(r.name for r in material.ROWS))]
  assert page.evaluate("most") == 1
  page.wait_for_function("clock() > 0.2")  # It moves.
  players.last.click()
  expect(pressed(page)).to_have_count(0)
  assert page.evaluate("clock()") == -1  # Pressed again, it stops.


def test_a_sound_that_ends_gives_its_button_back(page):
  page.locator("#section-0 .sound").nth(1).locator(".player").first.click()
  heard(page, 1)
  # In the table, and on its card.
  expect(pressed(page)).to_have_count(2)
  expect(pressed(page)).to_have_count(0, timeout=5000)


def test_nothing_is_loaded_before_it_is_asked_for(browser, page_folder):
  asked = []
  context = browser.new_context(viewport={"width": 800, "height": 400})
  tab = context.new_page()
  tab.on("request", lambda request: asked.append(request.url))
  tab.goto((page_folder / "index.html").as_uri())
  tab.wait_for_timeout(300)
  context.close()
  assert not [url for url in asked if url.endswith(".mp3")]


def test_it_can_be_hosted(visit, page_folder):
  class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
      pass

  handler = functools.partial(Handler, directory=page_folder)
  with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
    threading.Thread(target=server.serve_forever).start()
    page = visit(f"http://127.0.0.1:{server.server_port}/")
    page.locator(".sounds .player").first.click()
    assert heard(page, 1) == ["0 #%?'/target.mp3"]
    server.shutdown()


def test_sorting(page):
  table = page.locator("#section-0 [role=grid]")
  first = [material.HOSTILE, "sound 9", "sound 8"]
  assert names(page) == first

  def sort(heading, expected, way):
    head = table.get_by_role("columnheader", name=heading, exact=True)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", way)
    expect(table.locator("[aria-sort=ascending], [aria-sort=descending]")).to_have_count(1)
    assert names(page) == [first[i] for i in expected]

  sort("model", [1, 0, 2], "ascending")
  sort("model", [2, 0, 1], "descending")
  sort("nearest mel", [1, 2, 0], "ascending")
  sort("sound", [0, 2, 1], "ascending")
  metric = page.locator("#section-0 select")
  metric.select_option(label="rms cosine ↑")
  sort("mean", [2, 0, 1], "descending")  # Higher is better: the best on top.
  metric.select_option(label="f0 cents (cents) ↓")
  sort("model", [0, 2, 1], "ascending")
  sort("model", [2, 0, 1], "descending")  # Without a number it stays last.
  cell = page.locator("#section-0 .sound").last.locator("td").nth(1)
  expect(cell).to_have_text("\N{EN DASH}")


def test_numbers_are_written_as_in_the_table_of_results(page):
  scores = [material.SCORES[0][i] for i in range(3)] + [1.2e-5]
  for label, factor in (("spectral convergence ↓", 1), ("f0 cents (cents) ↓", 1234.5678)):
    page.locator("#section-0 select").select_option(label=label)
    shown = page.locator("#section-0 .sound").first.locator("td").all_inner_texts()
    assert [t.strip() for t in shown] == ["", *(cells.number(factor * s) for s in scores)]


def test_the_best_answer_is_bold_ceilings_aside(page):
  bold = page.locator("#section-0 .sounds .player.best")
  labels = bold.evaluate_all("all => all.map((e) => e.ariaLabel.split(' of ')[0])")
  assert labels == ["model", "nearest mel", "nearest mel"]


def test_filtering(page):
  box = page.locator("#section-0").get_by_label("Filter")
  box.fill("SOUND c4")
  assert names(page) == ["sound 9"]
  expect(page.locator("#section-0 output")).to_have_text("1 of 3 sounds")
  box.fill("worst")
  assert names(page) == ["sound 8"]
  box.fill("nothing like it")
  assert names(page) == []
  box.fill("")
  assert len(names(page)) == 3
  assert page.locator("#section-1 .sound:visible").count() == 1  # The other section is its own.


def test_every_picture_is_there(page):
  for name in page.locator(".name").all():
    name.click()
  pictures = page.locator("img")
  assert pictures.count() == 1 + 3 * 2 + 3 * 5  # Errors, picks, and what was opened.
  for picture in pictures.all():
    picture.scroll_into_view_if_needed()
    page.wait_for_function("e => e.complete && e.naturalWidth", arg=picture.element_handle())
  cards = page.locator("#section-0 .pick h4").all_text_contents()
  assert cards == ["best sound 9", f"median {material.HOSTILE}", "worst sound 8"]
  for player in page.locator("#section-0 .picks .player, #section-0 .details .player").all():
    player.click()
  assert page.evaluate("most") == 1


def test_by_keyboard_alone(page):
  def focused(script):
    return page.evaluate(f"document.activeElement.{script}")

  def tab_to(selector):
    for _ in range(60):
      page.keyboard.press("Tab")
      assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
      if focused(f"matches({selector!r})"):
        return
    pytest.fail(f"tab does not reach {selector}")

  tab_to("#section-0 thead button[data-column='0']")
  page.keyboard.press("Enter")
  assert names(page)[0] == "sound 9"
  tab_to("#section-0 .sound button")
  page.keyboard.press("ArrowRight")
  page.keyboard.press("Space")
  assert heard(page, 1) == ["1 #%?'/target.mp3"]
  page.keyboard.press("ArrowRight")
  page.keyboard.press("Space")
  assert heard(page, 2)[1] == "1 #%?'/model.mp3"
  page.keyboard.press("ArrowDown")
  page.keyboard.press("Space")
  assert heard(page, 3)[2] == "0 #%?'/model.mp3"
  page.keyboard.press("Escape")
  expect(pressed(page)).to_have_count(0)
  page.keyboard.press("ArrowUp")
  page.keyboard.press("ArrowLeft")
  page.keyboard.press("ArrowLeft")
  page.keyboard.press("Enter")
  expect(page.locator("#section-0 .details:visible")).to_have_count(1)
  page.keyboard.press("Tab")  # Into what was opened.
  page.keyboard.press("Space")
  assert heard(page, 4)[3] == "1 #%?'/target.mp3"


@pytest.mark.parametrize("name", ["index.html", "listening_test.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_the_page_does_not_scroll_sideways(visit, page_folder, name, scheme):
  page = visit((page_folder / name).as_uri(), color_scheme=scheme, **PHONE)
  for button in page.locator(".name").all():
    button.tap()
  assert page.evaluate("document.documentElement.scrollWidth") == 390
  player = page.locator(".sounds .player").first
  player.tap()
  heard(page, 1)
  size = player.bounding_box()
  assert min(size["width"], size["height"]) >= 40
  background, ink = page.evaluate(
    "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
  )
  dark, bright = sorted((background, ink), key=lambda c: int(re.search(r"\d+", c)[0]))
  assert background == (dark if scheme == "dark" else bright)
