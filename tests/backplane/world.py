"""Nodes in memory: each with somebody who hears of the others, over the model of the scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from rtcsignal.backplane.cluster import Backplane, BackplaneOptions
from rtcsignal.signaling.cluster import Audience, Entered, Facts, Member, Outcome, Served, Snapshot
from rtcsignal.socketio.fanout import OutgoingEvent
from tests.support.redis_model import ModelConnector, RedisModel

__all__ = ["Listener", "TestNode", "World"]


class Listener:
    """Hears of the others as the hub does, and writes it down.

    Attributes:
        seats_: Its own members, by room: when they joined.
        others: Those elsewhere, by room.
        log: What its members heard.
        values: What is shared, by room.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.own: dict[str, dict[str, int]] = {}
        self.others: dict[str, dict[str, Member]] = {}
        self.values: dict[str, dict[str, Any]] = {}
        self.facts: dict[tuple[str, str], Facts] = {}
        self.log: list[tuple[Any, ...]] = []

    def adopt(self, roomName: str, snapshot: Snapshot) -> None:
        for member in snapshot.members:
            self.arrived(roomName, member)
        self.others.setdefault(roomName, {})
        self.values.setdefault(roomName, {}).update(snapshot.shared)

    def arrived(self, roomName: str, member: Member) -> None:
        others = self.others.setdefault(roomName, {})
        isNew = member.facts.id not in others
        others[member.facts.id] = member
        if isNew and self.own.get(roomName):
            self.log.append(("joined", roomName, member.facts.id))

    def departed(
        self, roomName: str, memberId: str, reason: str, connection: bool = False, orphaned: bool = False
    ) -> None:
        if self.own.get(roomName, {}).pop(memberId, None) is not None:
            self.log.append(("put out", roomName, memberId, reason, connection))
        elif self.others.get(roomName, {}).pop(memberId, None) is not None and self.own.get(roomName):
            self.log.append(("left", roomName, memberId, reason, *(["orphaned"] if orphaned else [])))

    def swept(self, roomName: str, member: Member, reason: str) -> None:
        self.log.append(("swept", roomName, member.facts.id, reason))

    def heard(
        self,
        rooms: Sequence[str],
        without: Sequence[Served],
        target: str | None,
        event: OutgoingEvent,
        sender: str = "",
    ) -> bool:
        isKnown = any(not sender or sender in self.others.get(name, {}) for name in rooms if self.own.get(name))
        if isKnown:
            self.log.append(("heard", sender, event.text))
        return isKnown

    def told(self, memberId: str, event: OutgoingEvent) -> None:
        self.log.append(("told", memberId, event.text))

    def shared(self, roomName: str, key: str, value: Any) -> None:
        values = self.values.setdefault(roomName, {})
        values[key] = value
        if value is None:
            del values[key]

    def seats(self) -> Iterator[tuple[str, str, int]]:
        for roomName, seats in self.own.items():
            for memberId, at in seats.items():
                yield roomName, memberId, at

    def factsOf(self, roomName: str, memberId: str) -> Facts | None:
        return self.facts[roomName, memberId] if memberId in self.own.get(roomName, {}) else None

    def sharedIn(self, roomName: str) -> Mapping[str, Any]:
        return self.values.get(roomName, {})


class TestNode:
    """A node.

    Args:
        redis: What it shares with the others.
        name: Its id and its name.
        clock: The time.
        options: Changes to the options.
    """

    __test__ = False

    def __init__(self, redis: RedisModel, name: str, clock: Clock, **options: Any) -> None:
        self.name = name
        self.connector = ModelConnector(redis)
        self.ear = Listener(name)
        self.backplane = Backplane(
            name, BackplaneOptions(name, **options), self.connector, clock, clock.seconds
        )
        self.backplane.listen(self.ear)
        self.outcomes: list[Outcome] = []

    def enter(self, roomName: str, memberId: str, seen: int | None = None, **more: Any) -> Deferred[Any]:
        """Let a member join; what became of it is kept."""
        facts = Facts(memberId, memberId.partition("-")[0])

        def entered(entered: Entered) -> None:
            self.outcomes.append(entered.outcome)
            if entered.outcome in (Outcome.TAKEN, Outcome.LOCAL):
                if not self.ear.own.get(roomName):
                    self.ear.log.append(("begun", roomName, frozenset(self.ear.others.get(roomName, {}))))
                self.ear.own.setdefault(roomName, {})[memberId] = entered.at
                self.ear.facts[roomName, memberId] = facts
                self.ear.log.append(("joined", roomName, memberId))

        done = self.backplane.enter(roomName, facts, seen, more.get("ends", ()), more.get("shares", {}))
        return done.addCallback(entered)

    def leave(self, roomName: str, memberId: str, reason: str = "left") -> None:
        """Let a member leave, if it is there."""
        if self.ear.own.get(roomName, {}).pop(memberId, None) is not None:
            self.ear.log.append(("left", roomName, memberId, reason))
            done = self.backplane.leave(roomName, memberId, reason)
            if not self.ear.own[roomName]:
                if done is None:
                    self._forget(roomName)
                else:
                    done.addCallback(lambda _: self._forget(roomName))

    def _forget(self, roomName: str) -> None:
        if not self.ear.own.get(roomName):
            self.ear.others.pop(roomName, None)
            self.ear.values.pop(roomName, None)

    def say(self, roomName: str, sender: str, text: str) -> int:
        """Let a member say something."""
        counts: dict[str, int] = {}
        for member in self.ear.others.get(roomName, {}).values():
            counts[member.home] = counts.get(member.home, 0) + 1
        return self.backplane.say(Audience((roomName,), tuple(counts.items())), OutgoingEvent(text), sender)

    def roster(self, roomName: str) -> set[str]:
        """Who is in a room."""
        return {*self.ear.own.get(roomName, {}), *self.ear.others.get(roomName, {})}


class World:
    """Some nodes.

    Args:
        names: Their ids, of six characters.
        options: Changes to the options of all.
    """

    def __init__(self, *names: str, **options: Any) -> None:
        self.clock = Clock()
        self.redis = RedisModel()
        self.nodes = [TestNode(self.redis, name, self.clock, **options) for name in names]
        for node in self.nodes:
            node.backplane.life.start()
        self.redis.settle()

    def pass_(self, seconds: float) -> None:
        """Time passes, in small steps, and everything is done meanwhile."""
        for _ in range(round(seconds * 10)):
            self.redis.now += 100_000
            self.clock.advance(0.1)
            self.redis.settle()
