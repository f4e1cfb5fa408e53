"""A model in a folder of its own is written whole, read within bounds, and refused if damaged."""

import errno
import hashlib
import json
import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import numpy as safetensors

from synthmatch_jax import exported
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import confidence
from synthmatch_jax.models import weights
from synthmatch_jax.training import trained


@pytest.fixture(scope="module")
def folder(tiny_run, tmp_path_factory):
  out = tmp_path_factory.mktemp("exported") / "model"
  exported.write(out, trained.load(tiny_run), card="")
  return out


@pytest.fixture(scope="module")
def mel(tiny_dataset):
  return tiny_dataset.open().read("test")[0]


def test_a_disk_that_is_full_costs_nothing_that_was_there(folder, mel, tmp_path, monkeypatch):
  shutil.copytree(folder, tmp_path, dirs_exist_ok=True)

  def full(path, data):
    raise OSError(errno.ENOSPC, "No space left on device")

  monkeypatch.setattr(Path, "write_bytes", full)
  with pytest.raises(UserError, match="no space left"):
    exported.write(tmp_path, exported.read(folder), card="new")
  np.testing.assert_array_equal(
    Predictor.load(tmp_path).predict(mel), Predictor.load(folder).predict(mel)
  )


def damaged(folder, tmp_path, name, text):
  shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
  (tmp_path / name).write_bytes(text)
  return tmp_path


@pytest.mark.parametrize(
  ("name", "content"),
  [
    ("weights.safetensors", b"nothing of the kind"),
    ("weights.safetensors", b""),
    ("model.json", b"{"),
    ("model.json", b"[]"),
    ("model.json", b'{"format": 1}'),
    ("model.json", b"\xff\xfe"),
  ],
)
def test_damaged_folders_are_named(folder, tmp_path, name, content):
  with pytest.raises(UserError, match=rf"the model in {tmp_path} cannot be read .*export it again"):
    Predictor.load(damaged(folder, tmp_path, name, content))


def test_weights_of_another_model_and_later_versions_are_refused(folder, tmp_path):
  described = json.loads((folder / "model.json").read_text())
  wider = described | {"model": described["model"] | {"width": 128}}
  with pytest.raises(UserError, match="are not those of its model"):
    Predictor.load(damaged(folder, tmp_path, "model.json", json.dumps(wider).encode()))
  newer = described | {"format": 99}
  with pytest.raises(UserError, match="of a newer version"):
    Predictor.load(damaged(folder, tmp_path, "model.json", json.dumps(newer).encode()))


def described(folder):
  return json.loads((folder / "model.json").read_text())


def test_a_model_without_checksums_gives_the_same_answers(folder, mel, tmp_path):
  """As all were before there were any."""
  shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
  plain = {k: v for k, v in described(folder).items() if k not in ("files", "digest")}
  (tmp_path / "model.json").write_text(json.dumps(plain))
  expected = Predictor.load(folder).predict(mel)
  np.testing.assert_array_equal(Predictor.load(tmp_path).predict(mel), expected)
  exported.seal(tmp_path)
  assert described(tmp_path) == plain


def test_one_changed_byte_of_the_weights_is_found(folder, tmp_path):
  whole = (folder / "weights.safetensors").read_bytes()
  assert described(folder)["files"] == {"weights.safetensors": hashlib.sha256(whole).hexdigest()}
  changed = whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:]
  with pytest.raises(UserError, match=r"weights\.safetensors is damaged: its checksum.*export it"):
    Predictor.load(damaged(folder, tmp_path, "weights.safetensors", changed))


def test_checksums_that_are_missing_in_part_are_damage(folder, tmp_path):
  for key in ("files", "digest"):
    part = {k: v for k, v in described(folder).items() if k != key}
    with pytest.raises(UserError, match="checksum"):
      Predictor.load(damaged(folder, tmp_path, "model.json", json.dumps(part).encode()))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(folder, tmp_path, value):
  arrays = {n: np.array(a) for n, a in weights.arrays_of(exported.read(folder).model).items()}
  next(iter(arrays.values())).flat[0] = value
  plain = {k: v for k, v in described(folder).items() if k not in ("files", "digest")}
  target = damaged(folder, tmp_path, "model.json", json.dumps(plain).encode())
  (target / "weights.safetensors").write_bytes(safetensors.save(arrays))
  with pytest.raises(UserError, match=r"hold what is no number \(NaN or infinite\)"):
    Predictor.load(target)


def test_weights_beyond_half_precision_are_not_exported_as_such(folder, tmp_path):
  found = exported.read(folder)
  bias = found.weights["head/output/bias"]
  bias[0] = 1e6
  with pytest.raises(UserError, match="store it as float32 and not float16"):
    exported.write(tmp_path / "half", found, card="", dtype="float16")
  assert not (tmp_path / "half").exists()
  exported.write(tmp_path / "whole", found, card="")
  assert exported.read(tmp_path / "whole").weights["head/output/bias"][0] == 1e6


def test_answers_that_are_no_numbers_are_refused(folder, mel):
  predictor = Predictor.load(folder)
  assert np.isfinite(predictor.predict(mel)).all()
  odd = mel.copy()
  odd[3, 0, 0] = np.nan
  for ask in (predictor.predict, predictor.predict_unsnapped):
    with pytest.raises(UserError, match=r"answers with what is no number \(NaN or infinite\)"):
      ask(odd)


def test_what_is_measured_in_place_is_sealed(folder, tmp_path):
  shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
  predictor = Predictor.load(tmp_path)
  (tmp_path / "eval" / "test").mkdir(parents=True)
  (tmp_path / exported.RESULTS).write_text(json.dumps({"step": predictor.step}))
  names = ("model/loudness_spectrum", "model/rms_cosine", exported.HELD)
  np.savez(tmp_path / exported.PER_SOUND, **dict.fromkeys(names, np.arange(1.0, 31.0)))
  assert "damaged" in confidence.reference(tmp_path, predictor).unknown
  exported.seal(tmp_path)
  found = confidence.reference(tmp_path, Predictor.load(tmp_path))
  np.testing.assert_array_equal(found.held, np.arange(1.0, 31.0))
  np.savez(tmp_path / exported.PER_SOUND, **dict.fromkeys(names, np.arange(1.0, 32.0)))
  assert "damaged" in confidence.reference(tmp_path, Predictor.load(tmp_path)).unknown


@pytest.mark.parametrize(
  ("change", "says"),
  [
    ({"depth": 10**9}, "depth is 1000000000; a file with its weights has at most"),
    ({"width": 10**9}, "width is 1000000000; a file with its weights has at most 65536"),
    ({"heads": 0}, "heads must be at least 1"),
    ({"heads": 2.5}, "heads is of another kind than 12"),
    ({"width": [64]}, "width is of another kind"),
    ({"dropout": "much"}, "dropout is of another kind"),
    ({"dtype": "float8"}, "cannot be built: .*dtype"),
    ({"seed": 1}, "has no argument 'seed'; known: patch_size"),
    ({"num_bins": 7}, "has no argument 'num_bins'"),
    ({"rngs": None}, "has no argument 'rngs'"),
    ({"name": "ast_huge"}, "no model 'ast_huge'; known: ast_base"),
    ({"name": ["ast_tiny"]}, "no model "),
    ({"width": 65_536, "heads": 1}, "are not those of its model|operations and arrays"),
  ],
)
def test_a_model_that_the_file_cannot_hold_is_refused_before_it_is_built(
  folder, tmp_path, change, says
):
  other = described(folder)
  other["model"] |= change
  started = time.process_time()
  with pytest.raises(UserError, match=says):
    Predictor.load(damaged(folder, tmp_path, "model.json", json.dumps(other).encode()))
  assert time.process_time() - started < 10  # Of the processor.


def test_a_model_without_a_name_is_refused(folder, tmp_path):
  other = described(folder)
  del other["model"]["name"]
  with pytest.raises(UserError, match="no model None; known: ast_base"):
    Predictor.load(damaged(folder, tmp_path, "model.json", json.dumps(other).encode()))


@pytest.mark.parametrize(("dtype", "size"), [("F32", 4), ("F16", 2)])
def test_weights_of_more_than_a_gibibyte_are_not_read(folder, tmp_path, dtype, size):
  """As float32. The file occupies a few kilobytes of a disk: all but its header is a hole."""
  values = (1 << 28) + 1
  about = {"dtype": dtype, "shape": [values], "data_offsets": [0, size * values]}
  text = json.dumps({"w": about}).encode()
  start = len(text).to_bytes(8, "little") + text
  path = damaged(folder, tmp_path, "weights.safetensors", start)
  os.truncate(path / "weights.safetensors", len(start) + size * values)
  before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  with pytest.raises(UserError, match=r"holds more weights than fit into 1,024 MiB"):
    Predictor.load(path)
  assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # Kilobytes.


def test_a_spectrogram_that_costs_too_much_is_refused(folder, tmp_path):
  """Every number is within its bounds; together they ask for attention of 10,000 tokens."""
  other = described(folder)
  other["data"]["recipe"]["mel"] |= {"hop_length": 64, "n_fft": 512}
  other["model"] |= {"patch_size": 2, "stride": 1}
  with pytest.raises(UserError, match=r"operations and arrays of .* values for one sound"):
    Predictor.load(damaged(folder, tmp_path, "model.json", json.dumps(other).encode()))
