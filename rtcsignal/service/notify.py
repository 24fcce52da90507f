"""Tell the service manager how the server is doing (systemd's sd_notify protocol: one datagram for each message)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

__all__ = ["notify", "watchdogSeconds"]


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Send a state such as ``READY=1``; nothing happens where no service manager asked for it.

    Args:
        state: One or more lines ``NAME=VALUE``.
        environ: The environment; ``NOTIFY_SOCKET`` in it is a path, or ``@`` and an abstract name.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    if address[0] == "@":
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto(state.encode(), address)
        except OSError:
            # A manager that does not listen is no reason to stop serving.
            pass


def watchdogSeconds(environ: Mapping[str, str]) -> float | None:
    """How often the service manager wants a sign of life at least, in seconds; None if it wants none."""
    wanted = environ.get("WATCHDOG_USEC", "")
    if not wanted.isdecimal() or environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(wanted) / 1e6 or None
