"""A Socket.IO server: namespaces on top of an Engine.IO server. Usable for any application, not only signalling."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from rtcsignal.addresses import whereabouts
from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.allowances.intake import FRAMES
from rtcsignal.engineio.allowances.leftovers import Leftovers
from rtcsignal.engineio.session import Session
from rtcsignal.errors import ConnectRefused
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe
from rtcsignal.rates import Rate, TokenBucket
from rtcsignal.socketio.connection import Connection
from rtcsignal.socketio.fanout import PlainChannel
from rtcsignal.socketio.namespace import Namespace
from rtcsignal.socketio.packet import DecoderLimits
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.recovery import Recovery, RecoveryOptions
from rtcsignal.socketio.sources import Client, Sources
from rtcsignal.socketio.turns import Turns

__all__ = ["SocketOptions", "SocketServer"]

_log = Logger()

_JOINS_SECONDS = 1
"""A client that begins may join as many rooms as this brings, whatever others of its address have done."""


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
        turn: How much is done before it is the turn of others, in units of `Work`.
        fanOut: To how many receivers the messages of a connection may go, each counted with every 4 KiB that go
            there; beyond, it is read more slowly. Messages to a few are not counted.
        fanOutPerAddress: The same for all connections of an address together.
        decoder: What one packet may cost.
        recovery: Whether, and how far, clients can recover lost connections.
    """

    connectTimeout: float = 15.0
    attachmentTimeout: float = 20.0
    mostNamespaces: int = 5
    eventsPerSecond: float = 100.0
    eventsBurst: float = 500.0
    turn: int = 30_000
    fanOut: Rate = field(default_factory=lambda: Rate(10_000, 50_000))
    fanOutPerAddress: Rate = field(default_factory=lambda: Rate(200_000, 2_000_000))
    decoder: DecoderLimits = field(default_factory=DecoderLimits)
    recovery: RecoveryOptions = field(default_factory=RecoveryOptions)

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

    Attributes:
        turns: Shares out the work.
        sources: Where the clients come from.
        leftovers: What clients that are gone have left of their allowances.
        recovery: The peers that can be recovered.
        logRation: How many lines about refusals may go to the log; may be replaced.
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
        self.logRation = LogRation(clock.seconds)
        self.turns = Turns(clock, options.fanOut, options.turn)
        self.recovery = Recovery(options.recovery, namespaces, self.deadlines, self.turns.work, self.dismiss)
        self.sources = Sources(clock, options.fanOutPerAddress)
        self.leftovers = Leftovers(clock)
        self._channels: dict[str, PlainChannel] = {}
        self._numbers = itertools.count(1)

    def connect(self, session: Session) -> Connection:
        """Serve a new session."""
        connection = Connection(self, session)
        session.application = connection
        connection.start()
        return connection

    def begun(self, connection: Client) -> TokenBucket | None:
        """A connection begins. What one before it has used up, it has not to begin with.

        Returns:
            How many events it may send; None without a limit.
        """
        options, session, leftovers = self.options, connection.session, self.leftovers
        address = session.request.address
        session.bucket = leftovers.take(FRAMES, address)
        session.allowance = leftovers.take("joins", address, _JOINS_SECONDS)
        connection.fanOut = leftovers.take("fan-out", address)
        if not options.eventsPerSecond:
            return None
        rate = Rate(options.eventsPerSecond, options.eventsBurst)
        return leftovers.take("events", address) or rate.bucket(self.clock.seconds())

    def ended(self, connection: Client, events: TokenBucket | None) -> None:
        """A connection is over, and everything that its client has sent has been handled.

        Args:
            connection: The connection.
            events: What is left of the events that it might send.
        """
        session, leftovers = connection.session, self.leftovers
        address = session.request.address
        leftovers.giveBack(FRAMES, address, session.bucket)
        leftovers.giveBack("joins", address, session.allowance)
        leftovers.giveBack("fan-out", address, connection.fanOut)
        leftovers.giveBack("events", address, events)
        self.sources.leave(address, connection.source)

    def nextNumber(self) -> int:
        """The number of a new connection, in the order in which they are opened."""
        return next(self._numbers)

    def channelFor(self, namespace: str) -> PlainChannel:
        """How events reach the peers of a namespace that cannot be recovered."""
        channel = self._channels.get(namespace)
        if channel is None:
            channel = self._channels[namespace] = PlainChannel(namespace, self.turns.work)
        return channel

    def refused(self, session: Session, namespace: str, refusal: ConnectRefused) -> None:
        """Log that a client was not admitted to a namespace.

        Args:
            session: The client's session.
            namespace: The name, as the client has sent it.
            refusal: What the client is told.
        """
        if not self.logRation.allows("refused connections to namespaces"):
            return
        data = refusal.data
        code = data.get("code") if isinstance(data, Mapping) else None
        _log.info(
            "refused a connection to {namespace}: {reason} ({address}, conn {conn})",
            namespace=safe(namespace),
            reason=safe(code if isinstance(code, str) else refusal.message),
            address=whereabouts(session.request.address),
            conn=session.conn,
        )

    def misunderstood(self, session: Session, reason: str) -> None:
        """Log that a client encodes its packets in an unknown way, and so will never be able to connect.

        Args:
            session: The client's session.
            reason: What the client is told.
        """
        if self.logRation.allows("connections with another parser"):
            _log.info(
                "closed a connection from {address}: {reason} (conn {conn})",
                address=whereabouts(session.request.address),
                reason=reason,
                conn=session.conn,
            )

    def dismiss(self, peer: Peer, reason: str) -> None:
        """A peer is no longer in its namespace."""
        self.recovery.forget(peer)
        peer.gone()
        self.namespaces[peer.namespace].disconnected(peer, reason)

    def close(self) -> None:
        """The server stops: peers whose clients are away are gone, and no further ones are kept."""
        self.recovery.close()
