"""Collects the wheels that a machine without a network lacks: `make wheelhouse`.

    python -m benchmarks.wheelhouse [--out=wheelhouse] [--have=FILE] [--python=3.12] [EXTRA...]

FILE is what `pip list --format=freeze` prints on that machine; names alone will do. By default it
is `benchmarks/gpu_machine.txt`, a usual image with JAX, Flax and PyTorch for CUDA. What is there is
left as it is. Everything else that synthmatch_jax and its extras need (by default `train`) is put
into the folder, synthmatch_jax itself included. On the machine:

    python3 -m pip install --no-index --no-deps --target=site wheelhouse/*.whl
    export PYTHONPATH=$PWD/site
"""

import argparse
import email.parser
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_MOST_BYTES = 60 << 20
_GLIBC = (17, 24, 26, 27, 28, 31, 34, 35)  # Minor versions that wheels are named by.


def read_have(path: Path) -> dict[str, str]:
  """Returns name -> version of what a machine has; the version is empty where it is not told."""
  lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
  pairs = (line.replace(" @ ", "==").partition("==") for line in lines if line)
  return {canonicalize_name(name): version for name, _, version in pairs}


def lacking(
  requirements: Iterable[Requirement], have: Mapping[str, str], environment: Mapping[str, str]
) -> Iterator[Requirement]:
  """Yields the requirements that hold there and are not met there.

  Args:
    requirements: What a package requires, with markers.
    have: See `read_have`; a version that is not told meets every requirement.
    environment: Values of the markers, e.g. {"python_version": "3.12", "extra": ""}.
  """
  for requirement in requirements:
    if requirement.marker and not requirement.marker.evaluate(dict(environment)):
      continue
    version = have.get(canonicalize_name(requirement.name))
    if version is None or (version and version not in requirement.specifier):
      yield requirement


def requirements_of(wheel: Path) -> list[Requirement]:
  """Reads what a wheel requires; lines that are no requirements are passed over, as pip does."""
  with zipfile.ZipFile(wheel) as file:
    (name,) = (n for n in file.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = email.parser.Parser().parsestr(file.read(name).decode())
  found = []
  for line in metadata.get_all("Requires-Dist", []):
    try:
      found.append(Requirement(line))
    except InvalidRequirement:
      continue
  return found


def collect(out: Path, have: Mapping[str, str], *, python: str, extras: Iterable[str]) -> None:
  """Fills a folder with the wheels that are lacking, each once."""
  plain = {
    "python_version": python,
    "python_full_version": f"{python}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
  }
  todo = [(_build(str(ROOT), out), tuple(extras))]
  done: set[tuple[str, str]] = set()
  while todo:
    wheel, wanted = todo.pop()
    for extra in ("", *wanted):
      environment = plain | {"extra": extra}
      for requirement in lacking(requirements_of(wheel), have, environment):
        name = canonicalize_name(requirement.name)
        more = ("", *sorted(requirement.extras))
        if name == "synthmatch-jax":  # An extra that names others.
          todo.append((wheel, tuple(requirement.extras)))
        elif new := [one for one in more if (name, one) not in done]:
          done.update((name, one) for one in new)
          todo.append((_fetch(requirement, out, python), tuple(requirement.extras)))


def _fetch(requirement: Requirement, out: Path, python: str) -> Path:
  """Downloads the wheel of a requirement; builds it where there is only a source of it."""
  asked = f"{requirement.name}{requirement.specifier}"
  platforms = [f"--platform=manylinux_2_{minor}_x86_64" for minor in _GLIBC]
  command = [
    *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
    *("--disable-pip-version-check", f"--python-version={python}", "--implementation=cp"),
    *("--platform=manylinux2014_x86_64", "--platform=any", *platforms, asked),
  ]
  with tempfile.TemporaryDirectory(dir=out) as folder:
    done = subprocess.run([*command, f"--dest={folder}"], capture_output=True, check=False)
    if done.returncode:
      return _build(asked, out)
    return next(Path(folder).glob("*.whl")).rename(out / next(Path(folder).glob("*.whl")).name)


def _build(what: str, out: Path) -> Path:
  """Builds a wheel from a source, which must be pure Python."""
  command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
  with tempfile.TemporaryDirectory(dir=out) as folder:
    subprocess.run([*command, f"--wheel-dir={folder}", what], check=True)
    (built,) = Path(folder).glob("*.whl")
    if not built.name.endswith("-none-any.whl"):
      raise SystemExit(f"{what} has no wheel for that machine, and is not pure Python")
    return built.rename(out / built.name)


def main() -> None:
  """Collects, and says how large it is."""
  parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
  parser.add_argument("extras", nargs="*", default=["train"], metavar="EXTRA")
  parser.add_argument("--out", type=Path, default=Path("wheelhouse"), help="folder of the wheels")
  parser.add_argument("--have", type=Path, default=ROOT / "benchmarks" / "gpu_machine.txt")
  parser.add_argument("--python", default="3.12", help="version of Python on the machine")
  options = parser.parse_args()
  options.out.mkdir(parents=True, exist_ok=True)
  for wheel in options.out.glob("*.whl"):
    wheel.unlink()
  collect(options.out, read_have(options.have), python=options.python, extras=options.extras)
  wheels = sorted(options.out.glob("*.whl"))
  size = sum(wheel.stat().st_size for wheel in wheels)
  print("\n".join(f"{wheel.stat().st_size / 1e6:6.1f} MB  {wheel.name}" for wheel in wheels))
  print(f"{size / 1e6:.1f} MB in {options.out}, {len(wheels)} wheels")
  if size > _MOST_BYTES:
    raise SystemExit(f"that is more than {_MOST_BYTES >> 20} MiB")


if __name__ == "__main__":
  main()
