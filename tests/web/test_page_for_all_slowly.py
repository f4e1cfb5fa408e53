"""The page for everybody: by keys alone, read out, in the dark, narrow, in another language."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.web.acting import bring, cards, knob, match, tab_to

pytestmark = pytest.mark.slow

NARROW = {"width": 360, "height": 740}


def test_from_a_sound_to_a_preset_by_the_keyboard_alone(browse):
  page = browse()
  bring(page)
  expect(page.locator("#match")).to_be_focused()
  page.keyboard.press("Enter")
  expect(page.locator("#match-says")).to_contain_text("distance")
  expect(page.locator("#match")).to_be_focused()
  tab_to(page, "#playhead")
  page.keyboard.press("Home")
  expect(page.locator("#playhead")).to_have_attribute("aria-valuetext", "0.0 s")
  tab_to(page, "#take-preset")
  with page.expect_download() as caught:
    page.keyboard.press("Enter")
  assert caught.value.suggested_filename == "flute 1.vital"
  tab_to(page, "[data-name=osc1_position] .knob")
  page.keyboard.press("End")
  expect(cards(page)).to_have_count(2)


@pytest.mark.parametrize("look", [{}, {"color_scheme": "dark"}, {"viewport": NARROW}])
def test_axe_finds_nothing_serious(browse, look):
  page = browse(**look)
  match(page)
  page.locator("summary").click()
  found = Axe().run(page).response["violations"]
  serious = [one for one in found if one["impact"] in ("serious", "critical")]
  assert [(one["id"], [n["target"] for n in one["nodes"]]) for one in serious] == []


def test_everything_has_a_name_and_its_place_at_any_width(browse):
  page = browse(viewport=NARROW)
  match(page)
  assert page.evaluate("document.documentElement.scrollWidth") <= 360
  nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
  active = {"button", "slider", "textbox", "combobox", "checkbox", "radio", "link", "switch"}
  active |= {"image", "img"}
  nameless = [
    node["role"]["value"]
    for node in nodes
    if not node["ignored"]
    and node["role"]["value"] in active
    and not node.get("name", {}).get("value")
  ]
  assert nameless == []
  roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
  assert roles.count("slider") >= 16
  # By the keyboard alone: to the first knob, and along the keys of the piano.
  knob(page, "osc1_position").focus()
  page.keyboard.press("Tab")
  assert "Lock" in page.evaluate("document.activeElement.ariaLabel")
  page.get_by_role("button", name="C4", exact=True).focus()
  page.keyboard.press("ArrowRight")
  assert page.evaluate("document.activeElement.ariaLabel") == "C#4"


def test_another_language_is_a_file_of_words(browse):
  page = browse(locale="de-DE")
  expect(page.locator("h1")).to_have_text("Einen Klang nachbauen")
  bring(page)
  page.locator("#match").click()
  expect(page.locator("#match-says")).to_contain_text("Abstand")
