"""Builds on disks that are full or may only be read: real ones, which only root may mount."""

import subprocess
import sys

import pytest

from tests.generation.test_build_command import build

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")


@pytest.fixture
def disk(tmp_path):
  """A disk of 600 kilobytes."""
  folder = tmp_path / "disk"
  folder.mkdir()
  command = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder]
  if subprocess.run(command, capture_output=True, check=False).returncode:
    pytest.skip("this user may not mount a disk")
  yield folder
  subprocess.run(["umount", "-l", folder], check=True)


OPTIONS = {"name": "d", "num_examples": 100, "seconds": 0.2, "shard_size": 10, "engine": "vital"}


@pytest.mark.slow
def test_a_full_disk_gets_a_sentence_and_keeps_what_is_finished(disk):
  done = build(disk, **OPTIONS)
  assert done.returncode == 1
  assert "cannot write shards to" in done.stderr
  assert "No space left on device" in done.stderr
  assert "Traceback" not in done.stderr
  finished = {p: p.stat().st_mtime_ns for p in disk.rglob("*.array_record")}
  assert finished
  subprocess.run(["mount", "-o", "remount,size=9m", disk], check=True)
  again = build(disk, **OPTIONS)
  assert again.returncode == 0, again.stderr
  assert all(p.stat().st_mtime_ns == when for p, when in finished.items())


@pytest.mark.slow
def test_a_folder_that_may_only_be_read_gets_a_sentence(disk):
  subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
  done = build(disk, **OPTIONS)
  assert done.returncode == 1
  assert "cannot write shards to" in done.stderr
  assert "Read-only file system" in done.stderr
  assert "Traceback" not in done.stderr
