"""What ``--check`` tries of a start: as much as can be tried without listening, writing, or disturbing a server that
runs."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from twisted.internet.endpoints import serverFromString

from rtcsignal.logtext import safe
from rtcsignal.service.config.endpoints import endpointArguments, kindOf
from rtcsignal.service.ports import whyNot

__all__ = ["Trial", "tryEndpoints"]

_MOST_PATH = 107
"""Bytes of the path of a UNIX socket (``struct sockaddr_un`` of Linux)."""

_ADDRESSES = {"tcp": "", "ssl": "", "tcp6": "::"}
_ANY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - to compare with


class _Taken(NamedTuple):
    """What an endpoint takes."""

    family: int
    address: str
    port: int


class _TakenTwice(OSError):
    """Two endpoints of one configuration take the same."""


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
    taken: list[_Taken] = []
    for index, endpoint in enumerate(endpoints):
        place = f"{places[index]}: " if places else ""
        try:
            note = _try(reactor, endpoint, taken)
        except Exception as error:
            problems.append(f"{place}cannot listen on {endpoint}: {whyNot(error, endpoint)}")
        else:
            if note:
                notes.append(f"{endpoint}: {note}")
    return Trial(tuple(problems), tuple(notes))


def _try(reactor: Any, endpoint: str, taken: list[_Taken]) -> str:
    """Try one endpoint.

    Args:
        reactor: Twisted wants one to read an endpoint.
        endpoint: The endpoint.
        taken: What those before it take; it adds what it takes.

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
    return _tryAddress(named.get("interface", second), port, taken)


def _tryAddress(address: str, port: int, taken: list[_Taken]) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as trying:
        # As Twisted sets it. A socket that is bound and does not listen takes nothing from one that listens.
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found = socket.getaddrinfo(address or None, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)
            trying.bind(found[0][4])
            _take(_Taken(family, str(trying.getsockname()[0]), port), taken)
        except socket.gaierror:  # a start looks a name up as well, "localhost" for instance
            raise ValueError(f"{safe(address)} is neither an IP address nor a known name") from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE or isinstance(error, _TakenTwice):
                raise
            return "in use now; a start fails unless it is a running server that it replaces"
    return ""


def _take(new: _Taken, taken: list[_Taken]) -> None:
    """Note what an endpoint takes; two sockets that do not listen could both have it.

    Raises:
        OSError: One before it takes the same.
    """
    for other in taken:
        isSamePort = other.family == new.family and other.port == new.port != 0
        if isSamePort and (other.address == new.address or {other.address, new.address} & _ANY_ADDRESS):
            raise _TakenTwice(errno.EADDRINUSE, "an endpoint before it has this port")
    taken.append(new)


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
