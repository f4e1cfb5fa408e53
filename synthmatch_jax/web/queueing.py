"""The queue of requests: everybody gets a share of it, and malformed requests are refused."""

import asyncio
import re
import sys
from collections import Counter
from typing import Any

import gradio as gr

from synthmatch_jax.web.door import visitor
from synthmatch_jax.web.server_log import tell

WAITING = 48
"""The largest number of waiting requests; whoever comes then is told to come back later."""

_OF_ADDRESS = 40  # The share of one address; the rest stays free for others.
_OF_VISIT = 4  # The share of one visit: a match, a search, a change, and what is pressed meanwhile.
_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)
_LONGEST_TEXT = 4096


def limit(page: gr.Blocks) -> None:
  """Lets a request into the queue of a page only if its share has room and it is well formed.

  Args:
    page: The page as it is served, with its queue.
  """
  queue = page._queue  # Gradio has no public way to see who is waiting.
  push = queue.push
  alone = asyncio.Lock()

  async def pushed(body: Any, request: Any, username: str | None) -> tuple[bool, Any, str]:
    if wrong := _malformed(page, body):
      tell(f"a request is refused: {wrong}")
      return False, f"this cannot be asked: {wrong}", "error"
    who = visitor(request.scope)
    async with alone:
      waiting = [e for line in queue.event_queue_per_concurrency_id.values() for e in line.queue]
      visits = Counter(event.session_hash for event in waiting)
      addresses = Counter(visitor(event.request.scope) for event in waiting)
      if visits[body.session_hash] >= _OF_VISIT or addresses[who] >= _OF_ADDRESS:
        return False, "Queue is full for you: your other requests come first", "queue_full"
      return await push(body, request, username)

  setattr(queue, "push", pushed)  # noqa: B010 - typed.


def _malformed(page: gr.Blocks, body: Any) -> str:
  """Says what is wrong with a request; nothing if it may be served."""
  function = page.fns.get(body.fn_index)
  if function is None or any(target[1] == "unload" for target in function.targets):
    return "there is no such function"
  if not _SESSION.fullmatch(body.session_hash or ""):
    return "it names no session"
  if body.batched or body.simple_format:
    return "it is of another form"
  if len(body.data) != len(function.inputs):
    return f"it has {len(body.data)} values, not {len(function.inputs)}"
  for value, component in zip(body.data, function.inputs, strict=True):
    if not _fits(component, value):
      return f"a value is none of {getattr(component, 'label', None) or 'the answer'}"
  return ""


def _fits(component: Any, value: Any) -> bool:
  """Returns whether a component can have a value."""
  match component:
    case gr.Audio():
      return value is None or _is_file(value)
    case gr.Textbox():
      return value is None or (isinstance(value, str) and len(value) <= _LONGEST_TEXT)
    case gr.Slider():
      return _is_number(value) and component.minimum <= value <= component.maximum
    case gr.Number():
      return value is None or _is_number(value)
    case gr.Dropdown():
      known = [key for _, key in component.choices]
      return value is None or (isinstance(value, list) and all(one in known for one in value))
    case gr.Radio():  # Keys of answers.
      return isinstance(value, int) and not isinstance(value, bool)
  return False


def _is_file(value: Any) -> bool:
  if not isinstance(value, dict):
    return False
  try:
    gr.FileData.model_validate(value)
  except ValueError:
    return False
  path = value.get("path")
  return isinstance(path, str) and 0 < len(path) <= _LONGEST_TEXT


def _is_number(value: Any) -> bool:
  """Returns whether a value is a number that a float holds: not NaN, nor infinite."""
  is_one = isinstance(value, int | float) and not isinstance(value, bool)
  return is_one and abs(value) <= sys.float_info.max
