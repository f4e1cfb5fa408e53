"""The events of the page: what a visitor does goes to the visit, and what is shown comes back."""

import contextlib
import html
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from synthmatch_jax.errors import UserError
from synthmatch_jax.web import markup
from synthmatch_jax.web.asking import assumption
from synthmatch_jax.web.door import visitor
from synthmatch_jax.web.history import Entry
from synthmatch_jax.web.visit import Visit
from synthmatch_jax.web.visits import Visits

_BEFORE_SLIDERS = 9  # Updates of `shown` that stand before the sliders.


class Events:
  """The events of the page, which are passed on to the visit and change what is shown."""

  def __init__(self, visits: Visits, *, width: int):
    """Takes the visits to the page, and the number of its sliders."""
    self._visits = visits
    self._width = width

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

  def change(self, request: gr.Request, key, locked, *controls):
    """Serves a slider that is released; no slider is moved while the visitor holds it."""
    moved = [float(c) for c in controls]
    return self._answer(
      request, lambda visit: visit.change(int(key), moved, locked or ()), move=False, autoplay=True
    )

  def improve(self, key, locked, request: gr.Request) -> Iterator[list[Any]]:
    """Serves the button of the search: each answer that is kept is shown and played."""
    seen = int(key)
    try:
      visit = self._visit(request)
      for progress in visit.improve(seen, locked or ()):
        entry = progress.entry
        stop = gr.update(interactive=not progress.is_over)
        if entry is None:  # The visitor has turned to something else, which is shown.
          yield self._beside(gr.skip(), stop, _choices(visit))
          continue
        course = markup.course(progress.trace, progress.renders, is_over=progress.is_over)
        if entry.key == seen:
          yield self._beside(course, stop, gr.skip())
        else:
          seen = entry.key
          *others, _, _, history = shown(visit, entry, move=True, autoplay=True)
          yield [*others, course, stop, history]
    except UserError as error:
      yield self._beside(markup.sentence(error), gr.update(interactive=False), gr.skip())

  def stop(self, request: gr.Request):
    """Serves the button that ends a search."""
    with contextlib.suppress(UserError):  # There is no room for a visit, and so no search.
      self._visit(request).stop()

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
      visit = self._visit(request)
      entry = ask(visit)
    except UserError as error:
      gr.Warning(html.escape(str(error)), title="That cannot be matched", duration=20)
      return gr.skip()
    return shown(visit, entry, move=move, autoplay=autoplay)

  def _visit(self, request: gr.Request) -> Visit:
    address = visitor(request.request.scope) if request.request else ""
    return self._visits.of(_token(request), visitor=address)

  def _beside(self, course: Any, stop: Any, history: Any) -> list[Any]:
    """Returns updates of what stands last in `shown`, and leaves all else as it is."""
    return [*[gr.skip()] * (_BEFORE_SLIDERS + self._width + 2), course, stop, history]


def shown(visit: Visit, entry: Entry, *, move: bool, autoplay: bool) -> list[Any]:
  """Returns the updates that show an answer.

  Args:
    visit: The visit.
    entry: The answer.
    move: Whether the sliders are moved; otherwise only their values in the synth's terms change.
    autoplay: Whether the answer is played at once.
  """
  best, space = entry.match.best, entry.match.recipe.space
  parameters = [p for p in space.parameters for _ in p.outputs]
  sliders: list[Any] = []
  for parameter, control in zip(parameters, best.controls.tolist(), strict=True):
    told = {"info": markup.info(parameter, best.patch[parameter.name])}
    sliders.append(gr.update(**told, **({"value": round(control, 3)} if move else {})))
  searched = None if best.origin.by_hand else entry.match.searched
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
    *sliders,
    markup.assumed(entry),
    [name for name in space.names if name in entry.locked],
    markup.course(searched.trace, searched.renders) if searched else "",
    gr.update(interactive=False),  # Whatever was done has ended the search.
    _choices(visit) | {"value": entry.key},
  ]


def _choices(visit: Visit) -> dict[str, Any]:
  return gr.update(choices=[(e.label, e.key) for e in visit.history])


def _number(value: Any) -> float | None:
  return None if value is None else float(value)


def _token(request: gr.Request) -> str:
  return str(request.session_hash or "")
