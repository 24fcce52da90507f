"""Open, name and close the ports of a server."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from OpenSSL.crypto import Error as CryptoError
from OpenSSL.SSL import Error as SSLError
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger

from rtcsignal.engineio.stream.tlstransport import useFrugalTls
from rtcsignal.logtext import safe
from rtcsignal.service.config.endpoints import completed, isProxied, kindOf
from rtcsignal.service.tlsfiles import faultyFile, mismatch

__all__ = ["CannotListen", "OpenPort", "closePorts", "openPorts", "whyNot"]

_log = Logger()
_MOST_REASON = 1_000
_TCP_USER_TIMEOUT: int | None = getattr(socket, "TCP_USER_TIMEOUT", None)
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - these are compared with, nothing is bound to them


class CannotListen(Exception):
    """A port cannot be opened.

    Attributes:
        endpoint: The endpoint string.
        reason: Why not.
    """

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(f"cannot listen on {endpoint}: {reason}")
        self.endpoint = endpoint
        self.reason = reason


@dataclass(frozen=True)
class OpenPort:
    """A port that listens.

    Attributes:
        endpoint: The endpoint string that it was opened with.
        port: What listens.
    """

    endpoint: str
    port: IListeningPort

    @property
    def name(self) -> str:
        """The kind of endpoint that was asked for, and where it really listens: ``tcp:127.0.0.1:8080``,
        ``ssl:[::1]:8443``, ``haproxy:tcp:127.0.0.1:8080`` or ``unix:/run/server.sock``.
        """
        address = self.port.getHost()
        kind = safe(kindOf(self.endpoint))
        if isProxied(self.endpoint):
            kind = f"haproxy:{kind}"
        if isinstance(address, (IPv4Address, IPv6Address)):
            host = f"[{address.host}]" if isinstance(address, IPv6Address) else address.host
            return f"{kind}:{host}:{address.port}"
        if isinstance(address, UNIXAddress):
            return f"{kind}:{safe(os.fsdecode(address.name or b''))}"
        return safe(str(address))

    @property
    def url(self) -> str | None:
        """What to open in a browser on this machine; None for a port that a browser cannot reach."""
        address = self.port.getHost()
        if not isinstance(address, (IPv4Address, IPv6Address)) or isProxied(self.endpoint):
            return None
        scheme = "https" if kindOf(self.endpoint) == "ssl" else "http"
        host = f"[{address.host}]" if isinstance(address, IPv6Address) else address.host
        return f"{scheme}://{'localhost' if address.host in _EVERYWHERE else host}:{address.port}/"


async def openPorts(
    reactor: Any, endpoints: Iterable[str], factory: IProtocolFactory, unconfirmed: float = 0.0
) -> tuple[OpenPort, ...]:
    """Listen on every endpoint.

    Args:
        reactor: Listens.
        endpoints: Twisted endpoint strings.
        factory: Makes the protocol of each connection.
        unconfirmed: Seconds for which a client may not confirm that it got what it was sent, where the system can tell;
            0 for as long as the system waits, which is a quarter of an hour.

    Raises:
        CannotListen: One of them cannot be opened. The others are closed again.
    """
    ports: list[OpenPort] = []
    for endpoint in endpoints:
        try:
            port = await serverFromString(reactor, completed(endpoint)).listen(factory)
            useFrugalTls(port)
            _limitSilence(port, unconfirmed)
            ports.append(OpenPort(endpoint, port))
        except Exception as error:
            await closePorts(ports)
            raise CannotListen(endpoint, whyNot(error, endpoint)) from error
    return tuple(ports)


def _limitSilence(port: Any, seconds: float) -> None:
    """Let the system end connections on which nothing is confirmed; they have it from the socket that listens.

    Source: RFC 5482; tcp(7), TCP_USER_TIMEOUT.
    """
    listening = getattr(port, "socket", None)
    if _TCP_USER_TIMEOUT is None or not seconds or listening is None:
        return
    if listening.family in (socket.AF_INET, socket.AF_INET6):
        listening.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, max(round(seconds * 1000), 1))


async def closePorts(ports: Sequence[OpenPort]) -> None:
    """Stop listening. A port that fails to close is logged, and the others are closed."""
    for port in ports:
        try:
            await maybeDeferred(port.port.stopListening)
        except Exception:
            _log.failure("{port} was not closed properly", port=port.name)


def whyNot(error: Exception, endpoint: str) -> str:
    """The reason for which an endpoint cannot be used, in one line.

    Args:
        error: What was raised when it was to be used.
        endpoint: A Twisted endpoint string.
    """
    if isinstance(error, CannotListenError):
        error = error.socketError if isinstance(error.socketError, Exception) else error
    if isinstance(error, OSError) and error.strerror:
        # Of two names the second is the one that was to be made; the lock of a UNIX socket is such a link.
        name = error.filename2 or error.filename
        if isinstance(name, bytes):
            name = os.fsdecode(name)
        where = f": {name}" if name else ""
        return safe(f"{error.strerror}{where}")
    if isinstance(error, (SSLError, CryptoError)):
        return safe(faultyFile(endpoint))
    if isinstance(error, TypeError):
        # Arguments that the kind of endpoint does not have, or not enough of them: "function() got an ...".
        return safe(str(error).rpartition("() ")[2])
    if isinstance(error, LookupError):
        # What the parser of "systemd:" raises for a socket that it did not get.
        return "the service manager handed over no such socket"
    return safe(mismatch(endpoint) or str(error) or type(error).__name__, _MOST_REASON)
