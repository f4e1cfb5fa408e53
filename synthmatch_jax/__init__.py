"""synthmatch_jax: synthesizer sound matching in JAX.

Give it a sound, get back the patch that makes that sound on a synthesizer you own.
"""

import sys
from pathlib import Path


def _leave_working_directory() -> None:
  """Keeps `python -m synthmatch_jax.X` from importing modules that lie in the working directory.

  Python looks there first: a file numpy.py in the folder of a stranger's model would be run by
  whoever works in that folder. The folder stays where it is the one that holds this package.
  """
  here = sys.path[0] if sys.path else ""
  if sys.argv[:1] == ["-m"] and here and Path(here).resolve() != Path(__file__).parents[1]:
    del sys.path[0]


_leave_working_directory()

__version__ = "0.1.0"
