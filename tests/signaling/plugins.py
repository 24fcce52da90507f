"""Plugins for the tests: a real, small provider of `Gates`, and gates whose answers the test gives when it likes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

from rtcsignal.errors import Refused
from rtcsignal.iceservers import IceServers
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.values import Handshake, Identity, Message

__all__ = ["Desk", "Plugins", "Seen"]

Authenticate: TypeAlias = Callable[[Handshake], Identity | Deferred[Identity]]
MayJoin: TypeAlias = Callable[[IPeer, IRoom], Deferred[None] | None]
FilterMessage: TypeAlias = Callable[[IPeer, IRoom, Message], Message | Deferred[Message | None] | None]
HandleEvent: TypeAlias = Callable[[IPeer, IRoom, str, Mapping[str, Any]], Any]
Seen: TypeAlias = tuple[Any, ...]


class Plugins:
    """One function of each kind, and an observer.

    Attributes:
        peers: Who has joined and has not left, as the observer was given them, by user id.
        onEntering: Called with a peer that is about to join, and with the room; may be set.
    """

    def __init__(
        self,
        authenticate: Authenticate | None = None,
        mayJoin: MayJoin | None = None,
        filterMessage: FilterMessage | None = None,
        handleEvent: HandleEvent | None = None,
        events: Collection[str] = (),
    ) -> None:
        self.giveIce = False
        self.culprit = ""
        self.judgesJoins = mayJoin is not None
        self.watchesDoors = True
        self.judgesMessages = filterMessage is not None
        self.peers: dict[str, IPeer] = {}
        self.rooms: dict[str, IRoom] = {}
        self._authenticate = authenticate
        self._mayJoin = mayJoin
        self._filterMessage = filterMessage
        self._handleEvent = handleEvent
        self.events = events
        self.onEntering: Callable[[IPeer, IRoom], None] | None = None
        self._seen: list[Seen] = []

    def authenticate(self, handshake: Handshake) -> Identity | Deferred[Identity]:
        return Identity() if self._authenticate is None else self._authenticate(handshake)

    def mayJoin(self, peer: IPeer, room: IRoom) -> Deferred[None] | None:
        return None if self._mayJoin is None else self._mayJoin(peer, room)

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message | Deferred[Message | None] | None:
        return message if self._filterMessage is None else self._filterMessage(peer, room, message)

    def handleEvent(self, peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Any:
        return None if self._handleEvent is None else self._handleEvent(peer, room, event, body)

    def iceServers(self, peer: IPeer, room: IRoom) -> tuple[IceServers, ...]:
        return ()

    def entering(self, peer: IPeer, room: IRoom) -> None:
        if self.onEntering is not None:
            self.onEntering(peer, room)

    def withdrew(self, peer: IPeer, room: IRoom, reason: str) -> None:
        self._seen.append(("withdrew", peer.userId, room.name, room.size, reason))

    def joined(self, peer: IPeer, room: IRoom) -> None:
        self.peers[peer.userId] = peer
        self.rooms[room.name] = room
        self._seen.append(("joined", peer.userId, room.name, room.size))

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        self.peers.pop(peer.userId, None)
        self._seen.append(("left", peer.userId, room.name, room.size, reason))

    def take(self) -> list[Seen]:
        """What the observer has seen since the last call: user, room, its size then, and the reason."""
        seen, self._seen = self._seen, []
        return seen


class Desk:
    """Answers later: keeps what it is asked until the test says what comes of it.

    Attributes:
        asked: By the user id of the peer and, for messages, their bodies; those not answered yet, oldest first.
        most: The most that waited for an answer at the same time.
    """

    def __init__(self) -> None:
        self.most = 0
        self._waiting: list[tuple[Any, Any, Deferred[Any]]] = []

    @property
    def asked(self) -> list[Any]:
        return [question for question, _, _ in self._waiting]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.asked)

    def mayJoin(self, peer: IPeer, room: IRoom) -> Deferred[None]:
        """As a policy."""
        return self._ask(peer.userId, None)

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Deferred[Message | None]:
        """As a filter; `yes` lets the message through unchanged."""
        return self._ask(message.body, message)

    def handleEvent(self, peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Any:
        """As the handler of an event."""
        return self._ask(event, None)

    def authenticate(self, handshake: Handshake) -> Deferred[Identity]:
        """As an authenticator."""
        return self._ask(handshake.namespace, Identity())

    def yes(self) -> None:
        """The oldest question is answered with yes."""
        _, default, answer = self._waiting.pop(0)
        answer.callback(default)

    def say(self, value: Any) -> None:
        """The oldest question is answered with a value."""
        self._waiting.pop(0)[2].callback(value)

    def no(self, code: str = "not-today") -> None:
        """The oldest question is answered with a refusal."""
        self.fail(Refused(code, "The desk says no."))

    def fail(self, error: Exception) -> None:
        """The oldest question is answered with an exception."""
        self._waiting.pop(0)[2].errback(error)

    def _ask(self, question: Any, default: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self._waiting.append((question, default, answer))
        self.most = max(self.most, len(self._waiting))
        return answer
