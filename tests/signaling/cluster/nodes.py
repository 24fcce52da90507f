"""Nodes in memory: each a whole server as in `tests.signaling.world`, with a backplane over a model of the scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.task import Clock
from zope.interface import implementer

from rtcsignal.backplane.cluster import Backplane, BackplaneOptions
from rtcsignal.backplane.invariants import checkBackplane
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.interfaces import IAuthenticator
from rtcsignal.policy.guard import Treatment
from rtcsignal.policy.loader import Entry, loadPlugins
from rtcsignal.policy.pluginhost import PluginHost
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions
from rtcsignal.testing.fakes import FakeHttp
from rtcsignal.values import Handshake, Identity
from tests.signaling.world import Answer, Client, World
from tests.support.redis_model import ModelConnector, RedisModel

__all__ = ["Nodes"]


_SOCKETS = SocketOptions(eventsPerSecond=0, turn=0)
_RECOVERY = RecoveryOptions(window=60, everybody=False)


@dataclass(frozen=True)
class _Use:
    name: str
    options: Mapping[str, Any] | None = None
    where: str = ""


@dataclass(frozen=True)
class _Wanted:
    folders: Sequence[str]
    use: Sequence[_Use]


def _useOf(entry: Any) -> _Use:
    return _Use(entry) if isinstance(entry, str) else _Use(*next(iter(entry.items())))


@implementer(IAuthenticator)
class _Headers:
    """Believes what a client says of itself in its headers: a user that has signed in, and roles."""

    name = "headers"

    def authenticate(self, handshake: Handshake) -> Identity:
        user = handshake.headers.get("user")
        return Identity(user, frozenset(handshake.headers.get("roles", "").split()), signedIn=user is not None)


class Nodes:
    """Some nodes on one Redis.

    Args:
        names: What people call them.
        gates: What the plugins of each say, by name of the node, or made anew for each.
        use: Plugins by name, with their options, if there are no gates; clients say who they are in headers.
        options: Of the backplanes.
        settings: Of the signalling.

    Attributes:
        clock: The time, for all.
        redis: The model.
        worlds: The servers, by name.
        connectors: What connects each with the model, likewise.
    """

    def __init__(
        self,
        *names: str,
        gates: Any = None,
        use: Sequence[Any] = (),
        options: Any = None,
        settings: SignalingOptions | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(1_000)
        self.redis = RedisModel()
        self.redis.now = 1_000_000_000
        self.worlds: dict[str, World] = {}
        self.connectors: dict[str, ModelConnector] = {}
        self.backplanes: dict[str, Backplane] = {}
        self._hosts: list[PluginHost] = []
        for name in names:
            connector = self.connectors[name] = ModelConnector(self.redis)
            seconds = self.clock.seconds
            told = BackplaneOptions(name, **(options or {}))
            backplane = Backplane(f"{name:_<6}", told, connector, self.clock, seconds)
            made = gates if gates is None else gates[name] if isinstance(gates, dict) else gates()
            sockets = replace(_SOCKETS, recovery=replace(_RECOVERY, node=f"{name:_<6}"))
            node = World(settings, made, sockets, clock=self.clock, cluster=backplane, name=name)
            recovery = node.sockets.recovery
            recovery.elsewhere, backplane.claimed = backplane.claim, recovery.giveUp
            if use:
                self._start(node, use)
            backplane.listen(node.hub.ear)
            self.worlds[name], self.backplanes[name] = node, backplane
            backplane.life.start()
        self.redis.settle()

    def _start(self, node: World, use: Sequence[Any]) -> None:
        wanted = _Wanted((), tuple(map(_useOf, use)))
        plugins = loadPlugins(wanted).following([Entry(_Headers(), Treatment())])
        host = PluginHost(plugins, node.hub, self.clock, self.clock.seconds, lambda _: FakeHttp())
        host.start()
        self._hosts.append(host)

    def __getitem__(self, name: str) -> World:
        return self.worlds[name]

    def settle(self) -> None:
        """Everything that is on its way arrives."""
        self.redis.settle()

    def interleave(self) -> None:
        """The same; but whatever one node does, the others do before they hear of it."""
        lines = self.redis.lines
        while any(line.sent or line.inbox for line in lines):
            for line in lines:
                line.execute()
                self.redis.now += 10
            for line in lines:
                line.apply()

    def advance(self, seconds: float) -> None:
        """Time passes, and everything arrives meanwhile."""
        for _ in range(round(seconds * 10)):
            self.redis.now += 100_000
            self.clock.advance(0.1)
            self.redis.settle()

    def ask(self, client: Client, name: str, *arguments: Any) -> Answer:
        """A client asks, and gets its answer."""
        answer = client.ask(name, *arguments)
        self.settle()
        return answer

    def join(self, client: Client, roomName: str, userId: str, **more: Any) -> Answer:
        """A client asks to join a room."""
        return self.ask(client, "join-room", {"userId": userId, "roomName": roomName, **more})

    def member(self, node: str, roomName: str, userId: str, roles: str = "", **more: Any) -> Client:
        """A client of a node that has joined a room."""
        client = self[node].client(headers={"roles": roles} if roles else {})
        answer = self.join(client, roomName, userId, **more)
        assert answer.ok, answer.value
        return client

    def members(self, roomName: str, **users: str) -> list[Client]:
        """Clients that have joined a room in this order, each a user of a node, and have heard all of it."""
        clients = [self.member(node, roomName, user) for user, node in users.items()]
        for client in clients:
            client.take()
        return clients

    def peer(self, node: str, roomName: str, userId: str) -> Any:
        """The first peer of a user, as plugins of a node see it."""
        return self[node].hub.rooms[roomName].view.peersOf(userId)[0]

    def rosters(self) -> dict[str, dict[str, list[str]]]:
        """The users of each room in the order of joining, as each node knows them that has members there."""
        return {
            name: {room.name: [each.userId for each in room.everyone()] for room in node.hub.rooms.values()}
            for name, node in self.worlds.items()
        }

    def problems(self) -> list[str]:
        """What does not fit together on the nodes."""
        return [
            f"{name}: {each}"
            for name, node in self.worlds.items()
            for each in (*node.problems(), *checkBackplane(self.backplanes[name], node.hub))
        ]

    def finish(self) -> None:
        """Everybody goes, and every node ends: nothing may be left."""
        for connector in self.connectors.values():
            if connector.isAway:
                connector.isAway = False
                self.advance(20)
        assert self.problems() == []
        for node in self.worlds.values():
            for session in list(node.registry.sessions.values()):
                session.lost(CloseReason.TRANSPORT_CLOSE)
            node.sockets.close()
        self.settle()
        assert self.redis.rooms == {}, "members that no node has"
        for host in self._hosts:
            host.stop()
        for name, node in self.worlds.items():
            table = node.hub.table
            assert (table.rooms, table.followed, node.hub.waiting.views("kitchen")) == ({}, {}, ()), name
            assert node.hub.presence.reports.known == {}, name
            self.backplanes[name].close()
        self.settle()
        self.clock.advance(30)
        self.settle()
        assert self.clock.getDelayedCalls() == [], "timers of nobody"
