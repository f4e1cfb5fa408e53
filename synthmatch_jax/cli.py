"""Starts every binary: parses absl's flags, and turns errors into one sentence."""

import math
import os
import re
import select
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from absl import app, flags, logging

from synthmatch_jax import bundled, files
from synthmatch_jax.errors import UserError, printable

flags.disclaim_key_flags()  # --help lists a flag under the binary that has it, not under this.

RUN, EXPORTED = "config.json", "model.json"
"""The files that mark a folder as that of a run, or of a model that was exported."""

# absl's words for a flag that must be given.
_UNSET = re.compile(r"flag --(\w+)=None: Flag --\1 must have a value other than None\.")
_HELP = {"-h", "-help", "--help", "-?", "--helpshort"}

# "'lerning_rate'\\nDid you mean "learning_rate" instead of "lerning_rate"?", in any quotes.
_UNKNOWN_FIELD = re.compile(r"""['"\\]*(\w+?)(?:\\n|\W)*(?:Did you mean "(\w+)" instead of .*)?""")


def run(main: Callable[[Sequence[str]], int | None]) -> None:
  """Parses the flags, calls `main(positional arguments)` and exits with its status.

  Args:
    main: Gets the positional arguments without the program's name; returns an exit status
      (None is 0).

  A `UserError`, or a lack of memory, becomes one line on standard error and status 1; a mistaken
  flag becomes one line and status 2; Ctrl-C gives status 130.
  """
  name = Path(sys.argv[0]).stem
  files.settle_caches()
  app.run(_guard(lambda argv: main(argv[1:]), name), flags_parser=_parser(name))


def run_flags(main: Callable[[], int | None], *, like: str) -> None:
  """Does what `run` does, for a binary that takes flags only, `like` "--workdir=W"."""

  def alone(arguments: Sequence[str]) -> int | None:
    if name := arguments and Path(sys.argv[0]).stem:
      raise UserError(f"{name} takes no arguments, {arguments[0]!r} is one: give flags, as {like}")
    return main()

  run(alone)


def _guard(main, name):
  def guarded(argv):
    if not flags.FLAGS["verbosity"].present:
      logging.set_verbosity(logging.ERROR)  # Orbax alone logs a dozen lines for each checkpoint.
    try:
      status = main(argv)
      sys.stdout.flush()
      return status
    except UserError as error:
      return say_error(name, error, 1)
    except BrokenPipeError:
      if _is_read():  # Another pipe broke.
        raise
      return _unread()
    except MemoryError:
      return say_error(name, "there is too little memory: allow more, or take less at once", 1)
    except KeyboardInterrupt:
      return say_error(name, "interrupted", 130)

  return guarded


def _parser(name):
  def parse(argv):
    given = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    if _HELP.intersection(given):
      sys.exit(show(_help(argv[0])))
    try:
      arguments = flags.FLAGS(argv)
      _check_finite()
      return arguments
    except flags.Error as error:
      text = _UNSET.sub(r"--\1 is needed.", _last_cause(str(error)))
      sys.exit(say_error(name, f"{text} (--help lists the flags)", 2))
    except (KeyError, AttributeError, ValueError, TypeError, OSError, SyntaxError) as error:
      sys.exit(say_error(name, explain(error, argv), 2))
    except UserError as error:
      sys.exit(say_error(name, error, 2))

  return parse


def _check_finite() -> None:
  """Raises a flags.Error if a flag is NaN or infinite, which absl allows."""
  for name, value in flags.FLAGS.flag_values_dict().items():
    if isinstance(value, float) and not math.isfinite(value):
      raise flags.IllegalFlagValueError(f"flag --{name}={value}: it must be a finite number.")


def show(text: str) -> int:
  """Prints a page, all of which need not be read (see `head`); returns the exit status."""
  try:
    print(text, flush=True)
  except BrokenPipeError:
    return _unread()
  return 0


def _unread() -> int:
  """Discards the rest of the output, as nobody reads it; returns the exit status."""
  os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
  return 141  # A shell's status for a program that SIGPIPE ended.


def _is_read() -> bool:
  """Returns whether somebody still reads standard output; also where that cannot be told."""
  if not hasattr(select, "poll"):
    return True
  poll = select.poll()
  poll.register(sys.stdout.fileno(), 0)  # Errors are reported in any case.
  return not any(event & select.POLLERR for _, event in poll.poll(0))


def _help(program: str) -> str:
  """Returns the help of a binary: what it does, and a line or two for each of its flags."""
  said = _as_typed((sys.modules["__main__"].__doc__ or "").strip())
  lines = [said, "", "Flags:"]
  own = flags.FLAGS.get_key_flags_for_module(program)
  for flag in sorted(own, key=lambda flag: flag.name):
    default = "" if flag.value in (None, "", []) else f" (default: {flag.default_as_str})"
    name = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}=..."
    text = f"{' '.join((flag.help or '').split())}{default}"
    lines += textwrap.wrap(text, 96, initial_indent=f"  {name}  ", subsequent_indent=" " * 6)
  return "\n".join(lines)


class _PathParser(flags.ArgumentParser):
  """Parses a path. A shell leaves the ~ of --out=~/x as it is."""

  syntactic_help = "a path; ~ is your home"

  def parse(self, argument: str | Path) -> Path:
    if not str(argument):
      raise ValueError("is empty; name a path")
    try:
      return Path(argument).expanduser()
    except RuntimeError as error:
      raise ValueError(f"{argument}: {error}") from None

  def flag_type(self) -> str:
    return "path"


class _PluginParser(_PathParser):
  """Parses a path as text, which may be empty."""

  def parse(self, argument: str | Path) -> Any:
    return str(super().parse(argument)) if str(argument) else ""


def define_path(name: str, default: str | None, help: str, *, required: bool = False) -> Any:
  """Defines a flag whose value is a `Path`, or None by default; returns absl's FlagHolder."""
  return flags.DEFINE(_PathParser(), name, default, help, required=required)


def define_models() -> tuple[Any, Any]:
  """Defines --workdir, which takes several models, and --synth of binaries that match; both."""
  help = "The folders of trained models, of which the nearest answer is taken; by default the model"
  workdir = flags.DEFINE_list("workdir", [], f"{help} that comes along for --synth.")
  help = "The synth to match with; by default massive16, Vital with the paper's 16 controls."
  return workdir, flags.DEFINE_enum("synth", None, [*bundled.SYNTHS], help)


def define_plugin(help: str = "The path of the plugin, if it is not found by itself.") -> Any:
  """Defines the flag --plugin of binaries that render: a path as text, empty by default."""
  return flags.DEFINE(_PluginParser(), "plugin", "", help)


def paths(texts: Sequence[str]) -> list[Path]:
  """Returns the paths from a flag that takes several.

  Raises:
    UserError: One is empty, or in the home of a user who is not known.
  """
  try:
    return [_PathParser().parse(text) for text in texts]
  except ValueError as error:
    raise UserError(f"a path {error}") from None


def models(texts: Sequence[str | Path], *, synth: str | None = None) -> list[Path]:
  """Returns the paths of trained models from a flag; if it is empty, the one of a synth, if any.

  Raises:
    UserError: One is no model. This is found out before anything slow is loaded.
  """
  found = paths([str(text) for text in texts]) or ([bundled.model(synth)] if synth else [])
  for path in found:
    if not (path / RUN).exists() and not (path / EXPORTED).exists():
      raise UserError(
        f"there is no trained model in {path}: name a folder that `python -m"
        " synthmatch_jax.train` or `python -m synthmatch_jax.export` has written"
      )
  return found


def run_of(workdir: Path, *, wanted: str) -> Path:
  """Returns the folder of a run, which holds more than the model that came of it.

  Args:
    workdir: The folder that was named.
    wanted: The subject of the error's sentence: what needs the rest of the folder.

  Raises:
    UserError: There is no model in it, or it was exported.
  """
  (path,) = models([workdir])
  if not (path / RUN).exists():
    raise UserError(
      f"the model in {path} was exported already: {wanted} the run's own folder; everything else"
      " takes the exported one as it is, by --workdir"
    )
  return path


def folder_to_write(path: Path) -> Path:
  """Returns a folder that something is to be written to, which the flag --out names.

  Raises:
    UserError: A file is in its place.
  """
  if path.exists() and not path.is_dir():
    raise UserError(f"{path} cannot be written (it is a file): choose another --out")
  return path


def explain(error: Exception, argv: Sequence[str] = ()) -> str:
  """Returns a sentence for an exception of ml_collections' config flags, whatever its kind."""
  text = str(error.args[0]) if error.args else str(error)
  if unknown := _UNKNOWN_FIELD.fullmatch(text):
    field, hint = unknown.groups()
    names = [argument.split("=")[0] for argument in argv]
    where = next((n for n in names if field in n.split(".")), "--config")
    advice = f"; did you mean {hint!r}?" if hint else ""
    return f"{where}: the config has no field {field!r}{advice}"
  if isinstance(error, OSError):
    return f"cannot read the config: {re.sub(r'.*Errno [0-9]+. ', '', str(error), flags=re.S)}"
  return _last_cause(str(error) if isinstance(error, SyntaxError) else text)


def _last_cause(text: str) -> str:
  """Returns a text without the traceback that ml_collections puts into it."""
  head, found, trace = text.partition("Error whilst parsing config file:")
  return f"{head}{trace.strip().splitlines()[-1]}" if found else text


def say_error(name: str, text: object, status: int) -> int:
  """Prints what a command has against its input, in one line; returns the exit status."""
  said = printable(_as_typed(" ".join(str(text).split())))
  print(f"{name}: error: {said}", file=sys.stderr)
  return status


def _as_typed(text: str) -> str:
  """Returns a text with its commands in the form in which this one was typed."""
  typed = Path(sys.orig_argv[1]).stem if len(sys.orig_argv) > 1 else ""
  short = re.sub(r"python -m\s+synthmatch_jax\.", "synthmatch ", text)
  return short if typed == "synthmatch" else text
