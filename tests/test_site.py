"""The site: every link of it leads somewhere, and its API has what the docs import."""

import os
import re
import subprocess
import sys

from tests.documented import PAGES, ROOT

_API = sorted((ROOT / "docs" / "api").glob("*.md"))
DOCUMENTED = {n for page in _API for n in re.findall(r"^::: (\S+)$", page.read_text(), re.M)}


def test_the_site_is_built_and_no_link_anchor_or_reference_is_broken(tmp_path):
  done = subprocess.run(
    [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path],
    cwd=ROOT,
    env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  home = (tmp_path / "index.html").read_text()
  outside = "synthmatch_jax/released/massive16/index.html"  # README links to it beyond docs/.
  assert f'href="{outside}"' in home
  assert (tmp_path / outside).exists()
  assert (
    'id="synthmatch_jax.matching.matcher.Matcher.match"'
    in (tmp_path / "api" / "matching.html").read_text()
  )


def test_what_the_docs_import_is_on_the_pages_of_the_api():
  names = set()
  for page in PAGES:
    text = (ROOT / page).read_text()
    for module, found in re.findall(r"^ *from (synthmatch_jax\S*) import (.+)$", text, re.M):
      names |= {f"{module}.{name.strip()}" for name in found.split(",")}
  assert len(names) > 10
  for name in names:  # One of a module stands for it.
    assert any(f"{known}.".startswith(f"{name}.") for known in DOCUMENTED), name


def test_the_overview_of_the_api_names_what_its_pages_have():
  overview = (ROOT / "docs" / "api" / "index.md").read_text()
  named = set(re.findall(r"`(synthmatch_jax\.[\w.]+)`", overview))
  assert len(named) > 5
  assert named <= DOCUMENTED
