"""What a person writes for a budget."""

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.search.budget import NO_USE, STEPS, Budget, Use, usual


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


def test_a_fast_synth_is_searched_for_longer_and_the_proxy_is_used_where_there_is_one():
  assert usual("vital") == usual("a plugin") == Budget(renders=120)
  assert usual("dexed") == Budget(renders=600)
  assert Use(sieve=3).settled(is_there=True) == Use(steps=STEPS, sieve=3)
  assert Use().settled(is_there=False) == NO_USE == NO_USE.settled(is_there=True)
