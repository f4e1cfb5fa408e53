import pytest

from synthmatch_jax.web.desk import Desk
from synthmatch_jax.web.session import Visit


@pytest.fixture(scope="session")
def desk(tiny_run):
  """A very small trained model and its synth."""
  with Desk.open([tiny_run]) as opened:
    yield opened


@pytest.fixture
def visit(desk, tmp_path):
  visit = Visit(desk, tmp_path)
  yield visit
  visit.close()
