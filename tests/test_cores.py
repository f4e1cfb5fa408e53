"""How many cores a process takes itself to have: on this machine, and where containers limit it."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from synthmatch_jax import cores

ON_ONE = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from synthmatch_jax import cores
print(cores.available())
"""


def test_it_is_no_more_than_the_machine_has():
  assert 1 <= cores.available() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only")
def test_a_process_that_may_run_on_one_core_has_one():
  child = subprocess.run([sys.executable, "-c", ON_ONE], capture_output=True, text=True, check=True)
  assert child.stdout == "1\n"


def quotas(tmp_path, own, files):
  """Makes up a file system of control groups, and reads the limit from it."""
  (tmp_path / "own").write_text(own)
  for name, text in files.items():
    path = tmp_path / "cgroup" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
  return sorted(cores._quotas(tmp_path / "cgroup", tmp_path / "own"))


def threads_of_blas():
  return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_linear_algebra_has_one_thread_until_the_last_block_is_left():
  with threadpool_limits(2, user_api="blas"):
    one, other = cores.one_each(), cores.one_each()
    one.__enter__()
    other.__enter__()
    assert threads_of_blas() == {1}
    one.__exit__(None, None, None)
    assert threads_of_blas() == {1}
    other.__exit__(None, None, None)
    assert threads_of_blas() == {2}


def test_the_limit_is_the_same_in_whichever_thread_a_block_is_entered_and_left():
  def enter(block):
    block.__enter__()
    return threads_of_blas()

  def leave(block):
    block.__exit__(None, None, None)
    return threads_of_blas()

  with threadpool_limits(2, user_api="blas"):  # By this thread, before all others.
    one, other = cores.one_each(), cores.one_each()
    work = [(enter, one), (enter, other), (leave, one), (leave, other)]
    found = []
    for step, block in work:
      with ThreadPoolExecutor(1) as thread:
        found.append(thread.submit(step, block).result())
    assert found == [{1}, {1}, {1}, {2}]


VERSION_1 = "4:memory:/docker/1\n2:cpu,cpuacct:/docker/1\n"


@pytest.mark.parametrize(
  ("own", "files", "found"),
  [
    # What `docker run --cpus=1.5` shows inside of the container.
    ("0::/\n", {"cpu.max": "150000 100000\n"}, [1.5]),
    ("0::/\n", {"cpu.max": "max 100000\n"}, []),
    # A service of systemd, in a slice that has less.
    (
      "0::/a.slice/b.service\n",
      {"a.slice/cpu.max": "50000 100000\n", "a.slice/b.service/cpu.max": "200000 100000\n"},
      [0.5, 2.0],
    ),
    # Version 1: the host's name of the group is not there inside of the container.
    (VERSION_1, {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, [3.0]),
    (VERSION_1, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, []),
    ("0::/\n", {}, []),
    ("0::/\n", {"cpu.max": "nonsense\n"}, []),
  ],
)
def test_what_control_groups_allow(tmp_path, own, files, found):
  assert quotas(tmp_path, own, files) == found


def test_where_there_are_no_control_groups(tmp_path):
  assert list(cores._quotas(tmp_path, tmp_path / "missing")) == []


def test_nothing_else_counts_cores():
  """`os.cpu_count` is that of the host, in every container."""
  root = cores.Path(__file__).parents[1]
  for folder in ("synthmatch_jax", "datasets", "study"):
    for path in (root / folder).rglob("*.py"):
      assert "cpu_count" not in path.read_text() or path.name == "cores.py", path
