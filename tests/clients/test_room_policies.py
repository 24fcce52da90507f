"""The lobby, and sessions that replace each other, with clients of all generations and a real server."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.clients.client import Client
from tests.clients.kinds import PYTHON, Kind
from tests.clients.line import Line
from tests.clients.opener import Clients
from tests.clients.test_loss import SENT_AWAY
from tests.support.processes import Process

ServerFactory = Callable[[dict[str, Any]], AbstractContextManager[Process]]

KINDS = (
    Kind("2.2.0", "polling", "/socket.io"),
    Kind("2.5.0", "websocket", "/"),
    Kind("3.1.3", "upgrade", "/"),
    Kind("4.8", "websocket", "/socket.io"),
    Kind(PYTHON, "websocket", "/"),
)
WEBSOCKET = Kind("4.8", "websocket", "/")
USE: list[Any] = [
    "host",
    {"one-session-per-user": {"rooms": {"single *": "replace"}}},
    {"lobby": {"rooms": ["lobby *"], "first": True}},
]
MOST_SECONDS = 0.1


@pytest.fixture(scope="module")
def server(serverFor: ServerFactory) -> Iterator[Process]:
    """A server with these policies."""
    with serverFor({"plugins": {"use": USE}}) as process:
        yield process


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each generation of clients, in one way each."""
    chosen: Kind = request.param
    return chosen


class TestTheLobby:
    @pytest.fixture
    def room(self, room: str) -> str:
        return f"lobby {room}"

    @pytest.fixture
    def ann(self, clients: Clients, server: Process, room: str) -> Client:
        """The host, whom the guest wants to meet."""
        client = clients.connect(WEBSOCKET, "ann", url=server.url)
        assert client.join(room)["ok"]
        client.everything()
        return client

    @pytest.fixture
    def ben(self, clients: Clients, server: Process, kind: Kind) -> Client:
        client = clients.connect(kind, "ben", url=server.url)
        client.settle()
        return client

    def knock(self, ann: Client, room: str) -> str:
        """Ann hears a knock; the answer is the sid of who knocks."""
        event, body = ann.next()
        assert (event, body["userId"], body["roomName"]) == ("knock", "ben", room)
        sid: str = body["sid"]
        return sid

    def test_letsInWhoIsAdmitted(self, ann: Client, ben: Client, room: str) -> None:
        assert ben.join(room)["error"]["code"] == "waiting"
        sid = self.knock(ann, room)
        assert ann.ask("admit", {"roomName": room, "sid": sid}) == {"ok": True, "admitted": 1}
        ann.expect("knock-ended", {"roomName": room, "userId": "ben", "sid": sid, "reason": "admitted"})
        event, body = ben.next()
        assert (event, body["roomName"]) == ("admitted", room)
        assert ben.join(room, **{"pass": body["pass"]})["members"] == [{"userId": "ann"}, {"userId": "ben"}]
        ann.expect("user-joined", "ben", {"roomName": room})

    def test_tellsWhoDoesNotAskForAcknowledgements(self, ann: Client, ben: Client, room: str) -> None:
        ben.emit("join-room", {"userId": "ben", "roomName": room})
        event, body = ben.next()
        assert (event, body["event"], body["roomName"], body["code"]) == ("refused", "join-room", room, "waiting")
        sid = self.knock(ann, room)
        ann.emit("deny", {"roomName": room, "sid": sid})
        ben.expect("denied", {"roomName": room, "reason": "denied"})
        ann.expect("knock-ended", {"roomName": room, "userId": "ben", "sid": sid, "reason": "denied"})

    def test_outlivesAReload(self, clients: Clients, server: Process, ann: Client, room: str) -> None:
        ben = clients.connect(WEBSOCKET, "ben", url=server.url)
        assert ben.join(room)["error"]["code"] == "waiting"
        sid = self.knock(ann, room)
        server.signal(signal.SIGHUP)
        server.waitOutput("reloaded, plugins: room policies: host, one-session-per-user, lobby")
        assert [each["sid"] for each in ann.ask("who-waits", {"roomName": room})["waiting"]] == [sid]
        assert ann.ask("admit", {"roomName": room, "targetUserId": "ben"})["ok"]
        assert ben.next()[0] == "admitted"
        assert ben.join(room)["ok"]

    def test_hearsWhoGivesUp(self, ann: Client, ben: Client, room: str) -> None:
        ben.join(room)
        sid = self.knock(ann, room)
        ben.close()
        ann.expect("knock-ended", {"roomName": room, "userId": "ben", "sid": sid, "reason": "disconnect"})


class TestASecondSession:
    @pytest.fixture
    def room(self, room: str) -> str:
        return f"single {room}"

    def test_endsTheFirstOneAtOnceAndThatCostsLittle(
        self, clients: Clients, server: Process, kind: Kind, room: str
    ) -> None:
        witness = clients.connect(WEBSOCKET, "witness", url=server.url)
        witness.join(room)
        last = clients.connect(kind, "ann", url=server.url)
        last.settle()
        last.join(room)
        witness.everything()
        spent = server.processorSeconds()
        for number in range(3):
            fresh = clients.connect(kind, "ann", url=server.url)
            fresh.settle()
            last.everything()
            assert fresh.join(room, tab=f"tab {number}")["members"] == [{"userId": "witness"}, {"userId": "ann"}]
            assert last.expectLife("disconnect")[0] in SENT_AWAY
            last.expect("replaced", {"roomName": room, "userId": "ann"})
            name, why = last.next()
            assert (name, why["event"], why["code"]) == ("refused", "connect", "replaced")
            witness.expect("user-left", "ann", {"roomName": room, "reason": "replaced"})
            witness.expect("user-joined", "ann", {"roomName": room})
            last = fresh
        assert server.processorSeconds() - spent < 3 * MOST_SECONDS

    def test_isNotPutOutByTheFirstOneThatComesBack(
        self, clients: Clients, server: Process, kind: Kind, room: str
    ) -> None:
        first = clients.connect(kind, "ann", url=server.url)
        first.join(room, tab="one")
        second = clients.connect(kind, "ann", url=server.url)
        second.join(room, tab="two")
        first.expectLife("disconnect")
        again = clients.connect(kind, "ann", url=server.url)
        assert again.join(room, tab="one")["error"]["code"] == "replaced"
        assert second.ask("broadcast", {"userId": "ann", "msgType": 9}) == {"ok": True, "delivered": 1}

    def test_endsOneThatIsAwayAndMightBeRecovered(self, clients: Clients, serverFor: ServerFactory, room: str) -> None:
        recovery = {"window": 120, "everybody": True}
        with serverFor({"plugins": {"use": USE}, "socketio": {"recovery": recovery}}) as server:
            line = Line(server.port)
            first = clients.node(WEBSOCKET, "ann", url=line.url)
            first.join(room, tab="one")
            line.settle(1)
            line.cut()
            first.expectLife("disconnect")
            second = clients.connect(WEBSOCKET, "ann", url=server.url)
            assert second.join(room, tab="two")["members"] == [{"userId": "ann"}]
            line.mend()
            first.expectLife("connect")
            assert not first.state()["recovered"]
            assert first.join(room, tab="one")["error"]["code"] == "replaced"
            assert second.ask("broadcast", {"userId": "ann", "msgType": 9}) == {"ok": True, "delivered": 1}
            line.close()
