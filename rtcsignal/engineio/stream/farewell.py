"""The end of a connection: what was sent last arrives, and the end does not last for as long as the client likes.

A TCP transport that is told to close is gone when its buffer is empty. A TLS transport then waits for the client to
close as well (close_notify, RFC 8446 section 6.1), and Twisted sets no timeout for that. So every caller of
``loseConnection()`` sets a deadline. `Farewell` does both for connections that are of no further use.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.http.addresses import Slot

__all__ = ["FAREWELL_SECONDS", "Farewell", "endIfClientLeft", "halfClose"]

FAREWELL_SECONDS = 2.0
"""How long a client may take to confirm that a connection ends."""


class Farewell(Protocol):
    """Closes the connection that it is given, and ignores whatever still comes.

    Args:
        deadlines: Where the deadline comes from.
        slot: What counts the connection, if anything does; freed when it is gone, and not before.
    """

    transport: Any  # TCP, TLS or UNIX: what we use is common to all, but part of no interface
    _deadline: Deadline | None = None

    def __init__(self, deadlines: Deadlines, slot: Slot | None) -> None:
        self._deadlines = deadlines
        self._slot = slot

    def connectionMade(self) -> None:
        self._deadline = self._deadlines.after(FAREWELL_SECONDS).start(Farewell._late, self)
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        if self._slot is not None:
            self._slot.free()

    def _late(self) -> None:
        self.transport.abortConnection()


def halfClose(transport: Any) -> None:
    """Say that nothing follows, and go on reading: closing a socket with unread data would destroy what was sent last.

    Over TLS that is not said. After close_notify OpenSSL takes no more data, and Twisted does not expect the TCP
    transport below to be half-closed: it would fail when the client sends its close_notify.

    Args:
        transport: The connection, without a producer.
    """
    loseWriteConnection = getattr(transport, "loseWriteConnection", None)
    if loseWriteConnection is not None and not ISSLTransport.providedBy(transport):
        loseWriteConnection()


def endIfClientLeft(transport: Any) -> bool:
    """Let a connection end whose client has sent close_notify before it had read everything.

    To be called by its producer when the client has read everything. TLS has told the TCP transport to close by then,
    but that waits for its producer as well, reads no more, and so never learns that the client has gone. It knows a
    private name of twisted.protocols.tls.TLSMemoryBIOProtocol: a contract test fails when it changes.

    Returns:
        Whether it ends.
    """
    if not getattr(transport, "_lostTLSConnection", False):
        return False
    transport.unregisterProducer()
    return True
