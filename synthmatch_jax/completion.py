"""Writes what lets a shell complete `synthmatch`, from the flags that the commands define."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from absl import flags


@dataclass(frozen=True)
class _Flag:
  name: str
  said: str
  boolean: bool
  values: tuple[str, ...]


def _flags(command: str) -> list[_Flag]:
  """Returns the flags of a command, and takes them back: others define the same."""
  module = f"synthmatch_jax.{command}"
  try:
    importlib.import_module(module)
  except SystemExit:  # It needs an extra, and has said so.
    return []
  own = sorted(flags.FLAGS.get_key_flags_for_module(module), key=lambda flag: flag.name)
  found = []
  for flag in own:
    said = " ".join((flag.help or "").split()).split(". ")[0].rstrip(".")
    values = getattr(flag.parser, "enum_values", None) or ()
    found.append(_Flag(flag.name, said, bool(flag.boolean), tuple(values)))
    delattr(flags.FLAGS, flag.name)
  return found


def script(shell: str, commands: Mapping[str, str]) -> str:
  """Returns the lines for a shell to read.

  Args:
    shell: One of "bash", "fish" and "zsh".
    commands: Each command with what it does.
  """
  known = {name: _flags(name) for name in commands}
  write = {"bash": _bash, "fish": _fish, "zsh": _zsh}[shell]
  return "\n".join(write(commands, known))


def _bash(commands: Mapping[str, str], known: Mapping[str, list[_Flag]]) -> list[str]:
  cases, values = [], []
  for name, own in known.items():
    words = [f"--{flag.name}{'' if flag.boolean else '='}" for flag in own]
    words += [f"--no{flag.name}" for flag in own if flag.boolean]
    cases.append(f"    {name}) words={' '.join(words)!r} ;;")
    values += [
      f"    {name}--{flag.name}) words={' '.join(flag.values)!r} ;;" for flag in own if flag.values
    ]
  return [
    '# `eval "$(synthmatch completion bash)"` belongs into ~/.bashrc',
    "_synthmatch() {",
    '  local words="" current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}"',
    '  [[ $current == "=" ]] && current="" || { [[ $before == "=" ]] &&',
    '    before="${COMP_WORDS[COMP_CWORD-2]}"; }',
    '  case "${COMP_WORDS[1]}$before" in',
    *values,
    "  esac",
    '  [[ -z $words && $current == -* ]] && case "${COMP_WORDS[1]}" in',
    *cases,
    "  esac",
    f'  ((COMP_CWORD == 1)) && words="{" ".join(commands)} completion"',
    '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
    "  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace",
    "}",
    "complete -o default -F _synthmatch synthmatch",
  ]


def _fish(commands: Mapping[str, str], known: Mapping[str, list[_Flag]]) -> list[str]:
  lines = ["# belongs into ~/.config/fish/completions/synthmatch.fish"]
  for name, said in commands.items():
    lines.append(f"complete -c synthmatch -n __fish_use_subcommand -f -a {name} -d {_quoted(said)}")
    for flag in known[name]:
      takes = "" if flag.boolean else " -r"
      takes += f" -f -a {_quoted(' '.join(flag.values))}" if flag.values else ""
      where = f'-n "__fish_seen_subcommand_from {name}"'
      lines.append(f"complete -c synthmatch {where} -l {flag.name}{takes} -d {_quoted(flag.said)}")
  return lines


def _zsh(commands: Mapping[str, str], known: Mapping[str, list[_Flag]]) -> list[str]:
  lines = ["#compdef synthmatch", "# belongs into a folder of $fpath, as _synthmatch"]
  lines += ["local -a commands=(", *(f"  {_quoted(f'{n}:{s}')}" for n, s in commands.items()), ")"]
  lines += ["if ((CURRENT == 2)); then _describe command commands; return; fi", "case $words[2] in"]
  for name, own in known.items():
    lines.append(f"  {name}) _arguments \\")
    for flag in own:
      said = flag.said.translate(str.maketrans({c: f"\\{c}" for c in "[]:"}))
      values = f"({' '.join(flag.values)})" if flag.values else "_files"
      takes, value = ("", "") if flag.boolean else ("=", f":value:{values}")
      lines.append(f"    {_quoted(f'--{flag.name}{takes}[{said}]{value}')} \\")
    lines.append("    '*:file:_files' ;;")
  return [*lines, "esac"]


def _quoted(text: str) -> str:
  return "'" + text.replace("'", r"'\''") + "'"
