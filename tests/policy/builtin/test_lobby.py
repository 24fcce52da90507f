"""``lobby``: who waits, who hears of it, and how somebody gets in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rtcsignal.api import ConfigError, Identity
from rtcsignal.testing import InMemoryServer, MemoryClient

HOST = Identity(roles=frozenset({"host"}))


def using(**options: Any) -> list[Any]:
    return [{"lobby": options}]


@pytest.fixture
def server() -> Iterator[InMemoryServer]:
    with InMemoryServer(use=["lobby"]) as running:
        yield running


def hosting(server: InMemoryServer, user: str = "ann") -> MemoryClient:
    client = server.connect(HOST)
    assert client.join("kitchen", user).ok
    server.advance(0)
    client.take()
    return client


def knock(server: InMemoryServer, user: str, **more: Any) -> MemoryClient:
    client = server.connect(**more)
    assert client.join("kitchen", user).code == "waiting"
    return client


def named(user: str, sid: Any, **more: Any) -> dict[str, Any]:
    return {"roomName": "kitchen", "userId": user, "sid": sid, **more}


def heard(client: MemoryClient, event: str) -> list[str]:
    return [each[1]["userId"] for each in client.take(event)]


class TestKnocking:
    def test_isAnsweredWithAWaitingAndToldToTheHosts(self, server: InMemoryServer) -> None:
        ann = hosting(server)
        ben = server.connect()
        answer = ben.join("kitchen", "ben")
        assert answer.value["error"] == {
            "code": "waiting",
            "message": "Someone in the room has to let you in.",
            "hosts": 1,
        }
        ((event, body),) = ann.take()
        assert (event, body) == ("knock", named("ben", body["sid"]))
        assert server.members("kitchen") == ["ann"]

    def test_withoutAnAcknowledgementIsAnsweredToo(self, server: InMemoryServer) -> None:
        ben = server.connect(revision=3)
        ben.emit("join-room", '{"userId": "ben", "roomName": "kitchen"}')
        ((event, body),) = ben.take()
        assert (event, body["code"], body["hosts"]) == ("refused", "waiting", 0)

    def test_againIsToldOnce(self, server: InMemoryServer) -> None:
        ann = hosting(server)
        ben = knock(server, "ben")
        assert ben.join("kitchen", "ben").value["error"]["hosts"] == 1
        assert heard(ann, "knock") == ["ben"]
        assert ben.join("kitchen", "benjamin").code == "waiting"
        assert heard(ann, "knock") == ["benjamin"]
        assert [each["userId"] for each in ann.request("who-waits").value["waiting"]] == ["benjamin"]

    def test_isToldToHostsOnly(self, server: InMemoryServer) -> None:
        ann = hosting(server)
        ben = knock(server, "ben")
        ann.request("admit", {"all": True})
        assert ben.join("kitchen", "ben").ok
        ben.take()
        knock(server, "cat")
        assert ben.take() == []
        assert heard(ann, "knock") == ["ben", "cat"]

    def test_doesNotConcernWhoHasARoleOrOtherRooms(self) -> None:
        with InMemoryServer(use=using(rooms=["kitchen"], roles=["teacher"])) as server:
            assert server.connect(Identity(roles=frozenset({"teacher"}))).join("kitchen", "tom").ok
            assert server.connect(HOST).join("kitchen", "ann").code == "waiting"
            ben = server.connect()
            assert ben.join("cellar", "ben").ok
            assert ben.take("pass") == []
            assert ben.request("who-waits").code == "not-the-host"


class TestHostsThatComeLater:
    def test_hearOfAllWhoWait(self, server: InMemoryServer) -> None:
        knock(server, "ben")
        knock(server, "cat")
        ann = server.connect(HOST)
        ann.join("kitchen", "ann")
        server.advance(0)
        assert heard(ann, "knock") == ["ben", "cat"]
        other = server.connect(HOST)
        other.join("kitchen", "other")
        server.advance(0)
        assert (heard(ann, "knock"), heard(other, "knock")) == ([], ["ben", "cat"])

    def test_alsoWhenTheRoomHadEndedMeanwhile(self, server: InMemoryServer) -> None:
        ann = hosting(server)
        knock(server, "ben")
        ann.lose()
        again = server.connect(HOST)
        again.join("kitchen", "ann")
        server.advance(0)
        assert heard(again, "knock") == ["ben"]
        assert again.request("admit", {"targetUserId": "ben"}).ok

    def test_alsoWhenTheyHaveBecomeItByTheOneBefore(self) -> None:
        uses: list[Any] = ["host", {"lobby": {"first": True}}]
        for use in (uses, uses[::-1]):
            with InMemoryServer(use=use) as server:
                ann = server.connect()
                ann.join("kitchen", "ann")
                ben = knock(server, "ben")
                ann.request("admit", {"targetUserId": "ben"})
                ben.join("kitchen", "ben")
                knock(server, "cat")
                server.advance(0)
                assert heard(ben, "knock") == []
                ann.lose()
                server.advance(0)
                assert heard(ben, "knock") == ["cat"]
                assert ben.request("admit", {"targetUserId": "cat"}).ok


class TestAdmitting:
    def test_letsInWhoJoinsAgain(self, server: InMemoryServer) -> None:
        ann, ben = hosting(server), knock(server, "ben")
        assert ann.request("admit", {"targetUserId": "ben"}).value == {"ok": True, "admitted": 1}
        ((event, body),) = ben.take()
        assert (event, body) == ("admitted", {"roomName": "kitchen", "pass": body["pass"]})
        assert ben.join("kitchen", "ben").ok
        assert ben.take("pass") == []

    def test_isToldToAllHosts(self, server: InMemoryServer) -> None:
        ann, other, ben = hosting(server), hosting(server, "other"), knock(server, "ben")
        (_, body) = ann.take("knock")[0]
        assert ann.request("admit", {"sid": body["sid"]}).ok
        ended = [("knock-ended", named("ben", body["sid"], reason="admitted"))]
        assert (ann.take("knock-ended"), other.take("knock-ended")) == (ended, ended)
        assert other.request("admit", {"targetUserId": "ben"}).code == "not-waiting"
        assert ben.join("kitchen", "ben").ok

    def test_isForOneOfTwoWithTheSameName(self, server: InMemoryServer) -> None:
        ann, first, second = hosting(server), knock(server, "ben"), knock(server, "ben")
        sids = [each[1]["sid"] for each in ann.take("knock")]
        assert ann.request("admit", {"sid": sids[1]}).value["admitted"] == 1
        assert first.join("kitchen", "ben").code == "waiting"
        assert second.join("kitchen", "ben").ok

    def test_isForOneName(self, server: InMemoryServer) -> None:
        ann, ben = hosting(server), knock(server, "ben")
        ann.request("admit", {"all": True})
        assert ben.join("kitchen", "ann").code == "waiting"
        assert ben.join("kitchen", "ben").ok

    def test_isForHosts(self, server: InMemoryServer) -> None:
        ann, ben = hosting(server), knock(server, "ben")
        ann.request("admit", {"all": True})
        ben.join("kitchen", "ben")
        knock(server, "cat")
        for event in ("admit", "deny", "who-waits"):
            assert ben.request(event, {"targetUserId": "cat"}).code == "not-the-host"

    def test_orForEveryMember(self) -> None:
        with InMemoryServer(use=using(first=True, members=True)) as server:
            ann = server.connect()
            assert ann.join("kitchen", "ann").ok
            ben = knock(server, "ben")
            assert heard(ann, "knock") == ["ben"]
            assert ann.request("admit", {"targetUserId": "ben"}).ok
            assert ben.join("kitchen", "ben").ok

    @pytest.mark.parametrize(
        "body", [{}, {"targetUserId": "cat"}, {"all": 1}, {"sid": None}, {"targetUserId": ["ben"]}]
    )
    def test_needsSomebodyWhoWaits(self, server: InMemoryServer, body: dict[str, Any]) -> None:
        ann, _ = hosting(server), knock(server, "ben")
        assert ann.request("admit", body).code == "not-waiting"

    def test_survivesAReload(self, server: InMemoryServer) -> None:
        ann, ben, cat = hosting(server), knock(server, "ben"), knock(server, "cat")
        ann.request("admit", {"targetUserId": "ben"})
        assert server.reload(use=using(most=10))
        assert ben.join("kitchen", "ben").ok
        assert ann.request("admit", {"targetUserId": "cat"}).ok
        assert cat.join("kitchen", "cat").ok

    def test_ofRoomsThatWereThereBeforeThePlugin(self) -> None:
        with InMemoryServer(use=["room-size"]) as server:
            ann = hosting(server)
            server.reload(use=["lobby"])
            knock(server, "ben")
            assert heard(ann, "knock") == ["ben"]


class TestPasses:
    def admitted(self, server: InMemoryServer, ann: MemoryClient) -> tuple[MemoryClient, str]:
        ben = knock(server, "ben")
        ann.request("admit", {"targetUserId": "ben"})
        text: str = ben.take("admitted")[0][1]["pass"]
        assert ben.join("kitchen", "ben").ok
        return ben, text

    @pytest.mark.parametrize("end", ["lose", "disconnect"])
    def test_letInAfterALostConnection(self, server: InMemoryServer, end: str) -> None:
        ben, text = self.admitted(server, hosting(server))
        getattr(ben, end)()
        assert server.connect().join("kitchen", "ben").code == "waiting"
        again = server.connect()
        assert again.join("kitchen", "ben", **{"pass": text}).ok
        assert again.take("pass") == []

    def test_areForOneNameAndRoom(self, server: InMemoryServer) -> None:
        _, text = self.admitted(server, hosting(server))
        assert server.connect().join("kitchen", "eve", **{"pass": text}).code == "waiting"
        assert server.connect().join("cellar", "ben", **{"pass": text}).code == "waiting"
        for wrong in ("", 7, [text], None):
            assert server.connect(address="192.0.2.1").join("kitchen", "ben", **{"pass": wrong}).code == "waiting"

    def test_endWithTheRoom(self, server: InMemoryServer) -> None:
        ann = hosting(server)
        ben, text = self.admitted(server, ann)
        ben.lose()
        ann.lose()
        hosting(server)
        assert server.connect().join("kitchen", "ben", **{"pass": text}).code == "waiting"

    def test_endWhenSomebodyIsPutOut(self) -> None:
        with InMemoryServer(use=[{"host": {"keep_out": 0}}, "lobby"]) as server:
            ann = hosting(server)
            ben, text = self.admitted(server, ann)
            ann.request("kick", {"targetUserId": "ben"})
            assert ben.join("kitchen", "ben").code == "waiting"
            assert ben.join("kitchen", "ben", **{"pass": text}).code == "waiting"

    def test_areGivenToThoseWhoCameInWithoutWaiting(self) -> None:
        with InMemoryServer(use=using(first=True)) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            ((_, body),) = ann.take("pass")
            moderator = hosting(server, "mod")
            assert moderator.take("pass") == []
            ann.lose()
            again = server.connect()
            assert again.join("kitchen", "ann", **{"pass": body["pass"]}).ok

    def test_theOldestGiveWayWhenThereAreTooMany(
        self, server: InMemoryServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rtcsignal.policy.builtin.lobby._MOST_PASSES", 4)
        ann = hosting(server)
        texts = []
        for _ in range(3):
            ben, text = self.admitted(server, ann)
            ben.lose()
            texts.append(text)
        codes = [server.connect().join("kitchen", "ben", **{"pass": text}).code for text in texts]
        assert codes == ["waiting", None, None]


class TestDenying:
    def test_sendsAwayForATime(self, server: InMemoryServer) -> None:
        ann, ben = hosting(server), knock(server, "ben")
        assert ann.request("deny", {"targetUserId": "ben"}).value == {"ok": True, "denied": 1}
        assert ben.take("denied") == [("denied", {"roomName": "kitchen", "reason": "denied"})]
        assert [each[1]["reason"] for each in ann.take("knock-ended")] == ["denied"]
        server.clock.advance(10)
        answer = ben.join("kitchen", "benjamin")
        assert (answer.code, answer.value["error"]["retry_after"]) == ("denied", 20)
        server.clock.advance(20)
        assert ben.join("kitchen", "ben").code == "waiting"

    def test_isRememberedOfSoManyOnly(
        self, server: InMemoryServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("rtcsignal.policy.builtin.lobby._MOST_DENIED", 1)
        ann = hosting(server)
        denied = [knock(server, name) for name in ("ben", "cat")]
        for name in ("ben", "cat"):
            ann.request("deny", {"roomName": "kitchen", "targetUserId": name})
        assert [each.join("kitchen", "eve").code for each in denied] == ["waiting", "denied"]

    def test_isWhatHappensWhenTheHostClosesTheRoom(self) -> None:
        with InMemoryServer(use=["host", "lobby"]) as server:
            ann, ben = hosting(server), knock(server, "ben")
            ann.request("close")
            assert ben.take("denied") == [("denied", {"roomName": "kitchen", "reason": "closed"})]
            assert ben.join("kitchen", "ben").code == "waiting"


class TestGivingUp:
    @pytest.mark.parametrize(
        ("reason", "end"),
        [
            ("left", lambda ben: ben.leave("kitchen", "ben")),
            ("disconnect", lambda ben: ben.disconnect()),
            ("disconnect", lambda ben: ben.lose()),
        ],
    )
    def test_isToldToTheHosts(self, server: InMemoryServer, reason: str, end: Any) -> None:
        ann, ben = hosting(server), knock(server, "ben")
        (_, body) = ann.take("knock")[0]
        end(ben)
        assert ann.take() == [("knock-ended", named("ben", body["sid"], reason=reason))]
        assert ann.request("who-waits").value == {"ok": True, "waiting": []}

    def test_inARoomWithoutALobbyIsNobodysBusiness(self) -> None:
        with InMemoryServer(use=using()) as server:
            ann = hosting(server)
            ben = knock(server, "ben")
            ann.take()
            assert server.reload(use=using(rooms=["cellar"]))
            ben.lose()
            assert ann.take() == []


class TestLimits:
    def test_soManyWait(self) -> None:
        with InMemoryServer(use=using(most=2)) as server:
            ben = knock(server, "ben")
            knock(server, "cat")
            assert server.connect().join("kitchen", "eve").code == "lobby-full"
            assert ben.join("kitchen", "benjamin").code == "waiting"
            ben.lose()
            knock(server, "eve")

    def test_soManyOfOneAddress(self) -> None:
        with InMemoryServer(use=using(most_per_address=1)) as server:
            knock(server, "ben", address="2001:db8::1")
            assert server.connect(address="2001:db8::2").join("kitchen", "cat").code == "lobby-full"
            knock(server, "cat", address="2001:db8:1::2")

    def test_soOftenFromOneAddress(self, server: InMemoryServer) -> None:
        for _ in range(10):
            knock(server, "ben").lose()
        answer = server.connect().join("kitchen", "ben")
        assert (answer.code, answer.value["error"]["retry_after"]) == ("too-many-attempts", 10)
        assert server.reload(use=using(most=3))
        assert server.connect().join("kitchen", "ben").code == "too-many-attempts"
        server.clock.advance(10)
        knock(server, "ben")

    def test_nothingIsLeftOfAnybody(self, server: InMemoryServer) -> None:
        ann, ben, cat = hosting(server), knock(server, "ben"), knock(server, "cat")
        ann.request("admit", {"targetUserId": "ben"})
        for client in (ann, ben, cat):
            client.lose()
        server.advance(1)
        assert server.hub.rooms == {}
        assert len(server.hub.waiting) == 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"most": 0}, "most: must be a whole number of at least 1, not 0"),
        ({"again": -1}, "again: must be a number of at least 0, not -1"),
        ({"first": "yes"}, "first: must be true or false, not 'yes'"),
    ],
)
def test_wrongOptionsEndTheStart(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem), InMemoryServer(use=using(**options)):
        pass


class TestProof:
    """A guest is not the one who has signed in under the same name."""

    def test_byNameOnlyTheOneIsAdmittedWhoHasSignedIn(self, server: InMemoryServer) -> None:
        host = hosting(server)
        guest, ben = knock(server, "ben"), knock(server, "ben", identity=Identity("ben"))
        assert host.request("admit", {"targetUserId": "ben"}).value["admitted"] == 1
        assert (guest.take("admitted"), len(ben.take("admitted"))) == ([], 1)
        assert (guest.join("kitchen", "ben").code, ben.join("kitchen", "ben").ok) == ("waiting", True)
        assert host.request("admit", {"targetUserId": "ben"}).value["admitted"] == 1
        assert guest.join("kitchen", "ben").ok

    def test_aGuestDoesNotComeInWithItsPass(self, server: InMemoryServer) -> None:
        host, ben = hosting(server), knock(server, "ben", identity=Identity("ben"))
        assert host.request("admit", {"targetUserId": "ben"}).ok
        ((_, told),) = ben.take("admitted")
        assert server.connect().join("kitchen", "ben", **{"pass": told["pass"]}).code == "waiting"
        assert server.connect(Identity("ben")).join("kitchen", "ben", **{"pass": told["pass"]}).ok

    def test_itKeepsItsPassWhenAGuestIsPutOut(self) -> None:
        with InMemoryServer(use=["host", "lobby"]) as server:
            host, ben, guest = hosting(server), knock(server, "ben", identity=Identity("ben")), knock(server, "ben")
            assert host.request("admit", {"all": True}).value["admitted"] == 2
            ((_, told),) = ben.take("admitted")
            assert guest.join("kitchen", "ben").ok
            assert host.request("kick", {"targetUserId": "ben"}).ok
            assert server.connect(Identity("ben")).join("kitchen", "ben", **{"pass": told["pass"]}).ok
