import itertools

import numpy as np
import pytest

from synthmatch_jax.evaluation.summary import summarise


@pytest.mark.parametrize("interval", ["bootstrap", "normal"])
def test_mean_median_and_interval(interval):
  values = np.random.default_rng(0).normal(3.0, 2.0, 4000)
  summary = summarise(values, interval=interval)
  assert summary["mean"] == pytest.approx(values.mean())
  assert summary["median"] == pytest.approx(np.median(values))
  assert summary["count"] == 4000
  # The closed form of the interval of a mean: 1.96 standard errors each way.
  error = 1.96 * values.std() / np.sqrt(4000)
  assert summary["low"] == pytest.approx(values.mean() - error, abs=0.15 * error)
  assert summary["high"] == pytest.approx(values.mean() + error, abs=0.15 * error)


def test_values_without_meaning_are_left_out_and_counted():
  assert summarise(np.array([1.0, np.nan, 3.0]))["count"] == 2
  assert summarise(np.array([1.0, np.nan, 3.0]))["mean"] == 2.0
  assert summarise(np.array([np.nan])) == {
    "mean": None,
    "median": None,
    "low": None,
    "high": None,
    "count": 0,
  }


def test_one_value_or_equal_values_have_an_interval_of_no_width():
  for values, interval in itertools.product(([2.0], [2.0, 2.0]), ("bootstrap", "normal")):
    summary = summarise(np.array(values), interval=interval)
    assert (summary["low"], summary["mean"], summary["high"]) == (2.0, 2.0, 2.0)


def test_the_same_values_give_the_same_interval():
  values = np.random.default_rng(1).random(50)
  assert summarise(values) == summarise(values)
