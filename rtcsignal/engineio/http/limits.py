"""What one HTTP connection may cost."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STRANGERS_BODY", "HttpLimits"]

STRANGERS_BODY = 65_536
"""Most bytes of a body without a session: the server need not keep a message of the largest size for such a client."""


@dataclass(frozen=True)
class HttpLimits:
    """What one HTTP connection may cost. 0 disables a limit.

    Attributes:
        headerBytes: Size of a request's line and headers together.
        headerCount: Number of header lines.
        headerSeconds: From the first byte to the end of the headers.
        bodyBytes: Size of a body that is not for Engine.IO, which has `EngineOptions.maxPayload`.
        bodySeconds: From the end of the headers to the end of the body.
        idleSeconds: How long a connection with nothing under way is kept.
        sendSeconds: How long more than 64 KiB of answers may wait for a client that does not read.
        connectionsPerAddress: Connections of one address that are not WebSockets; those of trusted proxies, and those
            without an address, are not counted.
    """

    headerBytes: int = 16_384
    headerCount: int = 100
    headerSeconds: float = 10.0
    bodyBytes: int = 1_000_000
    bodySeconds: float = 20.0
    idleSeconds: float = 75.0
    sendSeconds: float = 10.0
    connectionsPerAddress: int = 800
