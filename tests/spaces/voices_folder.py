"""A folder of random voices, and the prior around them: Debian's own are not needed to test."""

import hashlib

from tests.spaces.test_dx7 import singles, voices


def prior_around(folder, *, shares, count=60):
  """Writes voices into a folder; returns the JSON of a prior around them."""
  (folder / "some.syx").write_bytes(data := singles(voices(count)))
  return {
    "name": "mine",
    "space": "dx7",
    "source": "random voices",
    "voices": {
      "folder": str(folder),
      "advice": "write them",
      "files": {"some.syx": hashlib.sha256(data).hexdigest()},
      "shares": shares,
    },
  }
