"""Training on a disk that is full: a real one, or a limit on files that anybody may set."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")


LIMITED = """
import resource, runpy, sys
if limit := sys.argv.pop(1):
  resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
runpy.run_module("synthmatch_jax.train", run_name="__main__", alter_sys=True)
"""


def train(dataset, workdir, *more, limit=None):
  """The real command; `limit` is the length that no file may exceed, in bytes."""
  command = [
    *(sys.executable, "-c", LIMITED, str(limit or ""), "--config=configs/mlp.py:runlocal"),
    *(f"--config.data.dir={dataset.dir}", f"--config.data.name={dataset.name}"),
    *("--config.train.batch_size=8", "--config.model.width=64", "--config.train.steps=30"),
    *("--config.train.eval_every=10", "--config.train.log_every=1", f"--workdir={workdir}"),
  ]
  return subprocess.run(
    [*command, *more],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=300,
  )


def refused(done):
  """The sentence, and nothing but lines of progress before it."""
  assert done.returncode == 1, done.stderr
  *progress, sentence = done.stderr.splitlines()
  assert all(line.startswith("step ") for line in progress), done.stderr
  assert sentence.startswith("train: error: ")
  return sentence


def losses(workdir):
  lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
  return [{k: v for k, v in line.items() if not k.startswith("speed/")} for line in lines]


@pytest.fixture(scope="module")
def whole(tiny_dataset, tmp_path_factory):
  """The losses of a run that had room enough."""
  workdir = tmp_path_factory.mktemp("whole")
  assert train(tiny_dataset, workdir).returncode == 0
  return losses(workdir)


@pytest.fixture
def disk(tmp_path):
  """A disk of 1,200 kilobytes: two checkpoints fit."""
  folder = tmp_path / "disk"
  folder.mkdir()
  command = ["mount", "-t", "tmpfs", "-o", "size=1200k", "tmpfs", folder]
  if subprocess.run(command, capture_output=True, check=False).returncode:
    pytest.skip("this user may not mount a disk")
  yield folder
  subprocess.run(["umount", "-l", folder], check=True)


def resize(disk, size):
  subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


@pytest.mark.slow
def test_a_full_disk_gets_a_sentence_and_with_more_room_the_run_ends_as_any(
  tiny_dataset, whole, disk
):
  sentence = refused(train(tiny_dataset, disk / "run"))
  assert f"{disk / 'run'} cannot be written any more (no space left on device)" in sentence
  resize(disk, "64m")
  again = train(tiny_dataset, disk / "run")
  assert again.returncode == 0, again.stderr
  assert losses(disk / "run") == whole


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [4, 12, 28, 60, 200, 600, 900])
def test_whichever_file_it_is_that_does_not_fit(tiny_dataset, whole, disk, kilobytes):
  """config.json, data.json, the log, TensorBoard's, the profiler's trace, a checkpoint."""
  resize(disk, f"{kilobytes}k")
  run = ("--config.train.trace_at=3",)
  assert "no space left on device" in refused(train(tiny_dataset, disk / "run", *run))
  resize(disk, "64m")
  again = train(tiny_dataset, disk / "run", *run)
  assert again.returncode == 0, again.stderr
  assert losses(disk / "run") == whole


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [1, 4, 20, 100])
def test_a_limit_on_the_length_of_files(tiny_dataset, whole, tmp_path, kilobytes):
  run = tmp_path / "run"
  sentence = refused(train(tiny_dataset, run, limit=1024 * kilobytes))
  assert "file too large" in sentence
  again = train(tiny_dataset, run)
  assert again.returncode == 0, again.stderr
  assert losses(run) == whole
