"""Puts the folders configs/ and datasets/ into the package; all else is in setup.cfg."""

from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

BUILDERS = sorted(path.parent for path in Path("datasets").glob("*/*_dataset_builder.py"))


class WithoutTests(build_py):
  """Leaves out the tests, which lie beside the builders as TFDS wants it."""

  def find_package_modules(self, package, package_dir):
    """Returns the modules of a package that are not tests."""
    found = super().find_package_modules(package, package_dir)
    return [module for module in found if not module[1].endswith("_test")]


folders = {"synthmatch_jax.configs": "configs", "synthmatch_jax.datasets": "datasets"}
folders |= {f"synthmatch_jax.datasets.{path.name}": path.as_posix() for path in BUILDERS}
setup(
  packages=[*find_packages(include=["synthmatch_jax*"]), *folders],
  package_dir=folders,
  cmdclass={"build_py": WithoutTests},
)
