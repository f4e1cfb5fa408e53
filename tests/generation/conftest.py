import pytest

from tests.generation.test_shards import render


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
  """Root of a store with the shards of a small data set."""
  root = tmp_path_factory.mktemp("undisturbed")
  render(root, workers=1)
  return root
