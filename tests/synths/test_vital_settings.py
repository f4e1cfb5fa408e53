import json

import pytest

from synthmatch_jax.synths.vital_settings import Setting


def setting(sets, **entries):
  return Setting.from_dict({"name": "x", "meaning": "", "sets": sets} | entries)


CHOICE = {"kind": "choice", "options": ["analog", "ladder", "comb"]}


@pytest.mark.parametrize(
  ("made", "value", "held"),
  [
    (setting("a"), 0.3, (0.3,)),
    (setting("a", low=-8.0, high=8.0), -3.7, (-3.7,)),
    (setting("a", high=32.0, curve="quartic"), 2.0, (2.0**0.25,)),
    (setting("a", high=4.0, curve="quadratic"), 2.25, (1.5,)),
    (setting(["a", "b"], low=-12.0, high=12.0), -3.75, (-4.0, 0.25)),
    (setting("a", kind="integer", low=1, high=8), 3, (3.0,)),
    (setting("a", kind="switch"), 1, (1.0,)),
    (setting("a", **CHOICE), "comb", (2.0,)),
    (setting("a", **CHOICE, values=[0, 2, 6]), "comb", (6.0,)),
  ],
)
def test_a_value_is_held_and_comes_back(made, value, held):
  assert made.held(value) == held
  assert all(type(number) is float for number in made.held(value))
  back = made.value(held)
  assert back == pytest.approx(value) if isinstance(value, float) else back == value
  assert type(back) is type(value)
  assert made.agree(value, back)


def test_a_value_that_is_another_does_not_agree():
  assert not setting("a", high=100.0).agree(50.0, 50.01)
  assert not setting("a", high=100.0).agree(50.0, float("nan"))
  assert not setting("a", **CHOICE).agree("analog", setting("a", **CHOICE).value([1.0]))


@pytest.mark.parametrize(
  ("entries", "says"),
  [
    ({"sets": []}, "one control"),
    ({"sets": ["a", "b", "c"]}, "one control"),
    ({"sets": ["a", "b"], "kind": "switch"}, "one control"),
    ({"sets": "a", "values": [1]}, "has 0 options"),
    ({"sets": "a", "values": [1, 2], **CHOICE}, "has 3 options"),
    ({"sets": "a", "values": [1, 2, 2], **CHOICE}, "has 3 options"),
    ({"sets": "a", "colour": "red"}, "colour"),
  ],
)
def test_a_setting_that_cannot_be_is_refused(entries, says):
  data = {"name": "x", "meaning": ""} | json.loads(json.dumps(entries))
  with pytest.raises((ValueError, TypeError), match=says):
    Setting.from_dict(data)
