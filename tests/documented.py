"""What README and docs tell people to type, collected."""

import ast
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted(
  path.relative_to(ROOT).as_posix()
  for path in (
    *(ROOT / name for name in ("README.md", "WORKSPACE.md")),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "examples").glob("*.md"),
    *(ROOT / "datasets").rglob("*.md"),
  )
)

# How a command begins, behind the folder of a virtual environment or the name of a program alone.
_COMMAND = re.compile(r"(?:\.venv[/\\]bin/)?(python -m|synthmatch|tfds|make) ")
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
  """A command of a page.

  Attributes:
    page: Where it stands, with its line.
    words: As a shell splits it, without comments; of what may be left out, all.
  """

  page: str
  words: tuple[str, ...]

  def __str__(self) -> str:
    return f"{self.page}: {shlex.join(self.words)}"

  @property
  def program(self) -> str:
    """E.g. "synthmatch_jax.train", "tfds" or "make"."""
    return self.words[2] if self.words[0].endswith("python") else Path(self.words[0]).name

  @property
  def arguments(self) -> list[str]:
    """What follows the program."""
    return list(self.words[3:] if self.words[0].endswith("python") else self.words[1:])


def lines(page: str) -> list[tuple[int, str]]:
  """Lines of a page's code blocks, indented or fenced, those that go on on the next one joined.

  Blocks that are marked as Python are left out; see `snippets`.
  """
  found: list[tuple[int, str]] = []
  fenced, blank, block, goes_on = False, True, False, False
  text = _PYTHON.sub(lambda block: "\n" * block[0].count("\n"), (ROOT / page).read_text())
  for number, line in enumerate(text.splitlines(), start=1):
    if line.lstrip().startswith("```"):
      fenced = not fenced
      continue
    indented = line.startswith("    ") and (blank or block)
    if (fenced or indented) and line.strip():
      if goes_on:
        found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip().removesuffix(chr(92))}")
      else:
        found.append((number, line.strip().removesuffix("\\")))
      goes_on = line.endswith("\\")
    blank, block = not line.strip(), indented or (block and not line.strip())
  return found


def snippets(page: str) -> list[str]:
  """The blocks of a page that are marked as Python."""
  return _PYTHON.findall((ROOT / page).read_text())


def commands(page: str) -> list[Command]:
  """The commands of a page that are ours to check: in its code blocks and in its sentences."""
  texts = [(number, text) for number, text in lines(page) if _COMMAND.match(text)]
  text = (ROOT / page).read_text()
  for found in re.finditer(r"`([^`]+)`", text):
    inline = " ".join(found[1].split())
    if _COMMAND.match(inline) and inline != "python -m":
      texts.append((text.count("\n", 0, found.start()) + 1, inline))
  return [Command(f"{page}:{number}", _words(text)) for number, text in texts]


def _words(text: str) -> tuple[str, ...]:
  text = re.sub(r"\s&(\s|$)", r"\1", text)
  # "[--workdir=W]" may be left out; "SOUND..." stands for several.
  text = re.sub(r"\[(-[^\]]*)\]", r"\1", text)
  words = shlex.split(text, comments=True)
  if words[0] == "synthmatch" and words[1] != "completion" and not words[1].startswith("-"):
    words[:2] = ["python", "-m", f"synthmatch_jax.{words[1]}"]
  return tuple(re.sub(r"(?<=\w)\.\.\.$|(?<==)\.\.\.,?", "", word) for word in words)


def options(module: str) -> set[str]:
  """Options that a program with argparse takes, by its source: it need not be installed for."""
  source = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
  return {
    argument.value
    for node in ast.walk(source)
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument"
    for argument in node.args
    if isinstance(argument, ast.Constant)
  }
