"""A folder of random voices, and the prior around them: Debian's own are not needed to test."""

import hashlib
import json

from tests.spaces.test_dx7 import singles, voices


def prior_around(folder, *, shares, count=60, **changes):
  """Writes voices and the JSON of a prior around them into a folder; returns the path of it."""
  (folder / "some.syx").write_bytes(data := singles(voices(count)))
  prior = {
    "name": "mine",
    "space": "dx7",
    "source": "random voices",
    "voices": {
      "folder": str(folder),
      "advice": "write them",
      "files": {"some.syx": hashlib.sha256(data).hexdigest()},
      "shares": shares,
    }
    | changes,
  }
  (folder / "prior.json").write_text(json.dumps(prior))
  return str(folder / "prior.json")
