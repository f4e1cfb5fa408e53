"""Bad uploads through a visit, as the page makes it; the visit goes on after each."""

import time
from pathlib import Path

import numpy as np
import pytest

from synthmatch_jax.errors import UserError
from tests.matching.bad_inputs import bad_inputs

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "flute.flac"


def test_bad_uploads_get_a_sentence_or_an_answer(visit, tmp_path):
  good, upload = tmp_path / "good", tmp_path / "upload"
  good.write_bytes(EXAMPLE.read_bytes())
  first = visit.match(good)
  for what, data, name in bad_inputs():
    upload.write_bytes(data)
    began = time.monotonic()
    try:
      entry = visit.match(upload, name=name)
    except UserError as error:
      assert "\n" not in str(error), what
      assert str(tmp_path) not in str(error), what  # No path of the server is told.
    else:
      assert entry.sound.is_file(), what
      assert entry.folder.parent.parent == tmp_path, what
    assert time.monotonic() - began < 30, what
  # It kept no more than it should, and answers as ever.
  assert len(visit.history) <= visit.limits.max_answers
  np.testing.assert_array_equal(visit.match(good).match.best.estimate, first.match.best.estimate)
  assert not list(Path.cwd().glob("pwned"))
