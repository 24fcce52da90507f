"""Whatever breaks, there is one repair; and nobody hears of what has not changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rtcsignal.backplane.line import Timing
from rtcsignal.backplane.node import Node
from rtcsignal.backplane.nodes import Record
from rtcsignal.backplane.undertaker import Undertaker
from tests.backplane.world import TestNode, World
from tests.support.redis_model import ModelConnector, ModelLine

Two = tuple[World, TestNode, TestNode]


@pytest.fixture
def two() -> Iterator[Two]:
    """Two nodes, each with a member of the room ``r``, who have heard of each other."""
    world = World("aaaaaa", "bbbbbb")
    one, other = world.nodes
    one.enter("r", "a")
    world.redis.settle()
    other.enter("r", "b")
    world.redis.settle()
    forget(world)
    yield world, one, other
    for node in world.nodes:
        assert node.backplane.rosters.stale == 0


def forget(world: World) -> None:
    """Whatever was heard is no longer of interest."""
    for node in world.nodes:
        node.ear.log.clear()


def heard(node: TestNode) -> list[tuple[Any, ...]]:
    """What the members of a node have heard."""
    return [entry for entry in node.ear.log if entry[0] != "begun"]


def away(node: TestNode) -> None:
    """A node is cut from Redis."""
    node.connector.isAway = True
    node.connector.cut()


class TestAConnectionThatIsLost:
    def test_changesNothing(self, two: Two) -> None:
        world, one, other = two
        for _ in range(10):
            one.connector.cut()
            world.pass_(1)
        assert heard(one) == heard(other) == []
        assert one.backplane.life.repairs == 11
        assert one.say("r", "a", '["broadcast",1]') == 1
        world.redis.settle()
        assert heard(other) == [("heard", "a", '["broadcast",1]')]

    def test_hidesNoChange(self, two: Two) -> None:
        world, one, other = two
        away(one)
        one.enter("r", "a2")
        one.leave("r", "a")
        other.enter("r", "b2")
        other.leave("r", "b")
        world.redis.settle()
        forget(world)
        one.connector.isAway = False
        world.pass_(3)
        assert heard(one) == [("joined", "r", "b2"), ("left", "r", "b", "timeout", "orphaned")]
        assert heard(other) == [("left", "r", "a", "left"), ("joined", "r", "a2")]

    def test_keepsWhoHasComeAndGone(self, two: Two) -> None:
        world, one, other = two
        away(one)
        one.leave("r", "a")
        one.enter("r", "a")
        other.leave("r", "b")
        other.enter("r", "b")
        world.redis.settle()
        forget(world)
        one.connector.isAway = False
        world.pass_(3)
        assert heard(one) == [("joined", "r", "b")]  # of whom this membership of a has not heard
        assert heard(other) == []
        assert one.roster("r") == other.roster("r") == {"a", "b"}

    def test_doesNotLoseAJoinThatRedisTook(self, two: Two) -> None:
        world, one, other = two
        one.enter("r", "a2")
        one.connector.cut(executed=1)
        world.pass_(2)
        assert heard(other) == [("joined", "r", "a2")]
        one.enter("r", "a3")
        one.connector.cut(executed=1)
        one.leave("r", "a3")
        world.pass_(2)
        assert heard(other)[1:] == [("joined", "r", "a3"), ("left", "r", "a3", "left")]

    def test_remembersNoneOfWhomRedisNeverKnew(self, two: Two) -> None:
        world, one, other = two
        away(one)
        for number in range(5):
            one.enter("r", f"a{number + 2}")
            one.leave("r", f"a{number + 2}")
        one.leave("r", "a")
        assert one.backplane._unsent == {("r", "a"): "left"}
        one.connector.isAway = False
        world.pass_(3)
        assert heard(other) == [("left", "r", "a", "left")]

    def test_endsWhatIsLeftOfTheIncarnationBefore(self, two: Two) -> None:
        world, one, other = two
        one.enter("r", "a2").addErrback(lambda _: None)
        one.connector.isAway = True
        one.connector.cut(executed=1)
        one.ear.own["r"].pop("a2")
        one.connector.isAway = False
        forget(world)
        world.pass_(3)
        assert heard(other) == [("joined", "r", "a2"), ("left", "r", "a2", "timeout")]
        assert one.roster("r") == other.roster("r") == {"a", "b"}

    def test_forLongIsADeath(self, two: Two) -> None:
        world, one, other = two
        away(one)
        world.pass_(15)
        assert heard(one) == []
        assert heard(other) == [("left", "r", "a", "timeout", "orphaned")]
        assert len(other.backplane.nodes) == 1
        one.connector.isAway = False
        world.pass_(6)
        assert heard(one) == []
        assert heard(other)[1:] == [("joined", "r", "a")]


class TestANode:
    def test_thatIsGoneIsToldOnce(self, two: Two) -> None:
        world, one, other = two
        for number in range(120):
            one.enter(f"room {number}", f"a{number}")
            other.enter(f"room {number}", f"b{number}")
        one.enter("alone", "c")
        world.pass_(1)
        forget(world)
        away(one)
        one.backplane.life.close()
        world.pass_(15)
        left = [entry for entry in heard(other) if entry[0] == "left"]
        assert len(left) == len(set(left)) == 121
        assert [entry for entry in heard(other) if entry[0] == "swept"] == [("swept", "alone", "c", "timeout")]
        assert set(world.redis.rooms["r"]) == {"b"}
        assert not world.redis.over

    def test_thatIsBuriedIsGoneAtOnce(self, two: Two) -> None:
        world, one, other = two
        away(one)
        other.backplane.life.bury("aaaaaa")
        world.redis.settle()
        assert heard(other) == [("left", "r", "a", "timeout", "orphaned")]

    def test_thatSomebodyElseBuriesIsGoneAtOnce(self, two: Two) -> None:
        world, one, other = two
        away(one)
        connector = ModelConnector(world.redis)
        undertaker = Undertaker("zzzzzz", connector)
        undertaker.bury(one.backplane.life.incarnation)
        undertaker.bury("nobody.7")
        world.redis.settle()
        assert heard(other) == [("left", "r", "a", "timeout", "orphaned")]
        assert connector.line is not None
        assert not connector.line.isOpen

    def test_isNotBuriedWithoutRedis(self, two: Two) -> None:
        world, one, other = two
        connector = ModelConnector(world.redis)
        connector.isAway = True
        undertaker = Undertaker("zzzzzz", connector)
        undertaker.bury(one.backplane.life.incarnation)
        connector.isAway = False
        undertaker.bury("nobody.7")
        undertaker.close()
        undertaker.bury("nobody.8")
        world.redis.settle()
        assert heard(other) == []

    def test_isBuriedWhenRedisIsThereAgain(self, two: Two) -> None:
        world, one, other = two
        away(one)
        away(other)
        other.backplane.life.bury("aaaaaa")
        other.connector.isAway = False
        world.pass_(1.5)
        assert heard(other) == [("left", "r", "a", "timeout", "orphaned")]

    def test_thatEndsSaysSo(self, two: Two) -> None:
        world, one, other = two
        for number in range(120):
            one.enter(f"room {number}", f"a{number}")
        world.redis.settle()
        closed = one.backplane.close()
        world.redis.settle()
        assert closed.called
        assert heard(other) == [("left", "r", "a", "shutdown")]
        assert set(world.redis.rooms) == {"r"}
        assert len(other.backplane.nodes) == 1
        world.pass_(3)
        assert heard(other) == [("left", "r", "a", "shutdown")]

    def test_thatEndsTellsItsObserversItself(self, two: Two) -> None:
        world, one, other = two
        for number in range(60):
            one.enter(f"room {number}", f"a{number}")
        world.redis.settle()
        one.backplane.close()
        assert one.connector.line is not None
        one.connector.line.execute()
        for _ in range(200):  # the other one removes as many of its members as it can
            other.connector.line.step()  # type: ignore[union-attr]
        world.redis.settle()
        assert heard(other) == [("left", "r", "a", "shutdown")]
        assert set(world.redis.rooms) == {"r"}

    def test_thatEndsDoesNotWaitForRedis(self, two: Two) -> None:
        world, one, other = two
        closed = one.backplane.close()
        world.clock.advance(1.9)
        waited = closed.called
        world.clock.advance(0.2)
        assert (waited, closed.called) == (False, True)
        away(other)
        assert other.backplane.close().called

    def test_thatEndsWhileItConnectsIsGone(self, two: Two) -> None:
        world, one, _ = two
        given: list[Any] = []

        def connect(incarnation: str, pushed: Any, connected: Any, lost: Any) -> Any:
            given.append((connected, lost))
            return lost

        node = Node(one.backplane.nodes, Record("", "x"), connect, world.clock, one.backplane, Timing())
        node.start()
        node.bury("nobody")
        closed = node.close()
        assert closed.called
        connected, _ = given[0]
        line = ModelLine(world.redis, "aaaaaa.77", lambda frame: None, lambda why: None)
        connected(line)
        assert not line.isOpen
        assert node.close().called

    def test_whoseLeaseIsGoneBeginsAnew(self, two: Two) -> None:
        world, one, other = two
        del world.redis.leases[one.backplane.life.incarnation]
        one.enter("r", "a2")
        world.pass_(2)
        assert heard(one)[0] == ("joined", "r", "a2")
        assert heard(other) == [("joined", "r", "a2")]


class TestRedis:
    def test_thatLostItsDataIsToldThemAgain(self, two: Two) -> None:
        world, one, other = two
        world.redis.flush()
        world.pass_(5)
        assert heard(one) == heard(other) == []
        assert one.roster("r") == other.roster("r") == {"a", "b"}
        assert one.say("r", "a", '["broadcast",1]') == 1
        world.redis.settle()
        assert heard(other) == [("heard", "a", '["broadcast",1]')]

    def test_thatStartsAgainIsToldThemAgain(self, two: Two) -> None:
        world, one, other = two
        for node in world.nodes:
            away(node)
        world.pass_(8)
        world.redis.restart()
        other.enter("r", "b2")
        other.leave("r", "b")
        one.enter("r", "a2")
        forget(world)
        one.connector.isAway = False
        world.pass_(3)
        other.connector.isAway = False
        world.pass_(20)
        assert sorted(heard(one)) == [("joined", "r", "b2"), ("left", "r", "b", "timeout", "orphaned")]
        assert heard(other) == [("joined", "r", "a2")]

    def test_thatComesBackWithoutANodeEndsItsMembers(self, two: Two) -> None:
        world, one, other = two
        away(other)
        world.redis.restart()
        world.pass_(8)
        assert heard(one) == []
        world.pass_(8)
        assert heard(one) == [("left", "r", "b", "timeout", "orphaned")]
        other.connector.isAway = False
        world.pass_(8)
        assert heard(one)[1:] == [("joined", "r", "b")]
        assert heard(other) == []

    def test_thatDoesNotAnswerIsLeft(self, two: Two) -> None:
        world, one, other = two
        world.clock.advance(2)
        world.clock.advance(2)
        world.clock.advance(2)
        before = one.backplane.life.isUp
        world.pass_(3)
        assert (before, one.backplane.life.isUp) == (False, True)
        assert heard(one) == heard(other) == []

    def test_thatRefusesIsTriedAgain(self, two: Two) -> None:
        world, one, _ = two
        one.backplane.life._beaten("NOSCRIPT")
        assert not one.backplane.life.isUp
        world.pass_(1)
        assert one.backplane.life.isUp


class Machine(RuleBasedStateMachine):
    """Three nodes, whose connections break at any moment, and whose Redis forgets."""

    @initialize()
    def begin(self) -> None:
        self.world = World("aaaaaa", "bbbbbb", "cccccc")
        self.count = 0

    nodes = st.integers(0, 2)
    rooms = st.sampled_from(["r", "s"])
    members = st.integers(0, 2)

    def node(self, number: int) -> TestNode:
        """One of them."""
        return self.world.nodes[number]

    @rule(number=nodes, room=rooms, member=members)
    def join(self, number: int, room: str, member: int) -> None:
        node, name = self.node(number), f"{'abc'[number]}{member}"
        pending = any(entry.id == name and entry.roomName == room for entry in node.backplane._entering._entries)
        if name not in node.ear.own.get(room, {}) and not pending:
            node.enter(room, name)

    @rule(number=nodes, room=rooms, member=members)
    def leave(self, number: int, room: str, member: int) -> None:
        self.node(number).leave(room, f"{'abc'[number]}{member}")

    @rule(number=nodes, room=rooms, other=nodes, member=members)
    def kick(self, number: int, room: str, other: int, member: int) -> None:
        node = self.node(number)
        found = node.ear.others.get(room, {}).get(f"{'abc'[other]}{member}")
        if found is not None and node.ear.own.get(room):
            node.backplane.end(room, found, "kicked", False)

    @rule(number=nodes, room=rooms)
    def say(self, number: int, room: str) -> None:
        node = self.node(number)
        self.count += 1
        for name in list(node.ear.own.get(room, {}))[:1]:
            node.say(room, name, f'["broadcast",{self.count}]')

    @rule(number=nodes, steps=st.integers(1, 4))
    def execute(self, number: int, steps: int) -> None:
        line = self.node(number).connector.line
        for _ in range(steps):
            if line is not None and line.isOpen:
                self.world.redis.now += 10
                line.execute()

    @rule(number=nodes, steps=st.integers(1, 4))
    def apply(self, number: int, steps: int) -> None:
        line = self.node(number).connector.line
        for _ in range(steps):
            if line is not None and line.isOpen:
                line.apply()

    @rule(number=nodes, executed=st.integers(0, 3), stays=st.booleans())
    def cut(self, number: int, executed: int, stays: bool) -> None:
        node = self.node(number)
        node.connector.isAway = stays
        line = node.connector.line
        if line is not None and line.isOpen:
            line.cut(executed=executed)

    @rule(number=nodes)
    def mend(self, number: int) -> None:
        self.node(number).connector.isAway = False

    @rule(seconds=st.sampled_from([0.5, 2, 11]))
    def wait(self, seconds: float) -> None:
        self.world.pass_(seconds)

    @rule()
    def flush(self) -> None:
        self.world.redis.flush()

    @rule()
    def restart(self) -> None:
        self.world.redis.restart()

    @invariant()
    def joinedAndLeftAlternate(self) -> None:
        for node in getattr(self, "world", World()).nodes:
            state: dict[tuple[str, str], str] = {}
            for kind, *what in node.ear.log:
                if kind == "begun":
                    state = {key: how for key, how in state.items() if key[0] != what[0]}
                    state.update({(what[0], name): "joined" for name in what[1]})
                elif kind in ("joined", "left", "put out"):
                    kind = "joined" if kind == "joined" else "left"
                    assert state.get((what[0], what[1]), "left") != kind, node.ear.log
                    state[what[0], what[1]] = kind

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for node in self.world.nodes:
            node.connector.isAway = False
        self.world.pass_(35)
        redis = self.world.redis
        for node in self.world.nodes:
            assert node.backplane.life.isUp
            assert node.backplane.rosters.stale == 0
            for room, own in node.ear.own.items():
                if own:
                    assert node.roster(room) == set(redis.rooms[room]), (node.name, room)
                    ats = {key: at for key, (_, at, _) in redis.rooms[room].items()}
                    assert {key: member.at for key, member in node.ear.others.get(room, {}).items()} == {
                        key: at for key, at in ats.items() if key not in own
                    }
        everyone = {(room, name) for node in self.world.nodes for room, own in node.ear.own.items() for name in own}
        assert everyone == {(room, name) for room, members in redis.rooms.items() for name in members}
        assert not redis.over
        assert set(redis.index) <= set(redis.leases)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
