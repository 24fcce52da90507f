"""Members who take their places back with a key that they have chosen, on either protocol."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.errors import Refused, Waiting
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions
from rtcsignal.values import Handshake, Identity
from tests.signaling.conftest import Log, WorldFactory
from tests.signaling.plugins import Desk, Plugins
from tests.signaling.resume.resumer import Resumer, keyOf
from tests.signaling.words import away, back, joined, left, room
from tests.signaling.world import PING_INTERVAL, PING_TIMEOUT, Client, Heard, World

WINDOW = 60
AWAY, BACK = away("ann", "kitchen", WINDOW), back("ann", "kitchen")


def sockets(**more: Any) -> SocketOptions:
    return SocketOptions(eventsPerSecond=0, turn=0, recovery=RecoveryOptions(window=WINDOW, everybody=False, **more))


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    return makeWorld(sockets=sockets())


def said(text: str) -> Heard:
    return "broadcast", {"text": text}


def say(client: Client, *texts: str) -> None:
    for text in texts:
        client.emit("broadcast", {"text": text})


@pytest.fixture
def ben(world: World) -> Client:
    """Somebody who has not asked for anything, and sees what others see."""
    return world.member("kitchen", "ben", revision=3)


class TestTheAnswer:
    def test_saysEverything(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        assert ann.joins() == "joined"
        at = ann.answer.pop("at")
        assert ann.answer == {
            "ok": True,
            "roomName": "kitchen",
            "userId": "ann",
            "members": [{"userId": "ben"}, {"userId": "ann"}],
            "outcome": "joined",
            "received": 0,
            "window": WINDOW,
        }
        assert re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", at)
        assert ann.take() == [joined("ann", "kitchen")]

    def test_isTheUsualOneForWhoHasNotAsked(self, world: World, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.lose()
        client = world.client(revision=revision)
        answer = client.join("kitchen", "cas", seen="x")
        assert answer.value == {
            "ok": True,
            "roomName": "kitchen",
            "userId": "cas",
            "members": [{"userId": "ann"}, {"userId": "cas"}],
        }
        assert client.take()[1:] == [joined("cas", "kitchen")]

    def test_saysWhoIsAway(self, world: World, revision: Revision) -> None:
        ann, cas = Resumer(world, "ann", revision), Resumer(world, "cas", revision)
        ann.joins()
        ann.lose()
        cas.joins()
        assert cas.answer["members"] == [{"userId": "ann", "away": True}, {"userId": "cas"}]

    def test_promisesNothingWithoutRecovery(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld()
        ann = Resumer(world, "ann", revision)
        answer = ann.asks().value
        assert (answer["outcome"], answer["received"], answer["window"]) == ("joined", 0, 0)
        assert "at" not in answer
        assert ann.client.take()[1:] == [joined("ann", "kitchen")]
        assert ann.client.ask("broadcast", {}, {"n": 1}).value == {"ok": True, "delivered": 1, "n": 1}
        ann.lose()
        assert world.rosters() == {}

    @pytest.mark.parametrize("key", ["k" * 21, "k" * 65, "", 7, None, ["k"], "k" * 21 + "é"])
    @pytest.mark.parametrize("name", ["resume", "replaces"])
    def test_refusesWhatIsNoKey(self, world: World, name: str, key: Any) -> None:
        client = world.client()
        assert client.ask("join-room", room("ann", "kitchen", **{name: key})).code == "bad-resume-key"
        assert world.rosters() == {}

    @pytest.mark.parametrize("size", [22, 64])
    def test_takesKeysOfTheseLengths(self, world: World, size: int) -> None:
        ann = Resumer(world, "ann")
        ann.key = "A" * size
        assert ann.joins() == "joined"

    @pytest.mark.parametrize("seen", [7, None, {}, "nothing", "0123abcd.1", ["x"], True])
    def test_takesAnythingForWhatWasSeen(self, world: World, seen: Any) -> None:
        ann = Resumer(world, "ann")
        ann.seen = seen
        assert ann.joins() == "joined"


class TestComingBack:
    def test_nobodyIsMissedAndNothingLost(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        say(ben, "1")
        assert ann.take() == [joined("ann", "kitchen"), said("1")]
        ben.take()
        seen = ann.seen
        ann.lose()
        say(ben, "2", "3")
        assert ann.comesBack() == "resumed"
        assert ann.answer["at"] == seen
        assert ann.take() == [said("2"), said("3")]
        assert ben.take() == [AWAY, said("2"), said("3"), BACK]
        assert world.rosters() == {"kitchen": ["ben", "ann"]}
        say(ben, "4")
        assert ann.take() == [said("4")]
        assert ann.client.ask("broadcast", {"text": "5"}).value["delivered"] == 2

    def test_theAnswerComesFirst(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.lose()
        say(ben, "1")
        ann.dial()
        ann.asks()
        assert [heard[0] for heard in ann.client.take()] == ["<ack>", "broadcast"]

    def test_aHolderThatLooksAliveIsTakenOverAndNobodySeesIt(
        self, world: World, revision: Revision, ben: Client
    ) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.take()
        dead = ann.client
        say(ben, "lost on the way")
        ben.take()
        assert ann.comesBack() == "resumed"
        assert ann.take() == [said("lost on the way")]
        assert dead.link.closedBecause is CloseReason.TRANSPORT_CLOSE
        dead.emit("broadcast", {"text": "late"})
        dead.link.lose()
        assert ben.take() == []
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_theConnectionOpenedLaterWins(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        first, second = world.client(revision=revision), world.client(revision=revision)
        ann.client = second
        ann.joins()
        ben.take()
        for _ in range(2):
            answer = first.ask("join-room", room("ann", "kitchen", resume=ann.key))
            assert answer.code == "stale-resume"
            ann.lose()
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_ofALostAnswerTheSameIsSaidAgain(self, world: World, revision: Revision, ben: Client) -> None:
        """The first join, twice: one membership, and all that it was sent."""
        ann = Resumer(world, "ann", revision)
        ann.asks()
        say(ben, "1")
        for _ in range(2):
            ann.lose()
            ann.dial()
            ann.seen = None
            assert ann.joins() == "joined"
            assert ann.take() == [joined("ann", "kitchen"), said("1")]
        ann.lose()
        assert ann.comesBack() == "resumed"
        assert [heard[0] for heard in ben.take()].count("user-joined") == 2

    def test_ofAJoinedThatWasHeardItIsSaidOnlyOnce(self, world: World, revision: Revision) -> None:
        """Though nothing followed it."""
        ann = Resumer(world, "ann", revision)
        ann.asks()
        ann.lose()
        ann.dial()
        answer = ann.asks()
        ann.seen = answer.value["at"]
        ann.lose()
        assert answer.value["outcome"] == "joined"
        assert ann.comesBack() == "resumed"
        assert ann.take() == [joined("ann", "kitchen")]

    def test_aReplayThatIsCutIsDoneAgain(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.take()
        ann.lose()
        say(ben, "1", "2")
        ann.dial()
        answer = ann.asks()
        assert answer.value["outcome"] == "resumed"
        ann.seen = answer.value["at"]
        ann.lose()
        assert ann.comesBack() == "resumed"
        assert ann.take() == [said("1"), said("2")]

    def test_whoHasMissedTooMuchIsTold(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(sockets=sockets(packets=3))
        ben = world.member("kitchen", "ben", revision=3)
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.take()
        before = ann.seen
        ann.lose()
        say(ben, "1", "2", "3", "4")
        ben.take()
        for _ in range(2):  # also if the answer is lost
            ann.seen = before
            assert ann.comesBack() == "resync"
            assert ann.take() == []
            assert ann.answer["members"] == [{"userId": "ben"}, {"userId": "ann"}]
        say(ben, "5")
        assert ann.take() == [said("5")]
        ann.lose()
        assert ann.comesBack() == "resumed"
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_afterTheWindowItBeginsAnew(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ben.take()
        ann.lose()
        for _ in range(4):
            world.clock.advance(WINDOW / 4 + 0.1)
            ben.link.keepAlive()
        assert ben.take() == [AWAY, left("ann", "kitchen", "timeout")]
        assert ann.comesBack() == "joined"
        assert ann.answer["received"] == 0

    def test_eachAbsenceHasAWindowOfItsOwn(self, world: World, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.lose()
        world.clock.advance(WINDOW - 10)
        ann.comesBack()
        world.clock.advance(5)
        ann.lose()
        world.clock.advance(20)
        assert ann.comesBack() == "resumed"

    def test_allItsRoomsComeBackTogether(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.joins("cellar")
        ann.take()
        ann.lose()
        say(ben, "1")
        assert ann.comesBack() == "resumed"
        assert ann.take() == [said("1")]
        assert ann.joins("cellar") == "resumed"
        assert ann.take() == [], "nothing is replayed twice"
        assert world.rosters() == {"kitchen": ["ben", "ann"], "cellar": ["ann"]}

    def test_aRoomThatItHasNotHeardOfIsJoined(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.take()
        seen = ann.seen
        ann.asks("cellar")
        ann.lose()
        ann.seen = seen
        assert ann.comesBack() == "resumed"
        assert ann.take() == [joined("ann", "cellar")]
        ann.lose()
        assert ann.comesBack() == "resumed", "the answer for the other room is still missing"
        assert ann.joins("cellar") == "joined"
        ann.lose()
        ann.comesBack()
        assert ann.joins("cellar") == "resumed"

    def test_aNewRoomIsJoinedByThePeerThatIsBack(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.take()
        ann.lose()
        say(ben, "1")
        ann.dial()
        assert ann.joins("cellar") == "joined"
        assert ann.take() == [said("1"), joined("ann", "cellar")]
        assert world.rosters() == {"kitchen": ["ben", "ann"], "cellar": ["ann"]}

    def test_whatANewcomerHadJoinedWithoutAKeyEnds(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.lose()
        ann.dial()
        ann.client.join("kitchen", "ann")
        ann.client.take()
        ben.take()
        assert ann.joins() == "resumed"
        assert ben.take() == [left("ann", "kitchen", "replaced"), BACK]
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_oneConnectionHasOneKey(self, world: World, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        assert ann.joins() == "resumed"
        assert ann.asks("cellar", resume=keyOf("other")).code == "bad-resume-key"
        assert world.rosters() == {"kitchen": ["ann"]}

    def test_whoIsNotTheUserOfTheSeatTouchesNothing(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        holder = ann.client
        ben.take()
        ann.dial()
        assert ann.asks(userId="cas").code == "not-your-user-id"
        assert holder.link.closedBecause is None
        assert ben.take() == []

    def test_whoAsksForNoAnswerIsBackAsWell(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.client.emit("join-room", room("ann", "kitchen", resume=ann.key))
        ann.lose()
        ann.dial()
        ann.client.emit("join-room", room("ann", "kitchen", resume=ann.key))
        say(ben, "1")
        assert ann.take() == [joined("ann", "kitchen"), said("1")]

    def test_whoIsKickedMeanwhileBeginsAnew(self, makeWorld: WorldFactory, revision: Revision) -> None:
        """A plugin hears of the end of something else on the old connection."""

        class Strict(Plugins):
            def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
                super().left(peer, room, reason)
                if peer.userId == "beside":
                    self.peers["ann"].disconnect("banned")

        world = makeWorld(gates=Strict(), sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        beside = ann.client.link.client("/socket.io")
        beside.join("kitchen", "beside")
        ann.dial()
        assert ann.joins() == "joined"
        assert world.rosters() == {"kitchen": ["ann"]}

    def test_inExactModeNobodyIsToldAnything(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(SignalingOptions(exact=True), sockets=sockets())
        ben = world.member("kitchen", "ben", revision=3)
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ben.take()
        ann.lose()
        assert ann.comesBack() == "resumed"
        assert ben.take() == []


class TestIdentities:
    def test_anotherUserFindsNothing(self, makeWorld: WorldFactory, revision: Revision) -> None:
        """Nor does one without an account, nor the same one with other roles."""
        who = [Identity("ann"), Identity("cas"), Identity(), Identity("ann", frozenset({"host"})), Identity("ann")]
        rest = iter(who)
        world = makeWorld(gates=Plugins(authenticate=lambda shake: next(rest)), sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.lose()
        thief = Resumer(world, "cas", revision)
        thief.key = ann.key
        assert thief.joins() == "joined"
        guest = Resumer(world, "guest", revision)
        guest.key = ann.key
        assert guest.joins() == "joined"
        other = Resumer(world, "ann", revision)
        assert other.joins("cellar") == "joined"
        assert world.rosters() == {"kitchen": ["ann", "cas", "guest"], "cellar": ["ann"]}

    def test_aNewTokenIsTakenOver(self, makeWorld: WorldFactory, revision: Revision) -> None:
        ends = iter([1000.0, 2000.0])
        plugins = Plugins(authenticate=lambda shake: Identity("ann", expiresAt=next(ends)))
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.lose()
        assert ann.comesBack() == "resumed"
        ann.lose()
        world.clock.advance(WINDOW + 1)

    def test_itExpiresWhileItIsAway(self, makeWorld: WorldFactory, revision: Revision) -> None:
        plugins = Plugins(authenticate=lambda shake: Identity("ann", expiresAt=30.0))
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        plugins.take()
        ann.lose()
        world.clock.advance(31)
        assert plugins.take() == [("left", "ann", "kitchen", 0, "expired")]

    def test_noOneSeesTheKey(self, makeWorld: WorldFactory, revision: Revision, log: Log) -> None:
        shakes: list[Handshake] = []
        requests: list[Any] = []

        def authenticate(shake: Handshake) -> Identity:
            shakes.append(shake)
            return Identity()

        def mayJoin(peer: Any, where: Any) -> None:
            requests.append(dict(peer.joinRequest))

        world = makeWorld(gates=Plugins(authenticate=authenticate, mayJoin=mayJoin), sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.dialWithKey()
        ann.joins(replaces=keyOf("former"), tab="t")
        ann.lose()
        ann.dialWithKey()
        ann.asks(resume="nothing " + ann.key)
        assert requests == [{"userId": "ann", "roomName": "kitchen", "tab": "t"}]
        for kept in (repr(shakes), repr(log.lines)):
            assert ann.key not in kept
            assert keyOf("former") not in kept


class TestReplacing:
    def test_thePageBeforeEndsFirst(self, world: World, revision: Revision, ben: Client) -> None:
        old = Resumer(world, "ann", revision)
        old.joins()
        ben.take()
        new = Resumer(world, "ann", revision)
        new.key = keyOf("new")
        assert new.joins(replaces=old.key) == "joined"
        assert ben.take() == [left("ann", "kitchen", "replaced"), joined("ann", "kitchen")]
        assert old.client.take()[-1] == ("<disconnect>",)
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_alsoIfItIsAway(self, world: World, revision: Revision, ben: Client) -> None:
        old = Resumer(world, "ann", revision)
        old.joins()
        old.lose()
        ben.take()
        client = world.client(revision=revision)
        client.join("kitchen", "ann", replaces=old.key)
        assert ben.take() == [left("ann", "kitchen", "replaced"), joined("ann", "kitchen")]

    def test_aKeyOfNoOneReplacesNoOne(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        assert ann.joins(replaces=keyOf("nobody")) == "joined"
        assert ann.joins(replaces=ann.key) == "resumed"
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_aPageDoesNotReplaceALaterOne(self, world: World, revision: Revision) -> None:
        first, second = Resumer(world, "ann", revision), Resumer(world, "ann", revision)
        second.key = keyOf("second")
        second.joins()
        assert first.joins(replaces=second.key) == "joined"
        assert world.rosters() == {"kitchen": ["ann", "ann"]}


class TestNumbers:
    def test_aRepeatIsDeliveredOnce(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ben.take()
        assert ann.client.ask("broadcast", {"text": "1"}, {"n": 7}).value == {"ok": True, "delivered": 2, "n": 7}
        ann.lose()
        assert ann.comesBack() == "resumed"
        assert ann.answer["received"] == 7
        for number in (7, 3):
            repeat = ann.client.ask("broadcast", {"text": "1"}, {"n": number}).value
            assert repeat == {"ok": True, "delivered": 0, "n": number, "duplicate": True}
        assert ben.take() == [said("1"), AWAY, BACK]
        assert ann.client.ask("broadcast", {"text": "2"}, {"n": 8}).value["delivered"] == 2

    @pytest.mark.parametrize("options", [{"n": 0}, {"n": -1}, {"n": 1.5}, {"n": "1"}, {"n": 2**53}, {"n": True}, 7])
    def test_refusesWhatIsNoNumber(self, world: World, options: Any) -> None:
        ann = Resumer(world, "ann")
        ann.joins()
        assert ann.client.ask("broadcast", {}, options).code == "bad-arguments"

    @pytest.mark.parametrize("options", [{"n": 2**53 - 1}, {"n": 1.0}])
    def test_takesTheseNumbers(self, world: World, options: Any) -> None:
        ann = Resumer(world, "ann")
        ann.joins()
        assert ann.client.ask("broadcast", {}, options).value["n"] == options["n"]

    def test_withoutANumberItIsTheUsualAnswer(self, world: World) -> None:
        ann = Resumer(world, "ann")
        ann.joins()
        assert ann.client.ask("broadcast", {}, {"other": 1}).value == {"ok": True, "delivered": 1}

    def test_areIgnoredWithoutAKey(self, ben: Client) -> None:
        for options in ({"n": 1}, {"n": 1}, {"n": "x"}, 7):
            assert ben.ask("broadcast", {}, options).value == {"ok": True, "delivered": 1}

    def test_whatIsRefusedIsReceived(self, makeWorld: WorldFactory, revision: Revision) -> None:
        def filterMessage(peer: Any, where: Any, message: Any) -> Any:
            raise Refused("no")

        world = makeWorld(gates=Plugins(filterMessage=filterMessage), sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        refused = ann.client.ask("broadcast", {}, {"n": 5}).value
        assert (refused["ok"], refused["error"]["code"], refused["n"]) == (False, "no", 5)
        assert ann.client.ask("broadcast", {}, {"n": 5}).value["duplicate"] is True
        ann.client.emit("broadcast", {}, {"n": 5})

    def test_aFilterMayTakeItsTime(self, makeWorld: WorldFactory, revision: Revision) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(filterMessage=desk.filterMessage), sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        first = ann.client.ask("broadcast", {"text": "1"}, {"n": 1})
        again = ann.client.ask("broadcast", {"text": "1"}, {"n": 1})
        desk.yes()
        assert first.value == {"ok": True, "delivered": 1, "n": 1}
        assert again.value["duplicate"] is True


class TestAtTheHandshake:
    def test_theSamePeerIsBackBeforeAnythingIsRead(self, world: World, revision: Revision, ben: Client) -> None:
        ann = Resumer(world, "ann", revision)
        (connected,) = ann.dialWithKey()
        assert connected[0] == "<connect>"
        ann.joins()
        ann.take()
        ann.client.ask("broadcast", {"text": "mine"}, {"n": 3})
        ann.take()
        ben.take()
        ann.lose()
        say(ben, "1")
        connected, resumed, missed = ann.dialWithKey()
        assert resumed == (
            "resumed",
            {
                "outcome": "resumed",
                "at": ann.seen,
                "received": 3,
                "window": WINDOW,
                "rooms": [{"roomName": "kitchen", "userId": "ann"}],
            },
        )
        assert missed[:-1] == said("1")
        assert ann.client.ask("broadcast", {"text": "2"}).value["delivered"] == 2
        assert ben.take() == [AWAY, said("1"), BACK, said("2")]
        ann.seen = missed[-1]
        assert ann.joins() == "resumed"
        assert ann.take() == [said("2")]

    def test_aRoomThatItHasNotHeardOfIsStillToBeJoined(self, world: World, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.dialWithKey()
        ann.asks()
        ann.lose()
        _, (_, told), event = ann.dialWithKey()
        assert told["outcome"] == "joined"
        assert event[:-1] == joined("ann", "kitchen")
        ann.seen = event[-1]
        assert ann.joins() == "joined"
        assert ann.joins() == "resumed"

    def test_whoHasMissedTooMuchIsTold(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(sockets=sockets(packets=2))
        ben = world.member("kitchen", "ben", revision=3)
        ann = Resumer(world, "ann", revision)
        ann.dialWithKey()
        ann.joins()
        ann.take()
        ann.lose()
        say(ben, "1", "2", "3")
        _, (_, told) = ann.dialWithKey()
        assert told["outcome"] == "resync"
        ann.seen = told["at"]
        assert ann.joins() == "resync"
        assert ann.joins() == "resumed"

    def test_theConnectionOpenedLaterWins(self, world: World, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        early = world.link(4)
        ann.dialWithKey()
        ann.joins()
        client = early.client("/", json.dumps({"resume": ann.key}))
        ((word, told),) = client.take()
        assert word == "<error>"
        assert told["data"]["code"] == "stale-resume"
        assert world.rosters() == {"kitchen": ["ann"]}

    def test_itsJoinsNeedNoKey(self, world: World, revision: Revision, ben: Client) -> None:
        """The answer is the usual one, also when it joins again."""
        ann = Resumer(world, "ann", revision)
        ann.dialWithKey()
        answer = ann.client.join("kitchen", "ann").value
        assert answer == {"ok": True, "roomName": "kitchen", "userId": "ann", "members": answer["members"]}
        ann.take()
        ann.lose()
        say(ben, "1")
        _, (_, told), event = ann.dialWithKey()
        assert (told["outcome"], event[:-1]) == ("resumed", said("1"))
        assert ann.client.join("kitchen", "ann").value == answer

    def test_itMayBringTheKeyLater(self, world: World) -> None:
        """First in a join, then in a handshake, and it is the same."""
        ann = Resumer(world, "ann", 4)
        ann.joins()
        ann.lose()
        assert ann.dialWithKey()[1][1]["outcome"] == "resumed"

    def test_whoIsInNoRoomIsNotWaitedFor(self, world: World, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.dialWithKey()
        ann.lose()
        assert (world.sockets.recovery.away, world.sockets.recovery.live) == (0, 0)

    def test_pidsOfThoseWhoHaveNotAskedBeforeAreToldOfNothing(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(sockets=SocketOptions(eventsPerSecond=0, recovery=RecoveryOptions(window=WINDOW)))
        link = world.link(4)
        client = link.client()
        ((_, answer),) = client.take()
        client.join("kitchen", "ann")
        client.lose()
        again = world.link(4).client("/", json.dumps({"pid": answer["pid"], "resume": keyOf("ann")}))
        (_, told), (word, resumed), _ = again.take()
        assert told == answer
        assert (word, resumed["outcome"]) == ("resumed", "resumed")
        again.lose()
        assert Resumer(world, "ann").joins() == "resumed", "the other key leads there from now on"


class TestSlowPolicies:
    @pytest.fixture
    def desk(self) -> Desk:
        return Desk()

    @pytest.fixture
    def slow(self, makeWorld: WorldFactory, desk: Desk) -> World:
        return makeWorld(gates=Plugins(mayJoin=desk.mayJoin), sockets=sockets())

    def test_aReturnMeanwhileWaitsForTheVerdict(self, slow: World, desk: Desk, revision: Revision) -> None:
        ann = Resumer(slow, "ann", revision)
        first = ann.asks()
        ann.lose()
        ann.dial()
        again = ann.asks()
        assert desk.asked == ["ann"]
        desk.yes()
        assert not first.given
        assert again.value["outcome"] == "joined"
        assert desk.asked == []
        assert slow.rosters() == {"kitchen": ["ann"]}

    def test_soDoesOneThatNobodyHasNoticed(self, slow: World, desk: Desk, revision: Revision) -> None:
        ann = Resumer(slow, "ann", revision)
        first = ann.asks()
        ann.dial()
        again = ann.asks()
        desk.yes()
        assert not first.given
        assert again.value["outcome"] == "joined"
        assert slow.rosters() == {"kitchen": ["ann"]}

    def test_aRefusalIsForBoth(self, slow: World, desk: Desk, revision: Revision) -> None:
        ann = Resumer(slow, "ann", revision)
        first = ann.asks()
        ann.lose()
        ann.dial()
        again = ann.asks()
        desk.no()
        assert desk.asked == ["ann"], "the second request is one of its own then"
        desk.no("still-not")
        assert not first.given
        assert again.code == "still-not"

    def test_aLossMeanwhileEndsInTheWindow(self, slow: World, desk: Desk, revision: Revision) -> None:
        ben = slow.client(revision=3)
        ben.emit("join-room", room("ben", "kitchen"))
        desk.yes()
        ann = Resumer(slow, "ann", revision)
        ann.asks()
        ann.lose()
        ben.take()
        desk.yes()
        assert ben.take() == [joined("ann", "kitchen"), AWAY]
        assert ann.comesBack() == "joined"
        ann.lose()
        slow.clock.advance(20)
        ben.link.keepAlive()
        slow.clock.advance(WINDOW - 19)
        ben.link.keepAlive()
        assert [heard[0] for heard in ben.take()] == ["user-back", "user-away", "user-left"]

    def test_whoIsRefusedMeanwhileIsNotWaitedForAnyMore(self, slow: World, desk: Desk, revision: Revision) -> None:
        ann = Resumer(slow, "ann", revision)
        ann.asks()
        ann.lose()
        assert slow.sockets.recovery.away == 1
        desk.no()
        assert slow.sockets.recovery.away == 0

    def test_whoeverStillHasRequestsIsWaitedFor(self, slow: World, desk: Desk, revision: Revision) -> None:
        """Although one of them gives up the only room that it is in."""
        ann = Resumer(slow, "ann", revision)
        ann.asks("kitchen")
        desk.yes()
        ann.asks("cellar")
        ann.client.ask("leave-room", room("ann", "kitchen"))
        ann.asks("attic")
        ann.lose()
        desk.no()
        assert slow.rosters() == {}
        desk.yes()
        assert slow.rosters() == {"attic": ["ann"]}

    def test_aNewcomerThatIsBusyHandsOnWhatItHasNotHandled(self, slow: World, desk: Desk, revision: Revision) -> None:
        ann = Resumer(slow, "ann", revision)
        ann.asks()
        desk.yes()
        ann.read()
        ann.lose()
        ann.dial()
        ann.client.emit("join-room", room("ann", "cellar"))
        answer = ann.asks()
        last = ann.client.ask("broadcast", {"text": "1"})
        desk.yes()
        assert answer.value["outcome"] in {"joined", "resumed"}
        assert last.value == {"ok": True, "delivered": 1}
        assert slow.rosters() == {"kitchen": ["ann"]}

    def test_whatWaitsBehindItIsHandledWhileItIsAway(self, slow: World, desk: Desk, revision: Revision) -> None:
        ann = Resumer(slow, "ann", revision)
        ann.asks()
        ann.asks("cellar")
        ann.lose()
        desk.yes()
        desk.yes()
        assert slow.rosters() == {"kitchen": ["ann"], "cellar": ["ann"]}
        assert ann.comesBack() == "joined"
        assert ann.joins("cellar") == "joined"

    def test_aPlaceInALobbyIsWaitedFor(self, makeWorld: WorldFactory, revision: Revision) -> None:
        def mayJoin(peer: Any, where: Any) -> None:
            raise Waiting("Not yet.")

        plugins = Plugins(mayJoin=mayJoin)
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Resumer(world, "ann", revision)
        assert ann.asks().code == "waiting"
        ann.lose()
        assert world.sockets.recovery.away == 1
        ann.dial()
        assert ann.asks().code == "waiting"
        assert len(world.hub.waiting) == 1
        assert plugins.take() == []


class TestPresence:
    def test_onlyTheLastConnectionOfAUserCounts(self, world: World, revision: Revision, ben: Client) -> None:
        one, two = Resumer(world, "ann", revision), Resumer(world, "ann", revision)
        two.key = keyOf("two")
        one.joins()
        two.joins()
        ben.take()
        one.lose()
        assert ben.take() == []
        one.comesBack()
        assert ben.take() == [], "nobody has heard that it was away"
        one.lose()
        two.lose()
        assert ben.take() == [AWAY]
        two.comesBack()
        assert ben.take() == [BACK]
        one.comesBack()
        assert ben.take() == [], "it is back already"

    def test_observersSeeNothing(self, makeWorld: WorldFactory, revision: Revision) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        peer = plugins.peers["ann"]
        peer.data["x"] = 1
        plugins.take()
        ann.lose()
        wasAway = peer.away
        ann.comesBack()
        assert (wasAway, peer.away) == (True, False)
        assert plugins.take() == []
        assert peer.data == {"x": 1}
        peer.emit("mine", 1)
        assert ann.take()[-1] == ("mine", 1)

    @pytest.mark.parametrize("end", [Client.disconnect, lambda client: client.link.lose(CloseReason.GOING_AWAY)])
    def test_whatIsEndedOnPurposeIsOver(self, world: World, ben: Client, end: Any, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ben.take()
        end(ann.client)
        assert ben.take() == [left("ann", "kitchen", "disconnect")]

    def test_aCloseOfEngineIOIsALoss(self, world: World, ben: Client, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ben.take()
        ann.client.link.sayClose()
        assert ben.take() == [AWAY]

    def test_soIsAMissedHeartbeat(self, world: World, ben: Client, revision: Revision) -> None:
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ben.take()
        for seconds in (PING_INTERVAL, PING_TIMEOUT / 2, PING_TIMEOUT / 2 + 1):
            world.clock.advance(seconds)
            ben.link.keepAlive()
        assert ben.take() == [AWAY]

    def test_whoIsKickedWhileAwayIsGone(self, makeWorld: WorldFactory, revision: Revision) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Resumer(world, "ann", revision)
        ann.joins()
        ann.lose()
        peer: Any = plugins.peers["ann"]
        world.hub.kick(peer, "kicked")
        assert world.sockets.recovery.away == 0
        assert ann.comesBack() == "joined"


class TestGrace:
    @pytest.fixture
    def patient(self, makeWorld: WorldFactory) -> World:
        return makeWorld(SignalingOptions(leaveGrace=10), sockets=sockets())

    def test_whoHasNotAskedStaysForAWhile(self, patient: World, revision: Revision) -> None:
        ann, ben = patient.member("kitchen", "ann", revision=revision), patient.member("kitchen", "ben")
        ben.take()
        ann.lose()
        assert ben.take() == [away("ann", "kitchen", 10)]
        patient.clock.advance(11)
        assert ben.take() == [left("ann", "kitchen", "timeout")]

    def test_aReturnReplacesIt(self, patient: World, revision: Revision) -> None:
        ann, ben = patient.member("kitchen", "ann", revision=revision), patient.member("kitchen", "ben")
        ann.lose()
        ben.take()
        patient.member("kitchen", "ann", revision=revision)
        assert ben.take() == [left("ann", "kitchen", "replaced"), joined("ann", "kitchen")]
        assert patient.rosters() == {"kitchen": ["ben", "ann"]}
        assert patient.sockets.recovery.away == 0

    def test_alsoIfItWasAlone(self, patient: World) -> None:
        patient.member("kitchen", "ann").lose()
        patient.member("kitchen", "ann")
        assert patient.rosters() == {"kitchen": ["ann"]}

    def test_someoneElseOfTheSameNameDoesNot(self, makeWorld: WorldFactory) -> None:
        who = iter([Identity("ann"), Identity()])
        plugins = Plugins(authenticate=lambda shake: next(who))
        world = makeWorld(SignalingOptions(leaveGrace=10), plugins, sockets())
        world.member("kitchen", "ann").lose()
        world.member("kitchen", "ann")
        assert world.rosters() == {"kitchen": ["ann", "ann"]}

    def test_aKeyThatComesTooLateIsNone(self, makeWorld: WorldFactory, revision: Revision) -> None:
        """It waited behind a slow join when the connection was lost."""
        desk = Desk()
        world = makeWorld(SignalingOptions(leaveGrace=10), Plugins(mayJoin=desk.mayJoin), sockets())
        client = world.client(revision=revision)
        client.emit("join-room", room("ann", "kitchen"))
        for name in ("cellar", "attic"):
            client.emit("join-room", room("ann", name, resume=keyOf("ann")))
        client.lose()
        for _ in range(3):
            desk.yes()
        assert world.rosters() == {"kitchen": ["ann"], "cellar": ["ann"], "attic": ["ann"]}
        world.clock.advance(11)
        assert world.rosters() == {}

    def test_noOneIsWaitedForWhoIsNowhere(self, patient: World) -> None:
        patient.client().lose()
        assert patient.sockets.recovery.away == 0
