"""Fakes of what plugins are given. They behave as the real things do; the same tests are run on both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers
from zope.interface import implementer

from rtcsignal.interfaces import IPeer, IRoom, IServices
from rtcsignal.policy.httpmethods import HttpMethods
from rtcsignal.policy.logs import PluginLogger
from rtcsignal.signaling.events import REFUSED, asShared, checkedReason, expulsion, kindOf
from rtcsignal.signaling.resume.silence import PROBE_SECONDS, checkPatience
from rtcsignal.socketio.binary import encodeData
from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.values import EMPTY, Message

__all__ = ["FakeHttp", "FakePeer", "FakeResponse", "FakeRoom", "FakeServices", "makeMessage"]


def makeMessage(body: Any = EMPTY, userId: str = "ann", targetUserId: str | None = None, kind: str = "") -> Message:
    """A message as a filter sees it.

    Args:
        body: What is sent; a mapping is made read-only.
        userId: The sender.
        targetUserId: The only user it is for; by default what the body says.
        kind: ``offer``, ``answer``, ``candidate``, ``hangup`` or ``other``; by default what the body's ``msgType``
            says.
    """
    if isinstance(body, Mapping):
        kind = kind or kindOf(body.get("msgType"))
        targetUserId = targetUserId or body.get("targetUserId")
        body = MappingProxyType(dict(body))
    text, attachments = encodeData(("broadcast", dict(body) if isinstance(body, Mapping) else body))
    size = len(text.encode()) + sum(map(len, attachments))
    return Message(kind or "other", userId, targetUserId, body, size)


@implementer(IPeer)
class FakePeer:
    """A peer.

    Args:
        userId: Its user id.
        roles: Its roles.
        claims: Its claims.
        joinRequest: What it sent to join, besides ``userId``.
        address: Its IP address.
        origin: The page that it is; None if it is none.
        conn: What the log calls its connection.
        namespace: Its namespace.
        sid: Its id; by default made of the user id.
        transport: ``websocket`` or ``polling``.
        connectedAt: When, on the scale of the clock.
        signedIn: Its authenticator has found its user id.
        away: Its connection was lost, and its client may come back.
        awayUntil: When it is given up then, on the scale of the clock.
        hasKey: Its client has a key with which it takes its place back.
        node: The node that it is on.

    Attributes:
        isSilent: Its client answers no `FakeServices.probe`. The test sets it.
        sent: The events that it was sent, each a tuple of name and arguments.
        disconnectedFor: The reason for which it was disconnected; None while it was not.
    """

    def __init__(
        self,
        userId: str = "ann",
        roles: Iterable[str] = (),
        claims: Mapping[str, Any] = EMPTY,
        joinRequest: Mapping[str, Any] = EMPTY,
        *,
        address: str = "127.0.0.1",
        origin: str | None = None,
        conn: str = "c0ffee00",
        namespace: str = "/",
        sid: str = "",
        transport: str = "websocket",
        connectedAt: float = 0.0,
        signedIn: bool = False,
        away: bool = False,
        awayUntil: float | None = None,
        hasKey: bool = False,
        node: str = "",
    ) -> None:
        self.userId = userId
        self.away = away
        self.awayUntil = awayUntil
        self.hasKey = hasKey
        self.node = node
        self.isSilent = False
        self.signedIn = signedIn
        self.roles = frozenset(roles)
        self.claims: Mapping[str, Any] = MappingProxyType(dict(claims))
        self.joinRequest: Mapping[str, Any] = MappingProxyType({"userId": userId, **joinRequest})
        self.address = address
        self.origin = origin
        self.conn = conn
        self.namespace = namespace
        self.sid = sid or f"sid-of-{userId}"
        self.transport = transport
        self.connectedAt = connectedAt
        self.rooms: frozenset[str] = frozenset()
        self.data: dict[str, Any] = {}
        self.sent: list[tuple[Any, ...]] = []
        self.disconnectedFor: str | None = None

    def emit(self, event: str, *arguments: Any) -> None:
        OutgoingEvent.of(event, *arguments)
        if self.disconnectedFor is None:
            self.sent.append((event, *arguments))

    def disconnect(self, reason: str = "kicked") -> None:
        words = expulsion(reason)
        if self.disconnectedFor is None:
            self.sent.append((REFUSED, words))
            self.disconnectedFor = reason


@implementer(IRoom)
class FakeRoom:
    """A room.

    Args:
        name: Its name.
        peers: Its members.
        createdAt: When, on the scale of the clock.
    """

    def __init__(self, name: str = "room", peers: Iterable[FakePeer] = (), createdAt: float = 0.0) -> None:
        self.name = name
        self.createdAt = createdAt
        self.data: dict[str, Any] = {}
        self._shared: dict[str, Any] = {}
        self._peers: list[FakePeer] = []
        for peer in peers:
            self.add(peer)

    @property
    def shared(self) -> Mapping[str, Any]:
        return MappingProxyType(self._shared)

    def share(self, key: str, value: Any) -> None:
        known = asShared(key, value)
        if known is None:
            self._shared.pop(key, None)
        else:
            self._shared[key] = known

    @property
    def size(self) -> int:
        return len(self._peers)

    @property
    def userCount(self) -> int:
        return len({peer.userId for peer in self._peers})

    def add(self, peer: FakePeer) -> None:
        """Someone has joined."""
        self._peers.append(peer)
        peer.rooms |= {self.name}

    def remove(self, peer: FakePeer) -> None:
        """Someone has left."""
        self._peers.remove(peer)
        peer.rooms -= {self.name}

    def peers(self) -> tuple[FakePeer, ...]:
        return tuple(self._peers)

    def peersOf(self, userId: str) -> tuple[FakePeer, ...]:
        return tuple(peer for peer in self._peers if peer.userId == userId)

    def emit(self, event: str, *arguments: Any) -> None:
        OutgoingEvent.of(event, *arguments)
        for peer in self._peers:
            peer.emit(event, *arguments)


class FakeResponse:
    """A response of `FakeHttp`.

    Attributes:
        code: The status.
        headers: The headers.
    """

    def __init__(self, code: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.code = code
        self.headers = Headers({name: [value] for name, value in headers.items()})
        self._body = body

    def content(self) -> Deferred[bytes]:
        """The body."""
        return succeed(self._body)

    def text(self, encoding: str = "utf-8") -> Deferred[str]:
        """The body as text."""
        return succeed(self._body.decode(encoding))

    def json(self) -> Deferred[Any]:
        """What the body says as JSON."""
        return succeed(json.loads(self._body))


class FakeHttp(HttpMethods):
    """An HTTP client. Requests wait until the test answers them.

    Attributes:
        requests: All requests: method, URL, and what else was said.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self._waiting: list[Deferred[Any]] = []

    def answer(self, code: int = 200, body: Any = b"", headers: Mapping[str, str] = EMPTY) -> None:
        """Answer the oldest request that waits.

        Args:
            code: The status.
            body: Bytes, text, or anything else as JSON.
            headers: The headers.
        """
        data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
        self._waiting.pop(0).callback(FakeResponse(code, data, headers))

    def fail(self, error: Exception) -> None:
        """Let the oldest request that waits fail."""
        self._waiting.pop(0).errback(error)

    def request(self, method: str, url: str, **more: Any) -> Deferred[Any]:
        """A plugin makes a request."""
        self.requests.append((method, url, more))
        waiting: Deferred[Any] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def close(self) -> None:
        """The plugin has been stopped."""


@implementer(IServices)
class FakeServices:
    """The services of a plugin.

    Args:
        name: The plugin's name.
        rooms: The rooms that have members.

    Attributes:
        clock: A `twisted.internet.task.Clock`: the test turns it with ``advance(seconds)``.
        wallOffset: Seconds by which the system's clock, which ``now()`` tells, is ahead of `clock`.
        http: A `FakeHttp`.
        data: A dict for the plugin.
        kicked: Who was kicked from a room: the peer and the reason.
    """

    def __init__(self, name: str = "plugin", rooms: Iterable[FakeRoom] = ()) -> None:
        self.name = name
        self.clock = Clock()
        self.wallOffset = 0.0
        self.log = PluginLogger(name, self.clock)
        self.http = FakeHttp()
        self.data: dict[str, Any] = {}
        self.kicked: list[tuple[FakePeer, str]] = []
        self._waiting: list[tuple[str, FakePeer]] = []
        self._rooms = {room.name: room for room in rooms}
        self._calls: list[IDelayedCall] = []
        self._stopped = False

    def now(self) -> float:
        return self.clock.seconds() + self.wallOffset

    def callLater(self, seconds: float, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> IDelayedCall:
        if self._stopped:
            raise RuntimeError(f"the plugin {self.name} has been stopped")

        def run() -> None:
            result = function(*arguments, **keywords)
            if hasattr(result, "__await__") and not isinstance(result, Deferred):
                Deferred.fromCoroutine(result)

        call: IDelayedCall = self.clock.callLater(seconds, run)
        self._calls.append(call)
        return call

    def rooms(self) -> tuple[FakeRoom, ...]:
        return tuple(room for room in self._rooms.values() if room.size)

    def room(self, name: str) -> FakeRoom | None:
        room = self._rooms.get(name)
        return room if room is not None and room.size else None

    def wait(self, roomName: str, peer: FakePeer) -> None:
        """Someone waits for a room: a policy has answered with `Waiting`."""
        self._waiting.append((roomName, peer))

    def waiting(self, roomName: str) -> tuple[FakePeer, ...]:
        return tuple(peer for name, peer in self._waiting if name == roomName)

    def dismiss(self, peer: Any) -> None:
        self._waiting = [each for each in self._waiting if each[1] is not peer]

    def kick(self, peer: Any, reason: str = "kicked") -> None:
        checkedReason(reason)
        for room in self._rooms.values():
            if peer in room.peers():
                self.kicked.append((peer, reason))
                room.emit("user-left", peer.userId, {"roomName": room.name, "reason": reason})
                room.remove(peer)
                return

    def probe(self, peer: Any, seconds: float = PROBE_SECONDS) -> Deferred[bool]:
        checkPatience(seconds)
        if peer.away or not peer.rooms:
            return succeed(False)
        answer: Deferred[bool] = Deferred()
        if peer.isSilent:
            self._calls.append(self.clock.callLater(seconds, self._silent, peer, answer))
        else:
            answer.callback(True)
        return answer

    def _silent(self, peer: FakePeer, answer: Deferred[bool]) -> None:
        for room in self._rooms.values():
            if peer in room.peers():
                room.remove(peer)
                room.emit("user-left", peer.userId, {"roomName": room.name, "reason": "timeout"})
        answer.callback(False)

    def emit(self, roomName: str, event: str, *arguments: Any) -> None:
        room = self.room(roomName)
        if room is not None:
            room.emit(event, *arguments)

    def close(self) -> None:
        """The plugin has been stopped."""
        self._stopped = True
        for call in self._calls:
            if call.active():
                call.cancel()
