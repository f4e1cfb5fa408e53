"""HTML pages from the templates beside this file; each opens from disk, without a server."""

import os
from pathlib import Path
from typing import Any

import jinja2

_ENVIRONMENT = jinja2.Environment(
  loader=jinja2.PackageLoader("synthmatch_jax.reports"),
  autoescape=True,
  undefined=jinja2.StrictUndefined,
  trim_blocks=True,
  lstrip_blocks=True,
)


def write(template: str, path: Path, **values: Any) -> None:
  """Renders a template into a file: whole or not at all."""
  text = _ENVIRONMENT.get_template(template).render(**values)
  partial = path.with_name(path.name + ".partial")
  partial.write_text(text, encoding="utf-8")
  os.replace(partial, path)
