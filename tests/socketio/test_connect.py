"""Coming into a namespace, in both protocols (revision 3 carries protocol 4, revision 4 carries 5)."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import ConnectRefused
from rtcsignal.socketio import jsontext
from tests.engineio.conftest import Log
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import Client, World, sidOf


class TestComingInProtocol4:
    def test_theServerLetsTheClientIntoTheRootUnasked(self, world: World) -> None:
        client = world.client(3)
        assert client.take() == ["0"]
        assert world.root.peer.sid == client.socket.sid
        assert world.root.peer.namespace == "/"

    def test_othersAreAskedForAndAnswered(self, world: World) -> None:
        client = world.member(3)
        client.send("0/a,")
        assert client.take() == ["0/a,"]
        assert world.lobbies["/a"].peer.sid == f"/a#{client.socket.sid}"

    @pytest.mark.parametrize("wire", ["0/a?token=a%20b&x=%C3%A4,", "0/a?token=a%20b&x=%C3%A4"])
    def test_theQueryOfTheNamespaceIsTheAuth(self, world: World, wire: str) -> None:
        client = world.member(3)
        client.send(wire)
        assert client.take() == ["0/a,"]
        handshake = world.lobbies["/a"].handshakes[0]
        assert handshake.namespace == "/a"
        assert handshake.auth == {"token": "a b", "x": "\xe4"}

    def test_anObjectIsNotTheAuth(self, world: World) -> None:
        client = world.member(3)
        client.send('0/a,{"token":"x"}')
        assert world.lobbies["/a"].handshakes[0].auth == {}

    def test_comingIntoTheRootAgainEndsTheConnection(self, world: World) -> None:
        client = world.member(3)
        client.send("0")
        assert client.code == 1002


class TestComingInProtocol5:
    def test_nothingIsSentUntilTheClientAsks(self, world: World) -> None:
        client = world.client(4)
        assert client.take() == []
        assert world.root.handshakes == []
        client.send("0")
        (answer,) = client.take()
        assert sidOf(answer) == world.root.peer.sid

    def test_itPresentsNoMoreThanIsAllowed(self, world: World) -> None:
        client = world.client(4)
        for auth in ("x" * 16_384, "€" * 6_000):
            client.send('0{"token":"' + auth + '"}')
        assert client.take() == ['4{"message":"Too large","data":{"code":"too-large"}}'] * 2
        assert world.root.handshakes == []
        client.send('0{"token":"' + "x" * 16_000 + '"}')
        assert sidOf(client.take()[0]) == world.root.peer.sid

    def test_whatIsTooLargeIsNotBuiltWhateverItIs(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        lengths, read = list[int](), jsontext.read

        def measured(text: str, depth: int) -> tuple[Any, str]:
            lengths.append(len(text))
            return read(text, depth)

        monkeypatch.setattr(jsontext, "read", measured)
        client = world.client(4)
        for items in ("999," * 100_000, '"a",' * 50_000, "[[1]]," * 50_000):
            client.send('0{"token":[' + items + "1]}")
        assert client.take() == ['4{"message":"Too large","data":{"code":"too-large"}}'] * 3
        assert lengths == []

    @pytest.mark.parametrize("payload", ["[" + "9," * 10_000 + "9]", '{"a":' + "9" * 20_000, '{"a":' + "," * 20_000])
    def test_whatIsTooLargeMustBeAnObjectAllTheSame(self, world: World, payload: str) -> None:
        client = world.client(4)
        client.send("0" + payload)
        assert client.code == 1002

    def test_whatItPresentsIsBuiltIfItIsNotTooLarge(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        client, built, value = world.client(4), list[str](), jsontext.Unread.value

        def build(unread: jsontext.Unread) -> Any:
            built.append(unread.text)
            return value(unread)

        monkeypatch.setattr(jsontext.Unread, "value", build)
        client.send('0{"a":[' + "1e300," * 100_000 + "1]}")
        assert client.take() == ['4{"message":"Too large","data":{"code":"too-large"}}']
        assert built == []
        client.send('0{"a":[1e300,1]}')
        assert sidOf(client.take()[0]) == world.root.peer.sid
        assert [handshake.auth for handshake in world.root.handshakes] == [{"a": [1e300, 1]}]
        assert built == ['{"a":[1e300,1]}']

    def test_theIdIsNotTheSessions(self, world: World) -> None:
        client = world.client(4)
        client.send("0", "0/a,")
        root, other = client.take()
        ids = {client.socket.sid, sidOf(root), sidOf(other, "/a")}
        assert len(ids) == 3
        assert all(len(each) >= 20 for each in ids)

    def test_theObjectIsTheAuth(self, world: World) -> None:
        client = world.client(4)
        client.send('0/a,{"token":"x","n":[1]}', "0")
        assert world.lobbies["/a"].handshakes[0].auth == {"token": "x", "n": [1]}
        assert world.root.handshakes[0].auth == {}

    def test_aQueryIsNotPartOfTheName(self, world: World) -> None:
        client = world.client(4)
        client.send("0/a?token=x,")
        assert world.lobbies["/a"].handshakes[0].auth == {}
        (answer,) = client.take()
        assert sidOf(answer, "/a")

    def test_anEmptyQueryIsNoPartEither(self, world: World) -> None:
        client = world.client(4)
        client.send("0/a?,")
        assert len(world.lobbies["/a"].peers) == 1


class TestComing:
    def test_theHandshakeTellsAllAboutTheConnection(self, world: World, revision: Revision) -> None:
        client = world.client(revision, "&token=x")
        if revision == 4:
            client.send("0")
        (handshake,) = world.root.handshakes
        assert handshake.query["token"] == "x"
        assert handshake.headers["upgrade"] == "websocket"
        assert handshake.address == "192.0.2.1"
        assert handshake.revision == revision
        assert not handshake.secure

    def test_whatTheJudgeSaysIsThePeersIdentity(self, world: World, revision: Revision) -> None:
        world.root.judge = lambda handshake: {"name": "ann"}
        world.member(revision)
        assert world.root.peer.identity == {"name": "ann"}

    def test_everyNamespaceHasAPeerOfItsOwn(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        client.send("0/a,", '2["one"]', '2/a,["two"]')
        assert world.root.events == [("one",)]
        assert world.lobbies["/a"].events == [("two",)]

    def test_thePeerIsInBeforeItsEventsCome(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        world.lobbies["/a"].greet = lambda peer: peer.emit("hello")
        client.send("0/a,", '2/a,["one"]')
        first, second = client.take()
        assert str(first).startswith("0/a,")
        assert second == '2/a,["hello"]'
        assert world.lobbies["/a"].events == [("one",)]

    def test_comingTwiceEndsTheConnection(self, world: World, revision: Revision) -> None:
        client = world.member(revision, "/a")
        client.send("0/a,")
        assert client.code == 1002
        assert world.lobbies["/a"].reasons == ["parse error"]

    def test_comingAgainAfterLeavingIsFine(self, world: World, revision: Revision) -> None:
        client = world.member(revision, "/a")
        client.send("1/a,", "0/a,")
        assert len(client.take()) == 1
        assert len(world.lobbies["/a"].peers) == 2
        assert world.lobbies["/a"].reasons == ["client namespace disconnect"]


class TestRefusals:
    def answer(self, world: World, revision: Revision, refusal: ConnectRefused, namespace: str = "/a") -> str | bytes:
        """What a client gets that is refused."""

        def refuse(_: object) -> None:
            raise refusal

        client = world.member(revision)
        world.lobbies["/a"].judge = refuse
        client.send("0/a,")
        (answer,) = client.take()
        assert client.alive
        assert world.lobbies["/a"].peers == []
        return answer

    def test_inProtocol5ItIsAMessage(self, world: World) -> None:
        assert self.answer(world, 4, ConnectRefused("No entry")) == '4/a,{"message":"No entry"}'

    def test_andDataIfThereIs(self, world: World) -> None:
        refusal = ConnectRefused("No entry", {"code": 42})
        assert self.answer(world, 4, refusal) == '4/a,{"message":"No entry","data":{"code":42}}'

    def test_inProtocol4ItIsTheDataAlone(self, world: World) -> None:
        assert self.answer(world, 3, ConnectRefused("No entry", {"code": 42})) == '4/a,{"code":42}'

    def test_orTheMessageAlone(self, world: World) -> None:
        assert self.answer(world, 3, ConnectRefused("No entry")) == '4/a,"No entry"'

    def test_orWhatIsMeantForOldClients(self, world: World) -> None:
        assert self.answer(world, 3, ConnectRefused("No entry", 1, legacy=["old"])) == '4/a,["old"]'

    def test_anUnknownNamespaceIsRefusedInBoth(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        client.send("0/unknown,", "0/unknown?a=b,")
        assert client.take() == ['4/unknown,{"message":"Invalid namespace"}'] * 2
        assert client.alive

    def test_namesThatMeanSomethingToPythonAreUnknown(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        for name in ("/__proto__", "/__class__", "//", "/a/", "/A", "/\u00e4"):
            client.send(f"0{name},")
            assert client.take() == [f'4{name},{{"message":"Invalid namespace"}}']

    def test_anUnknownRootIsRefusedToo(self, makeWorld: WorldFactory) -> None:
        client = makeWorld(namespaces={}).client(3)
        assert client.take() == ['4{"message":"Invalid namespace"}']
        assert client.alive

    def test_theNamespacesOfAConnectionAreLimited(self, makeWorld: WorldFactory, revision: Revision) -> None:
        client = makeWorld(mostNamespaces=2).member(revision)
        client.send("0/a,", "0/b,")
        assert client.take()[1:] == ['4/b,{"message":"Too many namespaces"}']
        client.send("1/a,", "0/b,")
        (answer,) = client.take()
        assert str(answer).startswith("0/b,")

    def test_thoseThatAreAskedForCountToo(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(mostNamespaces=2)
        client = world.member(revision)
        world.lobbies["/a"].judge = lambda _: Deferred()
        client.send("0/a,", "0/b,")
        assert client.take() == ['4/b,{"message":"Too many namespaces"}']

    def test_withoutALimitThereAreAsManyAsOneLikes(self, makeWorld: WorldFactory, revision: Revision) -> None:
        client = makeWorld(mostNamespaces=0).member(revision)
        client.send("0/a,", "0/b,")
        assert len(client.take()) == 2

    def test_whoWasRefusedMayTryAgain(self, world: World, revision: Revision) -> None:
        self.answer(world, revision, ConnectRefused("Not yet"))
        world.lobbies["/a"].judge = None
        world.member(revision, "/a")


class TestJudgementsThatTakeTime:
    @pytest.fixture
    def verdict(self) -> Deferred[Any]:
        return Deferred()

    @pytest.fixture
    def client(self, world: World, revision: Revision, verdict: Deferred[Any]) -> Client:
        """A client that asked for /a and waits for the answer."""
        client = world.member(revision)
        world.lobbies["/a"].judge = lambda _: verdict
        client.send("0/a,")
        assert client.take() == []
        return client

    def test_theClientIsInWhenTheyAreMade(self, world: World, client: Client, verdict: Deferred[Any]) -> None:
        verdict.callback("ann")
        (answer,) = client.take()
        assert str(answer).startswith("0/a,")
        assert world.lobbies["/a"].peer.identity == "ann"

    def test_orItIsRefused(self, client: Client, verdict: Deferred[Any]) -> None:
        verdict.errback(ConnectRefused("No entry", "x", legacy={"message": "No entry", "data": "x"}))
        assert client.take() == ['4/a,{"message":"No entry","data":"x"}']

    def test_aFailureRefusesWithoutTellingWhy(self, client: Client, verdict: Deferred[Any], log: Log) -> None:
        verdict.errback(ValueError("secret"))
        assert client.take() == ['4/a,{"message":"Internal error"}']
        assert client.alive
        assert len(log.lines) == 1
        assert "secret" in log.lines[0]

    def test_oneThatIsMadeAlreadyCountsAtOnce(self, world: World, revision: Revision) -> None:
        world.lobbies["/a"].judge = lambda _: succeed("ann")
        world.member(revision, "/a")
        assert world.lobbies["/a"].peer.identity == "ann"
        world.lobbies["/b"].judge = lambda _: fail(ConnectRefused("No entry", legacy={"message": "No entry"}))
        client = world.member(revision)
        client.send("0/b,")
        assert client.take() == ['4/b,{"message":"No entry"}']

    def test_meanwhileOneIsNotIn(self, world: World, client: Client) -> None:
        client.send('2/a,["early"]')
        assert client.code == 1002
        assert world.lobbies["/a"].events == []

    def test_meanwhileOneCannotAskAgain(self, client: Client) -> None:
        client.send("0/a,")
        assert client.code == 1002

    def test_theRestOfTheConnectionGoesOn(self, world: World, client: Client, verdict: Deferred[Any]) -> None:
        client.send('2["one"]', "0/b,")
        assert len(client.take()) == 1
        assert world.root.events == [("one",)]
        verdict.callback(None)
        assert len(client.take()) == 1

    def test_whoGoesMeanwhileIsNeverIn(self, world: World, revision: Revision) -> None:
        cancelled: list[object] = []
        client = world.member(revision)
        world.lobbies["/a"].judge = lambda _: Deferred(cancelled.append)
        client.send("0/a,")
        client.hangUp()
        assert len(cancelled) == 1, "nobody needs the answer any more"
        assert world.lobbies["/a"].peers == []
        assert world.lobbies["/a"].gone == []

    def test_evenIfTheJudgeDoesNotNotice(self, world: World, revision: Revision) -> None:
        """A Deferred whose canceller answers nevertheless."""
        client = world.member(revision)
        world.lobbies["/a"].judge = lambda _: Deferred(lambda deferred: deferred.callback("too late"))
        client.send("0/a,")
        client.hangUp()
        assert world.lobbies["/a"].peers == []
