"""Connection state recovery with the clients that know of it, through a real server and lines that break."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.clients.client import Client
from tests.clients.kinds import WAYS, Kind
from tests.clients.line import Line
from tests.clients.node_client import NodeClient
from tests.clients.opener import Clients
from tests.support.processes import Process

Heard = tuple[Any, ...]
ServerFactory = Callable[[dict[str, Any]], AbstractContextManager[Process]]

KINDS = tuple(Kind("4.8", way, "/") for way in WAYS)
WEBSOCKET = Kind("4.8", "websocket", "/")
OLD = Kind("2.2.0", "websocket", "/")


@pytest.fixture(scope="module")
def patient(serverFor: ServerFactory) -> Iterator[Process]:
    """A server that lets clients recover."""
    with serverFor({"socketio": {"recovery": {"window": 120, "everybody": True, "packets": 100}}}) as process:
        yield process


@pytest.fixture
def lineTo() -> Iterator[Callable[[Process], Line]]:
    """Makes lines to servers."""
    lines: list[Line] = []

    def make(process: Process) -> Line:
        lines.append(Line(process.port))
        return lines[-1]

    yield make
    for line in lines:
        line.close()


@pytest.fixture
def line(lineTo: Callable[[Process], Line], patient: Process) -> Line:
    """A line to that server."""
    return lineTo(patient)


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each way in which a client can come."""
    chosen: Kind = request.param
    return chosen


def events(client: Client) -> list[Heard]:
    """All that a newer client has heard and the test has not looked at, without the offsets."""
    heard = client.everything()
    assert all(isinstance(event[-1], str) and "." in event[-1] for event in heard), heard
    return [event[:-1] for event in heard]


def said(*numbers: int) -> list[Heard]:
    return [("broadcast", {"number": number}) for number in numbers]


def say(witness: Client, *numbers: int) -> None:
    """The witness, who hears itself, says something, and all who are members count."""
    for number in numbers:
        assert witness.ask("broadcast", {"number": number}) == {"ok": True, "delivered": 2}


def meet(clients: Clients, line: Line, kind: Kind, room: str, url: str) -> tuple[NodeClient, Client]:
    """A client at the end of the line and an old one elsewhere, in one room; both have heard all there was to hear."""
    witness = clients.connect(OLD, "witness", url=url)
    witness.join(room)
    ann = clients.node(kind, "ann", url=line.url)
    ann.join(room)
    ann.settle()
    witness.everything()
    line.settle(1)
    return ann, witness


def missesAndRecovers(ann: NodeClient, witness: Client, line: Line, lose: Callable[[], None]) -> None:
    """Ann loses her connection, and gets what is said meanwhile when she comes back as the one who she was."""
    before = ann.state()["id"]
    lose()
    ann.expectLife("disconnect")
    say(witness, 1, 2, 3)
    line.mend()
    ann.expectLife("connect")
    assert ann.state() == {"id": before, "recovered": True}
    assert events(ann) == said(1, 2, 3)


def test_aLostConnectionIsRecovered(clients: Clients, line: Line, kind: Kind, room: str, patient: Process) -> None:
    ann, witness = meet(clients, line, kind, room, patient.url)
    missesAndRecovers(ann, witness, line, line.cut)
    say(witness, 4)
    assert events(ann) == said(4)
    assert witness.everything() == said(1, 2, 3, 4), "the room has noticed nothing"


def test_soIsOneWhoseLossTheServerHasNotNoticed(
    clients: Clients, line: Line, kind: Kind, room: str, patient: Process
) -> None:
    ann, witness = meet(clients, line, kind, room, patient.url)
    missesAndRecovers(ann, witness, line, line.swallow)
    assert witness.everything() == said(1, 2, 3)


def test_soIsOneOnWhichNothingHasBeenHeardYet(clients: Clients, line: Line) -> None:
    ann = clients.node(WEBSOCKET, "ann", url=line.url)
    before = ann.state()["id"]
    line.settle(1)
    line.cut()
    ann.expectLife("disconnect")
    line.mend()
    ann.expectLife("connect")
    assert ann.state() == {"id": before, "recovered": True}


def test_soIsOneThatIsLostAgainAndAgain(clients: Clients, line: Line, room: str, patient: Process) -> None:
    ann, witness = meet(clients, line, WEBSOCKET, room, patient.url)
    for number, lose in enumerate((line.cut, line.swallow, line.cut)):
        lose()
        ann.expectLife("disconnect")
        say(witness, number)
        line.mend()
        ann.expectLife("connect")
        assert ann.state()["recovered"]
        line.settle(1)
    assert events(ann) == said(0, 1, 2)
    assert witness.everything() == said(0, 1, 2)


def test_aKeyThatIsUsedTwiceIsNeverOnTwoConnections(
    clients: Clients, line: Line, room: str, patient: Process
) -> None:
    ann, witness = meet(clients, line, WEBSOCKET, room, patient.url)
    before = ann.state()["id"]
    twin = clients.idle(WEBSOCKET, "ann", url=patient.url)

    twin.copyKey(ann)
    twin.expectLife("connect")

    assert ann.expectLife("disconnect") == ("transport close",)
    assert twin.state() == {"id": before, "recovered": True}
    say(witness, 1)
    assert events(twin) == said(1)
    assert ann.heard.takeAll() == []


def test_afterTheWindowEverybodyBeginsAnew(
    serverFor: ServerFactory, clients: Clients, lineTo: Callable[[Process], Line], room: str
) -> None:
    with serverFor({"socketio": {"recovery": {"window": 0.5, "everybody": True}}}) as server:
        line = lineTo(server)
        ann, witness = meet(clients, line, WEBSOCKET, room, server.url)
        before = ann.state()["id"]
        line.cut()
        ann.expectLife("disconnect")
        witness.expect("user-left", "ann", {"roomName": room, "reason": "timeout"})
        line.mend()
        ann.expectLife("connect")
        after = ann.state()
        assert after["id"] != before
        assert not after["recovered"]
        assert ann.join(room)["ok"]
        assert events(ann) == witness.everything() == [("user-joined", "ann", {"roomName": room})]


def test_whoMissedMoreThanIsKeptBeginsAnew(
    serverFor: ServerFactory, clients: Clients, lineTo: Callable[[Process], Line], room: str
) -> None:
    with serverFor({"socketio": {"recovery": {"window": 120, "everybody": True, "packets": 2}}}) as server:
        line = lineTo(server)
        ann, witness = meet(clients, line, WEBSOCKET, room, server.url)
        line.cut()
        ann.expectLife("disconnect")
        say(witness, 1, 2, 3)
        line.mend()
        ann.expectLife("connect")
        assert not ann.state()["recovered"]
        assert events(ann) == []
        assert witness.everything() == [*said(1, 2, 3), ("user-left", "ann", {"roomName": room, "reason": "timeout"})]


def test_whoLeavesOnPurposeHasLeft(clients: Clients, line: Line, kind: Kind, room: str, patient: Process) -> None:
    ann, witness = meet(clients, line, kind, room, patient.url)
    ann.close()
    witness.expect("user-left", "ann", {"roomName": room, "reason": "disconnect"})
    witness.hearsNothing()


def test_aNewerClientThatCannotRecoverCanTakeTheOldPlace(
    serverFor: ServerFactory, clients: Clients, lineTo: Callable[[Process], Line], room: str
) -> None:
    """It stays in the room beside its new self, unless a policy allows only one."""
    recovery = {"window": 120, "everybody": True}
    config = {"socketio": {"recovery": recovery}, "plugins": {"use": ["one-session-per-user"]}}
    with serverFor(config) as server:
        line = lineTo(server)
        ann, witness = meet(clients, line, Kind("3.1.3", "websocket", "/"), room, server.url)
        line.cut()
        ann.expectLife("disconnect")
        say(witness, 1)
        line.mend()
        ann.expectLife("connect")
        assert not ann.state()["recovered"]
        assert [member["userId"] for member in ann.join(room)["members"]] == ["witness", "ann"]
        assert witness.everything() == [
            *said(1),
            ("user-left", "ann", {"roomName": room, "reason": "replaced"}),
            ("user-joined", "ann", {"roomName": room}),
        ]
        assert events(ann) == [("user-joined", "ann", {"roomName": room})]


def test_aServerOnWhichSomebodyIsAwayStopsInOrder(
    serverFor: ServerFactory, clients: Clients, lineTo: Callable[[Process], Line], room: str
) -> None:
    with serverFor({"socketio": {"recovery": {"window": 120, "everybody": True}}}) as server:
        line = lineTo(server)
        ann, witness = meet(clients, line, WEBSOCKET, room, server.url)
        line.cut()
        ann.expectLife("disconnect")
        assert witness.ask("broadcast", {"number": 1})["delivered"] == 2
        witness.everything()
        server.signal(signal.SIGTERM)
        witness.expectLife("disconnect")
        assert server.waitExit() == 0
        assert witness.heard.takeAll() == []
        assert "ann left" in server.output()
