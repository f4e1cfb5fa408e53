"""Lets the tfds command, which is not ours, tell mistakes as our commands do."""

import json
import sys

from synthmatch_jax import cli
from synthmatch_jax.errors import UserError


def speak(program: str) -> None:
  """Makes an uncaught `UserError`, or a mistake in an option, one line of a program."""
  usual = sys.excepthook

  def hook(kind, error, trace):
    if isinstance(error, UserError):
      cli.say_error(program, error, 1)
    elif isinstance(error, json.JSONDecodeError) and any(error.doc in arg for arg in sys.argv[1:]):
      at = f"{error.msg} at character {error.pos + 1} of {error.doc}"
      cli.say_error(program, f"an option is no JSON ({at}); mind the quotes of your shell", 1)
    elif isinstance(error, ValueError) and str(error).startswith("BuilderConfig "):
      known = """--config takes options as JSON, e.g. '{"name": "mine", "num_examples": 10000}'"""
      cli.say_error(program, f"{known}, not {str(error).split(' ')[1]!r}", 1)
    else:
      usual(kind, error, trace)

  sys.excepthook = hook
