"""Builds the out-of-domain benchmark: `python -m synthmatch_jax.ood --out=DIR`.

154 sounds of instruments, of an FM synth and of a voice, or with `--list=one_shots` 159 samples as
producers use them, from freely licensed packages of Debian (docs/ood.md);
`python -m synthmatch_jax.eval --workdir=W --sounds=DIR` measures a model on them.
It says which sounds differ from the list in any bit; the exit status is then 1.
"""

from absl import flags

from synthmatch_jax import cli, files

_LIST = flags.DEFINE_enum(
  "list", "benchmark", ["benchmark", "one_shots"], "The list of the sounds (docs/ood.md)."
)
_OUT = cli.define_path("out", "ood", "The folder for the sounds.")
_ALLOW = flags.DEFINE_bool(
  "allow_differences",
  False,
  "Accept other versions of the sources; results are then your own.",
)
_RECORD = cli.define_path("record", None, "JSON file to write the list to as it was made here.")


def main() -> int:
  """Builds the benchmark and says what differs."""
  out = cli.folder_to_write(_OUT.value)
  from synthmatch_jax.generation.ood import benchmark

  differences: list[str] = []
  manifest = benchmark.build(out, wanted=benchmark.listed(_LIST.value), report=differences.append)
  print("\n".join([*differences, f"{len(manifest['sounds'])} sounds are in {out}"]))
  if _RECORD.value:
    listed = [{k: v for k, v in e.items() if k != "file"} for e in manifest["sounds"]]
    found = {"versions": manifest["versions"], "sounds": listed}
    files.write_json(_RECORD.value, found, indent=1)
  return 1 if differences and not _ALLOW.value else 0


if __name__ == "__main__":
  cli.run_flags(main, like="--out=DIR")
