"""The page that shows a visit, made with gradio."""

from pathlib import Path
from typing import Any

import gradio as gr
from gradio import themes

from synthmatch_jax.audio.formats import COMMON
from synthmatch_jax.data.recipe import Recipe
from synthmatch_jax.web import markup, uploads
from synthmatch_jax.web.asking import Limits
from synthmatch_jax.web.events import Events
from synthmatch_jax.web.queueing import WAITING
from synthmatch_jax.web.visit import MOST_ANSWERS, STEP
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
_SEARCH = "search"  # Searches have engines of their own, and wait for each other.

_INTRODUCTION = """# Match a sound

Drop a recorded note or record one, press **Match**, and go on from the patch that {synth} answers
with: let a search improve it, move its controls, listen, take the preset along. Up to
{seconds:g} s, {megabytes:g} MB; {formats}.
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
      outputs, sliders, sound, improve = _show(recipe)
    shown = [pane, current, *outputs]
    locked, course, stop, history = outputs[-4:]

    one_by_one: dict[str, Any] = {
      "concurrency_limit": workers,
      "concurrency_id": _ENGINE,
      "api_visibility": "private",
    }
    events = Events(visits, width=len(sliders))
    match.click(events.match, inputs, shown, **one_by_one)
    gr.on(
      [slider.release for slider in sliders],
      events.change,
      [current, locked, *sliders],
      shown,
      trigger_mode="always_last",
      show_progress="minimal",
      show_progress_on=sound,
      **one_by_one,
    )
    improve.click(
      events.improve,
      [current, locked],
      shown,
      show_progress="minimal",
      show_progress_on=course,
      concurrency_limit=1,  # One search at a time, beside the matches and changes of others.
      concurrency_id=_SEARCH,
      api_visibility="private",
    )
    stop.click(events.stop, concurrency_limit=None, api_visibility="private")
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
  """Returns what a visitor fills in, in the order of the arguments of `Events.match`."""
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


def _show(recipe: Recipe) -> tuple[list[Any], list[gr.Slider], gr.Audio, gr.Button]:
  """Returns what shows an answer, in the order of `events.shown`; sliders, player, and a button."""
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
  with gr.Row():
    improve = gr.Button("Improve", variant="primary", elem_id="improve")
    stop = gr.Button("Stop", interactive=False, elem_id="stop")
  course = gr.HTML(elem_id="course", elem_classes="facts")
  locked = gr.Dropdown(
    list(recipe.space.names),
    multiselect=True,
    label="Locked",
    info="Improve leaves these as they are. A control that you move is locked.",
    elem_id="locked",
  )
  gr.Markdown("### Controls\nLet go of one, and the answer is played anew.")
  sliders = []
  controls = [(p, output) for p in recipe.space.parameters for output in p.outputs]
  for start in range(0, len(controls), 4):
    with gr.Row():
      for parameter, output in controls[start : start + 4]:
        # A slider moves as the synth's knob does: seconds on a line would leave no room near zero.
        slider = gr.Slider(
          0,
          1,
          step=STEP,
          label=output,
          info=markup.info(parameter, 0.0),
          buttons=[],
          min_width=170,
          elem_id=f"control-{output}",
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
    [
      *(target, sound, facts, picture, *downloads),
      *sliders,
      *(assumed, locked, course, stop, history),
    ],
    sliders,
    sound,
    improve,
  )


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
