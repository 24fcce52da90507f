"""What ``--check`` tries of a start: as much as can be tried without listening, writing, or disturbing a server that
runs."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.endpoints import serverFromString

from rtcsignal.logtext import safe
from rtcsignal.service.config.endpoints import endpointArguments, kindOf
from rtcsignal.service.ports import whyNot

__all__ = ["Trial", "tryEndpoints"]

_MOST_PATH = 107
"""Bytes of the path of a UNIX socket (``struct sockaddr_un`` of Linux)."""

_ADDRESSES = {"tcp": "", "ssl": "", "tcp6": "::"}


@dataclass(frozen=True)
class Trial:
    """What came of it.

    Attributes:
        problems: Why a start would fail.
        notes: What could not be tried, and why.
    """

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def tryEndpoints(reactor: Any, endpoints: Sequence[str], places: Sequence[str] = ()) -> Trial:
    """Try what can be tried of endpoints.

    Args:
        reactor: Twisted wants one to read an endpoint.
        endpoints: Endpoint strings.
        places: Where each of them stands, for messages; empty if they come from a command line.
    """
    problems: list[str] = []
    notes: list[str] = []
    for index, endpoint in enumerate(endpoints):
        place = f"{places[index]}: " if places else ""
        try:
            note = _try(reactor, endpoint)
        except Exception as error:
            problems.append(f"{place}cannot listen on {endpoint}: {whyNot(error, endpoint)}")
        else:
            if note:
                notes.append(f"{endpoint}: {note}")
    return Trial(tuple(problems), tuple(notes))


def _try(reactor: Any, endpoint: str) -> str:
    """Try one endpoint.

    Returns:
        What could not be tried; empty if everything was.

    Raises:
        Exception: A start would fail with it.
    """
    kind = kindOf(endpoint)
    if kind == "systemd":
        return "not tried: the service manager hands over the socket at the start"
    serverFromString(reactor, endpoint)  # which reads the files of TLS
    plain, named = endpointArguments(endpoint.removeprefix("haproxy:").partition(":")[2])
    if kind == "unix":
        return _tryUnix(named.get("address", plain[0] if plain else ""))
    if kind not in _ADDRESSES:
        return "not tried: only a start shows whether it can be used"
    port = int(named.get("port", plain[0] if plain else ""))
    # Of tcp6 the second argument is the backlog, and of ssl it is the key.
    second = plain[1] if kind == "tcp" and len(plain) > 1 else _ADDRESSES[kind]
    return _tryAddress(named.get("interface", second), port)


def _tryAddress(address: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if address:
        try:
            socket.inet_pton(family, address.partition("%")[0])
        except OSError:
            raise ValueError(f"{safe(address)} is not an IP address") from None
    with socket.socket(family) as trying:
        # As Twisted sets it. A socket that is bound and does not listen takes nothing from one that listens.
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found = socket.getaddrinfo(address or None, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
            trying.bind(found[0][4])
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return "in use now; a start fails unless it is a running server that it replaces"
    return ""


def _tryUnix(path: str) -> str:
    if len(os.fsencode(path)) > _MOST_PATH:
        raise ValueError(f"the path of a UNIX socket may have {_MOST_PATH} bytes at most")
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), folder)
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return ""
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "the path exists and is not a socket", path)
    # A server that listens there has put its process id into a link beside the socket.
    holder = _holder(f"{path}.lock")
    if holder is None:
        raise OSError(errno.EADDRINUSE, "a socket is there already, of a program that may not run any more", path)
    return f"in use now by process {holder}" if _runs(holder) else ""


def _holder(lock: str) -> int | None:
    try:
        target = os.readlink(lock)
    except OSError:
        return None
    return int(target) if target.isdecimal() else None


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
