"""What a search may spend, and what it makes of a proxy."""

import dataclasses
import re
from dataclasses import dataclass

from synthmatch_jax.errors import UserError

_MOST_RENDERS, _MOST_SECONDS = 1_000_000, 86_400.0
_TEXT = re.compile(r"(\d+(?:\.\d+)?) ?(s?)")


@dataclass(frozen=True, kw_only=True)
class Budget:
  """The most that a search spends. One in renders gives the same answers every time.

  Attributes:
    renders: The number of sounds that are rendered.
    seconds: The time that it takes, to within one render.

  Raises:
    UserError: The budget is none, or beyond reason.
  """

  renders: int | None = None
  seconds: float | None = None

  def __post_init__(self):
    if self.renders is None and self.seconds is None:
      raise UserError("a search needs a budget: give a number of renders, or seconds")
    if self.renders is not None and not 0 < self.renders <= _MOST_RENDERS:
      raise UserError(
        f"a search of {self.renders} renders is none: give 1 to {_MOST_RENDERS:,} renders"
      )
    if self.seconds is not None and not 0 < self.seconds <= _MOST_SECONDS:
      raise UserError(f"a search of {self.seconds:g} s is none: give more than 0 and at most a day")

  @classmethod
  def parse(cls, text: str) -> "Budget | None":
    """The budget that a person writes: "200" renders, "20s", or "0" for no search.

    Raises:
      UserError: It is none of these.
    """
    found = _TEXT.fullmatch(text.strip())
    if found is None or (not found[2] and "." in found[1]):
      raise UserError(
        f"{text!r} is no budget of a search: give a number of renders as 200, a time as 20s, or 0"
        " for no search"
      )
    number = float(found[1])
    if number == 0:
      return None
    if found[2]:
      return cls(seconds=number)
    return cls(renders=int(min(number, 1e9)))  # Python reads no integer of thousands of digits.

  def __str__(self) -> str:
    """The same for people."""
    return f"{self.renders} renders" if self.renders is not None else f"{self.seconds:g} s"


_USUAL, _USUAL_OF = 120, {"dexed": 600}  # The DX7 plays a sound in a few milliseconds.


def usual(engine: str) -> Budget:
  """The budget of a search of which nothing is said, for an engine of this name.

  On two cores it takes some seconds of an engine that comes along.
  """
  return Budget(renders=_USUAL_OF.get(engine, _USUAL))


@dataclass(frozen=True, kw_only=True)
class Use:
  """What a match makes of the proxy of its model.

  Attributes:
    steps: Steps of Adam through the proxy, by which answers are made better before they are
      played; 0 for none. None stands for `STEPS` where a model has a proxy, and else for none.
    sieve: The number of candidates of a search that the proxy hears for each that is played; 1
      for those that are played alone.
  """

  steps: int | None = None
  sieve: int = 1

  def settled(self, *, is_there: bool) -> "Use":
    """The same with a number of steps, where there is a proxy or none."""
    usual = STEPS if is_there else 0
    return dataclasses.replace(self, steps=usual if self.steps is None else self.steps)


STEPS = 40
"""The usual number of steps: what more would gain has not been seen beyond chance."""

USUAL = Use()
"""What is made of a proxy where nothing is said of it."""

NO_USE = Use(steps=0)
"""The synth plays everything itself."""
