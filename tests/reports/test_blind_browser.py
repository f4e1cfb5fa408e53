"""The blind test in a real Chromium, from disk."""

import json
import shutil

import pytest
from playwright.sync_api import expect

from synthmatch_jax.evaluation import listeners
from tests.reports.material import heard

pytestmark = pytest.mark.slow


def answer(page, choice):
  """Listens to all three of a trial and answers, by keyboard."""
  before = page.evaluate("sounded.length")
  for i, key in enumerate("tab", start=1):
    page.keyboard.press(key)
    heard(page, before + i)
  page.keyboard.press(choice)


def test_the_blind_test_from_the_first_trial_to_the_analysis(visit, page_folder, tmp_path):
  page = visit((page_folder / "listening_test.html").as_uri())
  trial = page.locator("#place")
  expect(trial).to_have_text("Trial 1 of 4")
  page.keyboard.press("1")  # Unheard, it is not answered.
  expect(page.locator("#answered")).to_have_text("0 answered")
  answer(page, "1")
  expect(trial).to_have_text("Trial 2 of 4")
  answer(page, "2")
  page.reload()  # Answers survive.
  expect(trial).to_have_text("Trial 3 of 4")
  expect(page.locator("#answered")).to_have_text("2 answered")
  page.get_by_label("Your name").fill("tab012")  # No shortcuts here.
  page.locator("h1").click()
  answer(page, "0")
  page.keyboard.press("ArrowLeft")
  page.keyboard.press("ArrowLeft")
  expect(trial).to_have_text("Trial 2 of 4")
  chosen = page.locator("[data-answer][aria-pressed=true]")
  expect(chosen).to_have_attribute("data-answer", "b")
  page.keyboard.press("1")  # He changes his mind.
  expect(trial).to_have_text("Trial 4 of 4")
  answer(page, "2")
  expect(page.locator("#news")).to_contain_text("last one")
  with page.expect_download() as download:
    page.get_by_role("button", name="Save answers").click()
  assert page.evaluate("most") == 1
  file = tmp_path / download.value.suggested_filename
  download.value.save_as(file)
  expect(page.locator("#news")).to_contain_text("saved")

  saved = json.loads(file.read_text())
  assert [a["answer"] for a in saved["answers"]] == ["a", "a", "none", "b"]
  assert saved["listener"] == "tab012"
  assert saved["answers"][0]["plays"] == {"target": 1, "a": 1, "b": 1}
  key = page_folder / "listening_test_key.json"
  trials = json.loads(key.read_text())["trials"]
  found, sessions = listeners.analyse([file], key=key)
  assert sessions == 1
  for i, side in ((0, "a"), (1, "a"), (3, "b")):
    winner, loser = trials[i][side], trials[i]["ab".replace(side, "")]
    (pair,) = [
      p for p in found if {p.row, p.other} == {winner, loser} and p.section == trials[i]["section"]
    ]
    assert (pair.wins if pair.row == winner else pair.losses) == 1
  assert sum(p.ties for p in found) == 1


def test_starting_over_forgets_but_asks_first(visit, page_folder):
  page = visit((page_folder / "listening_test.html").as_uri())
  answer(page, "1")
  expect(page.locator("#answered")).to_have_text("1 answered")
  page.once("dialog", lambda dialog: dialog.dismiss())
  page.get_by_role("button", name="Start over").click()
  expect(page.locator("#answered")).to_have_text("1 answered")
  page.once("dialog", lambda dialog: dialog.accept())
  page.get_by_role("button", name="Start over").click()
  expect(page.locator("#answered")).to_have_text("0 answered")
  expect(page.locator("#place")).to_have_text("Trial 1 of 4")


def test_a_missing_sound_is_said(browser, page_folder, tmp_path):
  shutil.copytree(page_folder, tmp_path / "page")
  for file in (tmp_path / "page" / "listening_test").iterdir():
    file.unlink()
  context = browser.new_context()
  page = context.new_page()
  page.goto((tmp_path / "page" / "listening_test.html").as_uri())
  page.keyboard.press("t")
  expect(page.locator("#status")).to_contain_text("cannot be played")
  expect(page.locator("[data-answer]").first).to_be_disabled()
  context.close()
