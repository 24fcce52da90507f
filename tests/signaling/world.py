"""A server in memory: real hub, namespaces, connections, peers, sessions and heartbeats, on a clock of the test.

Only what carries the sessions is not real: `Link` keeps what the server sends, and hands in what the client sends.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, TypeAlias

from twisted.internet.task import Clock

from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.liveness.heartbeat import ClientHeartbeat, ServerHeartbeat
from rtcsignal.engineio.packet import CLOSE, MESSAGE, PING, PONG, Packet, Revision
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.registry import Registry
from rtcsignal.engineio.session import Heartbeat, Session
from rtcsignal.service.config.schema import Config
from rtcsignal.service.features import featuresOf
from rtcsignal.service.handlers import namespacesOf
from rtcsignal.signaling.cluster import Cluster
from rtcsignal.signaling.gates import Gates, OpenGates
from rtcsignal.signaling.handlers import Handler
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.invariants import checkHub
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.invariants import checkSockets, peersOf
from rtcsignal.socketio.server import SocketOptions, SocketServer
from rtcsignal.testing.client import attached
from rtcsignal.values import EMPTY

__all__ = ["PING_INTERVAL", "PING_TIMEOUT", "Answer", "Client", "Heard", "Link", "World"]

PING_INTERVAL, PING_TIMEOUT = 25.0, 20.0

# One thing that a client heard: an event's name and arguments, or one of the words below.
Heard: TypeAlias = tuple[Any, ...]

_WORDS = {"0": "<connect>", "1": "<disconnect>", "3": "<ack>", "4": "<error>", "6": "<ack>"}
_PACKET = re.compile(r"([0-6])(?:([0-9]+)-)?(?:(/[^,]*),)?([0-9]+)?(.*)", re.DOTALL)
_UNLIMITED = SocketOptions(eventsPerSecond=0, turn=0)


class World:
    """One server, and everybody who ever connected to it.

    Args:
        options: Settings of the signalling.
        gates: What the plugins say.
        sockets: Settings of the Socket.IO layer; by default clients may send as fast as they like.
        handlers: Those of the events in ``/``, by name, if they are not the usual ones.
        config: What the handlers are told of the configuration.
        clock: The time, if it is not the server's own.
        cluster: The other nodes, if there are any.
        name: What the sessions begin with.

    Attributes:
        clock: The time; it stands still unless the test turns it.
        hub: The rooms.
        wallOffset: Seconds by which the wall clock is ahead of `clock`; changed by a test that sets it.
    """

    def __init__(
        self,
        options: SignalingOptions | None = None,
        gates: Gates | None = None,
        sockets: SocketOptions = _UNLIMITED,
        handlers: Mapping[str, Handler] = EMPTY,
        config: Config = Config(),  # noqa: B008 - frozen
        clock: Clock | None = None,
        cluster: Cluster | None = None,
        name: str = "session",
    ) -> None:
        self.clock = clock or Clock()
        self.wallOffset = 0.0
        self.name = name
        self.hub = Hub(options or SignalingOptions(), gates or OpenGates(), self.clock, self._wall, cluster=cluster)
        self.features = featuresOf(self.hub, config, self._wall)
        namespaces = namespacesOf(self.hub, self.features)
        if handlers:
            namespaces["/"] = SignalingNamespace(self.hub, handlers)
        self.sockets = SocketServer(namespaces, self.clock, sockets)
        self.registry = Registry(0)
        self.deadlines = Deadlines(self.clock)
        self.heartbeats: dict[int, Heartbeat] = {
            3: ClientHeartbeat(self.deadlines, PING_INTERVAL, PING_TIMEOUT),
            4: ServerHeartbeat(self.deadlines, PING_INTERVAL, PING_TIMEOUT),
        }
        self._opened = 0

    def _wall(self) -> float:
        return self.clock.seconds() + self.wallOffset

    def link(self, revision: Revision = 4, **request: Any) -> Link:
        """A new connection, which protocol 4 (revision 3) puts into ``/`` at once.

        Args:
            revision: Engine.IO revision.
            request: ``query``, ``headers``, ``address`` and ``secure`` of the handshake.
        """
        self._opened += 1
        return Link(self, f"{self.name}-{self._opened}", revision, **request)

    def client(self, namespace: str = "/", revision: Revision = 4, **request: Any) -> Client:
        """A client on a connection of its own, let into a namespace."""
        client = self.link(revision, **request).client(namespace)
        assert [heard[0] for heard in client.take()] == ["<connect>"]
        return client

    def member(self, roomName: str, userId: str, namespace: str = "/", revision: Revision = 4) -> Client:
        """A client that has joined a room."""
        client = self.client(namespace, revision)
        client.join(roomName, userId)
        return client

    def members(self, roomName: str, *userIds: str) -> list[Client]:
        """Clients that have joined a room, in this order, and have heard all that there was to hear."""
        clients = [self.member(roomName, userId) for userId in userIds]
        for client in clients:
            client.take()
        return clients

    def rosters(self) -> dict[str, list[str]]:
        """The user id of every seat, in the order in which they were taken, by the room's name."""
        return {name: [seat.userId for seat in room] for name, room in self.hub.rooms.items()}

    def shutDown(self) -> None:
        """What the service does when the process is told to stop."""
        self.hub.close()
        self.sockets.close()
        for session in list(self.registry.sessions.values()):
            session.close(CloseReason.SHUTDOWN)

    def problems(self) -> list[str]:
        """What does not fit together."""
        sessions = self.registry.sessions.values()
        peers = peersOf(self.sockets, sessions)
        return [*checkSockets(self.sockets, sessions), *checkHub(self.hub, peers)]

    def finish(self) -> None:
        """Everybody goes: nothing may be left of anybody."""
        assert self.problems() == []
        self.sockets.close()
        for session in list(self.registry.sessions.values()):
            session.lost(CloseReason.TRANSPORT_CLOSE)
        assert self.rosters() == {}, "members without a connection"
        assert self.problems() == []
        assert len(self.hub.waiting) == 0, "somebody waits without a connection"
        assert len(self.deadlines) == len(self.sockets.deadlines) == 0, "deadlines of nobody"
        assert self.clock.getDelayedCalls() == [], "timers of nobody"


class Link:
    """One connection, as its client sees it; and the `Transport` that carries its session.

    Attributes:
        closedBecause: Why the server closed it; None while it did not.
        pings: How many pings of the server await an answer.
        answers: It answers pings of the WebSocket protocol; else signs of life are the test's to give.
        wsPings: How many of these it got.
        mark: See `Transport.mark`; None for a client that cannot be asked.
    """

    transportName = "websocket"

    def __init__(
        self,
        world: World,
        sid: str,
        revision: Revision,
        query: Mapping[str, str] = EMPTY,
        headers: Mapping[str, str] = EMPTY,
        address: str = "",
        secure: bool = False,
    ) -> None:
        request = Request("GET", query, headers, b"", address, secure)
        self.closedBecause: CloseReason | None = None
        self.pings = 0
        self.answers = False
        self.wsPings = 0
        self.mark: int | None = 0
        self._unasked = "/" if revision == 3 else ""
        self._received: list[EncodedMessage] = []
        self._heard: defaultdict[str, list[Heard]] = defaultdict(list)
        self._texts: defaultdict[str, list[str]] = defaultdict(list)
        self._acks: defaultdict[tuple[str, str], list[list[Any]]] = defaultdict(list)
        self.nextAck = 0
        self.session = Session(sid, revision, request, world.heartbeats[revision], world.registry.remove)
        world.registry.add(self.session)
        self.session.carriedBy(self, Phase.WEBSOCKET)
        self.session.application = world.sockets.connect(self.session)
        self.session.start()

    def client(self, namespace: str = "/", auth: str = "") -> Client:
        """The client in a namespace: asks for it, unless it is put there unasked. See `Client.take` for the answer.

        Args:
            namespace: Its name; in protocol 4 with a query, if there shall be one.
            auth: The auth object as JSON text (protocol 5).
        """
        if namespace == self._unasked:
            self._unasked = ""
        else:
            self.transmit(f"0{_prefix(namespace)}{auth}")
        return Client(self, namespace.partition("?")[0])

    def transmit(self, text: str, *attachments: bytes) -> None:
        """The client sends a Socket.IO packet, as it stands."""
        self._says()
        self.session.packetReceived(Packet(MESSAGE, text))
        for data in attachments:
            self.session.packetReceived(Packet(MESSAGE, data))

    def keepAlive(self) -> None:
        """The client does what its revision wants for the heartbeat."""
        self._says()
        if self.session.revision == 3:
            self.session.packetReceived(Packet(PING, ""))
        elif self.pings:
            self.pings -= 1
            self.session.packetReceived(Packet(PONG, ""))

    def lose(self, reason: CloseReason = CloseReason.TRANSPORT_CLOSE) -> None:
        """What carries the connection is gone."""
        self.session.lost(reason)

    def sayClose(self) -> None:
        """The client sends an Engine.IO close packet."""
        self.session.packetReceived(Packet(CLOSE, ""))

    def take(self, namespace: str) -> tuple[list[Heard], list[str]]:
        """What the client has heard in a namespace since the last call, and the JSON texts in which it came."""
        self._read()
        return self._heard.pop(namespace, []), self._texts.pop(namespace, [])

    def acknowledged(self, namespace: str, ackId: str) -> list[list[Any]]:
        """The arguments of every acknowledgement of an event."""
        self._read()
        return self._acks[namespace, ackId]

    def send(self, message: EncodedMessage) -> None:
        self._received.append(message)

    def sendPacket(self, text: str) -> None:
        if text == PING:
            self.pings += 1

    def close(self, reason: CloseReason, words: str = "") -> None:
        self.closedBecause = reason

    def clientClosed(self) -> None:
        """The client knows already."""

    def pauseReading(self, seconds: float) -> None:
        """Nothing is on its way that could be held back."""

    def ping(self) -> None:
        self.wsPings += 1
        if self.answers:
            self.session.pongReceived()

    def _says(self) -> None:
        if self.mark is not None:
            self.mark += 1

    def _read(self) -> None:
        """Decode what has come; only when somebody asks, as most of it nobody asks for."""
        received, self._received = self._received, []
        for message in received:
            assert message.text is not None
            match = _PACKET.fullmatch(message.text)
            assert match is not None, message.text
            kind, count, namespace, ackId, text = match.groups()
            assert int(count or 0) == len(message.attachments), "attachments announced and not sent"
            self._keep(kind, namespace or "/", ackId, text, message.attachments)

    def _keep(self, kind: str, namespace: str, ackId: str | None, text: str, attachments: tuple[bytes, ...]) -> None:
        arguments = attached(json.loads(text), attachments) if text else []
        if kind in "25":
            assert ackId is None, "the server asks for nothing"
            heard: Heard = tuple(arguments)
        elif kind in "36":
            assert ackId is not None
            self._acks[namespace, ackId].append(arguments)
            heard = (_WORDS[kind], *arguments)
        else:
            heard = (_WORDS[kind], arguments) if text else (_WORDS[kind],)
        self._heard[namespace].append(heard)
        self._texts[namespace].append(text)


class Client:
    """One Socket.IO client in one namespace."""

    def __init__(self, link: Link, namespace: str) -> None:
        self.link = link
        self.namespace = namespace

    def emit(self, name: str, *arguments: Any) -> None:
        """Send an event, and ask for no acknowledgement."""
        self.transmit(json.dumps([name, *arguments]))

    def ask(self, name: str, *arguments: Any) -> Answer:
        """Send an event that asks for an acknowledgement."""
        return self.askText(json.dumps([name, *arguments]))

    def askText(self, text: str, *attachments: bytes) -> Answer:
        """Send an event, given as JSON text, that asks for an acknowledgement."""
        ackId = str(self.link.nextAck)
        self.link.nextAck += 1
        self.transmit(text, *attachments, ackId=ackId)
        return Answer(self.link, self.namespace, ackId)

    def transmit(self, text: str, *attachments: bytes, ackId: str = "") -> None:
        """Send an event, given as JSON text: the array of its name and arguments."""
        kind = f"5{len(attachments)}-" if attachments else "2"
        self.link.transmit(f"{kind}{_prefix(self.namespace)}{ackId}{text}", *attachments)

    def join(self, roomName: str, userId: str, **more: Any) -> Answer:
        """Join a room, which must be granted at once."""
        answer = self.ask("join-room", {"userId": userId, "roomName": roomName, **more})
        assert answer.ok, answer.value
        return answer

    def leave(self, roomName: str, userId: str) -> Answer:
        """Leave a room, which must be granted."""
        answer = self.ask("leave-room", {"userId": userId, "roomName": roomName})
        assert answer.ok, answer.value
        return answer

    def disconnect(self) -> None:
        """Leave the namespace by a DISCONNECT packet."""
        self.link.transmit("1" + _prefix(self.namespace))

    def lose(self) -> None:
        """The connection breaks."""
        self.link.lose()

    def take(self) -> list[Heard]:
        """What the client has heard since the last call, in order."""
        return self.link.take(self.namespace)[0]

    def takeTexts(self) -> list[str]:
        """The same as the JSON texts in which it came; binary parts are left out."""
        return self.link.take(self.namespace)[1]


class Answer:
    """The acknowledgement of one event, which may not have come yet."""

    def __init__(self, link: Link, namespace: str, ackId: str) -> None:
        self._link = link
        self._namespace = namespace
        self._ackId = ackId

    @property
    def given(self) -> bool:
        """It has come."""
        return bool(self._link.acknowledged(self._namespace, self._ackId))

    @property
    def value(self) -> dict[str, Any]:
        """Its one argument. It must have come, and only once."""
        acknowledgements = self._link.acknowledged(self._namespace, self._ackId)
        assert len(acknowledgements) == 1, acknowledgements
        (value,) = acknowledgements[0]
        assert isinstance(value, dict)
        return value

    @property
    def ok(self) -> bool:
        """It says yes."""
        return self.value["ok"] is True

    @property
    def code(self) -> str:
        """It says no, with this code and a sentence for people."""
        assert self.value["ok"] is False, self.value
        assert self.value.keys() == {"ok", "error"}
        error = self.value["error"]
        assert isinstance(error["message"], str)
        code = error["code"]
        assert isinstance(code, str)
        return code


def _prefix(namespace: str) -> str:
    return "" if namespace == "/" else namespace + ","
