"""A model leaves its workdir, and gives the same answers without what training needs."""

import errno
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors import numpy as safetensors

from synthmatch_jax import exported, files
from synthmatch_jax.errors import UserError
from synthmatch_jax.inference import Predictor
from synthmatch_jax.matching import confidence
from synthmatch_jax.models import stored
from synthmatch_jax.training import loop

ROOT = Path(__file__).parents[1]
# Flax itself imports optax.
TRAINING = ("orbax", "grain", "tensorflow_datasets", "tensorboardX", "ml_collections", "filelock")


def export(*arguments):
  return subprocess.run(
    [sys.executable, "-m", "synthmatch_jax.export", *map(str, arguments)],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )


@pytest.fixture(scope="module")
def folder(tiny_run, tmp_path_factory):
  """The model of a run that was not evaluated, whatever other tests do with the run."""
  run, out = (tmp_path_factory.mktemp("exported") / name for name in ("run", "model"))
  shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("eval"))
  done = export(f"--workdir={run}", f"--out={out}")
  assert done.returncode == 0, done.stderr
  assert f"is in {out}: " in done.stdout
  return out


@pytest.fixture(scope="module")
def mel(tiny_dataset):
  return tiny_dataset.open().read("test")[0]


def test_the_answers_are_those_of_the_live_model(tiny_run, folder, mel):
  live, stored = Predictor.load(tiny_run), Predictor.load(folder)
  np.testing.assert_array_equal(stored.predict(mel), live.predict(mel))
  assert (stored.step, stored.recipe, stored.arguments) == (live.step, live.recipe, live.arguments)


def test_no_path_of_the_machine_is_in_it(folder, tiny_dataset):
  """It is given away; the data set is looked for where data sets are by default."""
  assert str(tiny_dataset.dir) not in "".join(p.read_text() for p in folder.glob("*.[jm]*"))
  assert Predictor.load(folder).data.dataset["dir"] == files.data_dir()


def test_half_the_size_costs_little(tiny_run, folder, mel, tmp_path):
  assert export(f"--workdir={tiny_run}", f"--out={tmp_path}", "--dtype=float16").returncode == 0
  half, whole = (f / "weights.safetensors" for f in (tmp_path, folder))
  assert half.stat().st_size == pytest.approx(whole.stat().st_size / 2, rel=0.05)
  difference = Predictor.load(tmp_path).predict(mel) - Predictor.load(folder).predict(mel)
  assert 0 < np.abs(difference).max() < 2e-3


@pytest.mark.parametrize("name", ["mlp_tiny", pytest.param("cnn_tiny", marks=pytest.mark.slow)])
def test_running_statistics_and_dropout_come_along(make_run, name, mel, tmp_path):
  """Batch normalisation has statistics beside its weights; dropout has random state."""
  assert export(f"--workdir={make_run(name)}", f"--out={tmp_path / 'out'}").returncode == 0
  expected = Predictor.load(make_run(name)).predict(mel)
  np.testing.assert_array_equal(Predictor.load(tmp_path / "out").predict(mel), expected)


@pytest.fixture
def make_run(make_config, tmp_path):
  def make(name):
    loop.train_and_evaluate(make_config(name, steps=3), tmp_path / name)
    return tmp_path / name

  return make


def test_nothing_of_training_is_loaded(folder, mel, tmp_path):
  np.save(tmp_path / "mel.npy", mel)
  program = f"""
import pathlib, sys
for name in {TRAINING}:
  sys.modules[name] = None  # As if it were not installed.
import numpy as np
from synthmatch_jax.inference import Predictor
predictor = Predictor.load(pathlib.Path(sys.argv[1]))
np.save(sys.argv[3], predictor.predict(np.load(sys.argv[2])))
"""
  paths = [folder, tmp_path / "mel.npy", tmp_path / "controls.npy"]
  subprocess.run([sys.executable, "-c", program, *map(str, paths)], check=True, cwd=ROOT)
  expected = Predictor.load(folder).predict(mel)
  np.testing.assert_array_equal(np.load(tmp_path / "controls.npy"), expected)


def test_the_card_says_what_it_is(folder, tiny_dataset):
  card = (folder / "README.md").read_text()
  recipe = tiny_dataset.open().recipe
  for said in ("ast_tiny for vital", "48 train, 6 validation, 6 test", recipe.digest(), "Apache"):
    assert said in card
  assert "learning_rate" in card


def test_an_evaluation_comes_along(tiny_run, tmp_path):
  workdir, out = tmp_path / "run", tmp_path / "out"
  shutil.copytree(tiny_run, workdir)
  step = Predictor.load(workdir).step
  (workdir / "eval" / "test").mkdir(parents=True, exist_ok=True)
  (workdir / "eval" / "test" / "results.json").write_text(
    json.dumps({"step": step, "rows": {}, "title": "t", "num_examples": 30})
  )
  distances = {"model/mss": np.arange(30.0), "mean/mss": np.ones(30)}
  np.savez(workdir / "eval" / "test" / "per_sound.npz", **distances)
  assert export(f"--workdir={workdir}", f"--out={out}").returncode == 0
  found = confidence.reference(out, Predictor.load(out))
  np.testing.assert_array_equal(found.distances, np.arange(30.0))
  with np.load(out / "eval" / "test" / "per_sound.npz") as kept:
    assert kept.files == ["model/mss"]


def test_an_evaluation_of_other_weights_stays_behind(tiny_run, tmp_path):
  workdir, out = tmp_path / "run", tmp_path / "out"
  shutil.copytree(tiny_run, workdir)
  (workdir / "eval" / "test").mkdir(parents=True, exist_ok=True)
  np.savez(workdir / "eval" / "test" / "per_sound.npz", **{"model/mss": np.arange(30.0)})
  for content in (json.dumps({"step": -1, "rows": {}}), '{"step'):  # Of earlier ones, damaged.
    (workdir / "eval" / "test" / "results.json").write_text(content)
    done = export(f"--workdir={workdir}", f"--out={out}")
    assert (done.returncode, done.stderr) == (0, "")
    assert "evaluate it first" in done.stdout
    assert not (out / "eval" / "test").exists()


def test_a_folder_of_other_things_is_left_alone(tiny_run, tmp_path):
  (tmp_path / "README.md").write_text("mine")
  done = export(f"--workdir={tiny_run}", f"--out={tmp_path}")
  assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
  assert "holds something else than an exported model" in done.stderr
  assert (tmp_path / "README.md").read_text() == "mine"
  done = export(f"--workdir={tiny_run}", f"--out={tiny_run}")
  assert "is the folder of a run" in done.stderr
  assert not (tiny_run / "model.json").exists()


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


def test_nothing_to_export(tmp_path):
  done = export(f"--workdir={tmp_path}", f"--out={tmp_path / 'out'}")
  assert done.returncode == 1
  (line,) = done.stderr.splitlines()
  assert f"no trained model in {tmp_path}" in line
  assert not (tmp_path / "out").exists()


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
  arrays = {n: np.array(a) for n, a in stored.arrays_of(exported.read(folder).model).items()}
  next(iter(arrays.values())).flat[0] = value
  plain = {k: v for k, v in described(folder).items() if k not in ("files", "digest")}
  target = damaged(folder, tmp_path, "model.json", json.dumps(plain).encode())
  (target / "weights.safetensors").write_bytes(safetensors.save(arrays))
  with pytest.raises(UserError, match=r"hold what is no number \(NaN or infinite\)"):
    Predictor.load(target)


def test_weights_beyond_half_precision_are_not_exported_as_such(folder, tmp_path):
  found = exported.read(folder)
  bias = found.model.head.output.bias
  bias[...] = bias[...].at[0].set(1e6)
  with pytest.raises(UserError, match="store it as float32 and not float16"):
    exported.write(tmp_path / "half", found, card="", dtype="float16")
  assert not (tmp_path / "half").exists()
  exported.write(tmp_path / "whole", found, card="")
  assert exported.read(tmp_path / "whole").model.head.output.bias[...][0] == 1e6


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
  np.savez(tmp_path / exported.PER_SOUND, **{"model/mss": np.arange(30.0)})
  assert "damaged" in confidence.reference(tmp_path, predictor).unknown
  exported.seal(tmp_path)
  found = confidence.reference(tmp_path, Predictor.load(tmp_path))
  np.testing.assert_array_equal(found.distances, np.arange(30.0))
  np.savez(tmp_path / exported.PER_SOUND, **{"model/mss": np.arange(31.0)})
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
  started = time.monotonic()
  with pytest.raises(UserError, match=says):
    Predictor.load(damaged(folder, tmp_path, "model.json", json.dumps(other).encode()))
  assert time.monotonic() - started < 10  # On a busy machine.


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
