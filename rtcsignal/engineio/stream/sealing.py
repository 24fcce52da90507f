"""Fast path, sending over TLS: what one receiver gets in one turn is sealed at once, and goes to the socket at once.

Replaces ``write()`` of Twisted's TLS transport. That one collects what is written in a turn, which has been done
already (see `rtcsignal.engineio.stream.outbox`), with a timer for each connection and turn, and hands what it has
sealed to the TCP transport, which asks the reactor for another turn to send it. It knows private names of
twisted.protocols.tls.BufferingTLSTransport: a contract test fails when they change, and `canSealNow` lets every other
transport take the ordinary way. So does anything unusual: a handshake or a shutdown under way, and data that already
waits for the client.
"""

from __future__ import annotations

from typing import Any

from OpenSSL.SSL import Error, WantReadError
from twisted.protocols.tls import BufferingTLSTransport

from rtcsignal.engineio.stream.outbox import canSendNow, sendNow, waitingIn
from rtcsignal.engineio.stream.tlstransport import FrugalTlsTransport

__all__ = ["canSealNow", "sealNow", "waitingBehind"]

_NEEDED = (
    "_aggregator",
    "_appSendBuffer",
    "_bufferedWrite",
    "_flushSendBIO",
    "_handshakeDone",
    "_lostTLSConnection",
    "_tlsConnection",
    "disconnecting",
)
_KNOWN = (BufferingTLSTransport, FrugalTlsTransport)
_OVERHEAD_BYTES = 512  # more than a record's header, tag and padding take, in every version and cipher


def canSealNow(transport: Any) -> bool:
    """Whether `sealNow` knows this kind of transport."""
    return (
        type(transport) in _KNOWN
        and all(hasattr(transport, name) for name in _NEEDED)
        and canSendNow(transport.transport)
    )


def waitingBehind(transport: Any, guess: int) -> int:
    """How many bytes a transport has for its client, sealed or not; but for those of this turn, which are few.

    Args:
        transport: Any.
        guess: What to return for a transport of which that is not known.
    """
    if canSendNow(transport):
        return waitingIn(transport)
    if canSealNow(transport):
        return waitingIn(transport.transport) + sum(map(len, transport._appSendBuffer))
    return guess


def sealNow(transport: Any, data: bytes) -> None:
    """Seal and write at once what the socket takes, and queue the rest. Errors surface later, in the reactor's turn.

    Args:
        transport: One for which `canSealNow`.
        data: Not empty.
    """
    transport._aggregator.flush()  # what others have written before
    if (
        transport._appSendBuffer
        or transport.disconnecting
        or transport._lostTLSConnection
        or not transport._handshakeDone
    ):
        transport.write(data)
        return
    connection = transport._tlsConnection
    try:
        sent = connection.send(data)
    except WantReadError:
        transport._bufferedWrite(data)  # the client has to say something first
        return
    except Error:
        transport.write(data)
        return
    size = sent + _OVERHEAD_BYTES
    sealed = connection.bio_read(size)
    sendNow(transport.transport, sealed)
    if len(sealed) == size:
        transport._flushSendBIO()
    if sent < len(data):
        transport.write(data[sent:])  # a record holds 16 KiB, or less if the client says so
