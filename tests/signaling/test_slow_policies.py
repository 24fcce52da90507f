"""Room policies that think: one admission at a time for each room, and what happens meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Desk, MayJoin, Plugins
from tests.signaling.words import left, room, userIds
from tests.signaling.world import Answer, Client, World

_FULL = Refused("room-full", "No more than 3.")


class TestOneAtATime:
    """So that a policy which counts is never overtaken, however long it thinks."""

    @staticmethod
    def _counting(desk: Desk, most: int) -> MayJoin:
        def mayJoin(peer: IPeer, room: IRoom) -> Deferred[None]:
            size = room.size  # as it was when the question was asked

            def judge(_: None) -> None:
                if size >= most:
                    raise _FULL

            return desk.mayJoin(peer, room).addCallback(judge)

        return mayJoin

    @staticmethod
    def _ask(world: World, roomName: str, count: int) -> list[Answer]:
        return [world.client().ask("join-room", room(f"user {n}", roomName)) for n in range(count)]

    def test_tenConcurrentJoinsNeverOvertakeACountingPolicy(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=self._counting(desk, 3)))
        answers = self._ask(world, "kitchen", 10)
        for _ in range(10):
            desk.yes()
        assert desk.most == 1
        assert [answer.value["ok"] for answer in answers] == [True] * 3 + [False] * 7
        assert {answer.code for answer in answers[3:]} == {"room-full"}
        assert world.rosters() == {"kitchen": ["user 0", "user 1", "user 2"]}

    def test_norOneWhoseDeferredWaitsForAnother(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        counting = self._counting(desk, 3)

        def inTwoSteps(peer: IPeer, room: IRoom) -> Deferred[None]:
            return succeed(None).addCallback(lambda _: counting(peer, room))

        answers = self._ask(makeWorld(gates=Plugins(mayJoin=inTwoSteps)), "kitchen", 10)
        while desk.asked:
            desk.yes()
        assert desk.most == 1
        assert [answer.value["ok"] for answer in answers] == [True] * 3 + [False] * 7

    def test_theyAreJudgedInTheOrderInWhichTheyCame(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin))
        self._ask(world, "kitchen", 4)
        order = []
        for _ in range(4):
            order += desk.asked
            desk.yes()
        assert order == world.rosters()["kitchen"] == [f"user {n}" for n in range(4)]

    def test_theNextIsJudgedAfterARefusalToo(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin))
        first, second, third = self._ask(world, "kitchen", 3)
        desk.no()
        desk.yes()
        assert (first.code, second.ok, third.given) == ("not-today", True, False)
        desk.yes()
        assert third.ok

    def test_otherRoomsDoNotWait(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin))
        self._ask(world, "kitchen", 2)
        self._ask(world, "garden", 2)
        assert desk.asked == ["user 0", "user 0"]
        for _ in range(4):
            desk.yes()

    def test_membersDoNotWait(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin))
        ann, ben = (world.client() for _ in range(2))
        for client, userId in ((ann, "ann"), (ben, "ben")):
            client.emit("join-room", room(userId, "kitchen"))
            desk.yes()
        world.client().emit("join-room", room("cas", "kitchen"))
        ann.take(), ben.take()
        assert ann.ask("broadcast", {}).value["delivered"] == 2
        ann.leave("kitchen", "ann")
        assert [heard[0] for heard in ben.take()] == ["broadcast", "user-left"]
        desk.yes()
        assert world.rosters() == {"kitchen": ["ben", "cas"]}

    def test_whoWaitsForAdmissionMayBeAnsweredAtOnceThen(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        plugins = Plugins(mayJoin=lambda peer, room: desk.mayJoin(peer, room) if not room.size else None)
        world = makeWorld(gates=plugins)
        answers = self._ask(world, "kitchen", 3)
        assert [answer.given for answer in answers] == [False] * 3
        desk.yes()
        assert [answer.ok for answer in answers] == [True] * 3
        assert userIds(answers[2].value["members"]) == ["user 0", "user 1", "user 2"]

    @pytest.mark.parametrize("late", [succeed, lambda _: None], ids=["Deferred", "plain"])
    def test_soMayAnyNumber(self, makeWorld: WorldFactory, late: Callable[[None], Any]) -> None:
        desk = Desk()
        plugins = Plugins(mayJoin=lambda peer, room: late(None) if room.size else desk.mayJoin(peer, room))
        world = makeWorld(gates=plugins)
        count = sys.getrecursionlimit() // 2
        answers = self._ask(world, "kitchen", count)
        desk.yes()
        assert [answers[0].ok, answers[-1].ok] == [True, True]
        assert world.rosters() == {"kitchen": [f"user {n}" for n in range(count)]}


class TestWhileItThinks:
    """The world goes on."""

    @pytest.fixture
    def desk(self) -> Desk:
        return Desk()

    @pytest.fixture
    def plugins(self, desk: Desk) -> Plugins:
        return Plugins(mayJoin=desk.mayJoin)

    @pytest.fixture
    def world(self, makeWorld: WorldFactory, plugins: Plugins) -> World:
        return makeWorld(gates=plugins)

    @staticmethod
    def _member(world: World, desk: Desk, roomName: str, userId: str) -> Client:
        client = world.client()
        client.emit("join-room", room(userId, roomName))
        desk.yes()
        client.take()
        return client

    @pytest.mark.parametrize("end", [Client.lose, Client.disconnect], ids=["lost", "disconnected"])
    def test_aJoinerThatHasGoneIsNotAdmitted(
        self, world: World, desk: Desk, plugins: Plugins, end: Callable[[Client], None]
    ) -> None:
        ben = self._member(world, desk, "kitchen", "ben")
        plugins.take()
        ann = world.client()
        ann.ask("join-room", room("ann", "kitchen"))
        end(ann)
        desk.yes()
        assert world.rosters() == {"kitchen": ["ben"]}
        assert ann.take() == ben.take() == plugins.take() == []

    def test_aJoinerThatHasGoneMakesNoRoom(self, world: World, desk: Desk) -> None:
        ann = world.client()
        ann.emit("join-room", room("ann", "kitchen"))
        ann.lose()
        desk.yes()
        assert world.rosters() == {}

    def test_aRefusalOfAJoinerThatHasGoneIsToldToNobody(self, world: World, desk: Desk) -> None:
        ann = world.client()
        ann.emit("join-room", room("ann", "kitchen"))
        ann.lose()
        desk.no()
        assert ann.take() == []

    def test_whoWaitsBehindAJoinerThatHasGoneIsJudgedAllTheSame(self, world: World, desk: Desk) -> None:
        ann, ben = world.client(), world.client()
        ann.emit("join-room", room("ann", "kitchen"))
        ben.emit("join-room", room("ben", "kitchen"))
        ann.lose()
        desk.yes()
        desk.yes()
        assert world.rosters() == {"kitchen": ["ben"]}

    @pytest.mark.parametrize("slow", [True, False], ids=["slow", "at once"])
    def test_whoGoesWhileItWaitsIsNotAdmitted(self, makeWorld: WorldFactory, desk: Desk, slow: bool) -> None:
        def mayJoin(peer: IPeer, room: IRoom) -> Deferred[None] | None:
            return desk.mayJoin(peer, room) if slow or peer.userId == "ann" else None

        plugins = Plugins(mayJoin=mayJoin)
        world = makeWorld(gates=plugins)
        ann, ben = world.client(), world.client()
        ann.emit("join-room", room("ann", "kitchen"))
        ben.emit("join-room", room("ben", "kitchen"))
        ben.lose()
        while desk.asked:
            desk.yes()
        assert world.rosters() == {"kitchen": ["ann"]}
        assert [heard[1] for heard in ann.take()] == ["ann"]
        assert plugins.take() == [("joined", "ann", "kitchen", 1)]

    def test_whoGoesWhileItWaitsHoldsUpNobody(self, world: World, desk: Desk) -> None:
        ann, ben, cas = (world.client() for _ in range(3))
        for client, userId in ((ann, "ann"), (ben, "ben"), (cas, "cas")):
            client.emit("join-room", room(userId, "kitchen"))
        ben.lose()
        desk.yes()
        assert desk.asked == ["cas"]
        desk.yes()
        assert world.rosters() == {"kitchen": ["ann", "cas"]}

    def test_aRoomMayHaveBeenEmptied(self, world: World, desk: Desk, plugins: Plugins) -> None:
        ann = self._member(world, desk, "kitchen", "ann")
        ben = world.client()
        answer = ben.ask("join-room", room("ben", "kitchen"))
        ann.lose()
        assert world.rosters() == {}
        desk.yes()
        assert userIds(answer.value["members"]) == ["ben"]
        assert world.rosters() == {"kitchen": ["ben"]}
        cas = self._member(world, desk, "kitchen", "cas")
        assert ben.ask("broadcast", {"targetUserId": "cas"}).value["delivered"] == 1
        assert [heard[0] for heard in cas.take()] == ["broadcast"]
        ben.lose()
        assert cas.take() == [left("ben", "kitchen", "disconnect")]

    def test_aRoomThatWasEmptiedMeanwhileIsANewOne(self, world: World, desk: Desk, plugins: Plugins) -> None:
        ann = self._member(world, desk, "kitchen", "ann")
        plugins.rooms["kitchen"].data["password"] = "of the others"
        world.clock.advance(10)
        world.client().emit("join-room", room("ben", "kitchen"))
        ann.lose()
        desk.yes()
        assert plugins.rooms["kitchen"].data == {}
        assert plugins.rooms["kitchen"].createdAt == 10

    def test_theRoomIsAsOldAsItsFirstMember(self, world: World, desk: Desk, plugins: Plugins) -> None:
        world.client().emit("join-room", room("ann", "kitchen"))
        world.clock.advance(2)
        desk.yes()
        assert plugins.rooms["kitchen"].createdAt == 2

    def test_othersMayHaveLeft(self, world: World, desk: Desk) -> None:
        ann = self._member(world, desk, "kitchen", "ann")
        self._member(world, desk, "kitchen", "ben")
        answer = world.client().ask("join-room", room("cas", "kitchen"))
        ann.leave("kitchen", "ann")
        desk.yes()
        assert userIds(answer.value["members"]) == ["ben", "cas"]

    def test_thePluginsMayHaveBeenReplaced(self, world: World, desk: Desk) -> None:
        ann, ben = world.client(), world.client()
        slow = ann.ask("join-room", room("ann", "kitchen"))
        world.hub.gates = Plugins()
        ben.join("kitchen", "ben")
        assert world.rosters() == {"kitchen": ["ben"]}
        desk.yes()
        assert userIds(slow.value["members"]) == ["ben", "ann"]
        assert [heard[0] for heard in ben.take()] == ["<ack>", "user-joined", "user-joined"]
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_theServerMayHaveStopped(self, world: World, desk: Desk, plugins: Plugins) -> None:
        ann = world.client()
        ann.emit("join-room", room("ann", "kitchen"))
        world.shutDown()
        desk.yes()
        assert world.rosters() == {}
        assert plugins.take() == []
