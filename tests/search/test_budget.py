"""What a person writes for a budget."""

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.search.budget import Budget


@pytest.mark.parametrize(
  ("text", "budget"),
  [
    ("200", Budget(renders=200)),
    (" 1 ", Budget(renders=1)),
    ("20s", Budget(seconds=20.0)),
    ("0.5 s", Budget(seconds=0.5)),
    ("0", None),
    ("0s", None),
  ],
)
def test_a_budget_is_read(text, budget):
  assert Budget.parse(text) == budget


@pytest.mark.parametrize(
  ("text", "says"),
  [
    ("-5", "'-5' is no budget"),
    ("", "'' is no budget"),
    ("lots", "'lots' is no budget"),
    ("20m", "'20m' is no budget"),
    ("1.5", "'1.5' is no budget"),
    ("nan", "'nan' is no budget"),
    ("1e3", "'1e3' is no budget"),
    ("9" * 400, "1 to 1,000,000 renders"),
    ("9" * 9_000, "1 to 1,000,000 renders"),
    ("9" * 400 + "s", "at most a day"),
  ],
)
def test_what_is_none_gets_a_sentence(text, says):
  with pytest.raises(UserError, match=says):
    Budget.parse(text)


def test_a_search_of_nothing_is_none():
  for spent in ({"renders": 0}, {"renders": -1}, {"seconds": 0.0}, {}):
    with pytest.raises(UserError):
      Budget(**spent)
