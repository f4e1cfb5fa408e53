"""Every command in README and docs is one: its program, flags, fields and files exist.

`test_what_a_newcomer_types_runs` types some of them; those that take long, need an engine that is
not here or a cluster are only parsed, by the parser of the program itself.
"""

import ast
import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from synthmatch_jax.config import base_config
from tests import documented
from tests.documented import PAGES, ROOT, Command

COMMANDS = [command for page in PAGES for command in documented.commands(page)]

# What else stands in code blocks, and why it is not checked here.
NOT_OURS = {
  r"(sudo )?(apt-get|pip|git|source|py|cd|dask|docker|tensorboard) ": "programs of others",
  r"python3 -m pip |export PYTHONPATH=": "the same, on a machine without ours",
  r"python examples/\S+\.py": "a script, whose file is looked for below",
  r"\.venv.Scripts": "Windows",
  r"match ": "short for the command above it; parsed as that below",
  r"cat \S+ \| match ": "the same",
  r"(FROM|COPY|RUN) ": "a Dockerfile",
  r"\.\.\. --config": "an end of the command above it",
  r"D/|train-\d+": "files in a folder",
  r"hours = ": "a formula",
  r"location / |proxy_|client_max": "a configuration of nginx",
  r"\w+\.\w+: MSS|no pitch was heard|no clear pitch|in tune ": "what a command prints",
  r"(from|with|for|print|found|refined|locks)\b": "Python: see below",
  r"@inproceedings|\w+ += \{|\}": "BibTeX",
  r"[\w.]+ +-> |spaces\.prior|[\^|v]|preset <-|re-rendered audio": "a drawing",
}

# Names that stand for what the reader has, or what an earlier command of the page writes.
STANDS_FOR = {
  *("W", "W2", "W3", "W:nearest_mel", "D", "R", "O", "M", "FOLDER", "NAME", "PLUGIN", "SOUND"),
  *("-", "RUN", "TARGET", "ood", "matches"),
}

TFDS_OPTIONS = {
  "build": {"--data_dir", "--config", "--beam_pipeline_options", "--overwrite"},
  "convert_format": {"--dataset_version_dir", "--out_file_format"},
}


def of(*programs):
  return [c for c in COMMANDS if c.program.startswith(programs)]


def test_there_are_commands_of_every_kind():
  programs = {command.program for command in COMMANDS}
  binaries = {
    p.stem for p in (ROOT / "synthmatch_jax").glob("*.py") if "\n  cli.run" in p.read_text()
  }
  named = {p.partition(".")[2] for p in programs if p.startswith("synthmatch_jax.")}
  assert named == binaries  # Each is in the docs, and nothing else.
  assert {"synthmatch", "tfds", "make", "study.runs", "benchmarks.estimate"} <= programs


@pytest.mark.parametrize("page", PAGES)
def test_a_line_of_code_is_a_command_or_known_not_to_be_one(page):
  """So that a command of another form is not left out unseen."""
  known = [re.compile(pattern) for pattern in NOT_OURS]
  ours = documented.commands(page)
  for number, text in documented.lines(page):
    is_ours = any(command.page == f"{page}:{number}" for command in ours)
    assert is_ours or any(p.match(text) for p in known), f"{page}:{number}: {text}"


PARSE = """
import importlib, json, os, sys
from pathlib import Path
from absl import flags
import ml_collections, synthmatch_jax.config  # Once, for all that follow.
from synthmatch_jax import cli
for number, (module, arguments) in enumerate(json.load(sys.stdin)):
  if (child := os.fork()) == 0:
    sys.argv = [module.split(".")[-1], *arguments]
    try:
      importlib.import_module(module)
      cli._parser(sys.argv[0])(sys.argv)  # Ends with a sentence where it cannot.
      if hasattr(getattr(flags.FLAGS, "config", None), "lock"):
        flags.FLAGS.config.lock()
      status = 0
    except SystemExit as error:
      status = error.code or 0
    except BaseException as error:
      print(repr(error), file=sys.stderr)
      status = 3
    sys.stderr.flush()
    os._exit(status)
  _, status = os.waitpid(child, 0)
  print(os.waitstatus_to_exitcode(status), flush=True)
"""


def parsed(commands):
  """Exit status of the real parser for each command, and what it said of those it refused."""
  given = [(module, arguments) for module, arguments in commands]
  done = subprocess.run(
    [sys.executable, "-W", "ignore", "-c", PARSE],
    input=json.dumps(given),
    cwd=ROOT,
    capture_output=True,
    text=True,
    check=True,
  )
  return [int(line) for line in done.stdout.split()], done.stderr


def full(command):
  """The words with something in the place of what the reader is to choose."""
  return [
    "--config=configs/ast.py:runlocal" if word == "--config=" else word
    for word in command.arguments
  ]


def test_the_flags_of_our_commands_are_parsed():
  # A name in a sentence is not a command to be typed as it stands; that it is one is tested above.
  ours = [command for command in of("synthmatch_jax.") if command.arguments]
  statuses, said = parsed([(command.program, full(command)) for command in ours])
  assert len(statuses) == len(ours) > 25
  refused = [str(command) for command, s in zip(ours, statuses, strict=True) if s]
  assert not refused, said


def test_the_short_forms_of_match_are_parsed():
  short = [
    shlex.split(text.partition("| ")[2] or text, comments=True)[1:]
    for page in PAGES
    for _, text in documented.lines(page)
    if re.match(r"(cat \S+ \| )?match ", text)
  ]
  statuses, said = parsed([("synthmatch_jax.match", words) for words in short])
  assert len(short) >= 5
  assert not any(statuses), said


def test_the_parser_would_find_what_is_wrong():
  wrong = [
    ("synthmatch_jax.train", ["--config=configs/ast.py", "--config.model.dtyp=bfloat16"]),
    ("synthmatch_jax.train", ["--config=configs/ast.py", "--config.model.width=wide"]),
    ("synthmatch_jax.train", ["--config=configs/ast.py:huge"]),
    ("synthmatch_jax.match", ["a.wav", "--no_such_flag"]),
    ("synthmatch_jax.export", ["--dtype=float8"]),
  ]
  assert parsed(wrong)[0] == [2] * len(wrong)


@pytest.mark.parametrize("command", of("benchmarks.", "study."), ids=str)
def test_the_options_of_benchmarks_and_study_exist(command):
  known = documented.options(command.program)
  for word in command.arguments:
    if word.startswith("--"):
      assert word.split("=")[0] in known


@pytest.mark.parametrize("command", of("make"), ids=str)
def test_the_targets_of_make_exist(command):
  makefile = (ROOT / "Makefile").read_text()
  for word in command.arguments:
    assert re.search(rf"^{re.escape(word)}:", makefile, re.M) or "=" in word


@pytest.mark.parametrize("command", of("tfds", "synthmatch_jax.build"), ids=str)
def test_data_sets_are_built_with_options_that_there_are(command):
  from massive16 import massive16_dataset_builder as massive16

  own = [] if command.program == "tfds" else ["build"]  # It is the command's name.
  what, *arguments = [*own, *command.arguments]
  text = shlex.join(arguments).replace("=", " ", 1) if len(arguments) == 1 else None
  words = [part for word in arguments for part in word.split("=", 1)] if not text else arguments
  assert {w for w in words if w.startswith("--")} <= TFDS_OPTIONS[what]
  for word in words:
    if word.startswith("{"):
      options = json.loads(word)
      config = massive16.Massive16Config(**options)
      # Massive, and plugins that the page describes first, are not here.
      if options.get("engine", "vital") == "vital":
        massive16.Massive16Config(**options | {"engine": "vital"}).recipe.digest()
      assert config.name == options["name"]


def paths(command: Command):
  """Words, and values of flags, that may be names of files."""
  for word in command.arguments:
    value = word.partition("=")[2] if word.startswith("-") else word
    for part in value.split(","):
      if re.fullmatch(r"[\w./*:-]+", part):
        yield part.partition(":")[0]


def test_files_of_the_repository_that_commands_name_exist():
  top = {path.name for path in ROOT.iterdir()}
  named = [(c, part) for c in COMMANDS for part in paths(c) if part.split("/")[0] in top]
  assert len(named) > 10
  for command, part in named:
    if "--out" not in " ".join(w for w in command.words if part in w):
      assert list(ROOT.glob(part.rstrip("/"))), f"{command}: {part}"


def test_scripts_that_are_run_as_files_exist():
  for page in PAGES:
    for _, text in documented.lines(page):
      if found := re.match(r"python (examples/\S+\.py)", text):
        assert (ROOT / found[1]).exists(), f"{page}: {text}"


def test_fields_that_the_docs_name_are_fields_of_a_config():
  config, seen = base_config(), 0
  sections = "|".join(key for key in config if key not in ("seed",))
  pattern = rf"`(?:--config\.)?({sections})\.(\w+)(?:=([^`]*))?`"
  for page in PAGES:
    for section, field, _ in re.findall(pattern, (ROOT / page).read_text()):
      if field in ("py", "json"):  # A file.
        continue
      assert field in config[section], f"{page}: {section}.{field}"
      seen += 1
  assert seen > 15


def test_the_python_of_the_docs_imports_what_there_is():
  for page in PAGES:
    for _, text in documented.lines(page):
      if re.match(r"from synthmatch_jax\S* import ", text):
        exec(compile(text, page, "exec"), {})
    for snippet in documented.snippets(page):
      imports = [n for n in ast.parse(snippet).body if isinstance(n, ast.Import | ast.ImportFrom)]
      exec(compile(ast.Module(imports, []), page, "exec"), {})


@pytest.mark.parametrize("page", ["evaluation", "spaces", "synths"])
def test_the_python_of_the_api_that_needs_no_file_runs(page):
  (snippet,) = documented.snippets(f"docs/api/{page}.md")
  exec(compile(snippet, page, "exec"), {})


def typed(command, **places):
  """The command with folders in the place of the names that stand for them."""
  names = "|".join(places)
  words = [
    re.sub(rf"(^|=)({names})(?=$|:)", lambda found: found[1] + str(places[found[2]]), word)
    for word in full(command)
  ]
  done = subprocess.run(
    [sys.executable, "-m", command.program, *words], cwd=ROOT, capture_output=True, text=True
  )
  assert done.returncode == 0, f"{command}\n{done.stderr}"
  return done.stdout


def in_docs(*words):
  """The first command of the docs that has these words."""
  return next(c for c in COMMANDS if set(words) <= {*c.words})


def test_what_a_newcomer_types_runs(tiny_run, tmp_path):
  """The way out of a run; the rest of the way: tests/test_eval.py, test_match.py and others."""
  run = shutil.copytree(tiny_run, tmp_path / "run")
  exported = tmp_path / "exported"
  export = in_docs("synthmatch_jax.export", "--workdir=W", "--out=M")
  typed(export, W=run, M=exported)
  assert (exported / "model.json").exists()
  match = in_docs("synthmatch_jax.match", "SOUND", "--workdir=M")
  sound = ROOT / "examples" / "guitar.flac"
  typed(Command("", (*match.words, f"--out={tmp_path / 'out'}")), M=exported, SOUND=sound)
  assert list((tmp_path / "out").rglob("patch.json"))


@pytest.mark.slow
def test_the_whole_way_runs_as_documented(tiny_run, tiny_dataset, tmp_path):
  run = shutil.copytree(tiny_run, tmp_path / "run")
  places = {"W": run, "D": tiny_dataset.dir, "massive16/NAME": tiny_dataset.name}
  typed(in_docs("synthmatch_jax.eval", "--workdir=W"), **places)
  assert (run / "eval" / "test" / "table.md").exists()
  assert "better" in typed(in_docs("synthmatch_jax.compare", "W", "W:nearest_mel"), **places)
  describe = in_docs("synthmatch_jax.describe", "massive16/NAME", "--data_dir=D")
  out = f"--out={tmp_path / 'page'}"
  typed(Command("", (*describe.words, out)), **places)
  assert (tmp_path / "page" / "index.html").exists()


def test_links_lead_to_files_and_headings():
  for page in PAGES:
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
      if ":" in target:
        continue
      file, _, anchor = target.partition("#")
      path = (ROOT / page).parent / file if file else ROOT / page
      assert path.exists(), f"{page}: {target}"
      if anchor:
        titles = re.findall(r"^#+ (.+)$", path.read_text(), flags=re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert anchor in slugs, f"{page}: {target}"
