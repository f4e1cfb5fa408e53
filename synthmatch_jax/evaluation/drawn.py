"""How true a model's draws are: whether the true patch looks like one of them, and how they differ.

Where draws come from the distribution of the patches that make a sound, the rank of the true value
of a parameter among them is as often any number as any other (Talts et al. 2018, arXiv:1804.06788).
More ranks at both ends than in the middle are draws that lie too near together.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from synthmatch_jax import files, selection
from synthmatch_jax.evaluation.asked import Asked
from synthmatch_jax.evaluation.sheet import Sheet
from synthmatch_jax.evaluation.summary import summarise
from synthmatch_jax.reports import figures
from synthmatch_jax.spaces import prior
from synthmatch_jax.spaces.scales import Scale

TABLE, PICTURE = "draws.md", "calibration.png"
"""The files that `write` leaves in the folder of an evaluation."""

_DRAWS, _BINS = 79, 16  # There are 80 ranks, of which five come into a bin.
_COVERED = {"50 %": 20, "90 %": 4}  # Ranks at each end that are outside of such an interval.


def calibration(asked: Asked) -> dict[str, Any]:
  """Ranks the true patches among draws.

  Returns:
    For each parameter that can be heard in a target: the "sounds" where it can, how many of its
    "ranks" lie in each sixteenth, their "deviation" (the largest difference of their distribution
    function from the even one, of which "chance" exceeds the bound in one case of twenty), and the
    "coverage", the share of true values between the quantiles of draws.
  """
  space = asked.predictor.recipe.space
  drawn, heard = asked.drawn(_DRAWS), space.heard(asked.true)
  rng, found = np.random.default_rng(0), {}
  for k, (name, part) in enumerate(space.slices.items()):
    scale = space.layout[k][0]
    values, true = (_values(scale, one[..., part]) for one in (drawn, asked.true))
    equal = (values == true[:, None]).sum(axis=1)
    ranks = (values < true[:, None]).sum(axis=1) + rng.integers(0, equal + 1)  # Ties are split.
    ranks = ranks[heard[:, k]]
    if len(ranks):
      found[name] = {
        "sounds": len(ranks),
        "ranks": np.histogram(ranks, bins=_BINS, range=(0, _DRAWS + 1))[0].tolist(),
        "deviation": _deviation(ranks),
        "chance": float(1.36 / np.sqrt(len(ranks))),  # Kolmogorov's, at 5 %.
        "coverage": {
          of: float(((ranks >= end) & (ranks <= _DRAWS - end)).mean())
          for of, end in _COVERED.items()
        },
      }
  return found


def diversity(sheet: Sheet, draws: int) -> dict[str, Any]:
  """How much patches differ that sound alike, by the rows `best_of_N` and `other_of_N`.

  Returns:
    Nothing without these rows. "alike" has the mean difference of the two patches, from 0 to 1 (see
    `selection.apart`), "distinct" the share of the sounds where they are two answers, and "prior"
    the mean difference of two draws from the prior.
  """
  rows = [sheet.answers.get(name.format(draws)) for name in ("best_of_{}", "other_of_{}")]
  if any(row is None for row in rows):
    return {}
  space = sheet.recipe.space
  pairs = zip(*rows, strict=True)
  alike = np.array([selection.apart(one[None], two, space)[0] for one, two in pairs])
  drawn = prior.draws(sheet.recipe.prior, space).astype(np.float32)
  by_chance = [selection.apart(a[None], b, space)[0] for a, b in itertools.pairwise(drawn)]
  return {
    "alike": summarise(alike),
    "distinct": float((alike >= selection.NEAR).mean()),
    "prior": float(np.nanmean(by_chance)),
  }


def write(found: dict[str, Any], folder: Path) -> None:
  """Writes a table and a picture of what `calibration` and `diversity` have found, if they have."""
  if said := table(found):
    files.write_text(folder / TABLE, said + "\n")
  if calibrated := found.get("calibration"):
    ranks = {name: one["ranks"] for name, one in calibrated.items()}
    figures.rank_histograms(ranks, folder / PICTURE)


def table(found: dict[str, Any]) -> str:
  """Returns both as Markdown, as far as they are there."""
  lines = []
  if found.get("calibration"):
    covered = " | ".join(f"in the middle {of}" for of in _COVERED)
    lines += [f"| parameter | sounds | {covered} | deviation |"]
    lines += [f"|---|---:|{'---:|' * len(_COVERED)}---:|"]
  for name, one in found.get("calibration", {}).items():
    covered = " | ".join(f"{100 * one['coverage'][of]:.1f} %" for of in _COVERED)
    deviation = f"{one['deviation']:.3f} (by chance up to {one['chance']:.3f})"
    lines.append(f"| {name} | {one['sounds']} | {covered} | {deviation} |")
  if apart := found.get("diversity"):
    lines += [
      "",
      f"Of draws that sound as near, two patches differ by {apart['alike']['mean']:.3f} on average,"
      f" two of the prior by {apart['prior']:.3f}; they are two answers for"
      f" {100 * apart['distinct']:.0f} % of the sounds.",
    ]
  return "\n".join(lines)


def _values(scale: Scale, controls: Float[np.ndarray, "*i w"]) -> Float[np.ndarray, "*i"]:
  """Returns numbers of which each is a value of a parameter: the option of a choice, on or off."""
  if scale == "numerical":
    return controls[..., 0]
  chosen = controls.argmax(axis=-1) if controls.shape[-1] > 1 else controls[..., 0] >= 0.5
  return chosen.astype(np.float32)


def _deviation(ranks: np.ndarray) -> float:
  counts = np.bincount(ranks, minlength=_DRAWS + 1)
  even = np.arange(1, _DRAWS + 2) / (_DRAWS + 1)
  return float(np.abs(np.cumsum(counts) / len(ranks) - even).max())
