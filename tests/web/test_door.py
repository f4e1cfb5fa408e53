"""The page's own visitors may ask it for something, and no page elsewhere."""

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from synthmatch_jax.web.door import Door, Names, visitor
from tests.web.serving import ask, running, upload

ELSEWHERE = [
  {"origin": "http://evil.example"},
  {"origin": "https://evil.example"},
  {"origin": "null"},
  {"origin": "file://"},
  {"origin": "http://localhost:1"},
  {"origin": "http://127.0.0.1:1"},
  {"origin": "http://127.0.0.1"},
  {"origin": "http://127.0.0.1.evil.example:{port}"},
  {"origin": "https://127.0.0.1:{port}"},
  {"origin": "http://localhost:{port}"},  # The request is for 127.0.0.1.
  {"origin": "http://[::1"},
  {"origin": "http://user@127.0.0.1:{port}"},
  {"sec_fetch_site": "cross-site"},
  {"sec_fetch_site": "same-site"},  # Another port of this machine.
  {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
  {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"},
  {"origin": "http://127.0.0.1:{port}", "sec_fetch_site": "cross-site"},
]
VISIT = "/api/visits/0123456789abcdef"
GETS = ["/", "/static/index.html", "/api/page", VISIT, f"{VISIT}/answers.zip", "/nothing"]
GETS += [f"{VISIT}/answers/1/preset", f"{VISIT}/answers/1/target.wav", "/api/page/"]
POSTS = ["/api/sounds", "/", "/nothing"]
POSTS += [f"{VISIT}/{verb}" for verb in ("match", "change", "improve", "restore", "play", "stop")]
POSTS += [f"{VISIT}/install"]


def files(root):
  return [p for p in root.rglob("*") if p.is_file()]


def test_nothing_is_read_or_written_from_elsewhere(page, root):
  port = urlsplit(page).port
  for headers in ELSEWHERE:
    said = {name: value.format(port=port) for name, value in headers.items()}
    for path in GETS:
      status, answered, text = ask(page, path, **said)
      assert status == 403, (said, path)
      assert text == "only the page itself may ask for this\n"
      assert "access-control-allow-origin" not in answered
    for path in POSTS:
      assert ask(page, path, method="POST", body=b"{}", **said)[0] == 403, (said, path)
    assert ask(page, "/api/page", method="OPTIONS", **said)[0] == 403
    assert upload(page, b"RIFF", **said)[0] == 403
  assert files(root) == []


@pytest.mark.parametrize(
  "host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "192.168.1.5", "", "0"]
)
def test_a_name_of_another_page_does_not_get_in(page, root, host):
  named = host.format(port=urlsplit(page).port)
  for path in GETS:
    assert ask(page, path, host=named)[0] == 400
  assert upload(page, b"RIFF", host=named)[0] == 400
  assert files(root) == []


def test_two_names_do_not_get_in(page):
  place = urlsplit(page)
  with socket.create_connection((place.hostname, place.port)) as connection:
    connection.sendall(b"GET /api/page HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_its_own_visitors_get_in(page, root):
  port = urlsplit(page).port
  ways = [
    {},  # As curl asks.
    {"origin": page},
    {"origin": page, "sec_fetch_site": "same-origin"},
    {"sec_fetch_site": "none"},
    {"host": f"localhost:{port}", "origin": f"http://localhost:{port}"},
    {"host": "localhost:9999", "origin": "http://localhost:9999"},  # Through a tunnel.
    {"host": "LOCALHOST", "origin": "http://localhost"},
  ]
  for headers in ways:
    status, answered, text = ask(page, "/api/page", **headers)
    assert status == 200, headers
    assert '"modules"' in text
    assert answered["cross-origin-resource-policy"] == "same-origin"
    assert answered["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answered["content-security-policy"]
    assert upload(page, b"RIFF", **headers)[0] == 200
  (kept,) = files(root)
  kept.unlink()


def test_a_link_leads_to_the_page_and_to_nothing_else(page):
  link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
  link |= {"sec_fetch_dest": "document"}
  status, _, text = ask(page, "/", **link)
  assert status == 200
  assert text.startswith("<!doctype html>")
  assert ask(page, "/api/page", **link)[0] == 403
  assert ask(page, "/", method="POST", body=b"", **link)[0] == 403


def test_a_proxy_with_tls_is_told(matcher, tmp_path):
  with running(matcher, tmp_path, names=["match.example.org", "other.example:8443"]) as address:
    for host in ("match.example.org", "127.0.0.1:7860"):
      headers = {"host": host, "origin": "https://match.example.org"}
      assert ask(address, "/api/page", sec_fetch_site="same-origin", **headers)[0] == 200
    assert ask(address, "/api/page", host="other.example:8443")[0] == 200
    tls = {"origin": "https://other.example:8443", "host": "other.example:8443"}
    assert ask(address, "/api/page", **tls)[0] == 200
    for origin in ("https://match.example.org:444", "https://other.example", "https://a.example"):
      assert ask(address, "/api/page", host="match.example.org", origin=origin)[0] == 403


def test_a_network_has_names_and_addresses_of_its_own():
  names = Names.of("0.0.0.0")

  def lets_in(host, origin=""):
    headers = [(b"host", host.encode())] + [(b"origin", origin.encode())] * bool(origin)
    return (
      names.refusal({"type": "http", "method": "GET", "path": "/x", "headers": headers}) is None
    )

  own = socket.gethostname()
  for host in ("192.168.1.5:7860", "[fe80::1]:7860", "studio", "studio.local:7860", own):
    assert lets_in(host)
    assert lets_in(host, f"http://{host}")
    assert not lets_in(host, "http://evil.example")
  for host in ("evil.example", "studio.local.evil.example", "192.168.1.5.nip.example", "", ":80"):
    assert not lets_in(host)
    assert not lets_in(host, f"http://{host}")


@pytest.mark.parametrize(
  "path",
  [
    "/docs",
    "/openapi.json",
    "/static/",
    "/static/../server.py",
    "/static/%2e%2e/server.py",
    "/static//etc/passwd",
    "/api/sounds/" + "0" * 64,
    f"{VISIT}/answers/1",
    f"{VISIT}/answers/../../x",
    f"{VISIT}/unknown",
  ],
)
def test_what_the_page_does_not_need_is_not_there(page, root, path):
  assert ask(page, path)[0] == 404
  assert ask(page, path, method="POST", body=b"{}")[0] == 404
  assert files(root) == []


def test_there_are_no_sockets_to_open(page):
  headers = {"connection": "Upgrade", "upgrade": "websocket", "sec_websocket_version": "13"}
  status, _, _ = ask(page, "/api/ws", sec_websocket_key="a" * 22 + "==", **headers)
  assert status in (403, 404)


def test_a_visitor_is_an_address_and_of_ipv6_a_network():
  def of(host):
    return visitor({"client": (host, 1)})

  assert of("127.0.0.2") == "127.0.0.2" != of("127.0.0.1")
  assert of("2001:db8::1") == of("2001:db8::ffff:2") != of("2001:db8:0:1::1")
  assert visitor({}) == ""


async def _answered(send, more):
  await send({"type": "http.response.start", "status": 500, "headers": []})
  await send({"type": "http.response.body", "body": b"a", "more_body": more})


async def _whole(scope, receive, send):
  """Answers as Starlette does, which raises an error again when it has answered it."""
  await _answered(send, more=False)
  raise ValueError("again")


async def _begun(scope, receive, send):
  await _answered(send, more=True)
  raise ValueError("halfway")


async def _silent(scope, receive, send):
  raise ValueError("at once")


@pytest.mark.parametrize(
  ("app", "bodies"),
  [(_whole, [b"a"]), (_begun, [b"a", b""]), (_silent, [b"the page cannot answer this\n"])],
)
def test_an_answer_that_fails_is_ended_once(app, bodies, capsys):
  sent = []

  async def send(message):
    sent.append(message)

  async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}

  scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"127.0.0.1")]}
  asyncio.run(Door(app, names=Names.of("127.0.0.1"))(scope, receive, send))
  start, *rest = sent
  assert (start["type"], start["status"]) == ("http.response.start", 500)
  assert [message["body"] for message in rest] == bodies
  assert [bool(message.get("more_body")) for message in rest][-1] is False
  assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("size", [0, 1, 1 << 15, 1 << 16, (1 << 16) + 1])
def test_a_body_comes_in_parts_and_is_given_whole(size):
  text = b'"' + b"a" * (size - 2) + b'"' if size > 1 else b"1" * size
  parts = [text[at : at + 1000] for at in range(0, len(text), 1000)] or [b""]
  messages = [
    {"type": "http.request", "body": part, "more_body": at < len(parts) - 1}
    for at, part in enumerate(parts)
  ] + [{"type": "http.disconnect"}]
  got, sent = [], []

  async def app(scope, receive, send):
    got.extend([await receive(), await receive()])

  async def receive():
    return messages.pop(0)

  async def send(message):
    sent.append(message)

  scope = {"type": "http", "method": "POST", "path": f"{VISIT}/stop"}
  scope["headers"] = [(b"host", b"127.0.0.1")]
  asyncio.run(Door(app, names=Names.of("127.0.0.1"))(scope, receive, send))
  if 0 < size <= 1 << 16:
    whole = {"type": "http.request", "body": text, "more_body": False}
    assert got == [whole, {"type": "http.disconnect"}]
    assert sent == []
  else:
    assert got == []
    assert sent[0]["status"] == (413 if size else 400)
