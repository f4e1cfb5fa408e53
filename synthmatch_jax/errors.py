"""The one exception that speaks to users."""


class UserError(Exception):
  """A mistake that its maker can mend: one sentence with what, where and what to do.

  Binaries print it as `NAME: error: SENTENCE` and exit with status 1, without a traceback
  (see cli.py). Everything else that is raised is a bug and keeps its traceback.
  """


def printable(text: str) -> str:
  """Returns a text with a mark in place of what a stranger might steer a terminal or a page by."""
  return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def brief(error: Exception) -> str:
  """Returns what an exception says, or else what it is, in one line of at most 300 characters.

  Exceptions about files of strangers quote what these hold, which may be long.
  """
  text = " ".join(str(error).split()) or type(error).__name__
  return text if len(text) <= 300 else f"{text[:297]}..."


def first_line(error: Exception) -> str:
  """Returns the kind of an error and its first line: libraries in C++ add traces of their own."""
  return f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]
