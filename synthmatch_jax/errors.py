"""The one exception that speaks to users."""


class UserError(Exception):
  """A mistake that its maker can mend: one sentence with what, where and what to do.

  Binaries print it as `NAME: error: SENTENCE` and exit with status 1, without a traceback
  (see cli.py). Everything else that is raised is a bug and keeps its traceback.
  """
