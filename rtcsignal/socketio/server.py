"""A Socket.IO server: namespaces on top of an Engine.IO server. Usable for any application, not only signalling."""

from __future__ import annotations

from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime

from rtcsignal.engineio.deadlines import Deadlines
from rtcsignal.engineio.session import Session
from rtcsignal.socketio.bucket import TokenBucket
from rtcsignal.socketio.connection import Connection
from rtcsignal.socketio.namespace import Namespace
from rtcsignal.socketio.packet import DecoderLimits

__all__ = ["SocketOptions", "SocketServer"]


@dataclass(frozen=True)
class SocketOptions:
    """Settings of a Socket.IO server. Times are in seconds; 0 switches a limit off.

    Attributes:
        connectTimeout: A connection without a namespace is closed after this.
        attachmentTimeout: How long a binary packet may take to be complete.
        mostNamespaces: Most namespaces of one connection.
        eventsPerSecond: Text packets that a connection may send, on average.
        eventsBurst: Text packets that it may send at once. Beyond, it is not read for a while; one that owes more
            than this number is closed.
        decoder: What one packet may cost.
    """

    connectTimeout: float = 15.0
    attachmentTimeout: float = 20.0
    mostNamespaces: int = 5
    eventsPerSecond: float = 100.0
    eventsBurst: float = 500.0
    decoder: DecoderLimits = field(default_factory=DecoderLimits)

    @property
    def mostWait(self) -> float:
        """Seconds for which a connection may be made to wait before it is closed."""
        return self.eventsBurst / self.eventsPerSecond if self.eventsPerSecond else 0.0


class SocketServer:
    """Serves namespaces. Hand `connect` to an `EngineServer`.

    Args:
        namespaces: By name, beginning with a slash; names not in it are refused.
        clock: The time.
        options: Settings and limits.
    """

    def __init__(
        self,
        namespaces: dict[str, Namespace],
        clock: IReactorTime,
        options: SocketOptions = SocketOptions(),
    ) -> None:
        self.namespaces = namespaces
        self.options = options
        self.deadlines = Deadlines(clock)
        self.clock = clock

    def connect(self, session: Session) -> Connection:
        """Let a new session in."""
        connection = Connection(self, session)
        session.application = connection
        connection.start()
        return connection

    def newBucket(self) -> TokenBucket | None:
        """What a new connection may send; None without a limit."""
        options = self.options
        if not options.eventsPerSecond:
            return None
        return TokenBucket(options.eventsPerSecond, options.eventsBurst, self.clock.seconds())
