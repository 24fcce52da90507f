"""A participant: one peer as the signalling sees it, with its seats and the order of its requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from rtcsignal.signaling.backlog import Backlog
from rtcsignal.signaling.cluster import Facts
from rtcsignal.signaling.events import REFUSED, expulsion
from rtcsignal.signaling.resume.standing import Standing
from rtcsignal.signaling.station import Station
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer
from rtcsignal.values import Identity

if TYPE_CHECKING:  # see `room`
    from rtcsignal.signaling.rooms.room import Seat

__all__ = ["Participant", "isSame"]


def isSame(one: Identity, other: Identity) -> bool:
    """Whether two identities are of the same user. A new token may claim other things, and be good for longer."""
    return (one.userId, one.roles, one.signedIn) == (other.userId, other.roles, other.signedIn)


class Participant:
    """One peer, whose requests are handled strictly one after the other.

    Args:
        peer: The peer.
        identity: Who it is.
        connectedAt: When, in seconds on the clock of the hub.
        handle: Handles one of its events; returns a Deferred, which never fails, if it takes time.
        newBacklog: Makes what keeps those that come meanwhile.
        station: This node.

    Attributes:
        seats: By the room's name. Changed by the hub alone.
        data: For plugins, as long as it is connected; None until one asks.
        endReason: Why it is being disconnected; the reason that its rooms are told.
        standing: What a client with a key has heard; None if it has none.
        arrivedAt: When it became a member last, likewise.
        absence: For how many seconds it is waited for while it is away.
        awayUntil: When it is given up then, on the clock of the hub.
        station: This node.
        knownAs: Its public id, if other nodes know of it; otherwise empty.
        heir: Who has its connection, and so what its client has sent; None while that is its own.
    """

    __slots__ = (
        "_backlog",
        "_handle",
        "_late",
        "_newBacklog",
        "absence",
        "arrivedAt",
        "awayUntil",
        "connectedAt",
        "data",
        "endReason",
        "heir",
        "identity",
        "knownAs",
        "peer",
        "seats",
        "standing",
        "station",
    )

    def __init__(
        self,
        peer: Peer,
        identity: Identity,
        connectedAt: float,
        handle: Callable[[Participant, Packet], Deferred[None] | None],
        newBacklog: Callable[[], Backlog],
        station: Station,
    ) -> None:
        self.peer = peer
        self.station = station
        self.knownAs = ""
        self.identity = identity
        self.connectedAt = connectedAt
        self.seats: dict[str, Seat] = {}
        self.endReason: str | None = None
        self.data: dict[str, Any] | None = None
        self.standing: Standing | None = None
        self.arrivedAt = 0.0
        self.absence = 0.0
        self.awayUntil = 0.0
        self.heir: Participant | None = None
        self._late = 0
        self._handle = handle
        self._newBacklog = newBacklog
        self._backlog: Backlog | None = None

    @property
    def publicId(self) -> str:
        """An id that others may know. In protocol 4 the peer's sid is a secret of the transport."""
        return self.knownAs or self.peer.publicId

    @property
    def node(self) -> str:
        """What people call this node; empty if it is alone."""
        return self.station.node

    @property
    def isSignedIn(self) -> bool:
        """It has proved that it is the user whose id it has. A recovery changes nothing about that."""
        return self.identity.signedIn and self.identity.userId is not None

    @property
    def key(self) -> bytes:
        """What the key is looked up by with which its client takes its place back; empty if there is none."""
        peer = self.peer
        return peer.key if peer.key is not None and peer.isKept else b""

    @property
    def isBusy(self) -> bool:
        """One of its requests takes time."""
        return self._backlog is not None

    @property
    def isLate(self) -> bool:
        """The request that is being handled came on a connection that it no longer has: its answer is for no one."""
        return self._late > 0

    def factsAs(self, userId: str, waits: bool = False) -> Facts:
        """What other nodes are to know of one of its seats.

        Args:
            userId: As whom it sits there.
            waits: It waits there.
        """
        peer = self.peer
        return Facts(
            id=self.publicId,
            userId=userId,
            signedIn=self.isSignedIn,
            waits=waits,
            away=peer.away,
            awayUntil=self.awayUntil if peer.away else 0.0,
            connectedAt=self.connectedAt,
            namespace=peer.namespace,
            address=peer.address,
            key=self.key,
            roles=tuple(self.identity.roles),
        )

    def take(self, event: Packet) -> None:
        """Handle an event, or keep it until those before it have been handled."""
        if self._backlog is None:
            pending = self._handle(self, event)
            if pending is not None:
                self._backlog = self._newBacklog()
                pending.addCallback(self._next)
        elif not self._backlog.put(event):
            self.peer.flooded()

    def gone(self) -> None:
        """Its peer has gone: nothing of what waits is handled any more, unless there is an heir."""
        if self._backlog is not None and self.heir is None:
            self._backlog = self._newBacklog()

    def moved(self) -> None:
        """It is on another connection: what is under way, and what waits, was asked on the one before."""
        self._late = 0 if self._backlog is None else 1 + len(self._backlog)

    def _next(self, done: None) -> None:
        backlog = self._backlog  # stays until all is handled: whoever still has requests is not given up
        self._handled()
        while backlog and self.peer.connected:
            try:
                pending = self._handle(self, backlog.take())
            except Exception as error:
                self._backlog = None
                self.peer.failed(error)
                return
            if pending is not None:
                pending.addCallback(self._next)
                return
            self._handled()
        self._backlog = None
        while backlog and self.heir is not None:
            self.heir.take(backlog.take())
        self.peer.release()

    def _handled(self) -> None:
        if self._late:
            self._late -= 1

    def expel(self, reason: str, message: str = "") -> None:
        """Disconnect it from the server. Its client is told first, and does not reconnect by itself.

        Args:
            reason: Why; its rooms are told as well.
            message: The same for people; there is one for all reasons.

        Raises:
            TypeError: The reason is not a string.
        """
        words = expulsion(reason, message)
        if self.peer.connected:
            self.endReason = reason
            self.peer.emit(REFUSED, words)
            self.peer.disconnect()
