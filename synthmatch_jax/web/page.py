"""The page that shows a visit, made with gradio."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio import themes

from synthmatch_jax.audio.formats import COMMON
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.errors import UserError
from synthmatch_jax.web import markup, uploads
from synthmatch_jax.web.asking import Limits, assumption
from synthmatch_jax.web.door import visitor
from synthmatch_jax.web.history import Entry
from synthmatch_jax.web.queueing import WAITING
from synthmatch_jax.web.visit import MOST_ANSWERS, STEP, Visit
from synthmatch_jax.web.visits import Visits

THEME = themes.Default()
"""A theme whose fonts come from this machine."""

CSS = """
.gradio-container { max-width: 1100px !important; margin: 0 auto; }
.facts p { margin: 0 0 .4em; }
"""

HEAD = """<script>
// Gradio's sliders are let go of by a pointer, and their numbers by leaving them: here by keys too.
document.addEventListener("keyup", (e) => {
  if (e.target.matches?.("#answer-pane input[type=range]") && /^(Arrow|Page|Home|End)/.test(e.key))
    setTimeout(() => e.target.dispatchEvent(new PointerEvent("pointerup", { bubbles: true })), 50);
  if (e.target.matches?.("#answer-pane input[type=number]") && e.key === "Enter") e.target.blur();
});
</script>"""
HEAD += uploads.HEAD
"""The scripts in the page's head."""

_ENGINE = "engine"  # Matches and changes wait for it in one queue.

_INTRODUCTION = """# Match a sound

Drop a recorded note or record one, press **Match**, and go on from the patch that {synth} answers
with: move its controls, listen, take the preset along. Up to {seconds:g} s, {megabytes:g} MB;
{formats}.
"""


def build(visits: Visits, recipe: Recipe, *, limits: Limits, workers: int) -> gr.Blocks:
  """Returns the page for a synth.

  Args:
    visits: The visits to the page.
    recipe: The recipe of the models that answer.
    limits: The limits of a visit.
    workers: The number of requests that are served at once.
  """
  with gr.Blocks(
    title="Match a sound", analytics_enabled=False, delete_cache=(3600, 86400)
  ) as page:
    gr.Markdown(
      _INTRODUCTION.format(
        synth=recipe.engine.title(),
        seconds=limits.max_seconds,
        megabytes=limits.max_bytes / (1 << 20),
        formats=COMMON,
      )
    )
    inputs = _ask()
    match = gr.Button("Match", variant="primary", elem_id="match")
    # Comes and goes with the sliders, so that a move says which answer it was meant for: what the
    # server keeps (gr.State) would be that of the moment when its turn comes.
    current = gr.Number(0, precision=0, visible="hidden")
    with gr.Column(visible=False, elem_id="answer-pane") as pane:
      outputs, sliders, history, sound = _show(recipe)
    shown = [pane, current, *outputs]

    one_by_one: dict[str, Any] = {
      "concurrency_limit": workers,
      "concurrency_id": _ENGINE,
      "api_visibility": "private",
    }
    events = _Events(visits)
    match.click(events.match, inputs, shown, **one_by_one)
    gr.on(
      [slider.release for slider in sliders],
      events.change,
      [current, *sliders],
      shown,
      trigger_mode="always_last",
      show_progress="minimal",
      show_progress_on=sound,
      **one_by_one,
    )
    history.input(
      events.recall,
      history,
      shown,
      show_progress="hidden",
      concurrency_limit=None,
      api_visibility="private",
    )
    page.unload(events.leave)
  return page.queue(max_size=WAITING, default_concurrency_limit=workers)


def _ask() -> list[Any]:
  """Returns what a visitor fills in, in the order of the arguments of `_Events.match`."""
  with gr.Row():
    with gr.Column(scale=3):
      upload = gr.Audio(
        sources=["upload", "microphone"],
        type="filepath",
        label="Your sound (the scissors trim it)",
        elem_id="upload",
        buttons=[],
      )
      setattr(upload, "async_move_resource_to_block_cache", _Uploaded(upload))  # noqa: B010 - typed.
    with gr.Column(scale=2):
      note = gr.Textbox(
        label="Note",
        placeholder="heard in the sound",
        info="C4, F#3, or a MIDI number",
        max_length=4,
        elem_id="note",
      )
      top = gr.Slider(
        1, MOST_ANSWERS, value=1, step=1, label="Answers to choose from", elem_id="top"
      )
      with gr.Accordion("Onset, length, level", open=False):
        onset = gr.Number(None, label="Onset (s)", placeholder="heard", elem_id="onset")
        hold = gr.Number(None, label="Held for (s)", placeholder="heard", elem_id="hold")
        level = gr.Number(
          None, label="Heard at (LUFS)", placeholder="as the model's training", elem_id="level"
        )
  return [upload, note, onset, hold, level, top]


def _show(recipe: Recipe) -> tuple[list[Any], list[gr.Slider], gr.Radio, gr.Audio]:
  """Returns what shows an answer, in the order of `_shown`; its sliders, history and player."""
  with gr.Row():
    target = gr.Audio(label="Target", interactive=False, buttons=[], elem_id="target")
    sound = gr.Audio(label="Answer", interactive=False, buttons=[], elem_id="answer")
  facts = gr.HTML(elem_id="facts", elem_classes="facts")
  picture = gr.Image(
    label="Spectrograms", type="filepath", interactive=False, buttons=[], elem_id="picture"
  )
  with gr.Row():
    downloads = [
      gr.DownloadButton(label, elem_id=f"get-{name}")
      for name, label in (
        ("preset", f"Preset for {recipe.engine.title()}"),
        ("patch", "patch.json"),
        ("sound", "Sound (wav)"),
      )
    ]
  gr.Markdown("### Controls\nLet go of one, and the answer is played anew.")
  sliders = []
  parameters = recipe.space.parameters
  for start in range(0, len(parameters), 4):
    with gr.Row():
      for parameter in parameters[start : start + 4]:
        # A slider moves as the synth's knob does: seconds on a line would leave no room near zero.
        slider = gr.Slider(
          0,
          1,
          step=STEP,
          label=parameter.name,
          info=markup.info(parameter, 0.0),
          buttons=[],
          min_width=170,
          elem_id=f"control-{parameter.name}",
        )
        sliders.append(slider)
  # A visit knows which answers there are. Gradio's own check ends in a traceback in the log, and is
  # the class's: each visitor's history is another object, and a class of ours makes gradio write
  # a file beside this one.
  setattr(gr.Radio, "preprocess", lambda _, key: key)  # noqa: B010 - typed.
  history = gr.Radio(
    label="Answers of this visit", info="Choose one to go back to it.", elem_id="history"
  )
  assumed = gr.HTML(elem_id="assumed", elem_classes="facts")
  return (
    [target, sound, facts, picture, *downloads, *sliders, history, assumed],
    sliders,
    history,
    sound,
  )


class _Events:
  """The events of the page, which are passed on to the visit and change what is shown."""

  def __init__(self, visits: Visits):
    self._visits = visits

  def match(self, upload, note, onset, hold, level, top, request: gr.Request):
    """Serves the button."""

    def ask(visit: Visit) -> Entry:
      assume = assumption(
        note or "",
        onset_seconds=_number(onset),
        hold_seconds=_number(hold),
        level_db=_number(level),
      )
      return visit.match(upload, assume=assume, top=int(top or 1))

    return self._answer(request, ask, move=True, autoplay=False)

  def change(self, request: gr.Request, key, *controls):
    """Serves a slider that is released; no slider is moved while the visitor holds it."""
    moved = [float(c) for c in controls]
    return self._answer(
      request, lambda visit: visit.change(int(key), moved), move=False, autoplay=True
    )

  def recall(self, key, request: gr.Request):
    """Serves the choice of an answer in the history."""
    return self._answer(request, lambda visit: visit.recall(int(key)), move=True, autoplay=True)

  def leave(self, request: gr.Request):
    """Closes the visit with the page."""
    self._visits.leave(_token(request))

  def _answer(
    self, request: gr.Request, ask: Callable[[Visit], Entry], *, move: bool, autoplay: bool
  ) -> Any:
    """Returns the updates of the page; after an error it shows a sentence and stays as it is."""
    try:
      visit = self._visits.of(_token(request), visitor=_visitor(request))
      entry = ask(visit)
    except UserError as error:
      gr.Warning(html.escape(str(error)), title="That cannot be matched", duration=20)
      return gr.skip()
    return _shown(visit, entry, move=move, autoplay=autoplay)


def _shown(visit: Visit, entry: Entry, *, move: bool, autoplay: bool) -> list[Any]:
  best, parameters = entry.match.best, entry.match.recipe.space.parameters
  updates: list[Any] = []
  for parameter, control in zip(parameters, best.controls.tolist(), strict=True):
    told = {"info": markup.info(parameter, best.patch[parameter.name])}
    updates.append(gr.update(**told, **({"value": round(control, 3)} if move else {})))
  return [
    gr.update(visible=True),
    entry.key,
    str(entry.target),
    gr.update(value=str(entry.sound), autoplay=autoplay),
    markup.facts(entry),
    str(entry.picture),
    str(entry.preset),
    str(entry.patch),
    str(entry.sound),
    *updates,
    gr.update(choices=[(e.label, e.key) for e in visit.history], value=entry.key),
    markup.assumed(entry),
  ]


def _number(value: Any) -> float | None:
  return None if value is None else float(value)


def _visitor(request: gr.Request) -> str:
  return visitor(request.request.scope) if request.request else ""


def _token(request: gr.Request) -> str:
  return str(request.session_hash or "")


class _Uploaded:
  """Finds the sound of a client in the folder of uploads and nowhere else.

  This replaces gradio's own function, which fetches any address that a client names, and copies
  any file that it names and the server may read into the folder of uploads.
  """

  def __init__(self, component: gr.Audio):
    self._move = component.async_move_resource_to_block_cache
    self._folder = Path(component.GRADIO_CACHE).resolve()

  async def __call__(self, place: Any) -> str | None:
    try:
      path = Path(str(place)).resolve()
      if self._folder in path.parents and path.is_file():
        return await self._move(place)
    except (OSError, ValueError):
      pass
    raise gr.Error("Only sounds that are uploaded are read: drop it again.", print_exception=False)
