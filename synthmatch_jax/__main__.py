"""Lists the commands: `python -m synthmatch_jax`."""

import ast
import sys
from pathlib import Path

from synthmatch_jax import cli


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
  """Prints the list; returns the exit status."""
  known = commands()
  lines = [f"  python -m synthmatch_jax.{name:<12} {said}" for name, said in known.items()]
  text = "\n".join(["The commands of synthmatch_jax; each says more by --help:", "", *lines])
  if not arguments or arguments[0] in ("-h", "--help"):
    return cli.show(text)
  name = arguments[0]
  advice = f"run python -m synthmatch_jax.{name}" if name in known else "these are the commands"
  print(f"synthmatch_jax: error: {name} is no argument of this: {advice}\n{text}", file=sys.stderr)
  return 2


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
