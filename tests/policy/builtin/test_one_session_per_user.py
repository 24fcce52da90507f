"""``one-session-per-user``: a second session is refused, replaces the first, or is fine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rtcsignal.api import ConfigError, Identity
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.testing import Answer, InMemoryServer, MemoryClient


def using(**options: Any) -> list[Any]:
    return [{"one-session-per-user": options}]


def left(user: str, reason: str = "replaced") -> tuple[Any, ...]:
    return ("user-left", user, {"roomName": "kitchen", "reason": reason})


def joined(user: str) -> tuple[Any, ...]:
    return ("user-joined", user, {"roomName": "kitchen"})


def enter(server: InMemoryServer, user: str, **more: Any) -> MemoryClient:
    client = server.connect()
    assert client.join("kitchen", user, **more).ok
    client.take()
    return client


@pytest.fixture
def server() -> Iterator[InMemoryServer]:
    with InMemoryServer(use=["one-session-per-user"]) as running:
        yield running


ANN = Identity("ann")
GUEST = Identity(signedIn=False)


class TestProof:
    """A name that anyone may say is not a person."""

    @pytest.mark.parametrize("mode", ["replace", "refuse"])
    @pytest.mark.parametrize("guest", [GUEST, Identity("ann", signedIn=False), Identity(), None], ids=repr)
    @pytest.mark.parametrize("more", [{}, {"tab": "t"}], ids=["without a tab", "with its tab"])
    def test_whoHasSignedInIsNotPutOutByAGuest(
        self, mode: str, guest: Identity | None, more: dict[str, str]
    ) -> None:
        with InMemoryServer(use=using(rooms={"*": mode})) as server:
            ann = server.connect(ANN)
            assert ann.join("kitchen", "ann", **more).ok
            ann.take()
            assert server.connect(guest).join("kitchen", "ann", **more).code == "already-here"
            assert (ann.take(), ann.connected, server.members("kitchen")) == ([], True, ["ann"])

    def test_butByWhoHasSignedInAsTheSame(self, server: InMemoryServer) -> None:
        old, new = server.connect(ANN), server.connect(Identity("ann", frozenset({"host"})))
        assert old.join("kitchen", "ann").ok
        assert new.join("kitchen", "ann").ok
        assert (old.connected, new.connected) == (False, True)

    @pytest.mark.parametrize("mode", ["replace", "refuse"])
    def test_aGuestDoesNotKeepANameFromWhoHasSignedInUnderIt(self, mode: str) -> None:
        with InMemoryServer(use=using(rooms={"*": mode})) as server:
            guest, ann = server.connect(GUEST), server.connect(ANN)
            assert guest.join("kitchen", "ann", tab="t").ok
            assert ann.join("kitchen", "ann").ok
            assert (guest.connected, ann.connected, server.members("kitchen")) == (False, True, ["ann"])

    def test_guestsThatReplaceEachOtherDoNotUseUpWhatItMay(self, server: InMemoryServer) -> None:
        for _ in range(4):
            assert server.connect(GUEST).join("kitchen", "ann").ok
        assert server.connect(GUEST).join("kitchen", "ann").code == "replaced"
        for _ in range(4):
            assert server.connect(ANN).join("kitchen", "ann").ok
        assert server.connect(ANN).join("kitchen", "ann").code == "replaced"

    def test_aTicketThatNamesNobodyProvesNoName(self, server: InMemoryServer) -> None:
        assert server.connect(ANN).join("kitchen", "ann").ok
        holder = server.connect(Identity(None, frozenset({"member"})))
        assert holder.join("kitchen", "ann").code == "already-here"
        assert holder.join("kitchen", "ben").ok


class TestReplace:
    def test_endsTheConnectionOfTheOldOneAndTellsWhy(self, server: InMemoryServer) -> None:
        old = enter(server, "ann")
        enter(server, "ann")
        replaced, refused = old.take()
        assert replaced == ("replaced", {"roomName": "kitchen", "userId": "ann"})
        assert refused[0] == "refused"
        assert (refused[1]["event"], refused[1]["code"]) == ("connect", "replaced")
        assert not old.connected
        assert server.members("kitchen") == ["ann"]

    def test_theRoomHearsOfTheOldOneBeforeTheNewOne(self, server: InMemoryServer) -> None:
        ben = enter(server, "ben")
        enter(server, "ann")
        ben.take()
        new = server.connect()
        assert new.join("kitchen", "ann").value["members"] == [{"userId": "ben"}, {"userId": "ann"}]
        assert ben.take() == [left("ann"), joined("ann")]
        assert new.take() == [joined("ann")]

    def test_orOnlyItsMembership(self) -> None:
        with InMemoryServer(use=using(ends="membership")) as server:
            old = enter(server, "ann")
            old.join("cellar", "ann")
            old.take()
            enter(server, "ann")
            assert old.connected
            assert old.take() == [("replaced", {"roomName": "kitchen", "userId": "ann"}), left("ann")]
            assert server.members("cellar") == ["ann"]

    def test_doesNothingIfAnotherPolicyRefusesTheNewOne(self) -> None:
        with InMemoryServer(use=[*using(), {"room-password": {"passwords": {"*": "sesame"}}}]) as server:
            old = enter(server, "ann", password="sesame")
            assert server.connect().join("kitchen", "ann").code == "password-needed"
            assert old.connected
            assert server.members("kitchen") == ["ann"]

    def test_concernsThatRoomAndUserOnly(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann"), enter(server, "ben")
        assert server.connect().join("cellar", "ann").ok
        assert ann.connected
        assert ben.connected

    def test_worksAfterAReload(self, server: InMemoryServer) -> None:
        old = enter(server, "ann")
        assert server.reload(use=using(ends="connection"))
        enter(server, "ann")
        assert not old.connected


class TestPagesThatComeBack:
    """A page that was replaced, and connects again by itself, must not put out the page that replaced it."""

    def test_areRefusedWhileTheNewerOneIsThere(self, server: InMemoryServer) -> None:
        enter(server, "ann", tab="one")
        second = enter(server, "ann", tab="two")
        third = enter(server, "ann", tab="three")
        assert not second.connected
        for tab in ("one", "two"):
            assert server.connect().join("kitchen", "ann", tab=tab).code == "replaced"
        assert third.connected
        third.lose()
        assert server.connect().join("kitchen", "ann", tab="one").ok

    def test_alsoAfterAReload(self, server: InMemoryServer) -> None:
        enter(server, "ann", tab="one")
        enter(server, "ann", tab="two")
        assert server.reload(use=using(most=5))
        assert server.connect().join("kitchen", "ann", tab="one").code == "replaced"

    def test_takeThePlaceOfTheirOwnDeadConnectionAsOftenAsNeedBe(self, server: InMemoryServer) -> None:
        for _ in range(10):
            assert server.connect().join("kitchen", "ann", tab="one").ok
        enter(server, "ann", tab="two")
        for _ in range(10):
            assert server.connect().join("kitchen", "ann", tab="two").ok
        assert server.connect().join("kitchen", "ann", tab="one").code == "replaced"
        assert server.members("kitchen") == ["ann"]

    def test_withoutANameTheyCannotFightForEver(self, server: InMemoryServer) -> None:
        codes = [server.connect().join("kitchen", "ann").code for _ in range(8)]
        assert codes == [None] * 4 + ["replaced"] * 4
        answer = server.connect().join("kitchen", "ann")
        assert answer.value["error"]["retry_after"] == 10
        server.advance(10)
        assert server.connect().join("kitchen", "ann").ok

    def test_whatIsNoNameIsNone(self, server: InMemoryServer) -> None:
        for tab in (7, "x" * 129, ["one"], None, ""):
            assert server.connect().join("cellar", f"user of {tab}", tab=tab).ok
            assert server.connect().join("cellar", f"user of {tab}", tab=tab).ok

    def test_nothingIsKeptOfWhoHasLeft(self, server: InMemoryServer) -> None:
        enter(server, "ann", tab="one")
        ann = enter(server, "ann", tab="two")
        (seat,) = server.hub.rooms["kitchen"]
        key = f"one-session-per-user.{seat.view.sid}"
        assert seat.room.view.shared == {key: {"tab": "two", "tabs": ["one"], "times": [0.0]}}
        enter(server, "ben")
        ann.leave("kitchen", "ann")
        assert seat.room.view.shared == {}

    def test_onlySoMuchIsKept(self, server: InMemoryServer) -> None:
        for number in range(100):
            server.advance(11)
            assert server.connect().join("kitchen", "ann", tab=f"tab-{number}").ok
        (seat,) = server.hub.rooms["kitchen"]
        kept = seat.room.view.shared[f"one-session-per-user.{seat.view.sid}"]
        assert (len(kept["tabs"]), len(kept["times"])) == (32, 1)


class TestRefuse:
    def test_keepsTheSecondOneOut(self) -> None:
        with InMemoryServer(use=using(rooms={"*": "refuse"})) as server:
            old = enter(server, "ann")
            assert server.connect().join("kitchen", "ann").code == "already-here"
            assert old.connected
            old.lose()
            assert server.connect().join("kitchen", "ann").ok

    def test_butNotTheSamePage(self) -> None:
        with InMemoryServer(use=using(rooms={"*": "refuse"})) as server:
            old = enter(server, "ann", tab="one")
            assert server.connect().join("kitchen", "ann", tab="two").code == "already-here"
            assert server.connect().join("kitchen", "ann", tab="one").ok
            assert not old.connected
            assert server.members("kitchen") == ["ann"]


def keyOf(name: str) -> str:
    return f"{name}-{'k' * 30}"


def answered(answer: Answer) -> str | None:
    """The code of a refusal that has come; None for a yes."""
    assert answer.given
    return answer.code


class TestKeys:
    """A guest who holds a key has a place that others cannot take by its name."""

    @pytest.fixture(params=["replace", "refuse"])
    def server(self, request: pytest.FixtureRequest) -> Iterator[InMemoryServer]:
        with InMemoryServer(use=using(rooms={"*": request.param})) as running:
            yield running

    @pytest.fixture
    def ann(self, server: InMemoryServer) -> MemoryClient:
        return enter(server, "ann", resume=keyOf("one"), tab="t")

    @pytest.mark.parametrize("more", [{}, {"tab": "t"}, {"resume": keyOf("two")}, {"replaces": keyOf("two")}], ids=str)
    def test_withoutItsKeyItsPlaceIsNotTaken(
        self, server: InMemoryServer, ann: MemoryClient, more: dict[str, str]
    ) -> None:
        assert answered(server.connect().join("kitchen", "ann", **more)) == "already-here"
        assert (ann.take(), ann.connected, server.members("kitchen")) == ([], True, ["ann"])

    def test_withItIsResumed(self, server: InMemoryServer, ann: MemoryClient) -> None:
        assert server.connect().join("kitchen", "ann", resume=keyOf("one")).ok
        assert server.members("kitchen") == ["ann"]
        assert not ann.connected

    def test_theNextPageReplacesIt(self, server: InMemoryServer, ann: MemoryClient) -> None:
        ben = enter(server, "ben")
        ann.take()
        new = server.connect()
        assert new.join("kitchen", "ann", resume=keyOf("two"), replaces=keyOf("one")).ok
        assert ben.take() == [left("ann"), joined("ann")]
        assert server.members("kitchen") == ["ben", "ann"]

    def test_whoSignsInHasTheNameAllTheSame(self, server: InMemoryServer, ann: MemoryClient) -> None:
        assert server.connect(ANN).join("kitchen", "ann").ok
        assert (ann.connected, server.members("kitchen")) == (False, ["ann"])

    def test_aKeyIsNoProofAgainstWhoHasNone(self, server: InMemoryServer) -> None:
        old = enter(server, "ann")
        isReplaced = server.connect().join("kitchen", "ann", resume=keyOf("two")).ok
        assert isReplaced is not old.connected


class TestTheAbsent:
    @pytest.fixture(params=["replace", "refuse"])
    def server(self, request: pytest.FixtureRequest) -> Iterator[InMemoryServer]:
        options = SignalingOptions(leaveGrace=20)
        with InMemoryServer(use=using(rooms={"*": request.param}), options=options) as running:
            yield running

    @pytest.fixture
    def ben(self, server: InMemoryServer) -> MemoryClient:
        return enter(server, "ben")

    def lost(self, server: InMemoryServer, ben: MemoryClient, identity: Identity | None = None, **more: Any) -> None:
        """Ann was here, and lost the connection."""
        ann = server.connect(identity)
        assert ann.join("kitchen", "ann", **more).ok
        ben.take()
        ann.lose()
        assert [heard[0] for heard in ben.take()] == ["user-away"]

    def test_theSameIdentityTakesItsPlace(self, server: InMemoryServer, ben: MemoryClient) -> None:
        self.lost(server, ben, ANN, resume=keyOf("one"))
        assert server.connect(ANN).join("kitchen", "ann").ok
        assert ben.take() == [left("ann"), joined("ann")]
        assert server.members("kitchen") == ["ben", "ann"]

    def test_soDoesAnyoneWhereNobodyHasProof(self, server: InMemoryServer, ben: MemoryClient) -> None:
        self.lost(server, ben)
        assert server.connect().join("kitchen", "ann").ok
        assert ben.take() == [left("ann"), joined("ann")]

    @pytest.mark.parametrize(("identity", "window"), [(None, 60), (ANN, 60), (ANN, 20)], ids=str)
    def test_othersHearHowLongItTakes(
        self, server: InMemoryServer, ben: MemoryClient, identity: Identity | None, window: int
    ) -> None:
        self.lost(server, ben, identity, **({"resume": keyOf("one")} if window == 60 else {}))
        server.advance(7.5)
        answer = server.connect(GUEST).join("kitchen", "ann", tab="t")
        assert (answer.code, answer.value["error"]["retry_after"]) == ("already-here", window - 7)
        assert ben.take() == []
        server.advance(window - 7)
        assert ben.take() == [left("ann", "timeout")]
        assert server.connect(GUEST).join("kitchen", "ann").ok

    def test_itsOwnKeyIsNotJudged(self, server: InMemoryServer, ben: MemoryClient) -> None:
        self.lost(server, ben, resume=keyOf("one"))
        assert server.connect().join("kitchen", "ann", resume=keyOf("one")).ok
        assert [heard[0] for heard in ben.take()] == ["user-back"]

    def test_aPageThatWasReplacedMayHaveThePlaceOfOneThatIsAway(self, server: InMemoryServer) -> None:
        enter(server, "ann", tab="one").lose()
        second = enter(server, "ann", tab="two")
        second.lose()
        third = enter(server, "ann", tab="one")
        assert third.connected
        assert server.connect().join("kitchen", "ann", tab="two").code in ("replaced", "already-here")


class TestTheHalfOpen:
    """The old connection looks alive, and nobody is there."""

    @pytest.fixture
    def server(self) -> Iterator[InMemoryServer]:
        with InMemoryServer(use=using(rooms={"*": "refuse"})) as running:
            yield running

    def silent(self, server: InMemoryServer, identity: Identity | None = None, **more: Any) -> MemoryClient:
        ann = server.connect(identity)
        assert ann.join("kitchen", "ann", **more).ok
        ann.isSilent = True
        return ann

    def test_isGivenUpBeforeAnyoneIsRefused(self, server: InMemoryServer) -> None:
        ben, old = enter(server, "ben"), self.silent(server)
        ben.take()
        answer = server.connect().join("kitchen", "ann")
        server.advance(2.5)
        assert not answer.given
        server.advance(1)
        assert answer.ok
        assert not old.connected
        assert ben.take() == [left("ann", "timeout"), joined("ann")]

    def test_alsoWithoutProof(self) -> None:
        with InMemoryServer(use=using(rooms={"*": "replace"})) as server:
            self.silent(server, ANN)
            answer = server.connect(GUEST).join("kitchen", "ann")
            server.advance(3.5)
            assert answer.ok

    def test_oneWithAKeyIsAwayThen(self, server: InMemoryServer) -> None:
        self.silent(server, resume=keyOf("one"))
        answer = server.connect().join("kitchen", "ann")
        server.advance(3.5)
        assert (answer.code, answer.value["error"]["retry_after"]) == ("already-here", 60)

    def test_andTheSameIdentityTakesItsPlaceThen(self, server: InMemoryServer) -> None:
        self.silent(server, ANN, resume=keyOf("one"))
        answer = server.connect(ANN).join("kitchen", "ann")
        server.advance(3.5)
        assert answer.ok
        assert server.members("kitchen") == ["ann"]

    def test_whoeverAnswersStays(self, server: InMemoryServer) -> None:
        old = enter(server, "ann")
        for _ in range(3):
            assert answered(server.connect().join("kitchen", "ann")) == "already-here"
        server.advance(10)
        assert old.connected

    def test_severalAreAskedAtOnce(self, server: InMemoryServer) -> None:
        assert server.reload(use=using(rooms={"*": "many"}))
        for _ in range(3):
            self.silent(server)
        assert server.reload(use=using(rooms={"*": "refuse"}))
        answer = server.connect().join("kitchen", "ann")
        server.advance(3.5)
        assert answer.ok
        assert server.members("kitchen") == ["ann"]

    def test_oneAddressCannotHoldUpARoomForEver(self, server: InMemoryServer) -> None:
        admitted = 0
        while True:
            self.silent(server)
            new = server.connect()
            answer = new.join("kitchen", "ann")
            if answer.given:
                break
            server.advance(3.1)
            assert answer.ok
            new.lose()
            admitted += 1
        assert 20 <= admitted < 30
        assert (answer.code, answer.value["error"]["retry_after"]) == ("already-here", 3)
        other = server.connect(address="192.0.2.9").join("kitchen", "ann")
        server.advance(3.1)
        assert other.ok, "the ping was sent all the same, and others may wait"

    def test_howLongIsAnOption(self) -> None:
        with InMemoryServer(use=using(rooms={"*": "refuse"}, probe=0.5)) as server:
            self.silent(server)
            answer = server.connect().join("kitchen", "ann")
            server.advance(0.6)
            assert answer.ok

    def test_zeroIsNotToAsk(self) -> None:
        with InMemoryServer(use=using(rooms={"*": "refuse"}, probe=0)) as server:
            old = self.silent(server)
            assert answered(server.connect().join("kitchen", "ann")) == "already-here"
            server.advance(10)
            assert old.connected

    def test_whoeverGivesUpMeanwhileLeavesNothingBehind(self, server: InMemoryServer) -> None:
        self.silent(server)
        impatient = server.connect()
        answer = impatient.join("kitchen", "ann")
        impatient.lose()
        server.advance(3.5)
        assert not answer.given
        assert server.members("kitchen") == []


class TestPatterns:
    def test_theFirstThatFitsCountsAndWithoutOneManyAreFine(self) -> None:
        rooms = {"exam-*": "refuse", "call-open": "many", "call-*": "replace"}
        with InMemoryServer(use=using(rooms=rooms)) as server:
            for name in ("exam-1", "call-1", "call-open", "kitchen"):
                server.connect().join(name, "ann")
            second = {name: server.connect().join(name, "ann").code for name in ("exam-1", "call-open", "kitchen")}
            assert second == {"exam-1": "already-here", "call-open": None, "kitchen": None}
            assert server.connect().join("call-1", "ann").ok
            assert {name: len(server.members(name)) for name in ("call-1", "call-open", "kitchen")} == {
                "call-1": 1,
                "call-open": 2,
                "kitchen": 2,
            }

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"rooms": {"*": "kick"}}, "rooms: must be a mapping of strings to refuse or replace or many, not"),
            ({"ends": "world"}, "ends: must be connection or membership, not 'world'"),
            ({"most": 0}, "most: must be a whole number of at least 1, not 0"),
        ],
    )
    def test_wrongOptionsEndTheStart(self, options: dict[str, Any], problem: str) -> None:
        with pytest.raises(ConfigError, match=problem), InMemoryServer(use=using(**options)):
            pass
