"""The same shards by Apache Beam: in this process, and on a cluster that loses a worker."""

import dataclasses
import json
import subprocess
import sys
import time

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from synthmatch_jax.errors import UserError
from synthmatch_jax.generation import beam
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.synths.registry import Engine
from tests.generation.test_build_command import build, command
from tests.generation.test_shards import COUNT, SIZE, contents, files, small_store


def render(store):
  # By default, Beam would look for a newer runner on the net.
  options = PipelineOptions(["--runner=FnApiRunner"])
  plan = Plan(seed=0, num_examples=COUNT, shard_size=SIZE)
  with store.building():
    beam.render(plan, store, engine=Engine(name="vital"), workers=2, options=options)


def test_beam_makes_the_same_bytes_and_goes_on_from_what_is_there(undisturbed, tmp_path, capsys):
  render(small_store(tmp_path))
  assert contents(tmp_path) == contents(undisturbed)
  victim = files(tmp_path)[0]
  victim.write_bytes(victim.read_bytes()[:-1])
  render(small_store(tmp_path))
  assert contents(tmp_path) == contents(undisturbed)
  assert "5 of 6 shards are there already" in capsys.readouterr().out


def test_another_version_of_the_engine_on_a_worker_gets_a_sentence(tmp_path):
  recipe = small_store(tmp_path).recipe
  store = small_store(tmp_path, dataclasses.replace(recipe, fingerprint="vital/0"))
  with pytest.raises(UserError, match=r"was rendered by vital/0, the engine here is vital/"):
    render(store)


@pytest.fixture
def cluster(tmp_path):
  """Address of a Dask scheduler, and its three workers: processes, as on other machines."""
  programs = []

  def start(*arguments):
    program = [sys.executable, "-m", "dask", *arguments]
    with (tmp_path / f"{len(programs)}.log").open("w") as log:
      programs.append(subprocess.Popen(program, stdout=log, stderr=log, cwd=tmp_path))
    return programs[-1]

  described = tmp_path / "scheduler.json"
  start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", described)
  while not described.exists():
    time.sleep(0.1)
  options = ("--scheduler-file", described, "--nthreads", "1", "--no-nanny", "--no-dashboard")
  workers = [start("worker", *options) for _ in range(3)]
  yield json.loads(described.read_text())["address"], workers
  for program in programs:
    program.kill()
    program.wait()


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_makes_the_same_data_set(cluster, tmp_path):
  address, workers = cluster
  options = {"name": "d", "num_examples": 400, "seconds": 1.0, "shard_size": 16, "engine": "vital"}
  alone = build(tmp_path / "alone", **options)
  assert alone.returncode == 0, alone.stderr
  beam_options = (
    "runner=apache_beam.runners.dask.dask_runner.DaskRunner,"
    f"dask_client_address={address},dask_partition_size=1"
  )
  child = subprocess.Popen(
    [*command(tmp_path / "cluster", **options), f"--beam_pipeline_options={beam_options}"]
  )
  while len(files(tmp_path / "cluster")) < 4:
    assert child.poll() is None
    time.sleep(0.1)
  workers[0].kill()
  assert child.wait() == 0
  assert all(worker.poll() is None for worker in workers[1:])
  assert datasets(tmp_path / "cluster") == datasets(tmp_path / "alone")


def datasets(data_dir):
  return {p.name: p.read_bytes() for p in data_dir.glob("massive16/d/*/*.array_record*")}
