"""How every binary starts: absl flags in, one clear sentence out when something is wrong."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import app, flags

from synthmatch_jax.errors import UserError


def run(main: Callable[[Sequence[str]], int | None]) -> None:
  """Parses the flags, calls `main(positional arguments)` and exits with its status.

  Args:
    main: gets the positional arguments without the program's name; returns an exit status
      (None is 0).

  A `UserError` becomes one line on standard error and status 1, a mistaken flag one line and
  status 2, Ctrl-C status 130.
  """
  name = Path(sys.argv[0]).stem
  app.run(_guard(lambda argv: main(argv[1:]), name), flags_parser=_parser(name))


def _guard(main, name):
  def guarded(argv):
    try:
      return main(argv)
    except UserError as error:
      return _say(name, error, 1)
    except KeyboardInterrupt:
      return _say(name, "interrupted; the same command goes on from here", 130)

  return guarded


def _parser(name):
  def parse(argv):
    try:
      return flags.FLAGS(argv)
    except flags.Error as error:
      sys.exit(_say(name, f"{error} (--help lists the flags)", 2))
    except (UserError, KeyError, AttributeError, ValueError, TypeError, OSError) as error:
      # ml_collections' config flags raise plain exceptions for a field that does not exist.
      text = error.args[0] if error.args else error
      sys.exit(_say(name, text, 2))

  return parse


def _say(name: str, text: object, status: int) -> int:
  print(f"{name}: error: {' '.join(str(text).split())}", file=sys.stderr)
  return status


def speak_plainly(program: str) -> None:
  """Makes an uncaught `UserError` one line, in programs that are not ours (the tfds command)."""
  usual = sys.excepthook

  def hook(kind, error, trace):
    if isinstance(error, UserError):
      _say(program, error, 1)
    else:
      usual(kind, error, trace)

  sys.excepthook = hook
