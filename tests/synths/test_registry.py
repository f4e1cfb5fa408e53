import dataclasses
import json
import os
import pickle

import pytest

from synthmatch_jax.errors import UserError
from synthmatch_jax.spaces.massive16 import TABLE_1
from synthmatch_jax.spaces.parameters import Continuous
from synthmatch_jax.synths import description, locate, registry
from synthmatch_jax.synths.description import Description

SMALL = Description(
  name="small",
  files=("Small.vst3",),
  controls=(Continuous(name="cutoff", meaning="cutoff", low=0.2),),
  state=description.pack(b"state"),
  values={"cutoff": 0.5},
)


def test_an_unknown_engine_lists_the_known_ones():
  known = "known: dexed, massive, vital, vital_wide, and any"
  with pytest.raises(UserError, match=f"unknown engine 'vitl'; {known}"):
    registry.engine("vitl")


def test_auto_is_massive_where_it_is_found_and_vital_elsewhere(tmp_path, monkeypatch):
  monkeypatch.delenv(locate.VARIABLE, raising=False)
  assert registry.engine("auto").name == "vital"
  (tmp_path / "Native Instruments" / "Massive.vst3").mkdir(parents=True)
  monkeypatch.setenv(locate.VARIABLE, str(tmp_path))
  assert registry.engine("auto").name == "massive"
  assert registry.engine("massive").space.names == tuple(TABLE_1)


def test_the_option_goes_before_the_variable_before_the_usual_folders(tmp_path, monkeypatch):
  places = {name: tmp_path / name for name in ("option", "variable", "home/.vst3")}
  for place in places.values():
    (place / "Small.vst3").mkdir(parents=True)
  monkeypatch.setattr(locate, "usual_folders", lambda: [places["home/.vst3"]])
  monkeypatch.setenv(locate.VARIABLE, str(places["variable"]))
  option = str(places["option"] / "Small.vst3")
  assert locate.locate(SMALL.files, option=option).parent == places["option"]
  assert locate.locate(SMALL.files).parent == places["variable"]
  monkeypatch.delenv(locate.VARIABLE)
  assert locate.locate(SMALL.files).parent == places["home/.vst3"]


def test_a_plugin_that_is_nowhere_gets_a_sentence_with_the_places(tmp_path, monkeypatch):
  monkeypatch.setenv(locate.VARIABLE, str(tmp_path))
  with pytest.raises(UserError, match=rf"no plugin Small.vst3 found; looked for at {tmp_path}, "):
    locate.locate(SMALL.files)
  with pytest.raises(UserError, match=r"looked for at .*Other\.vst3; install it, or name its path"):
    locate.locate(SMALL.files, option=str(tmp_path / "Other.vst3"))


@pytest.mark.parametrize("home", [".", "home", None])
def test_where_there_is_no_home_its_folders_are_left_out(tmp_path, monkeypatch, home):
  """Neither where the system knows no user, nor where the home would be the working directory."""
  monkeypatch.chdir(tmp_path)
  monkeypatch.delenv(locate.VARIABLE, raising=False)
  (tmp_path / ".vst3" / "Small.vst3").mkdir(parents=True)
  (tmp_path / "~" / ".vst3" / "Small.vst3").mkdir(parents=True)
  if home is None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)  # Whom the system does not know.
  else:
    monkeypatch.setenv("HOME", home)
  assert all(place.is_absolute() for place in locate.usual_folders())
  with pytest.raises(UserError, match=r"no plugin Small\.vst3 found; looked for at /usr/local"):
    locate.locate(SMALL.files)


@pytest.mark.parametrize("prior", ["uniform", "presets", {"name": "own", "controls": {}}])
def test_a_prior_of_a_description_is_a_name_or_distributions(prior):
  assert Description.from_dict(SMALL.to_dict() | {"prior": prior}).prior == prior


def test_a_description_survives_its_file_and_the_way_to_a_process(tmp_path):
  path = description.write(SMALL, tmp_path / "small.json")
  read = description.read(path)
  assert read == SMALL
  assert Description.from_dict(SMALL.essentials()) == SMALL
  assert pickle.loads(pickle.dumps(registry.engine(str(path)))).plugin == SMALL
  assert description.unpack(read.state) == b"state"


ON = {"name": "on", "meaning": "", "kind": "switch"}
WAVE = {"name": "wave", "meaning": "", "kind": "choice", "options": ["a", "b"]}


@pytest.mark.parametrize(
  ("change", "says"),
  [
    ({"reset": "often"}, "reset is 'often'; known: clear, flush, instance, process"),
    ({"controls": []}, "has no parameters"),
    (
      {"controls": [{"name": "a", "meaning": "", "high": 2.0}], "state": ""},
      r"a must stay in \[0, 1\]",
    ),
    ({"controls": [{"nam": "a"}]}, "nam"),
    ({"controls": [ON, ON]}, "has two parameters called 'on'"),
    (
      {"controls": [ON | {"heard_when": "of > 0"}]},
      "heard when .of > 0., but there is no of",
    ),
    ({"controls": [ON | {"kind": "choice", "options": ["a"]}]}, "a choice has 2 to 1024 options"),
    ({"controls": [ON | {"kind": "knob"}]}, "has the kind 'knob'; known: continuous, integer, s"),
    (
      {"controls": [WAVE], "care": {"canary": {"wave": "c"}}, "state": ""},
      "care.canary sets wave to 'c'; it may be a, b",
    ),
    ({"values": {}}, "nothing could prove"),
    ({"values": {"volume": 0.5}}, "nothing could prove"),
    ({"colour": "red"}, "unknown entries colour; known: name, files, controls"),
    ({"state": "?"}, "is no plugin description"),
    ({"prior": "/etc/passwd.json"}, "its prior is '/etc/passwd.json', which is no name"),
    ({"prior": "../mine.json"}, "which is no name"),
    ({"prior": "mine.json"}, "which is no name"),
    ({"prior": "..\\mine"}, "which is no name"),
    ({"prior": "C:mine"}, "which is no name"),
    ({"prior": "~"}, "which is no name"),
    ({"prior": ""}, "which is no name"),
  ],
)
def test_a_mistake_in_a_description_is_named(tmp_path, change, says):
  path = tmp_path / "small.json"
  path.write_text(json.dumps(SMALL.to_dict() | change))
  with pytest.raises(UserError, match=says):
    description.read(path)


def test_a_file_that_is_no_description_gets_a_sentence(tmp_path):
  for text in ("", "[]", "3", '{"name": "x"}'):
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(UserError, match=r"odd\.json is no plugin description"):
      registry.engine(str(tmp_path / "odd.json"))
  with pytest.raises(UserError, match=r"cannot read the plugin description .*none\.json"):
    registry.engine(str(tmp_path / "none.json"))


def test_the_base_preset_is_told_apart_by_its_hash():
  other = dataclasses.replace(SMALL, state=description.pack(b"other"))
  assert len({SMALL.state_digest, other.state_digest, "initial"}) == 3
  assert dataclasses.replace(SMALL, state="").state_digest == "initial"
