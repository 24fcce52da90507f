"""While a filter or a policy thinks: one peer's requests keep their order, and nobody else waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Message
from tests.signaling.conftest import Log, WorldFactory
from tests.signaling.plugins import Desk, Plugins
from tests.signaling.words import left, room
from tests.signaling.world import Client, World


@pytest.fixture
def desk() -> Desk:
    """Who judges."""
    return Desk()


@pytest.fixture
def plugins(desk: Desk) -> Plugins:
    """A slow filter."""
    return Plugins(filterMessage=desk.filterMessage)


@pytest.fixture
def world(makeWorld: WorldFactory, plugins: Plugins) -> World:
    """A server with a slow filter."""
    return makeWorld(gates=plugins)


def _numbers(client: Client) -> list[int]:
    return [heard[1]["n"] for heard in client.take() if heard[0] == "broadcast"]


class TestOrder:
    def test_aMessageWaitsForTheFilter(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        answer = ann.ask("broadcast", {"n": 1})
        assert not answer.given
        assert ben.take() == []
        desk.yes()
        assert answer.value == {"ok": True, "delivered": 2}
        assert _numbers(ben) == [1]

    def test_theFilterIsAskedAboutOneMessageOfAPeerAfterTheOther(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        for number in range(5):
            ann.emit("broadcast", {"n": number})
        for number in range(5):
            assert desk.asked == [{"n": number}]
            desk.yes()
        assert desk.most == 1
        assert _numbers(ben) == [0, 1, 2, 3, 4]

    def test_whatIsRefusedOrDroppedHoldsUpNothing(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        first, second, third = (ann.ask("broadcast", {"n": number}) for number in range(3))
        desk.no("too-loud")
        desk.say(None)
        desk.yes()
        assert first.code == "too-loud"
        assert second.value["delivered"] == 0
        assert third.value["delivered"] == 2
        assert _numbers(ben) == [2]

    def test_onlySlowMessagesAreWaitedFor(self, makeWorld: WorldFactory, desk: Desk) -> None:
        def offersOnly(peer: IPeer, room: IRoom, message: Message) -> Any:
            return desk.filterMessage(peer, room, message) if message.kind == "offer" else message

        ann, ben = makeWorld(gates=Plugins(filterMessage=offersOnly)).members("kitchen", "ann", "ben")
        ann.emit("broadcast", {"n": 0, "msgType": 3})
        assert _numbers(ben) == [0]
        ann.emit("broadcast", {"n": 1, "msgType": 1})
        ann.emit("broadcast", {"n": 2, "msgType": 3})
        ann.emit("broadcast", {"n": 3, "msgType": 1})
        ann.emit("broadcast", {"n": 4, "msgType": 3})
        assert _numbers(ben) == []
        desk.yes()
        assert _numbers(ben) == [1, 2]
        desk.yes()
        assert _numbers(ben) == [3, 4]
        ann.emit("broadcast", {"n": 5, "msgType": 3})
        assert _numbers(ben) == [5]

    def test_acknowledgementsComeInTheSameOrder(self, world: World, desk: Desk) -> None:
        ann, _ = world.members("kitchen", "ann", "ben")
        answers = [
            ann.ask("broadcast", {"n": 1}),
            ann.ask("join-room", room("ann", "kitchen")),
            ann.ask("broadcast", {"userId": "eve"}),
            ann.ask("leave-room", room("ann", "kitchen")),
            ann.ask("broadcast", {"n": 2}),
        ]
        assert [answer.given for answer in answers] == [False] * 5
        desk.yes()
        assert [answer.value["ok"] for answer in answers] == [True, True, False, True, False]
        assert answers[4].code == "not-in-room"

    def test_aLeaveDoesNotOvertakeAMessage(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.emit("broadcast", {"n": 1})
        ann.emit("leave-room", room("ann", "kitchen"))
        assert ben.take() == []
        desk.yes()
        assert ben.take() == [("broadcast", {"n": 1}), left("ann", "kitchen", "left")]

    @pytest.mark.parametrize("steps", [1, 2])
    def test_aMessageDoesNotOvertakeAJoin(self, makeWorld: WorldFactory, desk: Desk, steps: int) -> None:
        def mayJoin(peer: IPeer, room: IRoom) -> Deferred[None] | None:
            if peer.userId != "ann":
                return None
            if steps == 1:
                return desk.mayJoin(peer, room)
            return succeed(None).addCallback(lambda _: desk.mayJoin(peer, room))

        world = makeWorld(gates=Plugins(mayJoin=mayJoin))
        (ben,) = world.members("kitchen", "ben")
        ann = world.client()
        ann.emit("join-room", room("ann", "kitchen"))
        answer = ann.ask("broadcast", {"n": 1})
        assert not answer.given
        desk.yes()
        assert answer.value["delivered"] == 2
        assert [heard[0] for heard in ben.take()] == ["user-joined", "broadcast"]

    def test_whatWasSentBehindARefusedJoinIsHandledToo(self, makeWorld: WorldFactory, desk: Desk) -> None:
        ann = makeWorld(gates=Plugins(mayJoin=desk.mayJoin)).client()
        first = ann.ask("join-room", room("ann", "kitchen"))
        second = ann.ask("broadcast", {"n": 1})
        third = ann.ask("join-room", room("ann", "garden"))
        desk.no("room-full")
        assert (first.code, second.code, third.given) == ("room-full", "not-in-room", False)
        desk.yes()
        assert third.ok

    def test_aFilterWhoseDeferredWaitsForAnotherIsWaitedForToo(self, makeWorld: WorldFactory, desk: Desk) -> None:
        def inTwoSteps(peer: IPeer, room: IRoom, message: Message) -> Deferred[Message | None]:
            return succeed(message).addCallback(lambda _: desk.filterMessage(peer, room, message))

        ann, ben = makeWorld(gates=Plugins(filterMessage=inTwoSteps)).members("kitchen", "ann", "ben")
        for number in range(3):
            ann.emit("broadcast", {"n": number})
        assert desk.asked == [{"n": 0}]
        while desk.asked:
            desk.yes()
        assert desk.most == 1
        assert _numbers(ben) == [0, 1, 2]

    @pytest.mark.parametrize("atOnce", [lambda message: message, succeed], ids=["plain", "Deferred"])
    def test_aThousandMessagesAnsweredAtOnceNeedNoStack(
        self, makeWorld: WorldFactory, desk: Desk, atOnce: Callable[[Message], Any]
    ) -> None:
        def firstOnly(peer: IPeer, room: IRoom, message: Message) -> Any:
            return atOnce(message) if message.body["n"] else desk.filterMessage(peer, room, message)

        ann, ben = makeWorld(gates=Plugins(filterMessage=firstOnly)).members("kitchen", "ann", "ben")
        for number in range(1_000):
            ann.emit("broadcast", {"n": number})
        desk.yes()
        assert _numbers(ben) == list(range(1_000))

    def test_aThousandSlowMessagesNeedNoStack(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        for number in range(1_000):
            ann.emit("broadcast", {"n": number})
        while desk.asked:
            desk.yes()
        assert _numbers(ben) == list(range(1_000))


class TestOthers:
    """Nobody waits for somebody else's message."""

    def test_otherPeersAreNotDelayed(self, world: World, desk: Desk) -> None:
        ann, ben, cas = world.members("kitchen", "ann", "ben", "cas")
        ann.emit("broadcast", {"n": 1})
        ben.emit("broadcast", {"n": 2})
        assert desk.asked == [{"n": 1}, {"n": 2}]
        desk._waiting.reverse()
        desk.yes()
        assert _numbers(cas) == [2]
        desk.yes()
        assert _numbers(cas) == [1]

    def test_theSameUserOnAnotherConnectionIsNotDelayed(self, world: World, desk: Desk) -> None:
        phone, laptop = world.members("kitchen", "ann", "ann")
        phone.emit("broadcast", {"n": 1})
        assert laptop.ask("leave-room", room("ann", "kitchen")).ok
        desk.yes()

    def test_theSameConnectionInAnotherNamespaceIsNotDelayed(self, world: World, desk: Desk) -> None:
        link = world.link()
        here, there = link.client("/"), link.client("/socket.io")
        here.join("kitchen", "ann")
        there.join("kitchen", "ann")
        here.emit("broadcast", {"n": 1})
        assert there.ask("leave-room", room("ann", "kitchen")).ok
        desk.yes()

    def test_whatOthersDoMeanwhileCounts(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        answer = ann.ask("broadcast", {"n": 1})
        cas = world.member("kitchen", "cas")
        cas.take()
        ben.lose()
        desk.yes()
        assert answer.value["delivered"] == 2
        assert _numbers(cas) == [1]
        assert _numbers(ben) == []


class TestGone:
    """Senders that go while the filter thinks."""

    @pytest.mark.parametrize("end", [Client.lose, Client.disconnect], ids=["lost", "disconnected"])
    def test_whoHasGoneIsNotHeardAnyMore(self, world: World, desk: Desk, end: Callable[[Client], None]) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        for number in range(3):
            ann.ask("broadcast", {"n": number})
        end(ann)
        assert ben.take() == [left("ann", "kitchen", "disconnect")]
        desk.yes()
        assert desk.asked == []
        assert ann.take() == ben.take() == []

    def test_pluginsAreNotAskedAboutWhoHasGone(self, makeWorld: WorldFactory, desk: Desk) -> None:
        asked: list[str] = []
        plugins = Plugins(mayJoin=lambda peer, room: asked.append(room.name), filterMessage=desk.filterMessage)
        ann = makeWorld(gates=plugins).member("kitchen", "ann")
        ann.emit("broadcast", {"n": 1})
        ann.emit("join-room", room("ann", "garden"))
        ann.lose()
        desk.yes()
        assert asked == ["kitchen"]

    def test_whoWasPutOutIsNotHeardAnyMore(self, world: World, desk: Desk, plugins: Plugins) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.emit("broadcast", {"n": 1})
        plugins.peers["ann"].disconnect("banned")
        desk.yes()
        assert ben.take() == [left("ann", "kitchen", "banned")]

    def test_whoCameBackMeanwhileIsNotTakenForTheOneWhoWent(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.emit("broadcast", {"n": 1})
        ann.disconnect()
        again = ann.link.client()
        again.join("kitchen", "ann")
        ben.take()
        desk.yes()
        assert ben.take() == []

    def test_aRefusalForWhoHasGoneIsToldToNobody(self, world: World, desk: Desk) -> None:
        ann, _ = world.members("kitchen", "ann", "ben")
        ann.ask("broadcast", {"n": 1})
        ann.lose()
        desk.no()
        assert ann.take() == []

    def test_soOfSeveralRooms(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "ann")
        (cas,) = world.members("garden", "cas")
        ann.emit("broadcast", {"n": 1})
        desk.yes()
        assert desk.asked == [{"n": 1}]
        ann.lose()
        desk.yes()
        assert _numbers(ben) == _numbers(cas) == []


class TestBound:
    """What waits for a slow plugin is limited."""

    def test_aThousandRequestsMayWait(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        for number in range(1_001):
            ann.emit("broadcast", {"n": number})
        assert ann.link.closedBecause is None
        while desk.asked:
            desk.yes()
        assert _numbers(ben) == list(range(1_001))

    def test_whoSendsMoreIsPutOut(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        for number in range(1_002):
            ann.emit("broadcast", {"n": number})
        assert ann.link.closedBecause is CloseReason.FLOOD
        assert ben.take() == [left("ann", "kitchen", "flood")]
        desk.yes()
        assert desk.asked == ben.take() == []

    def test_whoSendsMoreBytesIsPutOut(self, makeWorld: WorldFactory, plugins: Plugins, desk: Desk) -> None:
        world = makeWorld(SignalingOptions(waitingBytes=10_000), gates=plugins)
        ann, ben = world.members("kitchen", "ann", "ben")
        for number in range(4):
            ann.emit("broadcast", {"n": number, "x": "x" * 3_000})
        assert world.rosters() == {"kitchen": ["ann", "ben"]}
        ann.transmit('["broadcast",{"_placeholder":true,"num":0}]', bytes(3_000))
        assert ann.link.closedBecause is CloseReason.FLOOD
        assert ben.take() == [left("ann", "kitchen", "flood")]

    def test_whatHasBeenHandledDoesNotCountAnyMore(
        self, makeWorld: WorldFactory, plugins: Plugins, desk: Desk
    ) -> None:
        ann, ben = makeWorld(SignalingOptions(waitingBytes=10_000), gates=plugins).members("kitchen", "ann", "ben")
        for number in range(20):
            ann.transmit(f'["broadcast",[{number},{{"_placeholder":true,"num":0}}]]', bytes(3_000))
            if number >= 2:
                desk.yes()
        while desk.asked:
            desk.yes()
        assert [each[1][0] for each in ben.take()] == list(range(20))

    def test_theNumberOfBytesCanBeUnlimited(self, makeWorld: WorldFactory, plugins: Plugins, desk: Desk) -> None:
        ann, _ = makeWorld(SignalingOptions(waitingBytes=0), gates=plugins).members("kitchen", "ann", "ben")
        for number in range(20):
            ann.emit("broadcast", {"n": number, "x": "x" * 100_000})
        assert ann.link.closedBecause is None

    def test_theCountBeginsAnewWhenNothingWaits(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        for _ in range(3):
            for number in range(600):
                ann.emit("broadcast", {"n": number})
            while desk.asked:
                desk.yes()
        assert len(_numbers(ben)) == 1_800


class TestReplacedPlugins:
    """The plugins may be replaced at any time; what is under way keeps those it began with."""

    def test_aMessageUnderWayIsJudgedByThePluginsItBeganWith(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "ann")
        (cas,) = world.members("garden", "cas")
        ben.take()
        ann.emit("broadcast", {"n": 1})
        world.hub.gates = Plugins(filterMessage=_refuse)
        desk.yes()
        desk.yes()
        assert _numbers(ben) == _numbers(cas) == [1]

    def test_theNextOneIsJudgedByTheNewOnes(self, world: World, desk: Desk) -> None:
        ann, _ = world.members("kitchen", "ann", "ben")
        first, second = ann.ask("broadcast", {"n": 1}), ann.ask("broadcast", {"n": 2})
        world.hub.gates = Plugins(filterMessage=_refuse)
        desk.yes()
        assert first.ok
        assert second.code == "new-rules"


def _refuse(peer: IPeer, room: IRoom, message: Message) -> None:
    raise Refused("new-rules")


def test_gatesThatBreakLaterCostTheConnectionAndALogLine(world: World, desk: Desk, log: Log) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.emit("broadcast", {"n": 1})
    ann.emit("broadcast", {"n": 2})
    desk.fail(ZeroDivisionError())
    assert ann.link.closedBecause is CloseReason.FAILED
    assert ben.take() == [left("ann", "kitchen", "disconnect")]
    assert len(log.takeFailures()) == 1
    assert desk.asked == []


def test_soDoGatesThatBreakOverARequestThatHadToWait(makeWorld: WorldFactory, desk: Desk, log: Log) -> None:
    def filterMessage(peer: IPeer, room: IRoom, message: Message) -> Any:
        if message.body["n"] == 2:
            raise ZeroDivisionError
        return desk.filterMessage(peer, room, message)

    ann, ben = makeWorld(gates=Plugins(filterMessage=filterMessage)).members("kitchen", "ann", "ben")
    for number in (1, 2, 3):
        ann.emit("broadcast", {"n": number})
    desk.yes()
    assert ann.link.closedBecause is CloseReason.FAILED
    assert ben.take() == [("broadcast", {"n": 1}), left("ann", "kitchen", "disconnect")]
    assert len(log.takeFailures()) == 1
    assert desk.asked == []
