"""Conditions on a patch, written as text: `osc2_on and osc2_level > 0.05`."""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from synthmatch_jax.spaces.parameters import require_text

Values = Mapping[str, Any]
"""The value of each parameter by name, or an array of its values in several patches."""

_MOST_CHARACTERS = (
  600  # Twice what other texts have: whether a filter is fed depends on eight names.
)

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
  ast.Gt: operator.gt,
  ast.GtE: operator.ge,
  ast.Lt: operator.lt,
  ast.LtE: operator.le,
  ast.Eq: operator.eq,
  ast.NotEq: operator.ne,
}


@dataclass(frozen=True)
class Condition:
  """A condition on the parameters of a patch, e.g. the one under which another can be heard.

  The text is a small subset of Python's syntax: names of parameters; comparisons of a name with a
  number or a quoted option of a choice; `and`, `or`, `not` and parentheses. A name by itself is
  true where its value is not zero, e.g. where a switch is on.

  Attributes:
    text: The condition, e.g. "osc2_on and (osc2_level > 0.05 or osc2_shape == 'noise')".

  Raises:
    ValueError: The text is not a valid condition.
  """

  text: str

  def __post_init__(self):
    require_text("a condition", self.text, most=_MOST_CHARACTERS)
    _check(self._tree)

  @cached_property
  def names(self) -> frozenset[str]:
    """The names of the parameters in the condition."""
    return frozenset(node.id for node in ast.walk(self._tree) if isinstance(node, ast.Name))

  def holds(self, values: Values) -> Any:
    """Returns whether the condition holds: a bool, or an array of bools for arrays of values.

    Args:
      values: The values of all parameters in `names`.
    """
    return _evaluate(self._tree, values)

  @cached_property
  def _tree(self) -> ast.expr:
    try:
      return ast.parse(self.text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
      raise ValueError(f"the condition {self.text!r} cannot be read") from None


def _check(node: ast.expr) -> None:
  match node:
    case ast.Name():
      pass
    case ast.BoolOp(values=parts):
      for part in parts:
        _check(part)
    case ast.UnaryOp(op=ast.Not(), operand=part):
      _check(part)
    case ast.Compare(left=ast.Name(), ops=[op], comparators=[constant]) if type(
      op
    ) in _COMPARISONS and _is_constant(constant):
      pass
    case _:
      raise ValueError(
        f"{ast.unparse(node)!r} is not allowed in a condition: name parameters, compare them with"
        " numbers or quoted options, and combine these with and, or, not"
      )


def _is_constant(node: ast.expr) -> bool:
  if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
    return isinstance(node.operand, ast.Constant) and isinstance(node.operand.value, int | float)
  return isinstance(node, ast.Constant) and isinstance(node.value, int | float | str)


def _evaluate(node: ast.expr, values: Values) -> Any:
  match node:
    case ast.Name(id=name):
      return np.asarray(values[name]) != 0
    case ast.BoolOp(op=op, values=parts):
      join = np.logical_and if isinstance(op, ast.And) else np.logical_or
      return join.reduce([_evaluate(part, values) for part in parts])
    case ast.UnaryOp(operand=part):
      return np.logical_not(_evaluate(part, values))
    case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[constant]):
      return _COMPARISONS[type(op)](np.asarray(values[name]), ast.literal_eval(constant))
  raise AssertionError(ast.dump(node))  # `_check` refuses such a node.
