import pytest

from synthmatch_jax.matching.matcher import Matcher


@pytest.fixture(scope="module")
def matcher(tiny_run):
  """A very small trained model and its synth."""
  with Matcher.open([tiny_run]) as opened:
    yield opened
