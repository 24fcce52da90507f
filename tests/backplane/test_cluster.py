"""Nodes that share their rooms: who hears of whom, and that nobody hears of what has not changed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from rtcsignal.backplane.frames import encodeFrame
from rtcsignal.signaling.cluster import End, Facts, Outcome
from rtcsignal.socketio.fanout import OutgoingEvent
from tests.backplane.world import TestNode, World

Three = tuple[World, TestNode, TestNode, TestNode]


@pytest.fixture
def three() -> Three:
    """Three nodes that are up."""
    world = World("aaaaaa", "bbbbbb", "cccccc")
    assert all(node.backplane.life.isUp for node in world.nodes)
    return (world, *world.nodes)  # type: ignore[return-value]


def joined(world: World, *seats: tuple[TestNode, str]) -> None:
    """Members join the room ``r``."""
    for node, memberId in seats:
        node.enter("r", memberId)
        world.redis.settle()


class TestMembers:
    def test_areSeenByAllNodesOfTheRoom(self, three: Three) -> None:
        world, one, two, three_ = three
        joined(world, (one, "a"), (two, "b"))
        assert one.roster("r") == two.roster("r") == {"a", "b"}
        assert one.ear.log[1:] == [("joined", "r", "a"), ("joined", "r", "b")]
        assert three_.ear.log == []
        assert one.ear.others["r"]["b"].node == "bbbbbb"
        assert one.ear.others["r"]["b"].at == two.ear.own["r"]["b"]

    def test_leave(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        two.leave("r", "b")
        world.redis.settle()
        assert one.ear.log[-1] == ("left", "r", "b", "left")
        assert one.roster("r") == {"a"}
        assert "r" not in two.backplane.rosters
        assert two.roster("r") == set()

    def test_areCountedByThoseWhoJudge(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"))
        assert one.backplane.look("r") is None
        looked = two.backplane.look("r")
        assert looked is not None
        world.redis.settle()
        assert looked.called
        assert set(two.ear.others["r"]) == {"a"}
        seen = two.backplane.seen("r")
        joined(world, (one, "a2"))
        two.enter("r", "b", seen)
        world.redis.settle()
        assert two.outcomes == [Outcome.CHANGED]
        assert set(two.ear.others["r"]) == {"a", "a2"}
        two.enter("r", "b", two.backplane.seen("r"))
        world.redis.settle()
        assert two.outcomes[-1] is Outcome.TAKEN

    def test_ofOneNodeCountTheirOwnChanges(self, three: Three) -> None:
        world, one, _, _ = three
        joined(world, (one, "a"), (one, "b"), (one, "c"))
        one.leave("r", "b")
        one.backplane.changed("r", Facts("a", "a", away=True))
        one.enter("r", "d", one.backplane.seen("r"))
        world.redis.settle()
        assert one.outcomes[-1] is Outcome.TAKEN

    def test_changeForAll(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        two.backplane.changed("r", Facts("b", "b", away=True))
        world.redis.settle()
        assert one.ear.others["r"]["b"].facts.away
        assert one.ear.log[-1] == ("joined", "r", "b")

    def test_canWaitAndThenJoin(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"))
        two.backplane.wait("r", Facts("b", "b", waits=True))
        world.redis.settle()
        assert [member.facts.waits for member in one.ear.others["r"].values()] == [True]
        joined(world, (two, "b"))
        assert [member.facts.waits for member in one.ear.others["r"].values()] == [False]
        two.leave("r", "b")
        world.redis.settle()
        assert one.roster("r") == {"a"}

    def test_areReplacedAsAnotherJoins(self, three: Three) -> None:
        world, one, two, other = three
        joined(world, (one, "a"), (two, "b"), (other, "c"))
        event = OutgoingEvent('["refused",{}]')
        two.enter("r", "a2", ends=[End("a", "replaced", True, (event,))])
        world.redis.settle()
        assert one.ear.log[-2:] == [("told", "a", event.text), ("put out", "r", "a", "replaced", True)]
        assert other.ear.log[-2:] == [("left", "r", "a", "replaced"), ("joined", "r", "a2")]

    def test_arePutOutByOtherNodes(self, three: Three) -> None:
        world, one, two, other = three
        joined(world, (one, "a"), (two, "b"), (other, "c"))
        done = two.backplane.end("r", two.ear.others["r"]["a"], "kicked", False)
        assert done is not None
        world.redis.settle()
        assert done.called
        assert one.ear.log[-1] == ("put out", "r", "a", "kicked", False)
        assert two.ear.log[-1] == other.ear.log[-1] == ("left", "r", "a", "kicked")
        assert "r" not in one.backplane.rosters

    def test_areNotPutOutOnceTheyHaveJoinedAgain(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        member = two.ear.others["r"]["a"]
        one.leave("r", "a")
        one.enter("r", "a")
        world.redis.now += 1
        two.backplane.end("r", member, "kicked", False)
        world.redis.settle()
        assert one.roster("r") == two.roster("r") == {"a", "b"}


class TestWhatIsShared:
    def test_isTheSameOnAllNodes(self, three: Three) -> None:
        world, one, two, other = three
        one.enter("r", "a", shares={"password": "x", "none": None})
        world.redis.settle()
        joined(world, (two, "b"))
        two.backplane.share("r", "topic", ["t"])
        world.redis.settle()
        joined(world, (other, "c"))
        for node in world.nodes:
            assert node.ear.values["r"] == {"password": "x", "topic": ["t"]}
        other.backplane.share("r", "topic", None)
        world.redis.settle()
        assert one.ear.values["r"] == {"password": "x"}

    def test_survivesARepair(self, three: Three) -> None:
        world, one, two, _ = three
        one.enter("r", "a", shares={"k": 1})
        world.redis.settle()
        joined(world, (two, "b"))
        two.connector.isAway = True
        two.connector.cut()
        two.backplane.share("r", "k", 2)
        two.backplane.share("r", "l", 3)
        world.redis.flush()
        two.connector.isAway = False
        world.pass_(5)
        assert one.ear.values["r"] == two.ear.values["r"] == {"k": 2, "l": 3}

    def test_isNotLostWithTheConnection(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        two.backplane.share("r", "k", 2)
        two.connector.cut()
        assert two.ear.values["r"] == {"k": 2}
        world.pass_(2)
        assert one.ear.values["r"] == {"k": 2}


class TestMessages:
    def test_areHeardByTheNodesThatHaveMembers(self, three: Three) -> None:
        world, one, two, other = three
        joined(world, (one, "a"), (two, "b"), (two, "b2"))
        assert one.say("r", "a", '["broadcast",1]') == 2
        world.redis.settle()
        assert two.ear.log[-1] == ("heard", "a", '["broadcast",1]')
        assert other.backplane.counts.received == other.backplane.counts.ignored == 0
        assert one.backplane.counts.published == 1

    def test_areNotSentWhereNobodyIs(self, three: Three) -> None:
        world, one, _, _ = three
        joined(world, (one, "a"), (one, "b"))
        before = world.redis.published
        assert one.say("r", "a", '["broadcast",1]') == 0
        world.redis.settle()
        assert world.redis.published == before

    def test_overtakeNothing(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (two, "b"))
        one.enter("r", "a").addCallback(lambda _: one.say("r", "a", '["broadcast",1]'))
        world.redis.settle()
        one.say("r", "a", '["broadcast",2]')
        one.leave("r", "a")
        world.redis.settle()
        assert [entry[0] for entry in two.ear.log] == ["begun", "joined", "joined", "heard", "heard", "left"]

    def test_ofOneWhoIsNotKnownAreDropped(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        one.say("r", "stranger", '["broadcast",1]')
        world.redis.settle()
        assert two.backplane.counts.ignored == 1
        assert two.ear.log[-1][0] == "joined"

    def test_areToldToOne(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        one.backplane.tell(one.ear.others["r"]["b"], OutgoingEvent('["hello",{"_placeholder":true,"num":0}]', (b"x",)))
        world.redis.settle()
        assert two.ear.log[-1][:2] == ("told", "b")

    def test_areDroppedWhenRedisDoesNotKeepUp(self) -> None:
        world = World("aaaaaa", "bbbbbb", outstanding=1000)
        one, two = world.nodes
        joined(world, (one, "a"), (two, "b"))
        sent = sum(one.say("r", "a", json.dumps(["broadcast", "x" * 300])) for _ in range(10))
        assert 1 < sent < 10
        assert one.backplane.counts.dropped == 10 - sent
        world.redis.settle()
        assert one.say("r", "a", '["broadcast",1]') == 1

    def test_areDroppedWithoutRedis(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        one.connector.isAway = True
        one.connector.cut()
        assert one.say("r", "a", '["broadcast",1]') == 0
        assert one.backplane.counts.dropped == 1

    @pytest.mark.parametrize(
        "frame",
        [
            b"",
            b"garbage",
            b"\xff" * 40,
            b"\x90",
            encodeFrame([2, "M", "bbbbbb.1"]),
            encodeFrame([1, "Z", "bbbbbb.1"]),
            encodeFrame([1, "M", "bbbbbb.1"]),
            encodeFrame([1, "M", "bbbbbb.9", "b", ["r"], None, [], '["x"]', []]),
            encodeFrame([1, "M", "bbbbbb.1", "", ["r"], None, [], "[NaN]", []]),
            encodeFrame([1, "M", "bbbbbb.1", "", ["r"], None, [], "{}", []]),
            encodeFrame([1, "M", "bbbbbb.1", "nobody", ["r"], None, [], '["x"]', []]),
            encodeFrame([1, "T", "bbbbbb.9", "a", [['["x"]', []]]]),
            encodeFrame([1, "T", "bbbbbb.1", "a", [["nothing", []]]]),
            encodeFrame([1, "J", "xxxxxx.1", "r", 5, "x", 1, '["x","x"]']),
            encodeFrame([1, "J", "bbbbbb.1", "r", 5, "x", 1, "nothing"]),
            encodeFrame([1, "N", "xxxxxx.1", "nothing"]),
            encodeFrame([1, "R", "xxxxxx.1"]),
            encodeFrame([1, "S", "bbbbbb.1", "r", 5, "k", "nothing"]),
            b"\x95\x01\xa1M\xa8bbbbbb.1\xa2\xff\xfe\x90",
        ],
    )
    def test_thatCannotBeReadAreDroppedAndCounted(self, three: Three, frame: bytes) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        log = list(one.ear.log)
        world.redis.publish("aaaaaa.1", frame)
        world.redis.settle()
        assert one.backplane.counts.ignored == 1
        assert one.ear.log == log
        assert one.say("r", "a", '["broadcast",1]') == 1

    def test_copiesThatAreCutAreDropped(self, three: Three) -> None:
        world, one, two, _ = three
        joined(world, (one, "a"), (two, "b"))
        whole = encodeFrame([1, "M", "bbbbbb.1", "b", ["r"], None, [], '["x"]', []])
        log = list(one.ear.log)
        for length in range(len(whole)):
            world.redis.publish("aaaaaa.1", whole[:length])
        world.redis.settle()
        assert one.backplane.counts.ignored == len(whole)
        assert one.ear.log == log


class TestWithoutRedis:
    def test_joinsAreTakenOnTheNode(self) -> None:
        world = World("aaaaaa")
        [one] = world.nodes
        one.connector.isAway = True
        one.connector.cut()
        assert one.backplane.look("r") is None
        one.enter("r", "a", shares={"k": 1})
        assert one.outcomes == [Outcome.LOCAL]
        assert one.backplane.leave("r", "a", "left") is None

    def test_orRefused(self) -> None:
        world = World("aaaaaa", isLocal=False)
        [one] = world.nodes
        one.connector.isAway = True
        one.enter("r", "a")
        one.connector.cut()
        one.enter("r", "b")
        assert one.outcomes == [Outcome.UNAVAILABLE] * 2

    def test_aJoinWaitsForFiveSeconds(self) -> None:
        world = World("aaaaaa", "bbbbbb")
        one, two = world.nodes
        joined(world, (two, "b"))
        one.enter("r", "a", seen=1)
        world.clock.advance(4.4)
        assert one.outcomes == []
        world.clock.advance(0.2)
        assert one.outcomes == [Outcome.LOCAL]
        world.pass_(2)
        assert one.roster("r") == two.roster("r") == {"a", "b"}

    def test_aJoinThatWasRefusedIsNotInRedisEither(self) -> None:
        world = World("aaaaaa", isLocal=False)
        [one] = world.nodes
        one.enter("r", "a")
        assert one.connector.line is not None
        one.connector.line.execute()
        world.clock.advance(4.6)
        assert one.outcomes == [Outcome.UNAVAILABLE]
        world.pass_(2)
        assert world.redis.rooms == {}
        assert "r" not in one.backplane.rosters

    def test_aLookWaitsForFiveSecondsAndTheJoinBehindItForNone(self) -> None:
        world = World("aaaaaa")
        [one] = world.nodes
        looked = one.backplane.look("r")
        assert looked is not None
        world.clock.advance(4.6)
        assert looked.called
        one.enter("r", "a")
        assert one.outcomes == [Outcome.LOCAL]


def test_nodesKnowHowToReachEachOther(three: Three) -> None:
    world, one, two, _ = three
    two.backplane.life.record = msgspec.structs.replace(two.backplane.life.record, host="::1", port=4711, token="t")
    two.connector.cut()
    world.pass_(2)
    found: Any = one.backplane.nodes.find("bbbbbb")
    assert found == ("::1", 4711, "t")
    assert two.backplane.nodes.find("bbbbbb") is None
    assert one.backplane.nodes.find("cccccc") is None
    assert one.backplane.nodes.find("nobody") is None
    assert one.backplane.nodes.names == ["aaaaaa", "bbbbbb", "cccccc"]
