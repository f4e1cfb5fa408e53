"""The address of the page; apart, so that a wrong one is told before anything else is loaded."""

import ipaddress
import os
import socket

from synthmatch_jax.errors import UserError


def is_loopback(host: str) -> bool:
  """Returns whether only this machine can reach an address."""
  try:
    return ipaddress.ip_address(host).is_loopback
  except ValueError:
    return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
  """Returns a socket at an address.

  Raises:
    UserError: The address is taken, or does not belong to this machine.
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
