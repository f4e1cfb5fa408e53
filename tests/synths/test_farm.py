import threading
import time

import pytest

from synthmatch_jax.synths import farm
from synthmatch_jax.synths.registry import Engine


def run(work, jobs, **options):
  return farm.run(
    lambda job, host, tick: work(job, tick),
    jobs,
    engine=Engine(name="vital"),
    **{"workers": 2, "total": len(jobs), "label": "test"} | options,
  )


def test_every_job_is_done_once_by_as_many_workers_as_asked():
  together, lock, most = set(), threading.Lock(), []

  def work(job, tick):
    with lock:
      together.add(job)
      most.append(len(together))
    time.sleep(0.01)
    tick()
    with lock:
      together.remove(job)
    return job * job

  assert sorted(run(work, range(20), workers=3)) == [n * n for n in range(20)]
  assert max(most) == 3


def test_a_failing_job_ends_the_rest_soon():
  ended = []

  def work(job, tick):
    if job == 0:
      raise RuntimeError("job 0 fails")
    try:
      while True:
        tick()
        time.sleep(0.005)
    except farm.Cancelled:
      ended.append(job)
      raise

  start = time.monotonic()
  with pytest.raises(RuntimeError, match="job 0 fails"):
    list(run(work, range(50)))
  assert time.monotonic() - start < 5
  assert len(ended) <= 2  # Those under way; the others were never begun.


def test_who_stops_iterating_calls_the_work_off():
  def work(job, tick):
    while job:
      tick()
      time.sleep(0.005)
    return job

  results = run(work, [0, 1, 2])
  assert next(results) == 0
  results.close()  # Hangs for ever if the others go on.
