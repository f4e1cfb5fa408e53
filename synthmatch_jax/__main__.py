"""The command `synthmatch`, which is `python -m synthmatch_jax` as well: it starts the others."""

import ast
import importlib
import os
import runpy
import sys
from pathlib import Path

import synthmatch_jax
from synthmatch_jax import cli

_SHELLS = ("bash", "fish", "zsh")


def commands() -> dict[str, str]:
  """Returns the name of each command and the first sentence about it."""
  found = {}
  for path in sorted(Path(__file__).parent.glob("*.py")):
    text = path.read_text(encoding="utf-8")
    if "\n  cli.run" in text and path != Path(__file__):
      said = ast.get_docstring(ast.parse(text)) or ""
      found[path.stem] = said.partition("`")[0].rstrip(": \n").replace("\n", " ")
  return found


def main(arguments: list[str]) -> int:
  """Starts a command, or says what there is; returns the exit status."""
  name, *rest = arguments or ["--help"]
  known = commands()
  if name in known:
    sys.argv = [name, *rest]
    # As `python -m` does, so that the processes of the command find its module again.
    runpy.run_module(f"synthmatch_jax.{name}", run_name="__main__", alter_sys=True)
    return 0
  if name == "--version":
    return cli.show(f"synthmatch_jax {synthmatch_jax.__version__}")
  if name == "completion" and len(rest) == 1 and rest[0] in _SHELLS:
    completion = importlib.import_module("synthmatch_jax.completion")
    return cli.show(completion.script(rest[0], known))
  listed = known | {"completion": f"Prints what makes a shell complete all this: {_shells()}"}
  lines = [f"  synthmatch {name:<12} {said}" for name, said in listed.items()]
  text = "\n".join(["The commands of synthmatch_jax; each says more by --help:", "", *lines])
  if name in ("-h", "--help"):
    return cli.show(text)
  wrong = (
    f"completion is for one of {_shells()}" if name == "completion" else f"no command {name!r}"
  )
  print(f"synthmatch: error: {wrong}\n{text}", file=sys.stderr)
  return 2


def _shells() -> str:
  return ", ".join(_SHELLS)


def script() -> None:
  """Is what the installed `synthmatch` calls."""
  # The working directory is not on the search path, and is not to be on that of its processes.
  os.environ["PYTHONSAFEPATH"] = "1"
  sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
