"""The sockets of all workers, opened by their supervisor, which holds on to them.

Each worker has a socket of its own for each TCP port (``SO_REUSEPORT``): the kernel shares connections out evenly among
those that listen. When a worker has died, its sockets stay open, and connections that come meanwhile wait for the next
worker. A worker that stays away longer leaves its share to the others: its sockets cease to listen, but remain bound,
so that no other right or process is required to listen again, as they do when the next worker serves.

UNIX sockets, and those of systemd, are shared by all workers.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory
from zope.interface import implementer

from rtcsignal.service.workers.messages import Inherited

__all__ = ["Opener", "ReservedPort", "inheritance"]

_FIRST_OF_SYSTEMD = 3
"""Source: sd_listen_fds(3)."""


@implementer(IListeningPort)
class ReservedPort:
    """What workers listen on for one endpoint.

    Args:
        sockets: One for each worker, or one for all.
        address: Where they listen.
        systemd: The descriptor that systemd gave it; None for other sockets.
        port: What Twisted has opened, if it has.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], address: IAddress, systemd: int | None = None, port: Any = None
    ) -> None:
        self._sockets = sockets
        self._address = address
        self._port = port
        self.systemd = systemd

    def startListening(self) -> None:
        """It does already."""

    def stopListening(self) -> Deferred[None] | None:
        """Close all sockets."""
        if self._port is not None:
            return maybeDeferred(self._port.stopListening)
        for each in self._sockets:
            each.close()
        return None

    def getHost(self) -> IAddress:
        return self._address

    @property
    def isShared(self) -> bool:
        """Whether all workers have the same socket."""
        return self._port is not None or self.systemd is not None

    def of(self, worker: int) -> socket.socket:
        """The socket of a worker.

        Args:
            worker: Its number, from 1.
        """
        return self._sockets[0 if self.isShared else worker - 1]

    def rest(self, worker: int) -> list[socket.socket]:
        """Have a worker's own socket cease to listen, until the next worker of this number serves.

        Returns:
            The connections that waited for it.
        """
        waiting: list[socket.socket] = []
        own = self.of(worker)
        # One that rests already must not be shut down again: Linux would pass that on to connections it accepts later.
        if not self.isShared and own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            with suppress(OSError):  # no more is there
                while True:
                    waiting.append(own.accept()[0])
            own.shutdown(socket.SHUT_RDWR)
        return waiting


class Opener:
    """Stands in for a reactor where endpoints are opened: it opens sockets, and accepts nothing on them.

    Args:
        reactor: The reactor.
        workers: How many workers there are.
    """

    def __init__(self, reactor: Any, workers: int) -> None:
        self._reactor = reactor
        self._workers = workers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> ReservedPort:
        """Open a socket for each worker.

        Raises:
            CannotListenError: It cannot be done.
        """
        try:
            sockets = _openSockets(port, backlog, interface, self._workers)
        except OSError as error:
            raise CannotListenError(interface, port, error) from error
        return ReservedPort(sockets, _addressOf(sockets[0]))

    def listenSSL(
        self, port: int, factory: object, contextFactory: object, backlog: int = 50, interface: str = ""
    ) -> ReservedPort:
        """The same; TLS is the workers' business."""
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(
        self, address: str, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> ReservedPort:
        """Open a socket that all workers share, as Twisted does it, with a lock beside it."""
        port = self._reactor.listenUNIX(address, factory, backlog=backlog, mode=mode, wantPID=wantPID)
        port.stopReading()
        return ReservedPort([port.socket], port.getHost(), port=port)

    def adoptStreamPort(self, number: int, family: int, factory: object) -> ReservedPort:
        """Keep a socket of systemd, whose descriptor is closed by its endpoint."""
        kept = socket.socket(fileno=os.dup(number))
        return ReservedPort([kept], _addressOf(kept), systemd=number)


def _openSockets(port: int, backlog: int, interface: str, count: int) -> list[socket.socket]:
    family = socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET
    found = socket.getaddrinfo(interface or None, port, family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0][4]
    # Sockets of two servers of one user could share a port, too: this one shares with none, and so meets any other.
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(found)
        address = (found[0], probe.getsockname()[1], *found[2:])
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket(family)
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            # Workers get it as it is, and one that blocks would hang in accept().
            one.setblocking(False)
            one.bind(address)
        for one in sockets:
            one.listen(backlog)
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def _addressOf(listening: socket.socket) -> IAddress:
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return UNIXAddress(name)
    kind = IPv6Address if listening.family == socket.AF_INET6 else IPv4Address
    return kind("TCP", *name[:2])


def inheritance(
    ports: Sequence[ReservedPort], worker: int, first: int = _FIRST_OF_SYSTEMD
) -> tuple[Mapping[int, int], tuple[Inherited, ...], int]:
    """What a worker inherits.

    Args:
        ports: The ports, in the order of their endpoints.
        worker: The number of the worker.
        first: The first descriptor that is free.

    Returns:
        Our descriptors by those of the worker; what it is told of them; and the next that is free.
    """
    descriptors = {port.systemd: port.of(worker).fileno() for port in ports if port.systemd is not None}
    following = max([first - 1, *descriptors]) + 1
    told = []
    for port in ports:
        if port.systemd is None:
            one = port.of(worker)
            descriptors[following] = one.fileno()
            told.append(Inherited(following, one.family))
            following += 1
    return descriptors, tuple(told), following
