"""Loading preset files into a plugin, with proof; this is used in the plugin's process.

The state of a plugin holds more than its parameters; that of Massive holds the modulation routing.
"""

import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from synthmatch_jax import untrusted
from synthmatch_jax.errors import UserError
from synthmatch_jax.synths.description import MOST_STATE_BYTES

SUFFIXES = (".vstpreset", ".nksf", ".state", ".aupreset")
"""The preset files that `apply` can be expected to load; any other is taken as a raw state."""
MASSIVE_SUFFIXES = (".nmsv", ".ksd")
"""Massive's own preset files, which only Massive can load."""

# Raw values that differ by less count as equal: plugins round (pedalboard shows 3 digits).
_TOLERANCE = 0.001
# The places that parameters are moved to: within the range, and different for a switch or a list of
# three.
_ONE, _TWO = 0.25, 0.75
_SETTLE_SECONDS = 0.5

# The VST3 preset format: header (id, version, class id as text, offset of the list), data, list
# (id, count), entries (id, offset, size). Steinberg, VST 3 developer portal, "Preset Format".
_HEADER, _LIST, _ENTRY = struct.Struct("<4si32sq"), struct.Struct("<4si"), struct.Struct("<4sqq")
# JUCE's mark for XML in binary, as pedalboard gives it for every VST3, and the length of the XML.
_RAW_VST3, _RAW_HEADER = b"VC2!", struct.Struct("<4sI")
# A .vstpreset of a DAW has five chunks at most, an .nksf four.
_MOST_CHUNKS = 256


def apply(plugin: Any, path: Path) -> None:
  """Loads a preset file and proves that the plugin has taken it.

  pedalboard ignores a state that the plugin does not understand. So the file is loaded twice,
  with the parameters moved to different places before: those that the plugin keeps in its
  states (found by a state of its own) must end at the same values. Parameters that it does not
  keep, MIDI controllers for example, are put back to where they were.

  Args:
    plugin: The object of pedalboard, on the main thread of its process.
    path: A .vstpreset; an .nksf, whose PCHK chunk (four bytes of version, then the plugin's own
      state) becomes the component state of a VST3 preset; or a raw state as `capture` returns it,
      which for an Audio Unit is an .aupreset.

  Raises:
    UserError: The file cannot be read, is malformed, is for another plugin, or was not taken.
  """
  put = _loader(plugin, path)
  parameters = plugin.parameters
  before = {name: float(p.raw_value) for name, p in parameters.items()}
  one = _move(plugin, dict.fromkeys(parameters, _ONE))
  own = plugin.raw_state
  two = _move(plugin, dict.fromkeys(parameters, _TWO))
  plugin.raw_state = own
  back = _settled(plugin)
  kept = [n for n in parameters if _same(back[n], one[n]) and not _same(back[n], two[n])]
  if not kept:
    raise UserError(
      f"{plugin.name} does not take states: its parameters stay where they are when one is"
      f" loaded, so {path.name} cannot be; without a preset it starts as it is built"
    )
  put()
  first = _settled(plugin)
  _move(plugin, {name: before[name] for name in parameters if name not in kept})
  _move(plugin, dict.fromkeys(kept, _TWO))
  put()
  second = _settled(plugin)
  if loose := [name for name in kept if not _same(first[name], second[name])]:
    raise UserError(
      f"{path.name} was not taken by {plugin.name}: {_some(loose)} stayed where it was before"
      " (pedalboard issue 394 tells of plugins that take none until their editor was open);"
      f" load it in a DAW and save a {'.aupreset' if _is_audio_unit(plugin) else '.vstpreset'}"
      " there, or set it up with `python -m synthmatch_jax.probe PLUGIN --edit`"
    )


def read(path: Path) -> bytes:
  """Returns all of a preset file.

  Raises:
    UserError: It is missing, cannot be read, is no regular file, or is larger than any state.
  """
  try:
    return untrusted.read_bytes(path, most=MOST_STATE_BYTES)
  except OSError as error:
    raise UserError(f"cannot read the preset {path}: {error.strerror}") from None
  except ValueError as error:
    raise UserError(f"cannot read the preset {path}: {error}") from None


def capture(plugin: Any) -> bytes:
  """Returns the plugin's state, once its processor has all values, which travel with audio."""
  _settled(plugin)
  return plugin.raw_state


def edit(plugin: Any) -> None:
  """Shows the plugin's editor until it is closed.

  Raises:
    UserError: There is no display here, or the plugin has no editor.
  """
  try:
    plugin.show_editor()
  except RuntimeError as error:
    reason = " ".join(str(error).split()).rstrip(".")
    raise UserError(
      f"the editor of {plugin.name} cannot be opened ({reason}); work at a machine with a display,"
      " or save a preset in a DAW and name it with --base_preset"
    ) from None
  _settled(plugin)


def _loader(plugin: Any, path: Path) -> Callable[[], None]:
  """Returns a function that loads the file, whose form has been found to be right."""
  kind = path.suffix.lower()
  if kind in MASSIVE_SUFFIXES:
    raise UserError(
      f"{path.name} is in Massive's own format, which Massive's browser alone can read: load it"
      " there and save it as .vstpreset from a DAW (docs/massive.md has the ways)"
    )
  data = read(path)
  if kind in (".vstpreset", ".nksf"):
    if _is_audio_unit(plugin):
      raise UserError(f"{path.name} is for VST3 plugins, and {plugin.name} is an Audio Unit")
    here = plugin.preset_data[8:40]
    preset = _with_component(here, _nksf_state(data, path)) if kind == ".nksf" else data
    _check_vstpreset(preset, here, path)
    return lambda: _set(plugin, "preset_data", preset, path)
  if not is_raw_state(plugin, data):
    raise UserError(
      f"{path.name} is no preset that can be loaded: it is no state that pedalboard wrote, nor a"
      " .vstpreset or .nksf"
    )
  return lambda: _set(plugin, "raw_state", data, path)


def _set(plugin: Any, attribute: str, data: bytes, path: Path) -> None:
  try:
    setattr(plugin, attribute, data)
  except RuntimeError:
    raise UserError(
      f"{plugin.name} refuses {path.name}: it finds no state of its own in it"
    ) from None


def _check_vstpreset(data: bytes, class_id: bytes, path: Path) -> None:
  """Checks every offset of a .vstpreset, as the code that reads it next is C++."""

  def malformed(why: str) -> UserError:
    return UserError(f"{path.name} is no whole .vstpreset: {why}; save it again in a DAW")

  if len(data) < _HEADER.size or not data.startswith(b"VST3"):
    raise malformed("its header is missing")
  _, _, made_for, offset = _HEADER.unpack_from(data)
  if not _HEADER.size <= offset <= len(data) - _LIST.size:
    raise malformed("its chunk list is missing")
  mark, count = _LIST.unpack_from(data, offset)
  room = min(_MOST_CHUNKS, (len(data) - offset - _LIST.size) // _ENTRY.size)
  if mark != b"List" or not 0 < count <= room:
    raise malformed("its chunk list is broken")
  start = offset + _LIST.size
  chunks = list(_ENTRY.iter_unpack(data[start : start + count * _ENTRY.size]))
  for _, at, size in chunks:
    if not (_HEADER.size <= at and 0 <= size <= offset - at):
      raise malformed("a chunk lies outside of the file")
  if b"Comp" not in [name for name, _, _ in chunks]:
    raise malformed("it holds no state")
  if made_for.upper() != class_id.upper():
    theirs, ours = (text.decode("ascii", "replace") for text in (made_for, class_id))
    raise UserError(f"{path.name} is a preset of another plugin: class {theirs}, here is {ours}")


def _with_component(class_id: bytes, state: bytes) -> bytes:
  """Returns a .vstpreset of one chunk."""
  end = _HEADER.size + len(state)
  entry = _ENTRY.pack(b"Comp", _HEADER.size, len(state))
  return _HEADER.pack(b"VST3", 1, class_id, end) + state + _LIST.pack(b"List", 1) + entry


def _nksf_state(data: bytes, path: Path) -> bytes:
  """Returns the plugin's state in an NKS preset.

  The file is RIFF of the form NIKS with the chunks NISI, NICA, PLID (MessagePack) and PCHK, each
  with four bytes of version before its data. Native Instruments have not published the format; see
  nksf-file-format.txt in github.com/jhorology/gulp-nks-rewrite-meta, and the reader in
  github.com/dimentorium/PresetManager.
  """
  if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"NIKS":
    raise UserError(f"{path.name} is no NKS preset: it has no RIFF header of the form NIKS")
  at = 12
  for _ in range(_MOST_CHUNKS):
    if at + 8 > len(data):
      break
    name, size = struct.unpack_from("<4sI", data, at)
    body = data[at + 8 : at + 8 + size]
    if len(body) < size:
      raise UserError(f"{path.name} is no whole NKS preset: it ends within a chunk; copy it again")
    if name == b"PCHK" and size > 4:
      return body[4:]
    at += 8 + size + size % 2  # Chunks start at even places.
  raise UserError(f"{path.name} holds no plugin state (no PCHK chunk): it cannot be loaded")


def is_raw_state(plugin: Any, data: bytes) -> bool:
  """Returns whether data can be the `raw_state` of a plugin, as far as that format is known.

  That of a VST3 is XML in JUCE's frame, whole and without entities, which can grow without end.
  """
  if _is_audio_unit(plugin) or len(data) < _RAW_HEADER.size:
    return _is_audio_unit(plugin) and bool(data)
  mark, length = _RAW_HEADER.unpack_from(data)
  inside = data[_RAW_HEADER.size :]
  return mark == _RAW_VST3 and length <= len(inside) and b"<!" not in inside


def _is_audio_unit(plugin: Any) -> bool:
  return not hasattr(plugin, "preset_data")


def _move(plugin: Any, values: dict[str, float]) -> dict[str, float]:
  parameters = plugin.parameters
  for name, value in values.items():
    parameters[name].raw_value = value
  return _settled(plugin)


def _settled(plugin: Any) -> dict[str, float]:
  """Returns all values after some silence, with which they travel to the processor and back.

  There is no reset, which would make a new instance.
  """
  for channels in (2, 1):  # Some instruments are mono.
    try:
      plugin([], _SETTLE_SECONDS, 44_100, num_channels=channels, reset=False)
      break
    except ValueError as error:
      if channels == 1 or "channel" not in str(error):
        raise
  return {name: float(p.raw_value) for name, p in plugin.parameters.items()}


def _same(one: float, other: float) -> bool:
  return abs(one - other) <= _TOLERANCE


def _some(names: Iterable[str]) -> str:
  first, *rest = names
  return f"{first} (and {len(rest)} more)" if rest else first
