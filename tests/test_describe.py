"""The binary `describe`: the page, the verdict, and sentences for what cannot be described."""

import html
import json
import re
import subprocess
import sys

import matplotlib.image
import numpy as np
import pytest
import soundfile as sf

from synthmatch_jax.generation import ledger
from synthmatch_jax.synths import registry
from tests.inspection import edited

VITAL = registry.engine("vital").space


def describe(*arguments, cwd=None):
  command = [sys.executable, "-m", "synthmatch_jax.describe", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def text(page):
  """What is read on a page, in one line."""
  body = page.read_text().split("<body>")[1]
  return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def errors(done):
  """Lines on standard error that are no progress bar."""
  return [line for line in done.stderr.splitlines() if line.startswith("describe: error")]


@pytest.fixture(scope="module")
def described(tiny_dataset, tmp_path_factory):
  folder = tmp_path_factory.mktemp("describe")
  options = ["--sample=4", "--examples=2", f"--data_dir={tiny_dataset.dir}"]
  return describe(tiny_dataset.name, *options, cwd=folder), folder / "described" / "massive16/tiny"


def test_a_sound_data_set_is_said_to_be_sound(described):
  done, out = described
  assert done.returncode == 0, done.stderr
  lines = done.stdout.splitlines()
  assert lines[0].startswith(
    "massive16/tiny 2.0.0: vital, 1 s each, train 48, validation 6, test 6"
  )
  assert lines[-2:] == ["verdict: sound", "open described/massive16/tiny/index.html"]
  assert "Verdict: sound" in text(out / "index.html")
  assert not errors(done)


def test_the_page_tells_what_the_data_set_is(described, tiny_dataset):
  _, out = described
  told = text(out / "index.html")
  dataset = tiny_dataset.open()
  rejected = sum(len(one.rejections) for one in ledger.read_all(dataset.path))
  for words in (
    dataset.recipe.fingerprint,
    dataset.recipe.digest(),
    dataset.recipe.prior.source,
    "C4 (MIDI 60), velocity 127, held for 1 s",
    "64 mel bins, 20 to 20,000 Hz; window 4096, hop 2048",
    "drawn again below -60 LUFS",
    "train 48, validation 6, test 6",
    "60 records. Line: 10,000 draws",
    f"{rejected} of {60 + rejected} draws",
    "worker-hours in all",
  ):
    assert words in told
  mean = np.mean(
    [dataset.decode(r, ("controls",))["controls"] for s in dataset.sources.values() for r in s], 0
  )
  for parameter, value in zip(VITAL.parameters, mean, strict=True):
    assert f"{parameter.meaning} mean {value:.3f}, prior" in told


def test_every_file_that_the_page_names_is_there_and_holds_something(described):
  _, out = described
  names = re.findall(r'(?:src|href)="([^"#:]+)"', (out / "index.html").read_text())
  assert len(names) == 16 + 2 + 2 * 2
  for name in names:
    if name.endswith(".png"):
      assert matplotlib.image.imread(out / name).std() > 0.05
    else:
      audio, rate = sf.read(out / name)
      assert (rate, audio.shape) == (44_100, (44_100,))
      assert np.abs(audio).max() > 0.02


def test_damage_is_told_on_the_page_and_by_the_status(tiny_dataset, tmp_path):
  dataset = edited.copy(tiny_dataset, tmp_path)
  (path,) = dataset.path.glob("*-train.*-00001-of-*")
  edited.flip(path, 0.2)
  out = tmp_path / "out"
  options = ["--sample=1", "--examples=0", f"--out={out}", f"--data_dir={tmp_path}"]
  done = describe(dataset.name, *options)
  assert done.returncode == 1
  (error,) = errors(done)
  assert error.startswith("describe: error: massive16/tiny is damaged: train shard 1: the checksum")
  assert "--overwrite" in error
  assert "Traceback" not in done.stderr
  assert "verdict: damaged" in done.stdout
  told = text(out / "index.html")
  assert "Verdict: damaged" in told
  assert "train shard 1: 1 of 24 records cannot be read" in told


@pytest.mark.slow
def test_no_ledger_and_another_engine_leave_much_to_tell(tiny_dataset, tmp_path):
  dataset = edited.copy(tiny_dataset, tmp_path)
  (dataset.path / ledger.FILE).unlink()
  (dataset.path / "SHA256SUMS").unlink()
  path = dataset.path / "metadata.json"
  metadata = json.loads(path.read_text())
  metadata["recipe"]["fingerprint"] = "vital/0"
  path.write_text(json.dumps(metadata))
  options = [f"--out={tmp_path / 'out'}", f"--data_dir={tmp_path}"]
  done = describe(dataset.name, *options)
  assert done.returncode == 1
  (error,) = errors(done)
  assert "rendered by vital/0" in error
  assert error.endswith("--sample=0 --examples=0 describes it without a sound")
  done = describe(dataset.name, *options, "--sample=0", "--examples=0")
  assert done.returncode == 0, done.stderr
  assert "verdict: sound, as far as could be checked" in done.stdout
  assert "Why is unknown" in text(tmp_path / "out" / "index.html")


@pytest.mark.parametrize(
  ("arguments", "status", "says"),
  [
    ([], 1, "name one data set"),
    (["massive16/none"], 1, "there is no data set massive16/none"),
    (["massive16/none", "--sample=-1"], 2, "sample"),
  ],
)
def test_a_mistake_gets_one_sentence(arguments, status, says, tmp_path):
  done = describe(*arguments, f"--data_dir={tmp_path}", cwd=tmp_path)
  assert done.returncode == status
  assert says in done.stderr
  assert len(done.stderr.splitlines()) == 1
  assert not list(tmp_path.iterdir())
