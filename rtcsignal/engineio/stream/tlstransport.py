"""Twisted's transport for TLS, without what keeps a connection in memory when it is over.

Most clients end a connection without close_notify, which OpenSSL calls an error. Twisted keeps that error in a variable
of a function that is in the error's own traceback: a cycle that holds OpenSSL's objects too, some 150 KB, of which the
garbage collector knows only that they are few. It would let hundreds of them accumulate, and those of long-lived
connections would stay for hours.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error
from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import providedBy
from zope.interface.declarations import Provides

from rtcsignal.errors import forgetTraceback

__all__ = ["FrugalTlsTransport", "handshakeFault", "useFrugalTls"]

_HTTP = "http request"  # OpenSSL knows one when it gets it in the place of a handshake


_declarations: dict[type, list[Any]] = {}


class FrugalTlsTransport(BufferingTLSTransport):
    """A transport that breaks the cycle, and that of a producer that knows its transport."""

    def makeConnection(self, transport: Any) -> None:
        # An object's declaration of what it provides is shared by all that declare the same, as long as there is one
        # of them; and each is a cycle of its own.
        kind = type(transport)
        isFirst = kind not in _declarations
        if isFirst:
            _declarations[kind] = [Provides(type(self), interface) for interface in providedBy(transport)]
        super().makeConnection(transport)
        if isFirst:
            _declarations[kind].append(vars(self).get("__provides__"))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._producer = None

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        super()._tlsShutdownFinished(reason)
        forgetTraceback(reason)


def handshakeFault(reason: Failure) -> str | None:
    """Why a connection was lost before its TLS handshake was done.

    Args:
        reason: What the protocol above is told.

    Returns:
        Words for the log; None if the client has just gone.
    """
    if not isinstance(reason.value, Error):
        return None
    queue = reason.value.args[0] if reason.value.args else None
    words = str(queue[-1][-1]) if queue else "unknown"
    if words == _HTTP:
        return "it speaks HTTP without TLS, but this port requires TLS"
    return f"TLS handshake failed: {words}"


def useFrugalTls(port: Any) -> None:
    """Make a port use such transports from now on.

    Args:
        port: What listens; nothing happens if that is without TLS.
    """
    factory = getattr(port, "factory", None)
    if isinstance(factory, TLSMemoryBIOFactory):
        factory.protocol = FrugalTlsTransport
