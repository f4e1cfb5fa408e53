"""A client of the page without a browser."""

import json
import urllib.error
import urllib.request
from typing import Any

_BODY = (
  b'--x\r\nContent-Disposition: form-data; name="files"; filename="%s"\r\n'
  b"Content-Type: audio/wav\r\n\r\n%s\r\n--x--\r\n"
)


class Client:
  """One visitor of a page.

  Attributes:
    address: address of the page, e.g. http://127.0.0.1:7860.
    session: name of the session; requests with the same name share a history.
  """

  def __init__(self, address: str, *, session: str, timeout: float = 120.0):
    """Asks the page for its interface."""
    self.address, self.session, self._timeout = address, session, timeout
    config = json.loads(urllib.request.urlopen(f"{address}/config", timeout=timeout).read())
    (self._match,) = (
      d["id"]
      for d in config["dependencies"]
      if len(d["inputs"]) == 6 and len(d["outputs"]) > 20  # The inputs -> all that is shown.
    )

  def upload(self, data: bytes, name: str = "a.wav") -> tuple[int, str]:
    """Uploads a file; returns the status and the response, a list with its path on the server."""
    header = name.encode("utf-8", "replace").replace(b'"', b"%22").replace(b"\n", b"%0A")
    status, text = self._post("upload", _BODY % (header, data), "multipart/form-data; boundary=x")
    return status, text

  def match(self, path: str, url: str | None = None) -> str:
    """Asks for a match of an uploaded file; returns the server's stream of events."""
    file: dict[str, Any] = {"path": path, "url": url, "meta": {"_type": "gradio.FileData"}}
    question = {
      "data": [file, "", None, None, None, 1],
      "fn_index": self._match,
      "session_hash": self.session,
      "event_data": None,
    }
    status, text = self._post("queue/join", json.dumps(question).encode(), "application/json")
    if status != 200:
      return text
    stream = f"{self.address}/gradio_api/queue/data?session_hash={self.session}"
    return urllib.request.urlopen(stream, timeout=self._timeout).read().decode()

  def _post(self, where: str, body: bytes, kind: str) -> tuple[int, str]:
    request = urllib.request.Request(
      f"{self.address}/gradio_api/{where}", body, {"Content-Type": kind}
    )
    try:
      with urllib.request.urlopen(request, timeout=self._timeout) as answer:
        return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
      with error:
        return error.code, error.read().decode()
