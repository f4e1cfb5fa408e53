"""synthmatch_jax: synthesizer sound matching in JAX.

Give it a sound, get back the patch that makes that sound on a synthesizer you own.
"""

import os
import sys
from pathlib import Path


def _leave_working_directory() -> None:
  """Keeps `python -m synthmatch_jax.X` from importing modules that lie in the working directory.

  Python looks there first: a file numpy.py in the folder of a stranger's model would be run by
  whoever works in that folder. The processes of this one (of plugins, of workers that read) are
  told by the environment. The folder stays where it is the one that holds this package.
  """
  if sys.argv[:1] != ["-m"] or sys.flags.safe_path:  # Python has put no folder there.
    return
  try:
    here = os.getcwd()  # noqa: PTH109 - as Python has it.
  except OSError:  # It was deleted, and Python has left it out.
    return
  if sys.path[:1] == [here] and Path(here).resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]
    os.environ["PYTHONSAFEPATH"] = "1"


_leave_working_directory()

__version__ = "0.1.0"
