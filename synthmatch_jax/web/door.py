"""The door of the page: middleware that checks every request before the page sees it."""

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from synthmatch_jax import untrusted
from synthmatch_jax.web.address import is_loopback
from synthmatch_jax.web.server_log import cause, tell

UPLOAD = "/api/sounds"
"""The path that sounds are uploaded to."""

_MOST_BYTES = 1 << 16  # The body of a request that is no upload: some hundred numbers and a name.

_HEADERS = {
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "same-origin",
  "Content-Security-Policy": (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  ),
}
"""These keep other pages from using this one in browsers that do not say where they come from, and
the page from running or loading anything that is not its own."""


@dataclass(frozen=True)
class Names:
  """The names under which the page is reached; a page elsewhere has another one.

  Attributes:
    own: The names and addresses that the page is known under.
    told: Those of them that the user has named: there a proxy may add TLS.
    open: Whether the page is there for a network. Then addresses and names that only a local
      network knows are its own as well: no page on the internet has one.
  """

  own: frozenset[str]
  told: frozenset[str]
  open: bool

  @classmethod
  def of(cls, host: str, told: Iterable[str] = ()) -> "Names":
    """Returns the names of a page.

    Args:
      host: The address that the page listens at.
      told: Further names, each with a port where it is not the usual one.
    """
    named = frozenset(name.strip().lower() for name in told if name.strip())
    own = {host.lower(), *map(_name_of, named)}
    if is_loopback(host):
      own |= {"localhost", "127.0.0.1"}
    else:
      own |= {"localhost", socket.gethostname().lower()}
    return cls(own=frozenset(own), told=named, open=not is_loopback(host))

  def refusal(self, scope: Scope) -> tuple[int, str] | None:
    """Returns the status and the sentence for a request from elsewhere; None lets it in."""
    headers = Headers(scope=scope)
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not self._is_own(_name_of(hosts[0])):
      return 400, (
        "this page is not known under that name: open it at the address that it has printed,"
        " or start it with --names=NAME\n"
      )
    origins = headers.getlist("origin")
    if all(self._is_same(origin, hosts[0]) for origin in origins) and (
      set(headers.getlist("sec-fetch-site")) <= {"same-origin", "none"} or _is_visit(scope, headers)
    ):
      return None
    return 403, "only the page itself may ask for this\n"

  def _is_own(self, name: str) -> bool:
    if name in self.own:
      return True
    local = "." not in name or name.endswith(".local")
    return self.open and bool(name) and (_is_address(name) or local)

  def _is_same(self, origin: str, host: str) -> bool:
    try:
      parts = urlsplit(origin.lower())
    except ValueError:
      return False
    place = _without_usual_port(parts.netloc, parts.scheme)
    if parts.scheme == "https":  # The page itself has no TLS: a proxy must be known.
      return place in self.told
    same = place == _without_usual_port(host.lower(), "http")
    return parts.scheme == "http" and (same or place in self.told)


class Door:
  """ASGI middleware that lets in the page's own visitors, with bodies of strict JSON."""

  def __init__(self, app: ASGIApp, *, names: Names):
    """Stands before an application.

    Args:
      app: The page.
      names: The names that it is reached under.
    """
    self._app = app
    self._names = names

  async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
    """Passes a request on, or answers it with a sentence."""
    if scope["type"] == "lifespan":
      await self._app(scope, receive, send)
    elif scope["type"] != "http":
      await send({"type": "websocket.close", "code": 1008})  # The page has none.
    elif refused := self._names.refusal(scope):
      status, sentence = refused
      await PlainTextResponse(sentence, status)(scope, receive, send)
    else:
      await self._pass(scope, receive, send)

  async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
    begun = ended = False

    async def sent(message: Message) -> None:
      nonlocal begun, ended
      if message["type"] == "http.response.start":
        begun = True
        MutableHeaders(scope=message).update(_HEADERS)
      elif message["type"] == "http.response.body":
        ended = not message.get("more_body", False)
      await send(message)

    try:
      if scope["method"] == "POST" and scope["path"] != UPLOAD:
        body = await _body(receive)
        if refused := _refused(body):
          await PlainTextResponse(*refused)(scope, receive, sent)
          return
        receive = _again(body, receive)
      await self._app(scope, receive, sent)
    except ClientDisconnect:
      pass
    except Exception as error:  # What a route makes of a client's bytes; matches are not made here.
      tell(f"{scope['method']} {scope['path']}: {cause(error)}")
      if not begun:
        await PlainTextResponse("the page cannot answer this\n", 500)(scope, receive, send)
      elif not ended:  # Starlette's own answer to an error is whole, and raises the error again.
        await send({"type": "http.response.body", "body": b""})


def visitor(scope: Scope) -> str:
  """Returns the address that a request comes from; of IPv6 the network, which one visitor has."""
  host = (scope.get("client") or ("", 0))[0]
  try:
    address = ipaddress.ip_address(host)
  except ValueError:
    return host
  if address.version == 4:
    return host
  return str(ipaddress.ip_network((int(address), 64), strict=False))


async def _body(receive: Receive) -> bytes:
  """Returns the body of a request, or as much of it as shows that it is too long.

  Raises:
    ClientDisconnect: The client has gone before it has sent all of it.
  """
  body, more = b"", True
  while more and len(body) <= _MOST_BYTES:
    message = await receive()
    if message["type"] == "http.disconnect":
      raise ClientDisconnect
    body += message.get("body", b"")
    more = message.get("more_body", False)
  return body


def _refused(body: bytes) -> tuple[str, int] | None:
  """Returns the sentence and the status for a body that is no strict JSON; None lets it in."""
  if len(body) > _MOST_BYTES:
    return "this is more than the page can be asked\n", 413
  try:
    untrusted.parse_json(body.decode("utf-8"))
  except (ValueError, RecursionError) as error:
    tell(f"a request is refused: {error}")
    return f"this cannot be asked: {error}\n", 400
  return None


def _again(body: bytes, receive: Receive) -> Receive:
  """Returns `receive` for a body that has been read already."""
  left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

  async def again() -> Message:
    return left.pop() if left else await receive()

  return again


def _is_visit(scope: Scope, headers: Headers) -> bool:
  """Returns whether somebody follows a link to the page; one within a frame does not count."""
  return (
    scope["method"] == "GET"
    and scope["path"] == "/"
    and headers.getlist("sec-fetch-mode") == ["navigate"]
    and headers.getlist("sec-fetch-dest") == ["document"]
  )


def _name_of(authority: str) -> str:
  """Returns the name of "name:port", in lower case; an IPv6 address loses its brackets."""
  authority = authority.strip().lower()
  if authority.startswith("["):
    return authority[1:].partition("]")[0]
  return authority.partition(":")[0]


def _without_usual_port(authority: str, scheme: str) -> str:
  return authority.removesuffix({"http": ":80", "https": ":443"}.get(scheme, ""))


def _is_address(name: str) -> bool:
  try:
    ipaddress.ip_address(name)
  except ValueError:
    return False
  return True
