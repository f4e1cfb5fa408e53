"""Analyses what listeners preferred in the blind test of `reports.blind`."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import scipy.stats

from synthmatch_jax import untrusted
from synthmatch_jax.errors import UserError
from synthmatch_jax.reports import tables

_ANSWERS = ("a", "b", "none")


@dataclass(frozen=True, kw_only=True)
class Preference:
  """How often one row was found nearer to the target than another.

  Ties are counted and then left out, as in the sign test (Dixon and Mood 1946): a rate of 1/2
  means that listeners who heard a difference were divided. All answers count as independent, as
  if each came from another listener and sound; with few of either, the interval is too narrow.

  Attributes:
    section: The section of the page that the sounds are from.
    row: The row whose wins are counted.
    other: The row that it is compared with.
    wins: The number of answers for `row`.
    losses: The number of answers for `other`.
    ties: The number of answers "no difference".
  """

  section: str
  row: str
  other: str
  wins: int
  losses: int
  ties: int

  @property
  def rate(self) -> float | None:
    """The fraction of wins among wins and losses; None if there are neither."""
    return self.wins / self._decided if self._decided else None

  @property
  def interval(self) -> tuple[float, float] | None:
    """The exact 95 % interval of the rate (Clopper and Pearson 1934)."""
    if not self._decided:
      return None
    found = self._test().proportion_ci(confidence_level=0.95, method="exact")
    return float(found.low), float(found.high)

  @property
  def p_value(self) -> float | None:
    """The p-value of a two-sided exact binomial test against a rate of 1/2."""
    return float(self._test().pvalue) if self._decided else None

  @property
  def _decided(self) -> int:
    return self.wins + self.losses

  def _test(self):
    return scipy.stats.binomtest(self.wins, self._decided, 0.5)


def analyse(answers: Sequence[Path], *, key: Path) -> tuple[list[Preference], int]:
  """Counts the answers of all listeners.

  If a listener saved the answers of one session several times, the newest file counts.

  Args:
    answers: The files that listeners saved.
    key: The file listening_test_key.json of the test that they took.

  Returns:
    A preference for each section and pair of rows, in the order of the key, and the number of
    sessions.

  Raises:
    UserError: A file cannot be read, is not of the right kind, or answers another test.
  """
  wanted = "is not the key of a listening test: pass its listening_test_key.json"
  known = _read(key, _is_key, wanted)
  rows, trials = known["rows"], known["trials"]
  sessions: dict[str, Mapping[str, Any]] = {}
  for path in sorted(answers):
    found = _read_answers(path, test=known["test"], num_trials=len(trials), key=key)
    earlier = sessions.get(found["session"])
    if earlier is None or earlier["saved"] < found["saved"]:  # ISO 8601 in UTC sorts as text.
      sessions[found["session"]] = found
  counts = {_pair(trial, rows): Counter() for trial in trials}
  for found in sessions.values():
    for given in found["answers"]:
      trial = trials[given["trial"] - 1]
      counts[_pair(trial, rows)][trial.get(given["answer"])] += 1  # None: a tie.
  places = {section: i for i, section in enumerate(dict.fromkeys(t["section"] for t in trials))}
  ordered = sorted(counts, key=lambda p: (places[p[0]], rows.index(p[1]), rows.index(p[2])))
  preferences = [
    Preference(
      section=section,
      row=row,
      other=other,
      wins=counts[section, row, other][row],
      losses=counts[section, row, other][other],
      ties=counts[section, row, other][None],
    )
    for section, row, other in ordered
  ]
  return preferences, len(sessions)


def markdown(preferences: Sequence[Preference]) -> str:
  """Returns a Markdown table with a line for each section and pair of rows."""
  head = ["sounds", "row", "against", "wins", "losses", "ties", "preferred (95 %)", "p"]
  lines = [head, ["---"] * len(head)]
  for p in preferences:
    rate, test = "-", "-"
    if p.rate is not None and p.interval is not None and p.p_value is not None:
      low, high = p.interval
      rate = f"{100 * p.rate:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
      test = f"{p.p_value:.3f}" if p.p_value >= 0.001 else f"{p.p_value:.1e}"
    counts = [str(p.wins), str(p.losses), str(p.ties)]
    lines.append([p.section, p.row, p.other, *counts, rate, test])
  return tables.join(lines)


def _pair(trial: Mapping[str, Any], rows: Sequence[str]) -> tuple[str, str, str]:
  row, other = sorted((trial["a"], trial["b"]), key=rows.index)
  return trial["section"], row, other


def _read_answers(path: Path, *, test: str, num_trials: int, key: Path) -> dict[str, Any]:
  """Reads a listener's file."""
  wanted = "holds no answers to a listening test: pass files that its page saved"
  content = _read(path, _are_answers, wanted)
  if content["test"] != test:
    raise UserError(
      f"{path} answers test {content['test']}, but {key} is the key of test {test}: pass its own"
      f" key, which is listening_test_key-{content['test']}.json if a later test has replaced it"
    )
  if any(not 1 <= given["trial"] <= num_trials for given in content["answers"]):
    raise UserError(f"{path} answers trials that the test does not have: save it again")
  return content


def _is_key(content: Any) -> bool:
  return isinstance(content["test"], str) and all(
    isinstance(trial["section"], str) and {trial["a"], trial["b"]} <= set(content["rows"])
    for trial in content["trials"]
  )


def _are_answers(content: Any) -> bool:
  given = content["answers"]
  return (
    all(isinstance(content[name], str) for name in ("test", "session", "saved"))
    and all(isinstance(one["trial"], int) and one["answer"] in _ANSWERS for one in given)
    and len({one["trial"] for one in given}) == len(given)
  )


def _read(path: Path, form: Callable[[Any], bool], wanted: str) -> dict[str, Any]:
  """Reads a JSON file that must have a form; otherwise the error says what is wanted."""
  try:
    content = untrusted.read_json(path)
  except OSError as error:
    reason = (error.strerror or str(error)).lower()
    raise UserError(f"{path} cannot be read ({reason}): check the path") from error
  except ValueError as error:
    raise UserError(f"{path} is not a JSON file: pass files that the test's page saved") from error
  try:
    right = form(content)
  except (KeyError, TypeError):  # A part is missing, or of another type.
    right = False
  if not right:
    raise UserError(f"{path} {wanted}")
  return content
