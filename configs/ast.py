"""The paper's model: an Audio Spectrogram Transformer of ViT-Base size.

    python -m synthmatch_jax.train --config=configs/ast.py --workdir=runs/ast

Time: 50 epochs of 800,000 sounds take about 3e18 floating-point operations (computed): hours on
one modern accelerator, months on two CPU cores (about 2 sounds/s).
Result: parameter MSE 0.031 in the paper (Table 2, on Massive); not trained here at full size.

    python -m synthmatch_jax.train --config=configs/ast.py:runlocal --workdir=runs/ast_small

Time: 2.5 minutes on two x86-64 cores for the 1,600 training sounds of `make demo-train`.
Result: parameter MSE 0.038 on the 200 test sounds; a constant answer at the mean has 0.056.

    python -m synthmatch_jax.train --config=configs/ast.py:small --workdir=runs/ast

This is the config of the bundled model: as runlocal, with a schedule, a higher learning rate and
averaged weights. Masks made it worse over the few epochs that a CPU can afford. docs/results.md
has time and result, and says what was tried.

    tfds build datasets/massive16 --config '{"name": "notes", "notes": "varied", "n_mels": 128,
      "num_examples": 151040}'
    python -m synthmatch_jax.train --config=configs/ast.py:notes --workdir=runs/notes

This is as small, for sounds of many notes: the model is told the note, hears the sound in its
harmonics, and predicts the note where it is not told. It learns by Muon, which gets from the same
sounds what takes Adam more than twice as many. docs/results.md says what each is worth.
"""

from synthmatch_jax.config import Config, base_config, unknown_variant


def get_config(variant: str = "") -> Config:
  """Returns the paper's config, or a variant of it.

  Args:
    variant: "runlocal" fits a laptop, "small" is a better small one, "notes" one for many notes.
  """
  config = base_config()
  config.model.name = "ast_base"
  config.optimizer.learning_rate = 5e-5  # Paper, section 3.2.1.
  if variant in ("runlocal", "small", "notes"):
    config.model.name = "ast_small"  # Width 192, depth 6.
    config.model.stride = 16  # 24 patches, not 54 as at the default 10: twice as fast and no worse.
    config.optimizer.learning_rate = 5e-4  # Small models take larger steps.
    config.train.batch_size = 32
    config.train.epochs = 12  # After that it overfits a few thousand sounds.
  elif variant:
    raise unknown_variant(__file__, variant, "runlocal", "small", "notes")
  if variant in ("small", "notes"):
    config.optimizer.learning_rate = 1e-3  # With a warm-up, then down to 0.
    config.optimizer.schedule = "cosine"
    config.optimizer.warmup_steps = 300
    config.train.average_decay = 0.999
  if variant == "notes":
    config.data.name = "massive16/notes"
    config.optimizer.name = "muon"
    config.optimizer.learning_rate = 2e-3
    config.model.note = "aligned"  # Or "token" or "film".
    config.model.note_loss = 0.03  # Its value begins at some three times that of the controls.
    config.train.note_hidden = 0.2
  return config
