"""Fixtures that tests share."""

import dataclasses
import locale
import logging
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import pytest
from filelock import FileLock

from synthmatch_jax import exported, files, models
from synthmatch_jax.config import base_config
from synthmatch_jax.data import pipeline
from synthmatch_jax.exported import TrainedModel
from synthmatch_jax.synths.surroundings import Surroundings
from synthmatch_jax.training import loop, trained
from tests.plugin import build


def pytest_configure(config):
  """Keeps compiled functions from run to run, and shares them with the processes of tests."""
  files.settle_caches()
  # A shell's background jobs ignore it, and so would every process that a test starts.
  signal.signal(signal.SIGINT, signal.default_int_handler)
  settings = {
    "jax_compilation_cache_dir": str(config.cache.mkdir("jax")),
    "jax_persistent_cache_min_compile_time_secs": 0.1,
  }
  for name, value in settings.items():
    jax.config.update(name, value)
    os.environ[name.upper()] = str(value)


@pytest.fixture(autouse=True)
def nothing_outlives_a_test():
  """Fails a test that leaves this process other than it found it: the next may depend on that."""
  before = _of_the_process()
  yield
  for what, now in _of_the_process().items():
    assert now == before[what], f"the test leaves another {what} behind"


# Variables that libraries set when they are first imported, and pytest in every test.
_OF_OTHERS = ("KMP_", "TF", "TPU_", "HDF5_", "ENABLE_RUNTIME_", "PYTEST_")


def _of_the_process() -> dict[str, object]:
  environment = {n: v for n, v in os.environ.items() if not n.startswith(_OF_OTHERS)}
  pyplot = sys.modules.get("matplotlib.pyplot")
  return {
    "environment": environment,
    "working directory": Path.cwd(),
    "search path": list(sys.path),
    "locale": locale.setlocale(locale.LC_ALL),
    "signal handler": {n: signal.getsignal(n) for n in signal.valid_signals()},
    "umask, limit, niceness, processor or signal mask": _but_environment(Surroundings.now()),
    "open figure": pyplot.get_fignums() if pyplot else [],
    "logging handler": [type(h) for h in logging.getLogger().handlers],
    "default of JAX": dict(jax.config.values),
  }


def _but_environment(found: Surroundings | None) -> Surroundings | None:
  if found is None:
    return None
  import resource

  # Whoever opens a data set raises this one for good, where the system starts with few files.
  limits = {n: pair for n, pair in found.limits.items() if n != resource.RLIMIT_NOFILE}
  return dataclasses.replace(found, environment={}, limits=limits)


@pytest.fixture(scope="session")
def testbed(request) -> Path:
  """The bundle of the test instrument; on Debian nothing excuses its absence."""
  if reason := build.why_not():
    (pytest.fail if build.is_debian() else pytest.skip)(reason)
  return build.build(Path(request.config.cache.mkdir("testbed")))


@dataclass(frozen=True)
class Built:
  """A data set on disk: what `pipeline.open_dataset` and the config's `data` section take."""

  name: str
  dir: Path

  def open(self) -> pipeline.Dataset:
    return pipeline.open_dataset(self.name, dir=self.dir)


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory):
  """60 sounds of one second (48 train, 6 validation, 6 test), by the real builder on Vital."""
  # Processes of pytest-xdist share one.
  shared = tmp_path_factory.getbasetemp()
  shared = shared.parent if shared.name.startswith("popen-") else shared
  with FileLock(shared / "tiny_dataset.lock"):
    return _build(shared / "tfds")


def _build(data_dir: Path) -> Built:
  import massive16.massive16_dataset_builder as massive16

  config = massive16.Massive16Config(name="tiny", num_examples=60, seconds=1.0, shard_size=24)
  massive16.Builder(data_dir=data_dir, config=config).download_and_prepare()
  return Built("massive16/tiny", data_dir)


@pytest.fixture(scope="session")
def trained_run(tiny_dataset, tmp_path_factory):
  """Workdir of a very small AST, trained for 12 steps on the tiny data set; to be read only."""
  shared = tmp_path_factory.getbasetemp()
  shared = shared.parent if shared.name.startswith("popen-") else shared
  workdir = shared / "tiny_run"
  with FileLock(shared / "tiny_run.lock"):
    config = base_config()
    config.data.name, config.data.dir = tiny_dataset.name, str(tiny_dataset.dir)
    config.model.name = "ast_tiny"
    config.optimizer.learning_rate = 1e-3
    config.train.batch_size, config.train.steps = 8, 12
    loop.train_and_evaluate(config, workdir)
  return workdir


@pytest.fixture(scope="module")
def tiny_run(trained_run, tmp_path_factory):
  """A copy of it for each module and process, which may write there what others must not meet."""
  return shutil.copytree(trained_run, tmp_path_factory.mktemp("module") / trained_run.name)


def _untrained(trained_run, folder, **arguments):
  """Exports a model that has learnt nothing, for the sounds of a run."""
  data = trained.load(trained_run).data
  model = models.create(**arguments, **data.recipe.sizes, seed=0)
  found = TrainedModel.of(model, arguments=arguments, data=data, step=0)
  exported.write(folder, found, card="")
  return folder


@pytest.fixture(scope="module")
def tiny_proxy(trained_run, tmp_path_factory):
  """The folder of a very small proxy of the synth."""
  small = {"proxy_width": 16, "proxy_hidden": 32, "proxy_depth": 1}
  return _untrained(trained_run, tmp_path_factory.mktemp("module") / "proxy", name="proxy", **small)


@pytest.fixture(scope="module")
def tiny_flow(trained_run, tiny_proxy, tmp_path_factory):
  """The folder of a very small model that draws its answers, with this proxy beside it."""
  small = {"flow_width": 16, "flow_depth": 1, "flow_steps": 2, "flow_heads": 2}
  folder = tmp_path_factory.mktemp("module") / "tiny_flow"
  _untrained(trained_run, folder, name="mlp_tiny", head="flow", **small)
  shutil.copytree(tiny_proxy, folder / exported.PROXY)
  exported.seal(folder)
  return folder


@pytest.fixture
def make_config(tiny_dataset):
  """Makes configs of runs on the tiny data set: `make_config("mlp_tiny", steps=10, ...)`."""

  def make(model, *, learning_rate=1e-3, seed=0, overrides=None, **train):
    config = base_config()
    config.seed = seed
    config.data.name, config.data.dir = tiny_dataset.name, str(tiny_dataset.dir)
    config.model.update({"name": model} | (overrides or {}))
    config.optimizer.learning_rate = learning_rate
    config.train.update({"batch_size": 8} | train)
    return config

  return make
