import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthmatch_jax.spaces.conditions import Condition

VALUES = {"on": 1, "off": 0, "level": 0.2, "pitch": -7.0, "shape": "saw"}


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    ("on", True),
    ("off", False),
    ("not off", True),
    ("level > 0.05", True),
    ("level > 0.2", False),
    ("level >= 0.2", True),
    ("pitch == -7", True),
    ("pitch < -7.5 or on", True),
    ("on and level != 0.2", False),
    ("not (on and off) and level <= 1", True),
    ("shape == 'saw'", True),
    ("shape != 'saw' or pitch < 0", True),
    (" on\t", True),
  ],
)
def test_it_holds_as_python_would_have_it(text, expected):
  assert bool(Condition(text).holds(VALUES)) is expected


def test_it_holds_of_many_patches_at_once():
  condition = Condition("on and (level > 0.5 or shape == 'sine')")
  values = {
    "on": np.array([1, 1, 1, 0]),
    "level": np.array([0.9, 0.1, 0.1, 0.9]),
    "shape": np.array(["saw", "sine", "saw", "sine"]),
  }
  np.testing.assert_array_equal(condition.holds(values), [True, True, False, False])
  assert condition.names == {"on", "level", "shape"}


@pytest.mark.parametrize(
  "text",
  [
    "",
    "on and",
    "level > other",
    "0 < level < 1",
    "__import__('os').system('true')",
    "level + 1",
    "on.real",
    "on[0]",
    "lambda: on",
    "True",
    "level > [1]",
    "level in (1, 2)",
    "shape > -'saw'",
    "(" * 250,
    "not " * 70 + "on" + " " * 500,
    "on\0",
  ],
)
def test_anything_else_is_refused(text):
  with pytest.raises(ValueError, match="condition"):
    Condition(text)


@given(st.text(max_size=310))
def test_no_text_is_run_or_ends_in_another_error(text):
  try:
    condition = Condition(text)
  except ValueError:
    return
  condition.holds(dict.fromkeys(condition.names, 1))
