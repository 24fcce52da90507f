"""Identities that end: who is known until a certain time is put out then, and told why."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.values import Handshake, Identity
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Desk, Plugins
from tests.signaling.words import DISCONNECTED, joined, left, putOut, room
from tests.signaling.world import Client, Heard, World

TOLD: Heard = (
    "refused",
    {
        "event": "connect",
        "roomName": None,
        "code": "expired",
        "message": "Your sign-in has expired. Sign in again.",
    },
)


def byQuery(handshake: Handshake) -> Identity:
    """An authenticator that believes everybody."""
    until = handshake.query.get("until")
    return Identity(handshake.query.get("user"), expiresAt=None if until is None else float(until))


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server on which clients say themselves until when they are known."""
    return makeWorld(gates=Plugins(authenticate=byQuery))


def client(world: World, until: float | None, user: str, revision: Revision = 4, namespace: str = "/") -> Client:
    """A client that has joined the kitchen, and has heard all that there was to hear."""
    query = {"user": user} if until is None else {"user": user, "until": str(until)}
    made = world.client(namespace, revision, query=query)
    made.join("kitchen", user)
    made.take()
    return made


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_whoseIdentityEndsIsToldAndPutOut(world: World, revision: Revision, namespace: str) -> None:
    ann, ben = client(world, 10, "ann", revision, namespace), client(world, None, "ben")
    ann.take()
    world.clock.advance(9.9)
    assert ann.take() == ben.take() == []
    world.clock.advance(0.1)
    assert ann.take() == [TOLD, DISCONNECTED]
    assert ben.take() == [left("ann", "kitchen", "expired")]
    assert world.rosters() == {"kitchen": ["ben"]}


def test_observersHearTheReason(makeWorld: WorldFactory) -> None:
    plugins = Plugins(authenticate=byQuery)
    world = makeWorld(gates=plugins)
    client(world, 10, "ann")
    plugins.take()
    world.clock.advance(10)
    assert plugins.take() == [("left", "ann", "kitchen", 0, "expired")]


def test_itEndsInTheNamespaceInWhichItWasFoundAlone(makeWorld: WorldFactory) -> None:
    until = {"/": 10.0, "/socket.io": None}
    plugins = Plugins(authenticate=lambda shake: Identity(expiresAt=until[shake.namespace]))
    world = makeWorld(gates=plugins)
    link = world.link()
    ann, ben = link.client("/"), link.client("/socket.io")
    for each, name in ((ann, "ann"), (ben, "ben")):
        each.join("kitchen", name)
    ann.take(), ben.take()
    world.clock.advance(10)
    assert ann.take() == [TOLD, DISCONNECTED]
    assert ben.take() == [left("ann", "kitchen", "expired")]
    assert link.closedBecause is None


def test_whoIsInNoRoomIsToldAsWell(world: World) -> None:
    ann = world.client(query={"until": "10"})
    world.clock.advance(10)
    assert ann.take() == [TOLD, DISCONNECTED]


def test_whoSignsInAgainOnTheSameConnectionComesInAgain(makeWorld: WorldFactory) -> None:
    plugins = Plugins(authenticate=lambda shake: Identity("ann", expiresAt=shake.auth["until"]))
    world = makeWorld(gates=plugins)
    link = world.link()
    assert [heard[0] for heard in link.client(auth='{"until":10}').take()] == ["<connect>"]
    world.clock.advance(10)
    link.take("/")
    again = link.client(auth='{"until":20}')
    assert [heard[0] for heard in again.take()] == ["<connect>"]
    again.join("kitchen", "ann")
    world.clock.advance(10)
    assert again.take()[-2:] == [TOLD, DISCONNECTED]


@pytest.mark.parametrize("until", [0, -1, -math.inf])
def test_whatHasEndedAlreadyLetsNobodyIn(makeWorld: WorldFactory, until: float, revision: Revision) -> None:
    world = makeWorld(gates=Plugins(authenticate=lambda shake: Identity(expiresAt=until)))
    refused = world.link(revision).client("/socket.io")
    message = TOLD[1]["message"]
    expected: dict[str, Any] = {"code": "expired", "message": message}
    if revision == 4:
        expected = {"message": message, "data": {"code": "expired"}}
    assert refused.take() == [("<error>", expected)]


def test_orHasEndedWhenTheAnswerComes(makeWorld: WorldFactory) -> None:
    desk = Desk()
    world = makeWorld(gates=Plugins(authenticate=desk.authenticate))
    refused = world.link().client()
    world.clock.advance(5)
    desk.say(Identity(expiresAt=5))
    assert [heard[0] for heard in refused.take()] == ["<error>"]
    late = world.link().client()
    desk.say(Identity(expiresAt=6))
    assert [heard[0] for heard in late.take()] == ["<connect>"]
    world.clock.advance(1)
    assert late.take() == [TOLD, DISCONNECTED]


def timers(world: World) -> int:
    """How many timers run."""
    return len(world.clock.getDelayedCalls())


@pytest.mark.parametrize("until", [None, math.inf, 10**400, 1e300], ids=["never", "infinity", "huge", "far"])
def test_whoIsKnownForeverNeedsNoTimer(makeWorld: WorldFactory, until: float | None) -> None:
    world = makeWorld(gates=Plugins(authenticate=lambda shake: Identity(expiresAt=until)))
    world.client()
    before = timers(world)
    world.member("kitchen", "ann")
    assert timers(world) == before
    assert world.rosters() == {"kitchen": ["ann"]}


def test_whoGoesBeforeLeavesNoTimer(world: World) -> None:
    ben = client(world, None, "ben")
    before = timers(world)
    for end in (Client.disconnect, Client.lose):
        ann = client(world, 10, "ann")
        assert timers(world) == before + 1
        end(ann)
        assert timers(world) == before
    ben.take()
    world.clock.advance(11)
    assert ben.take() == []


def test_whoIsPutOutBeforeIsPutOutOnce(makeWorld: WorldFactory) -> None:
    plugins = Plugins(authenticate=byQuery)
    world = makeWorld(gates=plugins)
    ann = client(world, 10, "ann")
    plugins.peers["ann"].disconnect("banned")
    world.clock.advance(10)
    assert ann.take() == putOut("banned")
    assert plugins.take()[-1] == ("left", "ann", "kitchen", 0, "banned")


def test_aJoinUnderWayWhenItEndsComesToNothing(makeWorld: WorldFactory) -> None:
    desk = Desk()
    plugins = Plugins(authenticate=byQuery, mayJoin=desk.mayJoin)
    world = makeWorld(gates=plugins)
    ann = world.client(query={"user": "ann", "until": "10"})
    ann.emit("join-room", room("ann", "kitchen"))
    world.clock.advance(10)
    desk.yes()
    assert ann.take() == [TOLD, DISCONNECTED]
    assert world.rosters() == {}


class TestBoundUser:
    """Who is known by a user id need not say it."""

    @pytest.mark.parametrize("request_", [{"roomName": "kitchen"}, {"roomName": "kitchen", "userId": None}])
    def test_whoDoesNotSayItsUserIdJoinsAndLeavesAsWhoItIs(self, world: World, request_: dict[str, Any]) -> None:
        ann = world.client(query={"user": "ann"})
        answer = ann.ask("join-room", request_)
        assert answer.value["userId"] == "ann"
        assert ann.take()[1:] == [joined("ann", "kitchen")]
        assert ann.ask("leave-room", request_).ok
        assert world.rosters() == {}

    def test_policiesSeeItInTheRequest(self, makeWorld: WorldFactory) -> None:
        seen: list[dict[str, Any]] = []
        plugins = Plugins(authenticate=byQuery, mayJoin=lambda peer, room: seen.append(dict(peer.joinRequest)))
        ann = makeWorld(gates=plugins).client(query={"user": "ann"})
        assert ann.ask("join-room", {"roomName": "kitchen", "password": "x"}).ok
        assert seen == [{"userId": "ann", "roomName": "kitchen", "password": "x"}]

    def test_whoIsNotKnownByOneMustSayIt(self, world: World) -> None:
        assert world.client().ask("join-room", {"roomName": "kitchen"}).code == "bad-arguments"


class TestTheSystemsClockIsSet:
    """It judges who comes; from then on what is left is measured."""

    @pytest.mark.parametrize("step", [30.0, -20.0, 3600.0, -3600.0])
    def test_whoIsInStaysForWhatWasLeft(self, world: World, revision: Revision, step: float) -> None:
        ann = client(world, 20, "ann", revision)
        world.clock.advance(5)
        world.wallOffset += step
        world.clock.advance(14.875)
        assert ann.take() == []
        world.clock.advance(0.125)
        assert ann.take() == [TOLD, DISCONNECTED]

    def test_whoComesIsJudgedByTheNewTime(self, world: World) -> None:
        world.wallOffset = 60
        late = world.link(query={"user": "ann", "until": "60"}).client()
        assert [heard[0] for heard in late.take()] == ["<error>"]
        ben = client(world, 70, "ben")
        world.clock.advance(9.875)
        assert ben.take() == []
        world.clock.advance(0.125)
        assert ben.take() == [TOLD, DISCONNECTED]
