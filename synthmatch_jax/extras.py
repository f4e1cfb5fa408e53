"""What `pip install synthmatch_jax` leaves out, and how it is got."""

from importlib.util import find_spec

from synthmatch_jax.errors import UserError

EXTRAS = {
  "train": ("ml_collections", "tensorflow_datasets", "grain", "tensorboardX"),
  "build": ("tensorflow_datasets", "tensorflow", "mlcroissant", "apache_beam"),
  "app": ("starlette", "uvicorn", "python_multipart"),
}
"""Extra -> modules that our commands need of it. Engines and decoders tell what they need."""


def need(extra: str, what: str) -> None:
  """Checks that an extra is installed, before anything slow is imported.

  Args:
    extra: The key of `EXTRAS`.
    what: The subject of the error's sentence: what needs the modules.

  Raises:
    UserError: A module is not there; the sentence has the command that installs it.
  """
  for module in EXTRAS[extra]:
    if find_spec(module) is None:
      raise UserError(
        f"{what} needs {module}, which is not installed: pip install 'synthmatch_jax[{extra}]'"
      )
