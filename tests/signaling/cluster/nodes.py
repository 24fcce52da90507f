"""Nodes in memory: each a whole server as in `tests.signaling.world`, with a backplane over a model of the scripts."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock

from rtcsignal.backplane.cluster import Backplane, BackplaneOptions
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.lograte import LogRation
from tests.signaling.world import Answer, Client, World
from tests.support.redis_model import ModelConnector, RedisModel

__all__ = ["Nodes"]


class Nodes:
    """Some nodes on one Redis.

    Args:
        names: What people call them.
        gates: What the plugins of each say; made anew for each.
        options: Of the backplanes.
        world: Of each `World`.

    Attributes:
        clock: The time, for all.
        redis: The model.
        worlds: The servers, by name.
        connectors: What connects each with the model, likewise.
    """

    def __init__(self, *names: str, gates: Any = None, options: Any = None, **world: Any) -> None:
        self.clock = Clock()
        self.redis = RedisModel()
        self.worlds: dict[str, World] = {}
        self.connectors: dict[str, ModelConnector] = {}
        self.backplanes: dict[str, Backplane] = {}
        for name in names:
            connector = self.connectors[name] = ModelConnector(self.redis)
            seconds = self.clock.seconds
            told = BackplaneOptions(name, **(options or {}))
            backplane = Backplane(f"{name:_<6}", told, connector, self.clock, seconds, LogRation(seconds))
            made = gates() if gates is not None else None
            node = World(gates=made, clock=self.clock, cluster=backplane, name=name, **world)
            backplane.listen(node.hub.ear)
            self.worlds[name], self.backplanes[name] = node, backplane
            backplane.life.start()
        self.redis.settle()

    def __getitem__(self, name: str) -> World:
        return self.worlds[name]

    def settle(self) -> None:
        """Everything that is on its way arrives."""
        self.redis.settle()

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

    def member(self, node: str, roomName: str, userId: str, **more: Any) -> Client:
        """A client of a node that has joined a room."""
        client = self[node].client()
        answer = self.ask(client, "join-room", {"userId": userId, "roomName": roomName, **more})
        assert answer.ok, answer.value
        return client

    def members(self, roomName: str, **users: str) -> list[Client]:
        """Clients that have joined a room in this order, each a user of a node, and have heard all of it."""
        clients = [self.member(node, roomName, user) for user, node in users.items()]
        for client in clients:
            client.take()
        return clients

    def rosters(self) -> dict[str, dict[str, list[str]]]:
        """The users of each room in the order of joining, as each node knows them that has members there."""
        return {
            name: {room.name: [each.userId for each in room.everyone()] for room in node.hub.rooms.values()}
            for name, node in self.worlds.items()
        }

    def problems(self) -> list[str]:
        """What does not fit together on the nodes."""
        return [f"{name}: {each}" for name, node in self.worlds.items() for each in node.problems()]

    def finish(self) -> None:
        """Everybody goes, and every node ends: nothing may be left."""
        assert self.problems() == []
        for node in self.worlds.values():
            for session in list(node.registry.sessions.values()):
                session.lost(CloseReason.TRANSPORT_CLOSE)
        self.settle()
        assert self.redis.rooms == {}, "members that no node has"
        for name, node in self.worlds.items():
            table = node.hub.table
            assert (table.rooms, table.followed, node.hub.waiting.views("kitchen")) == ({}, {}, ()), name
            assert node.hub.presence.reports.known == {}, name
            node.sockets.close()
            self.backplanes[name].close()
        self.settle()
        self.clock.advance(30)
        self.settle()
        assert self.clock.getDelayedCalls() == [], "timers of nobody"
