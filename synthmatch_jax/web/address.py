"""Where the page listens; apart, so that a mistaken address is told before anything is loaded."""

import ipaddress
import os
import socket

from synthmatch_jax.errors import UserError


def is_loopback(host: str) -> bool:
  """Returns whether nobody but this machine can come to this address."""
  try:
    return ipaddress.ip_address(host).is_loopback
  except ValueError:
    return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
  """Returns a socket at an address.

  Raises:
    UserError: The address is taken, or none of this machine.
  """
  try:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family, backlog=128)
  except (OSError, OverflowError, UnicodeError) as error:
    number = getattr(error, "errno", None) or 0
    reason = (
      os.strerror(number) if number > 0 else getattr(error, "strerror", "") or str(error)
    ).lower()
    raise UserError(
      f"the page cannot listen at {host}, port {port} ({reason}): give another --port or --host"
    ) from None
