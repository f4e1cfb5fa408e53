import matplotlib.image

from synthmatch_jax.reports import figures


def test_pictures_are_written(tmp_path):
  lines = [{"step": 1, "train/loss": 1.0}, {"step": 2, "train/loss": 0.5, "validation/loss": 0.6}]
  figures.learning_curve(lines, tmp_path / "curve.png", floor=0.08)
  errors = {"model": {"cutoff": 0.01, "attack": 0.02}, "mean": {"cutoff": 0.08, "attack": 0.09}}
  figures.error_per_control(errors, tmp_path / "errors.png")
  for name in ("curve", "errors"):
    image = matplotlib.image.imread(tmp_path / f"{name}.png")
    assert min(image.shape[:2]) > 200
    assert image.std() > 0.05  # Something is drawn.
