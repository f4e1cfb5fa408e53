"""A model's answers by the measures of preset-gen-vae and of SynthRL, in a table of their own.

    python -m study.peers --workdir=W --presets=held-out
    python -m study.peers --workdir=W [--data_dir=D] [--num_examples=1000]

What they print for the model of `dexed` is kept in study/logs/peers/.

The first measures on the voices that the prior of a DX7 holds out, or on a folder of presets
(docs/evaluation.md); the second on the test split. The measures are those of the published code:
`SimilarityEvaluator`, `QuantizedNumericalParamsLoss` and `CategoricalParamsAccuracy` of
github.com/gwendal-lv/preset-gen-vae, which SynthRL evaluates by as well, and the sounds of which it
brings to a peak of 1. Their splits, presets and notes are others than ours: the numbers are to be
read beside theirs, not to be ranked with them.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import scipy.fft
import soxr
from jaxtyping import Float

from synthmatch_jax import startup
from synthmatch_jax.audio.mel import MelSettings, mel_power, power_db
from synthmatch_jax.audio.stft import StftSettings, stft_magnitude
from synthmatch_jax.evaluation import material, presets, rows
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.rerender import Renderer
from synthmatch_jax.evaluation.summary import summarise
from synthmatch_jax.inference import Predictor
from synthmatch_jax.reports import tables
from synthmatch_jax.spaces.space import ParameterSpace

ROWS = ("model", "nearest_mel", "mean", "oracle")
RATE = 22_050
_STFT = StftSettings(n_fft=1024, hop_length=256)
_LIBROSA = MelSettings(  # The defaults of librosa.feature.mfcc.
  sample_rate=RATE, n_fft=2048, hop_length=512, n_mels=128, f_min=0.0, f_max=RATE / 2
)
_FLOOR, _MOST = 1e-4, 5.0

Sound = Float[np.ndarray, " n"]


def sound_errors(target: Sound, estimate: Sound) -> dict[str, float]:
  """Returns the distances of two sounds at 22.05 kHz, as preset-gen-vae defines them.

  They are the mean absolute error of log10 of the STFT's magnitudes, which are cut off at 1e-4;
  the spectral convergence; and the mean absolute error of 13 and of 40 MFCCs. SynthRL's have
  a peak of 1 (`sc` is at most 5 there); here the edges of a sound are padded with zeros.
  """
  found: dict[str, float] = {}
  peaks = [np.abs(sound).max() + 1e-5 for sound in (target, estimate)]
  for name, scales in {"": (1.0, 1.0), ", peak 1": peaks}.items():
    pair = [sound / scale for sound, scale in zip((target, estimate), scales, strict=True)]
    one, other = (stft_magnitude(sound, _STFT) for sound in pair)
    logs = [np.log10(np.maximum(x, _FLOOR)) for x in (one, other)]
    found[f"log-STFT MAE{name}"] = float(np.abs(logs[0] - logs[1]).mean())
    apart = float(np.linalg.norm(one - other) / max(np.linalg.norm(one), _FLOOR))
    found[f"SC{name}"] = min(apart, _MOST) if name else apart
    cepstra = [_mfcc(sound) for sound in pair]
    for count in (13, 40):
      found[f"MFCC{count} MAE{name}"] = float(
        np.abs(cepstra[0][:, :count] - cepstra[1][:, :count]).mean()
      )
  return found


def _mfcc(sound: Sound) -> Float[np.ndarray, "t c"]:
  level = power_db(mel_power(sound, _LIBROSA), top_db=80.0)
  return np.asarray(scipy.fft.dct(level, norm="ortho"))


def parameter_errors(
  target: Float[np.ndarray, "i d"], estimate: Float[np.ndarray, "i d"], space: ParameterSpace
) -> dict[str, Float[np.ndarray, " i"]]:
  """Returns the errors of parameters as preset-gen-vae defines them, heard or not.

  Numbers, among them choices whose options have an order, as the coarse frequencies of a DX7, have
  a mean absolute error in [0, 1] after they are rounded to the synth's steps; switches and all
  other choices have the share of hits, in per cent.
  """
  errors = space.errors(target, estimate)
  is_number = np.array([scale in ("numerical", "ordinal") for scale, _ in space.layout])
  found = {"numerical MAE": errors[:, is_number].mean(axis=1)}
  if not is_number.all():
    found["categorical accuracy (%)"] = 100 * (errors[:, ~is_number] == 0).mean(axis=1)
  return found


def table(
  predictor: Predictor, found: material.Material, *, data_dir: Path | None, plugin: str = ""
) -> str:
  """Measures the rows on some targets whose controls are known; returns the table."""
  asked = Asked(predictor=predictor, material=found, dataset=predictor.dataset(dir=data_dir))
  proposals = rows.propose({name: rows.ROWS[name] for name in ROWS}, asked)
  answers = {row: one.controls[:, 0] for row, one in proposals.items()}
  rate, space = predictor.recipe.mel.sample_rate, predictor.recipe.space
  sums: dict[str, list[Mapping[str, float]]] = {row: [] for row in ROWS}
  renderer = Renderer(predictor.recipe, plugin=plugin)
  for _, sounds in renderer.sounds(found.targets, answers):
    heard = {name: soxr.resample(sound, rate, RATE, quality="HQ") for name, sound in sounds.items()}
    for row, lines in sums.items():
      lines.append(sound_errors(heard["target"], heard[row]))
  columns = {
    row: parameter_errors(asked.true, answers[row], space)
    | {name: np.array([line[name] for line in lines]) for name in lines[0]}
    for row, lines in sums.items()
  }
  head = ["", *columns["model"]]
  lines = [[r, *(tables.interval(summarise(v)) for v in columns[r].values())] for r in ROWS]
  return tables.join([head, ["---", *["---:"] * (len(head) - 1)], *lines])


def main() -> None:
  """Prints the table."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--workdir", type=Path, required=True, help="folder of the model")
  parser.add_argument("--presets", type=Path, help="folder of presets, or held-out")
  parser.add_argument("--data_dir", type=Path, help="folder of the data set, if it was moved")
  parser.add_argument("--num_examples", type=int, default=1000, help="most sounds to measure")
  options = parser.parse_args()
  startup.keep_compiled()
  predictor, limit = Predictor.load(options.workdir), options.num_examples
  if options.presets:
    found = presets.read(options.presets, predictor.recipe, limit=limit)
  else:
    found = material.of_split(predictor.dataset(dir=options.data_dir), "test", limit=limit)
  print(f"{found.title}: {len(found.targets)} sounds, {len(found.failures)} left out\n")
  print(table(predictor, found, data_dir=options.data_dir))


if __name__ == "__main__":
  main()
