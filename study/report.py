"""Writes the tables of the docs and of README.md and draws pictures, from study/logs alone.

    python -m study.report          # writes
    python -m study.report --check  # names a page that differs from the logs, with exit status 1

The text of the pages is written by hand. The tables between `<!-- table: NAME -->` and
`<!-- end -->` are written by this module.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

from study import curve, ears, objectives, peaks, pictures, race, reach, tables
from study.evaluations import EVALUATIONS
from study.runs import LOGS, ROOT
from synthmatch_jax.selection import RANKED_BY

_TOLD = ("results", "evaluation", "search", "matching", "ears", "dexed")
PAGES = tuple(ROOT / page for page in (*[f"docs/{name}.md" for name in _TOLD], "README.md"))
IMAGES = ROOT / "docs" / "images"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_LONG = ("nearest_mfcc", "random", "repeat", "nearer of both")
_SHORT = ("mse", "spectral_convergence", RANKED_BY, "wmfcc", "f0_cents")
_DRAWN = {"model": "**one draw**", "notes_further": "the regression"}

_WIDE = {"sounds": tables.measured, "kinds": tables.patches, "groups": tables.groups}

_PEERS = ("dexed", "dexed_people")

TABLES: dict[str, Callable[[], str]] = {
  "models": lambda: tables.measured("table"),
  "short": lambda: tables.measured("table", among=_SHORT, without=_LONG),
  "against": lambda: tables.against("table"),
  "ood_against": lambda: tables.against("ood"),
  "speed": tables.speed,
  "ten_thousand": lambda: tables.measured("ten_thousand"),
  "ood": lambda: tables.measured("ood"),
  "uniform": lambda: tables.measured("uniform", among=_SHORT),
  "runs": tables.runs,
  "scaling": tables.grown,
  "short_runs": lambda: tables.short_runs("short"),
  "notes_short": lambda: tables.short_runs("notes-"),
  "short_ood": lambda: tables.against("short_ood", subject="notes-muon"),
  "notes": lambda: tables.measured("notes", without=_LONG),
  "notes_against": lambda: tables.against("notes"),
  "notes_groups": lambda: tables.grouped("notes", "model", "nearest_mel", "mean"),
  "notes_c4": lambda: tables.measured("notes_c4"),
  "c4": lambda: tables.measured("c4"),
  "notes_ood": lambda: tables.measured("notes_ood"),
  "notes_ood_against": lambda: tables.against("notes_ood"),
  "draws": lambda: tables.measured("draws", names=_DRAWN),
  "answers": lambda: tables.measured("answers", names=_DRAWN),
  "answers_ood": lambda: tables.measured("answers_ood", names=_DRAWN),
  "answers_against": lambda: tables.against("answers_ood", subject="answered_16"),
  "ladder": curve.ladder,
  "draws_ood": lambda: tables.measured("draws_ood", names=_DRAWN),
  **{
    f"dexed{where}_{kind}": lambda table=table, where=where: table(f"dexed{where}")
    for where in ("", "_people")
    for kind, table in _WIDE.items()
  },
  **{f"peers_{name}": lambda name=name: _printed(f"peers/{name}.md") for name in _PEERS},
  "dexed_ood": lambda: tables.measured("dexed_ood"),
  "dexed_curve": lambda: curve.table("dexed"),
  "controls": tables.controls,
  "audit": tables.audited,
  "reach": reach.told,
  "choosing": lambda: objectives.table(100),
  "curve": lambda: curve.table("massive16"),
  "curve_first": lambda: curve.table("vital16"),
  "race": race.table,
  "peaks": peaks.table,
  "registers": ears.registers,
  "places": ears.places,
  "estimators": ears.estimators,
  "calibration": ears.calibration,
}


def page(text: str) -> str:
  """Returns a page with its tables renewed from the logs."""
  return _TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}\n{found[3]}", text)


def _printed(log: str) -> str:
  """Returns the table in what a command has printed."""
  return "\n".join(line for line in (LOGS / log).read_text().splitlines() if line[:1] == "|")


def draw(images: Path) -> None:
  """Draws the pictures from the logs."""
  if (EVALUATIONS / "scaling.json").exists():
    pictures.scaling(tables.scaling(), images / "results_scaling.png")
  pictures.per_control(tables.rows("table"), tables.NAMES, images / "results_per_control.png")
  shown = [name for name in ("mlp", "cnn", "resnet", "ast") if (LOGS / name).exists()]
  floor = tables.rows("table")["mean"]["mse"]["mean"]
  lines = {name: tables.validations(LOGS / name) for name in shown}
  pictures.curves(lines, images / "results_curves.png", floor)


def main() -> None:
  """Writes or checks the pages."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("--check", action="store_true", help="write nothing")
  options = parser.parse_args()
  for path in PAGES:
    before = path.read_text(encoding="utf-8")
    after = page(before)
    if before != after and options.check:
      sys.exit(f"{path.relative_to(ROOT)} differs from the logs; run python -m study.report")
    path.write_text(after, encoding="utf-8")
  if not options.check:
    draw(IMAGES)


if __name__ == "__main__":
  main()
