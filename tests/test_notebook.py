"""The notebook runs from its first cell to its last, and is kept without what it has printed."""

import ast
import copy
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.test_site import DOCUMENTED

NOTEBOOK = Path(__file__).parents[1] / "examples" / "synthmatch.ipynb"


@pytest.fixture(scope="module")
def notebook():
  return nbformat.read(NOTEBOOK, as_version=4)


def code(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_valid_and_has_no_outputs(notebook):
  nbformat.validate(notebook)
  for cell in code(notebook):
    clean = not cell.outputs and cell.execution_count is None
    assert clean, f"the cell {cell.id} has outputs: clear them all in Jupyter, and save"
  assert set(notebook.metadata) == {"colab", "kernelspec", "language_info"}


def test_its_python_parses_and_imports_what_the_api_has(notebook):
  for cell in code(notebook):
    # What is installed is the one thing that is said to IPython.
    text = re.sub(r"^( *)%pip .*$", r"\1pass", cell.source, flags=re.M)
    for node in ast.walk(ast.parse(text)):
      if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("synthmatch"):
        for name in (f"{node.module}.{alias.name}" for alias in node.names):
          assert any(f"{known}.".startswith(f"{name}.") for known in DOCUMENTED), name


def test_it_says_first_what_is_under_the_gpl(notebook):
  first = notebook.cells[0].source
  assert all(word in first for word in ("GPL-3", "`vita`", "`pedalboard`"))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["Vital", "a plugin"])
def test_it_runs(notebook, request, tmp_path, monkeypatch, engine):
  monkeypatch.setenv("NOTEBOOK_TEST", "1")
  if engine == "a plugin":
    monkeypatch.setenv("NOTEBOOK_PLUGIN", str(request.getfixturevalue("testbed")))
  where = {"metadata": {"path": str(tmp_path)}}
  done = NotebookClient(copy.deepcopy(notebook), timeout=None, resources=where).execute()
  nbformat.write(done, tmp_path / NOTEBOOK.name)
  written = tmp_path / "notebook"
  assert (written / "my_sound.vital").read_text().startswith("{")
  assert list(written.glob("my_sound_by_my_model.*"))
  shown = {cell.id: [output.get("data", {}) for output in cell.outputs] for cell in code(done)}
  assert any("| oracle |" in data.get("text/markdown", "") for data in shown["evaluate"])
  assert any("<audio" in data.get("text/html", "") for data in shown["own"])
