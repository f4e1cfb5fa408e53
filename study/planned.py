"""What the study trains: its runs, each a config with some fields changed."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from synthmatch_jax.training.disturbance import KINDS


@dataclass(frozen=True, kw_only=True)
class Run:
  """A training run.

  Attributes:
    config: File of its config, with the variant.
    about: Description of the run in the tables.
    fields: Fields of the config that are changed.
    data: Name of its data set, below massive16/ where it has no slash.
    seeds: Seeds of weights and order; the run with the first one is evaluated.
    begins: Name of the run whose weights it begins with; empty where they are drawn.
    proxy: Name of the run whose proxy of the synth hears the answers; empty for none.
    snapped: Whether its answers are snapped to the peaks of the prior after training.
  """

  config: str
  about: str
  fields: Mapping[str, object] = field(default_factory=dict)
  data: str = "vital_150k"
  seeds: tuple[int, ...] = (0,)
  begins: str = ""
  proxy: str = ""
  snapped: bool = False

  @property
  def dataset(self) -> str:
    """The whole name of its data set."""
    return self.data if "/" in self.data else f"massive16/{self.data}"

  @property
  def is_regression(self) -> bool:
    """Whether its loss is the squared error of the controls."""
    return not self.config.startswith(("configs/flow", "configs/proxy"))

  def command(self, *, seed: int, data_dir: Path, workdir: Path) -> list[str]:
    """Returns the command line."""
    fields = {"data.dir": data_dir, "data.name": self.dataset, "seed": seed, **self.fields}
    if self.begins:
      fields["train.start_from"] = workdir.parent / self.begins
    if self.proxy:
      fields["loss.proxy"] = workdir.parent / self.proxy
    changes = [f"--config.{name}={value}" for name, value in fields.items()]
    base = [sys.executable, "-m", "synthmatch_jax.train", f"--config={self.config}"]
    return [*base, f"--workdir={workdir}", *changes]


MLP, CNN = "configs/mlp.py", "configs/cnn.py"
SMALL, RESNET = "configs/ast.py:small", "configs/resnet.py:runlocal"

# Name -> training sounds and epochs. On two cores, small sets can be seen often, the full set not.
_SIZES = {"2k": (2_560, 30), "10k": (10_240, 16)}
_SEEDS = {"ast-10k": (0, 1)}
_GROWN = {
  f"{model}-{size}": Run(
    config=config,
    about=about,
    fields={"data.train_examples": count, "train.epochs": epochs},
    data="vital",
    seeds=_SEEDS.get(f"{model}-{size}", (0,)),
  )
  for model, config, about in (("ast", SMALL, "small AST"), ("resnet", RESNET, "ResNet"))
  for size, (count, epochs) in _SIZES.items()
}

# Short runs, with which the recipe was found: few sounds, seen four times, one change per run.
_SHORT = {"data.train_examples": 10_240, "train.epochs": 4}
_MASKS = {
  "masking.time_masks": 2,
  "masking.time_width": 8,
  "masking.bin_masks": 2,
  "masking.bin_width": 6,
}
_EVERY = [f"disturbance.{kind}" for kind in KINDS]
_LOW = {"optimizer.learning_rate": 5e-4}

# What telling and predicting notes, each kind of noise and more bins are worth: short runs on
# sounds of many notes, of which one sees 64 bins, built by
#   tfds build datasets/massive16 --data_dir D --config '{"name": "notes_64", "notes": "varied",
#     "num_examples": 12800}'
_NOTES = "configs/ast.py:notes"
_UNTOLD = {"model.note": "none", "model.note_loss": 0.0, "train.note_hidden": 0.0}
_TOLD = {"model.note": "aligned", "model.note_loss": 0.03, "train.note_hidden": 0.2}
_MUON = {"optimizer.name": "muon", "optimizer.learning_rate": 1e-3}
_ADAM = {"optimizer.name": "adam", "optimizer.learning_rate": 1e-3}


def _of_notes(
  about: str,
  fields: Mapping[str, object],
  *,
  config: str = _NOTES,
  data: str = "notes",
  proxy: str = "",
) -> Run:
  return Run(config=config, about=about, fields={**_SHORT, **fields}, data=data, proxy=proxy)


_OF_NOTES = {
  "aligned": _of_notes("aligned, by Adam", _ADAM),
  "token": _of_notes("told by a token, by Adam", {"model.note": "token"} | _ADAM),
  "muon": _of_notes("aligned, by Muon", {}),
  "muon-low": _of_notes("rate 1e-3", _MUON),
  "film": _of_notes("told by FiLM", {"model.note": "film"}),
  "untold": _of_notes("neither told nor predicted", _UNTOLD),
  "predicted": _of_notes("predicted, not told", {"model.note": "none"}),
  "told_alone": _of_notes("not predicted", {"model.note_loss": 0.0}),
  "little": _of_notes("the loss of the note a tenth of that", {"model.note_loss": 0.003}),
  "half_hidden": _of_notes("half of the notes hidden", {"train.note_hidden": 0.5}),
  "64_bins": _of_notes("64 mel bins", {}, data="notes_64"),
  **{kind: _of_notes(kind, {f"disturbance.{kind}": 0.5}) for kind in KINDS},
  "noisy": _of_notes("all kinds of noise", dict.fromkeys(_EVERY, 0.3)),
  "heard": _of_notes("a proxy hears the answers", {}, proxy="proxy_notes"),
  "heard_late": _of_notes(
    "the same in the second half", {"loss.proxy_from": 640}, proxy="proxy_notes"
  ),
  "resnet": _of_notes("ResNet, aligned", _TOLD, config=RESNET),
  "cnn": _of_notes("the paper's CNN, aligned", _TOLD, config=CNN),
  "mlp": _of_notes("the paper's MLP, aligned", _TOLD, config=MLP),
}

# What the options of the flow are worth: short runs that begin with the same encoder.
_FLOW = "configs/flow.py:notes"
_DRAWN = {
  name: Run(
    config=_FLOW,
    about=about,
    fields={**_SHORT, "train.epochs": 2, **_MUON, **fields},
    data="notes",
    begins="notes_further",
  )
  for name, about, fields in (
    ("plain", "draws, begun with the model of many notes", {}),
    ("noise", "noise on what is heard, 0.3 at most", {"model.condition_noise": 0.3}),
    ("sure", "no sound is hidden for guidance", {"model.unconditional": 0.0}),
  )
}

# The wide spaces, at many notes as well: their models seek sounds that people bring. The sounds are
# built by
#   tfds build datasets/dexed --data_dir D --config '{"name": "notes", "notes": "varied",
#     "n_mels": 128, "num_examples": 151040}'
# and those of vital likewise, 40,960 of them.
_WIDE = {
  f"{synth}-{model}": Run(
    config=config,
    about=f"{about}, {synth}",
    fields={"train.epochs": epochs[synth], **fields},
    data=f"{synth}/notes",
  )
  for model, config, about, fields, epochs in (
    ("ast", _NOTES, "small AST", {}, {"vital": 6, "dexed": 2}),
    ("resnet", RESNET, "ResNet", _TOLD, {"vital": 3, "dexed": 1}),
    ("mlp", MLP, "the paper's MLP", _TOLD, {"vital": 8, "dexed": 4}),
  )
  for synth in ("vital", "dexed")
}

_WIDE |= {
  f"{synth}-flow": Run(
    config=_FLOW,
    about=f"small AST with draws, {synth}",
    fields={"train.epochs": 1, **_MUON},
    data=f"{synth}/notes",
    begins=f"{synth}-ast",
  )
  for synth in ("vital", "dexed")
}

RUNS = {
  "notes": Run(
    config=_NOTES,
    about="small AST, many notes",
    fields={"train.epochs": 4, **_ADAM},
    data="notes",
    snapped=True,
  ),
  "notes_further": Run(
    config=_NOTES,
    about="the same, trained further by Muon",
    fields={"train.epochs": 3, **_MUON},
    data="notes",
    begins="notes",
    snapped=True,
  ),
  "flow_notes": Run(
    config=_FLOW,
    about="the same with draws",
    fields={"train.epochs": 2, **_MUON},
    data="notes",
    seeds=(0, 1),
    begins="notes",
  ),
  "proxy_notes": Run(
    config="configs/proxy.py:small",
    about="proxy of the synth",
    fields={"train.epochs": 4},
    data="notes",
  ),
  "mlp": Run(config=MLP, about="the paper's MLP", fields={"train.epochs": 4}),
  "cnn": Run(
    config=CNN, about="the paper's CNN", fields={"train.steps": 3000, "train.eval_every": 600}
  ),
  "resnet": Run(config=RESNET, about="ResNet", fields={"train.epochs": 2}),
  "ast": Run(config=SMALL, about="small AST", fields={"train.epochs": 4}, snapped=True),
  "mlp-30k": Run(
    config=MLP,
    about="the paper's MLP",
    fields={"train.epochs": 5},
    data="vital",
  ),
  "ast-30k-masks": Run(
    config=SMALL,
    about="small AST, masks, rate 5e-4",
    fields={"train.epochs": 12} | _MASKS | _LOW,
    data="vital",
  ),
  **_GROWN,
  "short": Run(
    config=SMALL, about="small AST, stride 16", fields=_SHORT, data="vital", seeds=(0, 1, 2)
  ),
  "short-low": Run(config=SMALL, about="rate 5e-4", fields=_SHORT | _LOW, data="vital"),
  "short-masks": Run(config=SMALL, about="masks", fields=_SHORT | _MASKS, data="vital"),
  "short-masks-low": Run(
    config=SMALL, about="masks, rate 5e-4", fields=_SHORT | _MASKS | _LOW, data="vital"
  ),
  "short-no_head": Run(
    config=SMALL,
    about="without the 3-layer head",
    fields=_SHORT | {"model.head_depth": 0},
    data="vital",
  ),
  "short-stride10": Run(
    config=SMALL, about="stride 10", fields=_SHORT | {"model.stride": 10}, data="vital"
  ),
  "short-stride6": Run(
    config=SMALL, about="stride 6, the paper's", fields=_SHORT | {"model.stride": 6}, data="vital"
  ),
  "short-128_bins": Run(config=SMALL, about="128 mel bins", fields=_SHORT, data="vital_128"),
  "uniform": Run(
    config=SMALL, about="uniform prior", fields={"train.epochs": 8}, data="vital_uniform"
  ),
  **_WIDE,
  **{f"notes-{name}": run for name, run in _OF_NOTES.items()},
  **{f"flow-{name}": run for name, run in _DRAWN.items()},
  "short-resnet": Run(config=RESNET, about="ResNet", fields=_SHORT, data="vital"),
  "short-mlp": Run(
    config=MLP, about="the paper's MLP", fields=_SHORT, data="vital", seeds=(0, 1, 2)
  ),
}
