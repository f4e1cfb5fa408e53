"""HTML pages from the templates beside this file. Each opens from disk, without a server."""

from pathlib import Path
from typing import Any

import jinja2

from synthmatch_jax import files

_ENVIRONMENT = jinja2.Environment(
  loader=jinja2.PackageLoader("synthmatch_jax.reports"),
  autoescape=True,
  undefined=jinja2.StrictUndefined,
  trim_blocks=True,
  lstrip_blocks=True,
)


def write(template: str, path: Path, **values: Any) -> None:
  """Renders a template into a file."""
  files.write_text(path, _ENVIRONMENT.get_template(template).render(**values))
