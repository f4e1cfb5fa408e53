"""Every command: its help, and simple mistakes, which are told before anything slow is loaded."""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import synthmatch_jax
from synthmatch_jax import bundled
from synthmatch_jax.__main__ import commands
from synthmatch_jax.errors import UserError

REPO = Path(__file__).parents[1]
RELEASED = str(bundled.VITAL16.relative_to(REPO))
SLOW = ("jax", "tensorflow_datasets", "starlette", "librosa", "matplotlib")
# A command in this Python, which says at its end what of the slow packages it has loaded.
RUN = f"""
import atexit, runpy, sys
sys.argv = sys.argv[1:]
atexit.register(lambda: print("loaded:", *sorted(set({SLOW!r}) & set(sys.modules))))
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def run(command, *arguments, path=""):
  return subprocess.run(
    [sys.executable, "-c", RUN, f"synthmatch_jax.{command}", *arguments],
    capture_output=True,
    text=True,
    check=False,
    cwd=REPO,
    env=os.environ | {"PYTHONPATH": f"{REPO}{os.pathsep}{path}"},
  )


def test_the_package_lists_its_commands():
  known = commands()
  assert {"match", "app", "train", "eval", "export", "probe"} <= set(known)
  assert known["match"] == "Matches sounds"
  for arguments in ([], ["-h"], ["--help"]):
    done = run("__main__", *arguments)
    assert done.returncode == 0
    for name, said in known.items():
      assert importlib.util.find_spec(f"synthmatch_jax.{name}")
      assert f"synthmatch {name} " in done.stdout
      assert said in done.stdout
  for wrong in (["mach", "a.wav"], ["completion", "tcsh"]):
    done = run("__main__", *wrong)
    assert done.returncode == 2
    assert done.stderr.startswith("synthmatch: error: ")
  done = run("__main__", "--version")
  assert done.stdout.startswith(f"synthmatch_jax {synthmatch_jax.__version__}\n")


def test_a_command_is_started_by_its_name():
  assert run("__main__", "match", "none.wav").stderr == (
    "match: error: there is no file none.wav: check the path\n"
  )
  assert run("__main__", "match", "--help").stdout == run("match", "--help").stdout


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_shells_complete_every_command_and_flag(shell, tmp_path):
  done = run("__main__", "completion", shell)
  script, loaded = done.stdout.rsplit("loaded:", 1)
  assert loaded == "\n"
  for word in ("match", "top", "widely", "train", "config", "probe", "edit", "build"):
    assert word in script
  if shutil.which(shell):
    (tmp_path / "script").write_text(script)
    subprocess.run([shell, "-n", tmp_path / "script"], check=True)


@pytest.mark.parametrize(
  ("words", "completed"),
  [
    (["ma"], ["match"]),
    (["match", "--li"], ["--listen="]),
    (["match", "--listen", "=", "w"], ["widely"]),
    (["match", "--noise", "="], ["keep", "remove"]),
    (["train", "sounds"], []),
  ],
)
def test_bash_completes(words, completed):
  script = subprocess.run(
    [sys.executable, "-m", "synthmatch_jax", "completion", "bash"],
    capture_output=True,
    text=True,
    check=True,
    cwd=REPO,
  ).stdout
  asked = f"COMP_WORDS=(synthmatch {shlex.join(words)}) COMP_CWORD={len(words)}; _synthmatch"
  program = f'compopt() {{ :; }}; {script}\n{asked}; echo "${{COMPREPLY[@]}}"'
  done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
  assert done.stdout.split() == completed


@pytest.mark.parametrize(
  ("name", "arguments", "extra"),
  [
    ("train", ["--config=ast.py"], "train"),
    ("eval", [f"--workdir={RELEASED}"], "train"),
    ("build", ["massive16"], "build"),
    ("app", [], "app"),
  ],
)
def test_a_missing_extra_is_told_by_its_name(name, arguments, extra, tmp_path):
  (tmp_path / "sitecustomize.py").write_text(
    "import importlib.util as util\nfound = util.find_spec\n"
    "missing = {'ml_collections', 'tensorflow', 'starlette'}\n"
    "util.find_spec = lambda name, *rest: None if name in missing else found(name, *rest)\n"
  )
  done = run(name, *arguments, path=tmp_path)
  assert done.returncode == 1
  assert done.stderr.startswith(f"{name}: error: ")
  assert done.stderr.endswith(f"which is not installed: pip install 'synthmatch_jax[{extra}]'\n")
  assert done.stdout == "loaded:\n"


def test_recipes_and_builders_that_come_along_are_found_from_anywhere(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for named in ("ast.py:small", "configs/ast.py:small"):
    assert bundled.recipe(named) == f"{REPO / 'configs' / 'ast.py'}:small"
  for named in ("massive16", "datasets/massive16"):
    assert bundled.builder(named) == REPO / "datasets" / "massive16"
  for nowhere in ("none.py:small", "runs/ast.py", "C:\\configs\\ast.py"):
    assert bundled.recipe(nowhere) == nowhere
  for nowhere in ("none", "elsewhere/massive16"):
    with pytest.raises(UserError, match=r"name one of .*massive16"):
      bundled.builder(nowhere)
  (tmp_path / "ast.py").touch()
  (tmp_path / "massive16").mkdir()  # A data set, and no builder.
  assert bundled.recipe("ast.py:small") == "ast.py:small"
  assert bundled.builder("massive16") == REPO / "datasets" / "massive16"
  (tmp_path / "massive16" / "massive16_dataset_builder.py").touch()
  assert bundled.builder("massive16") == Path("massive16")


@pytest.mark.parametrize("name", sorted(commands()))
def test_help_is_short_and_no_mistake(name):
  pages = {run(name, flag).stdout for flag in ("-h", "--help")}
  (page,) = pages
  done = run(name, "--help")
  assert done.returncode == 0
  assert done.stderr == ""
  assert commands()[name] in page
  assert "Flags:" in page
  assert len(page.splitlines()) < 60
  assert max(map(len, page.splitlines())) <= 100
  assert str(REPO) not in page
  assert page.endswith("loaded:\n")


@pytest.mark.parametrize("name", ["__main__", "match", "describe"])
def test_a_reader_who_takes_less_costs_no_traceback(name):
  """Nobody reads, as behind `head`."""
  reading, writing = os.pipe()
  os.close(reading)
  command = [sys.executable, "-m", f"synthmatch_jax.{name}".removesuffix(".__main__"), "--help"]
  with os.fdopen(writing, "wb") as pipe:
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False, cwd=REPO)
  assert (done.returncode, done.stderr) == (141, b"")


BROKEN = """
import os, sys
from absl import flags
from synthmatch_jax import cli
def main(arguments):
  if sys.argv[1] == "another":
    raise BrokenPipeError("a plugin's")
  print("a line\\n" * int(sys.argv[1]))
cli.run(main)
"""


@pytest.mark.parametrize(
  ("what", "status", "says"), [("1", 141, b""), ("9999", 141, b""), ("another", 1, b"a plugin's")]
)
def test_what_a_command_prints_may_be_left_unread_and_other_pipes_are_told(what, status, says):
  reading, writing = os.pipe()
  if what != "another":
    os.close(reading)
  command = [sys.executable, "-c", BROKEN, what]
  with os.fdopen(writing, "wb") as pipe:
    done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False, cwd=REPO)
  assert done.returncode == status
  assert bool(done.stderr) == bool(says)
  assert says in done.stderr


MISTAKES = [
  ("match", [], "name at least one sound"),
  ("match", ["none.wav"], "there is no file none.wav: check the path"),
  ("match", ["none.wav", "no/folder"], "there is no file none.wav, no/folder: check the path"),
  ("match", ["examples/flute.flac", "--workdir=nowhere"], "there is no trained model in nowhere"),
  ("match", ["examples/flute.flac", "--out=setup.cfg"], "setup.cfg cannot be written"),
  ("match", ["examples/flute.flac", "--top=0"], "--top"),
  ("match", ["examples/flute.flac", "--synth=moog"], "should be one of <massive16|vital|dexed>"),
  ("app", ["--host=no.host.invalid"], "cannot listen at no.host.invalid"),
  ("app", ["--host=192.0.2.1"], "cannot listen at 192.0.2.1"),
  ("app", ["--workdir=nowhere"], "there is no trained model in nowhere"),
  ("app", ["examples/flute.flac"], "takes no arguments"),
  ("export", [f"--workdir={RELEASED}", "--out=M"], f"the model in {RELEASED} was exported already"),
  ("export", ["--workdir=nowhere", "--out=M"], "there is no trained model in nowhere"),
  (
    "snap",
    [f"--workdir={RELEASED}"],
    "exported already: snap the run's own folder",
  ),
  ("eval", ["--workdir=nowhere"], "there is no trained model in nowhere"),
  ("eval", [f"--workdir={RELEASED}", "--sounds=nowhere"], "there is no folder nowhere of sounds"),
  ("eval", [f"--workdir={RELEASED}", "--others=nowhere"], "there is no trained model in nowhere"),
  ("eval", [f"--workdir={RELEASED}", "--sounds=a", "--dataset=b"], "exclude each other"),
  ("follow", ["--workdir=nowhere", "--once"], "there is no trained model in nowhere yet"),
  ("compare", ["nowhere", "nowhere:mean"], "there is no evaluation in nowhere"),
  ("preferences", ["a.json", "--key=k.json"], "there is no file a.json"),
  ("probe", ["none.vst3"], "no plugin at none.vst3"),
  ("describe", ["massive16/none", "--data_dir=nowhere"], "there is no data set massive16/none"),
  ("train", ["--workdir=W"], "no --config"),
  ("train", ["--config=ast.py", "--config.data.dirr=D"], "no field 'dirr'; did you mean 'dir'?"),
  ("train", ["--config=ast.py", "--config.model.dtyp=x"], "no field 'dtyp'; did you mean 'dtype'?"),
  ("build", [], "name one data set"),
  ("build", ["massive17"], "there is no builder of a data set massive17: name one of "),
  ("build", ["massive16", "--config={name: x}"], "--config is no JSON (Expecting property name"),
  ("train", ["--config=none.py", "--workdir=W"], "No such file or directory: 'none.py'"),
  ("ood", ["--out=setup.cfg"], "setup.cfg cannot be written"),
  ("app", ["--max_seconds=nan"], "--max_seconds=nan: it must be a finite number."),
  ("probe", ["none.vst3", "--patience=inf"], "--patience=inf: it must be a finite number."),
  ("follow", ["--workdir=W", "--seconds=inf"], "--seconds=inf: it must be a finite number."),
  ("match", ["a.wav", "--onset=-inf"], "--onset=-inf: it must be a finite number."),
  ("match", ["a.wav", "--hold=nan"], "--hold=nan: it must be a finite number."),
  ("match", ["a.wav", "--level=1e999"], "--level=inf: it must be a finite number."),
  ("export", ["--out=M"], "error: --workdir is needed. (--help"),
  ("export", [], "error: --workdir is needed. --out is needed. (--help"),
  ("preferences", ["a.json"], "error: --key is needed. (--help"),
]


@pytest.mark.parametrize(
  ("name", "arguments", "sentence"), MISTAKES, ids=[f"{n} {' '.join(a)}" for n, a, _ in MISTAKES]
)
def test_a_simple_mistake_is_told_before_anything_slow_is_loaded(name, arguments, sentence):
  done = run(name, *arguments)
  assert done.returncode in (1, 2)
  assert sentence in done.stderr
  (line,) = done.stderr.splitlines()
  assert line.startswith(f"{name}: error: ")
  assert done.stdout == "loaded:\n"


def test_what_the_evaluation_of_the_released_model_needs_is_told_as_it_is(tmp_path):
  done = run("eval", f"--workdir={RELEASED}", f"--data_dir={tmp_path}")
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert "the model was trained on it" in line
  assert '"num_examples": 151040}' in line
  assert "10000" not in line
  assert "--sounds" in line
