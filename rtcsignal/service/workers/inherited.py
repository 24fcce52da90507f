"""A worker's ports: the sockets that it got from its supervisor, where it would open its own otherwise."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from rtcsignal.service.workers.messages import Inherited

__all__ = ["Inheritor", "SharedUnixPort"]

_log = Logger()
_ACCEPTED_AT_ONCE = 16
_PAUSE_SECONDS = 1.0
_NO_DESCRIPTORS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Inheritor:
    """Stands in for a reactor where endpoints are opened: each takes the next socket that was inherited.

    Args:
        reactor: The reactor.
        sockets: What was inherited, in the order of the endpoints.
    """

    def __init__(self, reactor: Any, sockets: Iterable[Inherited]) -> None:
        self._reactor = reactor
        self._sockets = iter(sockets)
        self._resting: list[tuple[Any, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> Any:
        """Take over a socket. One that has ceased to listen does so until `wake`."""
        inherited = next(self._sockets)
        with socket.socket(fileno=inherited.number) as listening:
            listens = listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            adopted = self._reactor.adoptStreamPort(inherited.number, inherited.family, factory)
        if not listens:
            adopted.stopReading()
            self._resting.append((adopted, backlog))
        return adopted

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> Any:
        """Likewise, with TLS."""
        return self.listenTCP(port, TLSMemoryBIOFactory(contextFactory, False, factory), backlog, interface)

    def wake(self) -> None:
        """Let those listen again that have ceased to: from now on connections that come here are served."""
        resting, self._resting = self._resting, []
        for port, backlog in resting:
            port.socket.listen(backlog)
            port.startReading()

    def listenUNIX(
        self, address: str, factory: IProtocolFactory, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> SharedUnixPort:
        """Take over a UNIX socket. Its path, and the lock beside it, belong to the supervisor."""
        port = SharedUnixPort(self._reactor, socket.socket(fileno=next(self._sockets).number), factory)
        port.startListening()
        return port


@implementer(IListeningPort)
class SharedUnixPort(FileDescriptor):
    """A UNIX socket that others listen on, too, and that belongs to none of them.

    Args:
        reactor: Reads.
        listening: The socket; it does not block.
        factory: Makes the protocol of each connection.
    """

    def __init__(self, reactor: Any, listening: socket.socket, factory: IProtocolFactory) -> None:
        super().__init__(reactor)
        self.factory = factory
        self._socket = listening
        self._clock = reactor

    def fileno(self) -> int:
        return self._socket.fileno()

    def getHost(self) -> UNIXAddress:
        return UNIXAddress(self._socket.getsockname())

    def startListening(self) -> None:
        """Begin to accept connections."""
        self.factory.doStart()
        self.connected = 1
        self.startReading()

    def stopListening(self) -> None:
        """Accept no more; others may go on."""
        if self.connected:
            self.connected = 0
            self.stopReading()
            self._socket.close()
            self.factory.doStop()

    def doRead(self) -> None:
        """Accept those that wait, unless others have."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                if error.errno in _NO_DESCRIPTORS:
                    self._pause(error)
                return
            with connection:
                connection.setblocking(False)
                self._clock.adoptStreamConnection(connection.fileno(), socket.AF_UNIX, self.factory)

    def _pause(self, error: OSError) -> None:
        """Try again later: what waits would call at once."""
        _log.warn("Could not accept new connection ({reason})", reason=error.strerror)
        self.stopReading()
        self._clock.callLater(_PAUSE_SECONDS, self._goOn)

    def _goOn(self) -> None:
        if self.connected:
            self.startReading()
