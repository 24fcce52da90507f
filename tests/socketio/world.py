"""A Socket.IO server in memory: everything real from the port to the namespaces, on a clock of the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.session import Session
from rtcsignal.socketio.namespace import Namespace
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer, Return
from rtcsignal.socketio.server import SocketOptions, SocketServer
from rtcsignal.values import Handshake
from tests.engineio.memory import SelectingClock
from tests.engineio.world import Poller, Socket
from tests.engineio.world import World as EngineWorld

__all__ = ["Client", "Lobby", "World", "fired", "sidOf"]


class Lobby:
    """A namespace that keeps what it is told.

    Attributes:
        handshakes: Who asked to come in.
        peers: Who is in, and who was, in the order of their coming.
        events: What they sent, by name and arguments.
        gone: Who went, and why.
        judge: Says who comes in, if it is set.
        react: Called with each event, if it is set.
        greet: Called with each newcomer, if it is set.
        mourn: Called with everybody who goes, if it is set.
        wait: Says how long somebody is waited for, if it is set.
        back: Called with everybody who returns, if it is set.
        lostOnes: Who was waited for, and how long.
    """

    def __init__(self) -> None:
        self.handshakes: list[Handshake] = []
        self.peers: list[Peer] = []
        self.events: list[tuple[Any, ...]] = []
        self.gone: list[tuple[Peer, str]] = []
        self.judge: Callable[[Handshake], Any] | None = None
        self.react: Callable[[Peer, Packet], object] | None = None
        self.greet: Callable[[Peer], object] | None = None
        self.mourn: Callable[[Peer], object] | None = None
        self.wait: Callable[[Peer, float], float] | None = None
        self.back: Callable[[Peer, Return], object] | None = None
        self.lostOnes: list[tuple[Peer, float]] = []

    @property
    def peer(self) -> Peer:
        """The one who came last."""
        return self.peers[-1]

    @property
    def reasons(self) -> list[str]:
        """Why those went who went."""
        return [reason for _, reason in self.gone]

    def connecting(self, handshake: Handshake) -> Any:
        self.handshakes.append(handshake)
        return None if self.judge is None else self.judge(handshake)

    def connected(self, peer: Peer) -> None:
        self.peers.append(peer)
        if self.greet is not None:
            self.greet(peer)

    def received(self, peer: Peer, event: Packet) -> None:
        self.events.append((event.name, *event.arguments))
        if self.react is not None:
            self.react(peer, event)

    def mayReturn(self, peer: Peer, identity: Any) -> bool:
        return bool(peer.identity == identity)

    def ownerOf(self, identity: Any) -> str:
        return str(identity)

    def waitsFor(self, peer: Peer, window: float) -> float:
        return window if self.wait is None else self.wait(peer, window)

    def lost(self, peer: Peer, seconds: float) -> None:
        self.lostOnes.append((peer, seconds))

    def returned(self, peer: Peer, back: Return) -> None:
        if self.back is not None:
            self.back(peer, back)
        peer.replay(back.missed)

    def disconnected(self, peer: Peer, reason: str) -> None:
        self.gone.append((peer, reason))
        if self.mourn is not None:
            self.mourn(peer)


class World:
    """One server, by default with a `Lobby` in ``/``, ``/a`` and ``/b``.

    Args:
        clock: The time.
        namespaces: Other namespaces.
        engine: Settings of Engine.IO.
        options: Settings of Socket.IO.

    Attributes:
        lobbies: The namespaces by name.
    """

    def __init__(
        self,
        clock: SelectingClock,
        options: SocketOptions,
        engine: EngineOptions,
        namespaces: dict[str, Namespace] | None = None,
    ) -> None:
        self.clock = clock
        self.lobbies = {name: Lobby() for name in ("/", "/a", "/b")}
        self.sockets = SocketServer({**self.lobbies} if namespaces is None else namespaces, clock, options)
        self.engine = EngineWorld(clock, engine, HttpLimits(), self.sockets.connect)

    @property
    def root(self) -> Lobby:
        """The lobby of ``/``."""
        return self.lobbies["/"]

    def client(self, revision: Revision, query: str = "") -> Client:
        """A client that has opened a connection."""
        return Client(self, self.engine.socket(revision, query))

    def poller(self, revision: Revision) -> Poller:
        """A client that has opened a connection on polling."""
        return self.engine.poller(revision)

    def member(self, revision: Revision, namespace: str = "/") -> Client:
        """A client that has come into a namespace, and has heard so."""
        client = self.client(revision)
        client.take()
        if namespace != "/" or revision == 4:
            client.send("0" if namespace == "/" else f"0{namespace},")
            (answer,) = client.take()
            assert str(answer).startswith("0" if namespace == "/" else f"0{namespace},")
        return client

    def finish(self) -> None:
        """Everybody goes: nothing may be left of anybody."""
        self.sockets.close()
        self.engine.finish()
        assert len(self.sockets.deadlines) == 0, "deadlines of nobody"
        recovery = self.sockets.recovery
        assert (recovery.live, recovery.away, recovery.size) == (0, 0, 0), "peers of nobody"
        assert list(recovery.problems()) == []
        for lobby in self.lobbies.values():
            gone = [peer for peer, _ in lobby.gone]
            assert sorted(map(id, gone)) == sorted(map(id, lobby.peers)), "everybody who came goes, once"


class Client:
    """A client, which sends and gets messages: text, and binary ones as their bytes."""

    def __init__(self, world: World, socket: Socket) -> None:
        self.world = world
        self.socket = socket
        self._binary = b"\x04" if socket.revision == 3 else b""

    @property
    def session(self) -> Session:
        """The server's side."""
        return self.world.engine.session(self.socket.sid)

    @property
    def alive(self) -> bool:
        """The server has not ended the session."""
        return self.socket.sid in self.world.engine.sids

    @property
    def code(self) -> int | None:
        """The close code, if the server has closed the connection."""
        self.take()
        return self.socket.code

    def send(self, *messages: str | bytes) -> None:
        """Send messages, all in one piece."""
        self.socket.send(*("4" + each if isinstance(each, str) else self._binary + each for each in messages))

    def take(self) -> list[str | bytes]:
        """The messages that came since the last time."""
        prefix = len(self._binary)
        return [each[1:] if isinstance(each, str) else each[prefix:] for each in self.socket.take()]

    def hangUp(self) -> None:
        """Break the connection."""
        self.socket.hangUp()


def sidOf(answer: str | bytes, namespace: str = "/") -> str:
    """The id in the answer to a CONNECT of protocol 5, which must hold nothing else."""
    before = '0{"sid":"' if namespace == "/" else f'0{namespace},{{"sid":"'
    text = str(answer)
    assert text.startswith(before)
    assert text.endswith('"}')
    sid = text.removeprefix(before).removesuffix('"}')
    assert '"' not in sid
    return sid


def fired(deferred: Deferred[Any]) -> list[Any]:
    """Gets the result when there is one, be it an error."""
    results: list[Any] = []
    deferred.addCallbacks(results.append, lambda failure: results.append(failure.value))
    return results
