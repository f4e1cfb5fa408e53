"""What a machine without a network lacks, by the list of what it has."""

import zipfile

import pytest
from packaging.requirements import Requirement

from benchmarks import wheelhouse

THERE = {"python_version": "3.12", "sys_platform": "linux", "extra": ""}


def names(requirements, have, environment=THERE):
  found = wheelhouse.lacking(map(Requirement, requirements), have, environment)
  return [requirement.name for requirement in found]


def test_lists_of_pip_and_bare_names_are_read(tmp_path):
  (tmp_path / "have.txt").write_text(
    "# a comment\nJAX==0.11.2\nflax\nfoo.bar @ file:///home/x  # built there\n\n"
  )
  found = wheelhouse.read_have(tmp_path / "have.txt")
  assert found == {"jax": "0.11.2", "flax": "", "foo-bar": "file:///home/x"}


@pytest.mark.parametrize(
  ("requirement", "lacks"),
  [
    ("jax", False),
    ("jax>=0.8.1", False),
    ("JAX<0.9", True),
    ("flax>=99", False),  # Its version is not told.
    ("cmaes", True),
    ("tomli; python_version < '3.11'", False),
    ("tomli; python_version >= '3.12'", True),
    ("pedalboard; extra == 'plugins'", False),
  ],
)
def test_what_is_lacking(requirement, lacks):
  have = {"jax": "0.11.2", "flax": ""}
  assert bool(names([requirement], have)) == lacks


def test_an_extra_asks_for_its_own():
  extra = THERE | {"extra": "plugins"}
  assert names(["pedalboard; extra == 'plugins'"], {}, extra) == ["pedalboard"]


def test_a_wheel_says_what_it_requires(tmp_path):
  wheel = tmp_path / "a-1-py3-none-any.whl"
  with zipfile.ZipFile(wheel, "w") as file:
    said = "Metadata-Version: 2.1\nName: a\nRequires-Dist: b>=2\nRequires-Dist: a c that is none\n"
    file.writestr("a-1.dist-info/METADATA", said)
  assert wheelhouse.requirements_of(wheel) == [Requirement("b>=2")]
