import json
import subprocess
import sys

import pytest
import scipy.stats

from synthmatch_jax.errors import UserError
from synthmatch_jax.evaluation import listeners

ROWS = ["model", "nearest", "mean"]


def key(folder, *, test="t1"):
  """Ten trials of model against nearest, A and B in turn; an eleventh of mean against model."""
  sides = [("model", "nearest"), ("nearest", "model")] * 5 + [("mean", "model")]
  trials = [
    {"trial": i, "section": "In domain", "sound": f"s{i}", "a": a, "b": b}
    for i, (a, b) in enumerate(sides, start=1)
  ]
  path = folder / f"key_{test}.json"
  path.write_text(json.dumps({"test": test, "seed": 0, "rows": ROWS, "trials": trials}))
  return path


def save(path, given, *, test="t1", session="s", saved="2025-01-01T00:00:00.000Z"):
  answers = [{"trial": i, "answer": answer} for i, answer in given.items()]
  content = {"test": test, "session": session, "saved": saved, "answers": answers}
  path.write_text(json.dumps(content))
  return path


def model_wins(times):
  """Answers to the first ten trials: the model so often, then the nearest neighbour."""
  return {
    i: ("a" if i % 2 else "b") if i <= times else ("b" if i % 2 else "a") for i in range(1, 11)
  }


def test_nine_of_ten(tmp_path):
  answers = save(tmp_path / "a.json", model_wins(9))
  (pair, unheard), sessions = listeners.analyse([answers], key=key(tmp_path))
  assert sessions == 1
  assert (pair.row, pair.other) == ("model", "nearest")
  assert (pair.wins, pair.losses, pair.ties) == (9, 1, 0)
  assert pair.rate == 0.9
  # By hand: 9 of 10 or farther from 5, (1 + 10 + 10 + 1) / 2^10.
  assert pair.p_value == pytest.approx(22 / 1024)
  # Clopper and Pearson by the beta distribution; 55.5 % to 99.7 % in their tables.
  by_beta = scipy.stats.beta.ppf(0.025, 9, 2), scipy.stats.beta.ppf(0.975, 10, 1)
  assert pair.interval == pytest.approx(by_beta)
  assert pair.interval == pytest.approx((0.555, 0.997), abs=1e-3)
  assert (unheard.row, unheard.other) == ("model", "mean")
  assert (unheard.rate, unheard.interval, unheard.p_value) == (None, None, None)
  table = listeners.markdown([pair, unheard]).splitlines()
  expected = "| In domain | model | nearest | 9 | 1 | 0 | 90.0 % (55.5 to 99.7) | 0.021 |"
  assert table[2] == expected
  assert table[3] == "| In domain | model | mean | 0 | 0 | 0 | - | - |"


def test_listeners_add_up_and_ties_are_left_out(tmp_path):
  first = save(tmp_path / "a.json", model_wins(7) | {9: "none", 10: "none"}, session="one")
  second = save(tmp_path / "b.json", {1: "b", 11: "a"}, session="two")
  (pair, other), sessions = listeners.analyse([first, second], key=key(tmp_path))
  assert sessions == 2
  assert (pair.wins, pair.losses, pair.ties) == (7, 2, 2)
  assert pair.rate == pytest.approx(7 / 9)
  assert (other.wins, other.losses) == (0, 1)  # The mean was A, and won against the model.


def test_the_newest_file_of_a_session_counts(tmp_path):
  old = save(tmp_path / "z.json", {1: "b"}, saved="2025-01-01T10:00:00.000Z")
  new = save(tmp_path / "a.json", {1: "a", 2: "b"}, saved="2025-01-01T10:30:00.000Z")
  for files in ([old, new], [new, old], [new, new]):
    (pair, _), sessions = listeners.analyse(files, key=key(tmp_path))
    assert (sessions, pair.wins, pair.losses) == (1, 2, 0)


@pytest.mark.parametrize(
  ("content", "sentence"),
  [
    ("{", "is not a JSON file"),
    ("\xff", "is not a JSON file"),
    ("[]", "holds no answers"),
    ('{"test": "t1"}', "holds no answers"),
    ('{"test": "t1", "session": "s", "saved": "x", "answers": 3}', "holds no answers"),
    ('{"test": "t1", "session": "s", "saved": "x", "answers": [3]}', "holds no answers"),
  ],
)
def test_a_bad_file_gets_a_sentence(tmp_path, content, sentence):
  path = tmp_path / "bad.json"
  path.write_bytes(content.encode("latin-1"))
  with pytest.raises(UserError, match=rf"bad\.json {sentence}"):
    listeners.analyse([path], key=key(tmp_path))


@pytest.mark.parametrize("given", [{1: "c"}, {1: None}, {"1": "a"}])
def test_an_answer_that_cannot_be_is_refused(tmp_path, given):
  with pytest.raises(UserError, match="holds no answers"):
    listeners.analyse([save(tmp_path / "a.json", given)], key=key(tmp_path))


@pytest.mark.parametrize("trial", [0, 12, -1])
def test_a_trial_that_is_not_there_is_refused(tmp_path, trial):
  with pytest.raises(UserError, match="trials that the test does not have"):
    listeners.analyse([save(tmp_path / "a.json", {trial: "a"})], key=key(tmp_path))


def test_answers_need_the_key_of_their_test(tmp_path):
  answers = save(tmp_path / "a.json", {1: "a"}, test="t2")
  with pytest.raises(UserError, match="answers test t2"):
    listeners.analyse([answers], key=key(tmp_path))
  with pytest.raises(UserError, match="is not the key"):
    listeners.analyse([answers], key=answers)
  with pytest.raises(UserError, match="cannot be read"):
    listeners.analyse([answers], key=tmp_path / "nowhere.json")


def run(*arguments):
  command = [sys.executable, "-m", "synthmatch_jax.preferences", *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_binary_prints_the_table(tmp_path):
  answers = save(tmp_path / "a.json", model_wins(9))
  done = run(answers, f"--key={key(tmp_path)}")
  assert (done.returncode, done.stderr) == (0, "")
  assert "| model | nearest | 9 | 1 | 0 | 90.0 %" in done.stdout
  assert "10 answers of 1 listener;" in done.stdout


def test_the_binary_says_what_is_missing(tmp_path):
  done = run(f"--key={key(tmp_path)}")
  assert done.returncode == 1
  assert done.stderr.startswith("preferences: error: name the files")
  assert done.stderr.count("\n") == 1
  done = run(tmp_path / "nowhere.json", f"--key={key(tmp_path)}")
  assert (done.returncode, done.stderr.count("\n")) == (1, 1)
