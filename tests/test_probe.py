"""The binary `probe`: sentences for what cannot be probed."""

import os
import subprocess
import sys

import pytest

HEADLESS = sys.platform == "linux" and not os.environ.get("DISPLAY")


def run(*arguments, how=""):
  environment = os.environ | {"TESTBED": how}
  command = [sys.executable, "-m", "synthmatch_jax.probe", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def fails(done, *words, status=1):
  """One sentence, no traceback."""
  assert done.returncode == status
  assert done.stderr.startswith("probe: error: ")
  assert done.stderr.count("\n") == 1
  for word in words:
    assert word in done.stderr
  return True


def test_no_plugin_is_asked_for():
  assert fails(run(), "name one plugin")


def test_a_missing_file(tmp_path):
  assert fails(run(tmp_path / "No.vst3"), "no plugin at", "No.vst3")


def test_what_is_no_plugin_engine():
  assert fails(run("vital"), "massive", "vst3")


def test_massive_where_it_is_not(tmp_path):
  assert fails(run("massive", f"--plugin={tmp_path}"), "no plugin Massive.vst3", str(tmp_path))


def test_a_text_file_named_so(tmp_path):
  (tmp_path / "Text.vst3").write_text("no plugin at all")
  assert fails(run(tmp_path / "Text.vst3"), "cannot be loaded")


def test_what_would_be_wrong_at_the_end_is_said_at_once(testbed, tmp_path):
  assert fails(run(testbed, f"--presets={tmp_path / 'none'}"), "no folder")
  assert fails(run(testbed, f"--out={tmp_path / 'testbed.txt'}"), "must be a .json")


@pytest.mark.skipif(not HEADLESS, reason="there is a display here")
def test_no_display_for_the_editor(testbed):
  assert fails(run(testbed, "--edit"), "editor", "--base_preset")


def test_an_effect(testbed):
  assert fails(run(testbed, how="effect"), "is an effect")


@pytest.mark.parametrize("how", ["crash@1", "crash>osc1_amp=0.5"])
def test_a_plugin_that_crashes_at_its_first_note_or_when_loaded(testbed, how):
  assert fails(run(testbed, how=how), "SIGSEGV", "in a DAW")
