"""Makes a plugin an engine: `python -m synthmatch_jax.probe PLUGIN [--out=FILE.json]`.

PLUGIN is the path of a .vst3 or .component, an engine that is a plugin (massive), or a FILE.json
that this program wrote. It measures how the plugin behaves and writes a description of it, from
which data sets, evaluations and matches make the engine.
"""

from collections.abc import Sequence

from absl import flags

from synthmatch_jax import cli, files
from synthmatch_jax.errors import UserError

_OUT = cli.define_path("out", None, "The file for the description; the report lies beside it.")
_NAME = flags.DEFINE_string("name", "", "The name of the engine; the default is the plugin's.")
_BASE_PRESET = cli.define_path(
  "base_preset", None, "The preset file that sets everything that the controls leave fixed."
)
_EDIT = flags.DEFINE_bool(
  "edit", False, "Open the plugin's editor; its state when you close that is the base preset."
)
_CONTROLS = flags.DEFINE_list("controls", [], "The names of the parameters that become controls.")
_MOST = flags.DEFINE_integer(
  "most", 16, "The most controls that are chosen where none are named or known.", lower_bound=1
)
_PRESETS = cli.define_path("presets", None, "The folder of presets to measure the prior from.")
_PLUGIN = cli.define_plugin(
  "The path of the plugin, if PLUGIN is a description and it is not found by itself."
)
_INSIDE = flags.DEFINE_string("inside", "", "The name of the plugin, if the file holds several.")
_SEED = flags.DEFINE_integer("seed", 0, "The seed of the random patches.", lower_bound=0)
_EFFORT = flags.DEFINE_enum(
  "effort", "thorough", ["thorough", "quick"], "How much is measured; quick is for a first look."
)
_PATIENCE = flags.DEFINE_float(
  "patience", 120.0, "The seconds that a load or a sound may take.", lower_bound=1.0
)

_KINDS = (".vst3", ".component")


def main(arguments: Sequence[str]) -> None:
  """Probes the plugin named on the command line."""
  if len(arguments) != 1:
    raise UserError("name one plugin: probe PLUGIN [--out=FILE.json]")
  named = files.expanded(arguments[0])
  if named.suffix.lower() in _KINDS and not named.exists():
    raise UserError(f"no plugin at {named}; name the path of a .vst3 or .component")
  # Here, so that a mistyped flag is answered at once.
  from synthmatch_jax.probing import examine, probed_plugin
  from synthmatch_jax.probing.probe_report import ProbeReport

  found = probed_plugin.find(
    arguments[0],
    plugin=_PLUGIN.value,
    name=_NAME.value,
    inside=_INSIDE.value,
    patience=_PATIENCE.value,
  )
  examine.examine(
    found,
    report=ProbeReport(),
    preset=_BASE_PRESET.value,
    edit=_EDIT.value,
    controls=[name.strip() for name in _CONTROLS.value],
    most=_MOST.value,
    presets=_PRESETS.value,
    out=_OUT.value,
    seed=_SEED.value,
    effort=_EFFORT.value,
  )


if __name__ == "__main__":
  cli.run(main)
