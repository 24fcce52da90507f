"""Twisted's transport for TLS, without what keeps a connection in memory when it is over.

Most clients end a connection without saying goodbye to TLS, which OpenSSL calls an error. Twisted keeps that error in a
variable of a function that is in the error's own traceback: a circle that has hold of OpenSSL's objects too, some
150 KB, of which the garbage collector knows only that they are few. It would let hundreds of them come together, and
those of connections that lasted for long would stay for hours.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory
from twisted.python.failure import Failure

from rtcsignal.errors import forgetTraceback

__all__ = ["FrugalTlsTransport", "useFrugalTls"]


class FrugalTlsTransport(BufferingTLSTransport):
    """A transport that breaks the circle, and the one of a producer that knows its transport."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._producer = None

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        super()._tlsShutdownFinished(reason)
        forgetTraceback(reason)


def useFrugalTls(port: Any) -> None:
    """Make a port use such transports from now on.

    Args:
        port: What listens; nothing happens if that is without TLS.
    """
    factory = getattr(port, "factory", None)
    if isinstance(factory, TLSMemoryBIOFactory):
        factory.protocol = FrugalTlsTransport
