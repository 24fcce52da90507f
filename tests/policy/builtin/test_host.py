"""``host``: who owns a room, and what the owner may do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rtcsignal.api import ConfigError, Identity
from rtcsignal.policy.builtin.host import host as plugin
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer, MemoryClient

MODERATOR = Identity(roles=frozenset({"host"}))


def using(**options: Any) -> list[Any]:
    return [{"host": options}]


def enter(server: InMemoryServer, *users: str, room: str = "kitchen") -> list[MemoryClient]:
    """Members, who have heard all that there was to hear."""
    clients = [server.connect() for _ in users]
    for client, user in zip(clients, users, strict=True):
        assert client.join(room, user).ok
    for client in clients:
        client.take()
    return clients


def hostIs(userId: str | None, room: str = "kitchen") -> tuple[Any, ...]:
    return ("host", {"roomName": room, "userId": userId})


def locked(isLocked: bool, userId: str | None) -> tuple[Any, ...]:
    return ("locked", {"roomName": "kitchen", "locked": isLocked, "userId": userId})


@pytest.fixture
def server() -> Iterator[InMemoryServer]:
    with InMemoryServer(use=["host"]) as running:
        yield running


class TestWhoIsTheHost:
    def test_theFirstMember(self, server: InMemoryServer) -> None:
        ann, ben = server.connect(), server.connect()
        ann.join("kitchen", "ann")
        assert ann.take("host") == [hostIs("ann")]
        ben.join("kitchen", "ben")
        assert (ann.take("host"), ben.take("host")) == ([], [hostIs("ann")])

    @pytest.mark.parametrize("end", ["leave", "disconnect", "lose"])
    def test_whenItGoesWhoIsThereLongest(self, server: InMemoryServer, end: str) -> None:
        ann, ben, cat = enter(server, "ann", "ben", "cat")
        ann.leave("kitchen", "ann") if end == "leave" else getattr(ann, end)()
        assert (ben.take("host"), cat.take("host")) == ([hostIs("ben")], [hostIs("ben")])
        assert ben.request("lock").ok

    def test_orTheSameUserOnAnotherConnection(self, server: InMemoryServer) -> None:
        ann, ben, again = enter(server, "ann", "ben", "ann")
        assert again.request("lock").code == "not-the-host"
        ann.lose()
        assert ben.take("host") == [hostIs("ann")]
        assert again.request("lock").ok

    def test_orOneWithARole(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        moderator = server.connect(MODERATOR)
        moderator.join("kitchen", "mod")
        assert moderator.take("host") == [hostIs("ann")]
        ann.lose()
        assert ben.take("host") == [hostIs("mod")]

    def test_nobodyHearsOfItWhenAnotherGoes(self, server: InMemoryServer) -> None:
        ann, ben, cat = enter(server, "ann", "ben", "cat")
        ben.lose()
        assert (ann.take("host"), cat.take("host")) == ([], [])

    def test_byRoleAlone(self) -> None:
        with InMemoryServer(use=using(first=False, roles=["teacher"])) as server:
            (ann,) = enter(server, "ann")
            ben = server.connect()
            ben.join("kitchen", "ben")
            assert ben.take("host") == [hostIs(None)]
            assert ann.request("lock").code == "not-the-host"
            teacher = server.connect(Identity(roles=frozenset({"teacher"})))
            teacher.join("kitchen", "tom")
            assert ann.take("host") == [hostIs("tom")]
            teacher.lose()
            assert ann.take("host") == [hostIs(None)]

    def test_onlyInSomeRooms(self) -> None:
        with InMemoryServer(use=using(rooms=["meeting-*"])) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            assert ann.take("host") == []
            assert ann.request("lock").code == "not-the-host"
            ann.join("meeting-1", "ann")
            assert ann.take("host") == [hostIs("ann", "meeting-1")]
            assert server.hub.rooms["kitchen"].view.data == {}

    def test_theSameAfterAReload(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        ann.request("lock")
        assert server.reload(use=using(keep_out=1))
        ann.take()
        assert ann.request("unlock").ok
        assert ben.take("host") == []
        ann.lose()
        assert ben.take("host") == [hostIs("ben")]

    def test_somebodyInRoomsThatWereThereBeforeThePlugin(self) -> None:
        with InMemoryServer(use=["room-size"]) as server:
            ann, _ = enter(server, "ann", "ben")
            eve, *_ = enter(server, "eve", room="cellar")
            assert server.reload(use=using(rooms=["kitchen"]))
            assert eve.take("host") == []
            assert ann.take("host") == [hostIs("ann")]
            assert ann.request("lock").ok

    def test_nobodyOfARoomThatIsOver(self, server: InMemoryServer) -> None:
        (ann,) = enter(server, "ann")
        ann.request("lock")
        ann.lose()
        (ben,) = enter(server, "ben")
        assert ben.request("lock").ok


class TestKick:
    def test_putsAUserOutWhoStaysConnected(self, server: InMemoryServer) -> None:
        ann, ben, again = enter(server, "ann", "ben", "ben")
        assert ann.request("kick", {"targetUserId": "ben"}).value == {"ok": True, "kicked": 2}
        gone = ("user-left", "ben", {"roomName": "kitchen", "reason": "kicked"})
        assert (ben.take("user-left")[0], again.take("user-left")[-1]) == (gone, gone)
        assert server.members("kitchen") == ["ann"]
        assert ben.connected

    def test_andKeepsItOutForATime(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        ann.request("kick", {"targetUserId": "ben"})
        server.clock.advance(100)
        answer = ben.join("kitchen", "another")
        assert (answer.code, answer.value["error"]["retry_after"]) == ("kicked", 200)
        assert server.connect().join("kitchen", "ben").code == "kicked"
        assert ben.join("cellar", "ben").ok
        server.advance(201)
        assert ben.join("kitchen", "ben").ok

    def test_orNot(self) -> None:
        with InMemoryServer(use=using(keep_out=0)) as server:
            ann, ben = enter(server, "ann", "ben")
            ann.request("kick", {"targetUserId": "ben"})
            assert ben.join("kitchen", "ben").ok

    def test_isForHosts(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        assert ben.request("kick", {"targetUserId": "ann"}).code == "not-the-host"
        assert server.connect(MODERATOR).request("kick", {"targetUserId": "ann"}).code == "not-in-room"
        assert ann.take("user-left") == []

    def test_whoHasARoleIsPutOutByAnotherOneOnly(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        first, second = server.connect(MODERATOR), server.connect(MODERATOR)
        first.join("kitchen", "first")
        second.join("kitchen", "second")
        assert ann.request("kick", {"targetUserId": "first"}).code == "not-allowed"
        assert first.request("kick", {"targetUserId": "second"}).ok
        assert first.request("kick", {"targetUserId": "ann"}).ok
        assert ben.take("host") == [hostIs("first")]

    @pytest.mark.parametrize(
        ("target", "code"),
        [("ann", "bad-arguments"), (None, "bad-arguments"), (["ben"], "bad-arguments"), ("cat", "no-such-member")],
    )
    def test_needsSomebodyElse(self, server: InMemoryServer, target: Any, code: str) -> None:
        ann, _ = enter(server, "ann", "ben")
        assert ann.request("kick", {"targetUserId": target}).code == code

    def test_remembersOnlySoMany(self) -> None:
        services = FakeServices()
        configured = plugin.configured({})
        ann = FakePeer("ann")
        room = FakeRoom("kitchen", [ann])
        configured.start(services)
        configured.joined(ann, room)
        for number in range(600):
            room.add(FakePeer(f"user-{number}"))
            configured.handleEvent(ann, room, "kick", {"targetUserId": f"user-{number}"})
        assert sum(key.startswith("host.kept-out.") for key in room.shared) == 1_000


class TestLock:
    def test_keepsOthersOutButThoseWithARole(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        assert ann.request("lock").value == {"ok": True}
        assert ben.take("locked") == [locked(True, "ann")]
        eve = server.connect()
        assert eve.join("kitchen", "eve").code == "room-locked"
        moderator = server.connect(MODERATOR)
        assert moderator.join("kitchen", "mod").ok
        assert moderator.take("locked") == [locked(True, None)]
        ann.take()
        assert moderator.request("unlock").ok
        assert ann.take("locked") == [locked(False, "mod")]
        assert eve.join("kitchen", "eve").ok

    def test_isToldOnce(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        assert ann.request("unlock").ok
        assert ann.request("lock").ok
        assert ann.request("lock").ok
        assert len(ben.take("locked")) == 1

    def test_survivesAReload(self, server: InMemoryServer) -> None:
        (ann,) = enter(server, "ann")
        ann.request("lock")
        assert server.reload(use=using(keep_out=1))
        assert server.connect().join("kitchen", "eve").code == "room-locked"


class TestClose:
    def test_putsEverybodyOut(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        assert ann.request("close").ok
        gone = {user: ("user-left", user, {"roomName": "kitchen", "reason": "closed"}) for user in ("ann", "ben")}
        assert ann.take() == [gone["ben"], gone["ann"]]
        assert ben.take() == [gone["ben"]]
        assert server.hub.rooms == {}
        assert ben.join("kitchen", "ben").ok

    def test_takesSeveralTurnsForManyAndNobodyComesInMeanwhile(self, server: InMemoryServer) -> None:
        users = [f"user-{number}" for number in range(120)]
        ann, *_ = enter(server, *users)
        assert ann.request("close").ok
        assert 0 < len(server.members("kitchen")) < 120
        assert server.connect().join("kitchen", "eve").code == "room-closing"
        server.advance(1)
        assert server.members("kitchen") == []
        assert ann.take("host") == []
        assert server.connect().join("kitchen", "eve").ok

    def test_goesOnAfterAReload(self, server: InMemoryServer) -> None:
        ann, *_ = enter(server, *(f"user-{number}" for number in range(120)))
        ann.request("close")
        assert server.reload(use=using(keep_out=1))
        server.advance(1)
        assert server.members("kitchen") == []

    def test_doesNotCloseTheNextRoomOfThisName(self, server: InMemoryServer) -> None:
        clients = enter(server, *(f"user-{number}" for number in range(120)))
        clients[0].request("close")
        for client in clients:
            client.lose()
        server.clock.rightNow += 0.001
        enter(server, "eve")
        server.advance(1)
        assert server.members("kitchen") == ["eve"]


class TestAHostThatIsReplaced:
    """By ``one-session-per-user``, which ends its connection with all its rooms."""

    @pytest.fixture
    def server(self) -> Iterator[InMemoryServer]:
        with InMemoryServer(use=["host", {"one-session-per-user": {"rooms": {"kitchen": "replace"}}}]) as running:
            yield running

    def test_goesOnInThatRoomAndIsFollowedInTheOthers(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        for client, user in ((ann, "ann"), (ben, "ben")):
            client.join("cellar", user)
            client.take()
        (again,) = enter(server, "ann")
        server.advance(0)
        assert ben.take("host") == [hostIs("ann"), hostIs("ben", "cellar")]
        assert again.request("lock", {"roomName": "kitchen"}).ok
        assert ben.request("lock", {"roomName": "cellar"}).ok

    def test_isFollowedBeforeSomebodyElseComes(self) -> None:
        services = FakeServices()
        configured = plugin.configured({})
        configured.start(services)
        ann, ben, cat = FakePeer("ann"), FakePeer("ben"), FakePeer("cat")
        room = FakeRoom("kitchen")
        for peer in (ann, ben):
            room.add(peer)
            configured.joined(peer, room)
        room.remove(ann)
        configured.left(ann, room, "replaced")
        room.add(cat)
        configured.joined(cat, room)
        assert cat.sent == [hostIs("ben")]

    def test_leavesNothingToBeDoneWhenTheRoomEndsInTheSameTurn(self, server: InMemoryServer) -> None:
        ann, ben = enter(server, "ann", "ben")
        for client, user in ((ann, "ann"), (ben, "ben")):
            client.join("cellar", user)
        enter(server, "ann")
        ben.lose()
        server.advance(0)
        assert server.members("cellar") == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"keep_out": -1}, "keep_out: must be a number of at least 0, not -1"),
        ({"rooms": "kitchen"}, "rooms: must be a list of strings, not 'kitchen'"),
        ({"owner": "ann"}, "owner: unknown option"),
    ],
)
def test_wrongOptionsEndTheStart(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem), InMemoryServer(use=using(**options)):
        pass


class TestProof:
    """A guest is not the one who has signed in under the same name."""

    ANN = Identity("ann")

    def test_aGuestDoesNotInheritFromIt(self, server: InMemoryServer) -> None:
        ann, ben, guest = server.connect(self.ANN), server.connect(Identity("ben")), server.connect()
        for client, user in ((ann, "ann"), (ben, "ben"), (guest, "ann")):
            assert client.join("kitchen", user).ok
        ann.lose()
        assert guest.request("lock").code == "not-the-host"
        assert ben.request("lock").ok

    def test_norDoesOneThatComesInWhereItWasReplaced(self) -> None:
        with InMemoryServer(use=["host", {"one-session-per-user": {"ends": "membership"}}]) as server:
            ann, ben = server.connect(self.ANN), server.connect(Identity("ben"))
            assert ann.join("kitchen", "ann").ok
            assert ben.join("kitchen", "ben").ok
            again = server.connect(self.ANN)
            assert again.join("kitchen", "ann").ok
            assert again.request("lock").ok

    def test_anotherConnectionOfTheSameDoes(self, server: InMemoryServer) -> None:
        first, ben, second = server.connect(self.ANN), server.connect(), server.connect(self.ANN)
        for client, user in ((first, "ann"), (ben, "ben"), (second, "ann")):
            assert client.join("kitchen", user).ok
        first.lose()
        assert second.request("lock").ok

    def test_aGuestWhoIsPutOutDoesNotKeepItOut(self, server: InMemoryServer) -> None:
        ben, guest = enter(server, "ben", "ann")
        assert ben.request("kick", {"targetUserId": "ann"}).ok
        assert guest.join("kitchen", "ann").code == "kicked"
        assert server.connect().join("kitchen", "ann").code == "kicked"
        assert server.connect(self.ANN).join("kitchen", "ann").ok

    def test_whoWasPutOutCannotComeBackAsAGuestOfThatName(self, server: InMemoryServer) -> None:
        enter(server, "ben")
        ben = server.connect(Identity(roles=frozenset({"host"})))
        assert ben.join("kitchen", "cat").ok
        assert server.connect(self.ANN).join("kitchen", "ann").ok
        assert ben.request("kick", {"targetUserId": "ann"}).ok
        assert server.connect(self.ANN).join("kitchen", "ann").code == "kicked"
        assert server.connect().join("kitchen", "ann").code == "kicked"

    def test_aGuestWhoTakesTheNameOfTheHostCanBeKicked(self, server: InMemoryServer) -> None:
        ann, guest = server.connect(self.ANN), server.connect()
        for client in (ann, guest):
            assert client.join("kitchen", "ann").ok
        assert ann.request("kick", {"targetUserId": "ann"}).value == {"ok": True, "kicked": 1}
        assert guest.join("kitchen", "ann").code == "kicked"
        assert ann.request("kick", {"targetUserId": "ann"}).code == "bad-arguments"
        assert ann.request("lock").ok

    def test_aGuestWhoTakesTheNameOfAModeratorIsNotProtectedByIt(self, server: InMemoryServer) -> None:
        (ben,) = enter(server, "ben")
        cat = server.connect(Identity("cat", frozenset({"host"})))
        guest = server.connect()
        for client in (cat, guest):
            assert client.join("kitchen", "cat").ok
        assert ben.request("kick", {"targetUserId": "cat"}).value == {"ok": True, "kicked": 1}
        assert guest.request("lock").code == "not-in-room"
        assert cat.request("lock").ok
        assert ben.request("kick", {"targetUserId": "cat"}).code == "not-allowed"
