"""Settings of an Engine.IO server."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtcsignal.engineio.greeting import HandshakeHeaders
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.packet import Revision
from rtcsignal.rates import Rate

__all__ = ["EngineOptions"]


@dataclass(frozen=True)
class EngineOptions:
    """Settings of an Engine.IO server. Times are in seconds, sizes in bytes; 0 disables a limit.

    Attributes:
        path: Where it is mounted, with a slash at both ends.
        transports: Those that are offered: ``polling``, ``websocket``.
        pingInterval: Time between heartbeats.
        pingTimeout: How long an answer to one may take.
        upgradeTimeout: How long an upgrade from polling to WebSocket may take.
        closeTimeout: How long a closed session waits for the poll that tells its client.
        withoutEio: The revision of clients that announce none; None to refuse them.
        handshakeHeaders: Called with each handshake that is admitted; gives further headers for its response, as names
            and values, ``Set-Cookie`` for instance. If it fails the client gets status 500.
        cookie: Name of a cookie that holds the session id, set by the handshake; None for none.
        origins: Which pages may connect.
        jsonp: Serve JSONP (``j=``) to pages that are known to be allowed.
        maxPayload: Largest message on WebSocket and largest body of a POST; it is announced to clients.
        maxPackets: Most packets in one POST body.
        sendQueue: Most bytes that wait for a client that does not read; beyond, it is disconnected.
        sendPackets: Most packets that wait for a client on polling that does not poll.
        sendSeconds: How long more than 64 KiB may wait for a client.
        bytesRate: What a client may send; beyond, it is read more slowly.
        framesRate: Packets, control frames and fragments that are not messages of the application: how many a
            client may send. Beyond, it is read more slowly, and disconnected when it sends as many again.
        sessionsPerAddress: Most sessions of one IP address.
        fast: Use the fast path for WebSocket traffic (see `websocket.fastlane` and `stream.outbox`).
    """

    path: str = "/socket.io/"
    transports: tuple[str, ...] = ("polling", "websocket")
    pingInterval: float = 25.0
    pingTimeout: float = 20.0
    upgradeTimeout: float = 10.0
    closeTimeout: float = 30.0
    withoutEio: Revision | None = 3
    handshakeHeaders: HandshakeHeaders | None = None
    cookie: str | None = None
    origins: OriginRule = field(default_factory=OriginRule)
    jsonp: bool = False
    maxPayload: int = 1_000_000
    maxPackets: int = 1_000
    sendQueue: int = 1_048_576
    sendPackets: int = 1_000
    sendSeconds: float = 10.0
    bytesRate: Rate = field(default_factory=lambda: Rate(262_144, 4_194_304))
    framesRate: Rate = field(default_factory=lambda: Rate(100, 500))
    sessionsPerAddress: int = 200
    fast: bool = True
