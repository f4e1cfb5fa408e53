"""A client of the page without a browser."""

import json
import urllib.error
import urllib.request
from typing import Any

_BODY = (
  b'--x\r\nContent-Disposition: form-data; name="sound"; filename="%s"\r\n'
  b"Content-Type: audio/wav\r\n\r\n%s\r\n--x--\r\n"
)


class Client:
  """One visitor of a page.

  Attributes:
    address: The address of the page, e.g. http://127.0.0.1:7860.
    visit: The token of the visit, of 16 to 64 letters; clients with the same share a history.
  """

  def __init__(self, address: str, *, visit: str, timeout: float = 120.0):
    """Asks nothing yet."""
    self.address, self.visit, self._timeout = address, visit, timeout

  def upload(self, data: bytes, name: str = "a.wav") -> tuple[int, str]:
    """Uploads a file; returns the status and the response, which names the sound."""
    header = name.encode("utf-8", "replace").replace(b'"', b"%22").replace(b"\n", b"%0A")
    return self._post("sounds", _BODY % (header, data), "multipart/form-data; boundary=x")

  def match(self, sound: str, **more: Any) -> str:
    """Asks for a match of an uploaded sound; returns the server's stream of events."""
    return self.ask("match", sound=sound, **more)[1]

  def ask(self, verb: str, **fields: Any) -> tuple[int, str]:
    """Asks something of the visit; returns the status and the response."""
    return self._post(f"visits/{self.visit}/{verb}", json.dumps(fields).encode())

  def _post(self, where: str, body: bytes, kind: str = "application/json") -> tuple[int, str]:
    request = urllib.request.Request(f"{self.address}/api/{where}", body, {"Content-Type": kind})
    try:
      with urllib.request.urlopen(request, timeout=self._timeout) as answer:
        return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
      with error:
        return error.code, error.read().decode()


def events(stream: str) -> list[dict[str, Any]]:
  """Returns the events of a stream."""
  return [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line]
