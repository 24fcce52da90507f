"""How memberships end: whatever ends one, the room is told exactly once, with the name used there and the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.signaling.views import PeerView
from rtcsignal.socketio.server import SocketOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.words import left, putOut, room
from tests.signaling.world import PING_INTERVAL, PING_TIMEOUT, Client, Link, World

End = Callable[[Client], None]

_ENDS: list[tuple[str, str, End]] = [
    ("DISCONNECT packet", "disconnect", Client.disconnect),
    ("Engine.IO close packet", "disconnect", lambda client: client.link.sayClose()),
    ("connection lost", "disconnect", Client.lose),
    ("broken packet", "disconnect", lambda client: client.link.transmit("9")),
    ("event without a name", "disconnect", lambda client: client.transmit("[]")),
    ("slow consumer", "slow-consumer", lambda client: client.link.session.close(CloseReason.SLOW_CONSUMER)),
    ("flood", "flood", lambda client: client.link.session.close(CloseReason.FLOOD)),
    ("forced", "disconnect", lambda client: client.link.session.close()),
]


@pytest.mark.parametrize(("reason", "end"), [end[1:] for end in _ENDS], ids=[end[0] for end in _ENDS])
class TestAnyEnd:
    def test_theOthersAreToldOnce(self, world: World, reason: str, end: End, revision: Revision) -> None:
        ben, cas = world.members("kitchen", "ben", "cas")
        ann = world.member("kitchen", "ann", revision=revision)
        ben.take(), cas.take()
        end(ann)
        assert ben.take() == cas.take() == [left("ann", "kitchen", reason)]
        assert world.rosters() == {"kitchen": ["ben", "cas"]}

    def test_whatComesAfterwardsChangesNothing(self, world: World, reason: str, end: End) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        end(ann)
        end(ann)
        ann.link.lose()
        world.clock.advance(100)
        ben.link.keepAlive()
        assert ben.take() == [left("ann", "kitchen", reason)]

    def test_everyRoomIsToldTheNameUsedThere(self, world: World, reason: str, end: End) -> None:
        (ben,) = world.members("kitchen", "ben")
        (cas,) = world.members("garden", "cas")
        (dan,) = world.members("attic", "dan")
        ann = world.member("kitchen", "ann")
        ann.join("garden", "anna")
        ben.take(), cas.take()
        end(ann)
        assert ben.take() == [left("ann", "kitchen", reason)]
        assert cas.take() == [left("anna", "garden", reason)]
        assert dan.take() == []

    def test_whoHasGoneHearsNothingMore(self, world: World, reason: str, end: End) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        end(ann)
        world.member("kitchen", "cas")
        ben.emit("broadcast", {})
        assert ann.take() == []

    def test_theLastOneLeavesNoRoomBehind(self, world: World, reason: str, end: End) -> None:
        (ann,) = world.members("kitchen", "ann")
        end(ann)
        assert world.rosters() == {}

    def test_leavingAndClosingAtOnceIsToldOnce(self, world: World, reason: str, end: End) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.emit("leave-room", room("ann", "kitchen"))
        end(ann)
        assert ben.take() == [left("ann", "kitchen", "left")]
        assert world.rosters() == {"kitchen": ["ben"]}

    def test_whoLeftOneRoomEndsOnlyTheOthers(self, world: World, reason: str, end: End) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "ann")
        (cas,) = world.members("garden", "cas")
        ann.leave("kitchen", "ann")
        end(ann)
        assert ben.take() == [left("ann", "kitchen", "left")]
        assert cas.take() == [left("ann", "garden", reason)]

    def test_whoIsInNoRoomGoesUnnoticed(self, world: World, reason: str, end: End) -> None:
        (ben,) = world.members("kitchen", "ben")
        stranger = world.client()
        end(stranger)
        assert ben.take() == []


def test_whoIsSilentIsTimedOut(world: World, revision: Revision) -> None:
    ben = world.member("kitchen", "ben")
    world.member("kitchen", "ann", revision=revision).link.keepAlive()
    ben.take()
    world.clock.advance(PING_INTERVAL + 1)
    ben.link.keepAlive()
    assert ben.take() == []
    world.clock.advance(PING_TIMEOUT)
    assert ben.take() == [left("ann", "kitchen", "timeout")]
    assert world.rosters() == {"kitchen": ["ben"]}


def test_whoAnswersPingsStays(world: World, revision: Revision) -> None:
    ann = world.member("kitchen", "ann", revision=revision)
    for _ in range(20):
        world.clock.advance(PING_TIMEOUT)
        ann.link.keepAlive()
    assert world.rosters() == {"kitchen": ["ann"]}


def test_whoseAttachmentsDoNotComeIsPutOut(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.link.transmit('51-["broadcast",{"_placeholder":true,"num":0}]')
    world.clock.advance(21)
    assert ben.take() == [left("ann", "kitchen", "disconnect")]


def test_whoFloodsIsPutOut(makeWorld: WorldFactory) -> None:
    world = makeWorld(sockets=SocketOptions(eventsPerSecond=10, eventsBurst=20))
    ann, ben = world.members("kitchen", "ann", "ben")
    for _ in range(41):
        ann.emit("nothing")
    assert ann.link.closedBecause is CloseReason.FLOOD
    assert ben.take() == [left("ann", "kitchen", "flood")]


class TestKick:
    """A plugin puts somebody out, by the view of it that plugins have."""

    def test_theRoomIsToldTheReasonGiven(self, makeWorld: WorldFactory, revision: Revision) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins)
        ann = world.member("kitchen", "ann", revision=revision)
        (ben,) = world.members("kitchen", "ben")
        ann.take()
        plugins.peers["ann"].disconnect("bad-language")
        assert ben.take() == [left("ann", "kitchen", "bad-language")]
        assert ann.take() == putOut("bad-language")
        assert world.rosters() == {"kitchen": ["ben"]}

    @pytest.mark.parametrize("reason", [None, 7, b"spam", object()])
    def test_aReasonThatIsNoTextEndsNothing(self, makeWorld: WorldFactory, reason: Any) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins)
        ann, ben = world.members("kitchen", "ann", "ben")
        view = cast(PeerView, plugins.peers["ann"])
        for end in (view.disconnect, lambda reason: world.hub.kick(view, reason)):
            with pytest.raises(TypeError, match="a reason must be a string"):
                end(reason)
        assert world.rosters() == {"kitchen": ["ann", "ben"]}
        ann.lose()
        assert ben.take() == [left("ann", "kitchen", "disconnect")]

    def test_theReasonIsKickedIfNoneIsGiven(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        _, ben = makeWorld(gates=plugins).members("kitchen", "ann", "ben")
        plugins.peers["ann"].disconnect()
        assert ben.take() == [left("ann", "kitchen", "kicked")]

    def test_allItsRoomsAreTold(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins)
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "anna")
        (cas,) = world.members("garden", "cas")
        plugins.peers["anna"].disconnect("spam")
        assert ben.take() == [left("ann", "kitchen", "spam")]
        assert cas.take() == [left("anna", "garden", "spam")]

    def test_whoIsKickedTwiceLeavesOnce(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        ann, ben = makeWorld(gates=plugins).members("kitchen", "ann", "ben")
        view = plugins.peers["ann"]
        view.disconnect("first")
        view.disconnect("second")
        ann.lose()
        assert ben.take() == [left("ann", "kitchen", "first")]

    def test_whoHasGoneCannotBeKicked(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        ann, ben = makeWorld(gates=plugins).members("kitchen", "ann", "ben")
        view = plugins.peers["ann"]
        ann.lose()
        view.disconnect("too-late")
        assert ben.take() == [left("ann", "kitchen", "disconnect")]
        assert ann.take() == []

    def test_whatItSendsAfterwardsIsNotHandled(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins)
        ann, ben = world.members("kitchen", "ann", "ben")
        plugins.peers["ann"].disconnect()
        ben.take()
        ann.emit("join-room", room("ann", "kitchen"))
        assert ben.take() == []
        assert world.rosters() == {"kitchen": ["ben"]}


def _endMembership(world: World, peer: Any, reason: str) -> None:
    """As the services of plugins do it, which take what plugins have seen."""
    world.hub.kick(peer, reason)


class TestEndingOneMembership:
    """A plugin puts somebody out of one room."""

    @pytest.fixture
    def plugins(self) -> Plugins:
        return Plugins()

    @pytest.fixture
    def world(self, makeWorld: WorldFactory, plugins: Plugins) -> World:
        return makeWorld(gates=plugins)

    def test_allMembersAreToldAndTheOnePutOutToo(self, world: World, plugins: Plugins, revision: Revision) -> None:
        ann = world.member("kitchen", "ann", revision=revision)
        (ben,) = world.members("kitchen", "ben")
        ann.take()
        _endMembership(world, plugins.peers["ann"], "bad-language")
        assert ann.take() == ben.take() == [left("ann", "kitchen", "bad-language")]
        assert world.rosters() == {"kitchen": ["ben"]}

    def test_theObserverIsToldOnce(self, world: World, plugins: Plugins) -> None:
        world.member("kitchen", "ann")
        plugins.take()
        _endMembership(world, plugins.peers["ann"], "spam")
        assert plugins.take() == [("left", "ann", "kitchen", 0, "spam")]

    def test_itsOtherRoomsAndItsConnectionStay(self, world: World, plugins: Plugins) -> None:
        ann = world.member("kitchen", "ann")
        ann.join("garden", "anna")
        _endMembership(world, plugins.peers["ann"], "spam")
        assert world.rosters() == {"garden": ["anna"]}
        assert ann.ask("broadcast", {}).value["delivered"] == 1
        assert ann.ask("broadcast", {"roomName": "kitchen"}).code == "not-in-room"
        ann.join("kitchen", "ann")
        assert world.rosters() == {"garden": ["anna"], "kitchen": ["ann"]}

    def test_aMembershipThatHasEndedIsNotEndedAgain(self, world: World, plugins: Plugins) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        view = plugins.peers["ann"]
        ann.leave("kitchen", "ann")
        ann.join("kitchen", "anna")
        ben.take()
        _endMembership(world, view, "too-late")
        assert ben.take() == []
        assert world.rosters() == {"kitchen": ["ben", "anna"]}


class TestShutdown:
    """The server stops: clients come back by themselves, and calls go on meanwhile, so members hear of nobody."""

    def test_membersAreNotToldOfEachOther(self, world: World) -> None:
        clients = world.members("kitchen", "ann", "ben", "cas")
        world.shutDown()
        assert [client.take() for client in clients] == [[], [], []]
        assert world.rosters() == {}

    def test_everyConnectionIsClosedForThatReason(self, world: World, revision: Revision) -> None:
        link: Link = world.member("kitchen", "ann", revision=revision).link
        world.shutDown()
        assert link.closedBecause is CloseReason.SHUTDOWN

    def test_whoLeavesWhileItStopsLeavesInSilence(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        world.hub.close()
        ann.leave("kitchen", "ann")
        assert ben.take() == []
        assert world.rosters() == {"kitchen": ["ben"]}

    def test_observersAreTold(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins)
        world.members("kitchen", "ann", "ben")
        plugins.take()
        world.shutDown()
        assert plugins.take() == [
            ("left", "ann", "kitchen", 1, "shutdown"),
            ("left", "ben", "kitchen", 0, "shutdown"),
        ]
