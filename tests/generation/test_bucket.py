"""Shards in a bucket: in memory, and on an S3 server (`pip install moto[server] s3fs`)."""

import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from synthmatch_jax.generation import shards
from synthmatch_jax.generation.plan import Plan
from synthmatch_jax.synths.registry import Engine
from tests.generation.test_shards import COUNT, SIZE, contents, small_store

PORT = 15_555


@pytest.fixture
def bucket(monkeypatch):
  """Address of an empty bucket."""
  pytest.importorskip("moto.server", reason="needs pip install moto[server] s3fs")
  pytest.importorskip("s3fs", reason="needs pip install moto[server] s3fs")
  address = f"http://127.0.0.1:{PORT}"
  for name, value in {
    "AWS_ENDPOINT_URL": address,
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
  }.items():
    monkeypatch.setenv(name, value)
  quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
  server = subprocess.Popen([sys.executable, "-m", "moto.server", f"-p{PORT}"], **quiet)
  for _ in range(300):
    try:
      request = urllib.request.Request(f"{address}/shards", method="PUT")
      urllib.request.urlopen(request).close()
      break
    except urllib.error.URLError:
      time.sleep(0.1)
  yield "s3://shards/here"
  server.kill()
  server.wait()


def check(root, undisturbed, target, told):
  store, engine = small_store(root), Engine(name="vital")
  planned = list(Plan(seed=0, num_examples=COUNT, shard_size=SIZE))
  with store.building():
    shards.render(planned[:2], store, engine=engine, workers=2)
    store.path(planned[0]).write_bytes(b"damaged")
    shards.render(planned, store, engine=engine, workers=2)
  out = told.readouterr().out
  assert f"{store.path(planned[0])} is damaged: it is rendered again" in out
  assert "4 sounds are there already" in out
  for shard in planned:
    store.fetch(shard, target / store.path(shard).name)
  assert contents(target) == contents(undisturbed)


def test_what_fsspec_knows_is_a_store_as_a_folder_is(undisturbed, tmp_path, capsys):
  check("memory://shards", undisturbed, tmp_path, capsys)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Those of the client's libraries.
def test_a_bucket_is_a_store_as_a_folder_is(bucket, undisturbed, tmp_path, capsys):
  check(bucket, undisturbed, tmp_path, capsys)
