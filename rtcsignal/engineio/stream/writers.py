"""How bytes get to a client: the quickest way that its transport has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rtcsignal.engineio.stream.outbox import canSendNow, sendNow
from rtcsignal.engineio.stream.sealing import canSealNow, sealNow

__all__ = ["Writer", "write", "writerFor"]

Writer: TypeAlias = Callable[[Any, bytes], None]
"""Called with a transport and what is to be written."""


def write(transport: Any, data: bytes) -> None:
    """The ordinary way, which every transport has."""
    transport.write(data)


def writerFor(transport: Any) -> Writer:
    """The quickest way for a transport."""
    if canSendNow(transport):
        return sendNow
    return sealNow if canSealNow(transport) else write
