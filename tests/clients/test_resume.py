"""Clients of every generation that take their places back with a key of their own, over lines that break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.clients.client import Client
from tests.clients.kinds import NAMESPACES, NPM_CLIENTS, Kind
from tests.clients.line import Line
from tests.clients.opener import Clients
from tests.support.processes import Process

Heard = tuple[Any, ...]
ServerFactory = Callable[[dict[str, Any]], AbstractContextManager[Process]]

KINDS = tuple(
    Kind(library, way, namespace)
    for library in NPM_CLIENTS
    for way, namespace in zip(("websocket", "polling", "upgrade"), (*NAMESPACES, "/"), strict=True)
)
WITNESS = Kind("2.2.0", "websocket", "/")
KEY = "a-page-that-comes-back-0"


@pytest.fixture(scope="module")
def server(serverFor: ServerFactory) -> Iterator[Process]:
    """A server as it comes: it waits for those who ask."""
    with serverFor({}) as process:
        yield process


@pytest.fixture
def line(server: Process) -> Iterator[Line]:
    """A line to that server."""
    made = Line(server.port)
    yield made
    made.close()


class Page:
    """A client that joins again at each connect, as its page would."""

    def __init__(self, client: Client, room: str) -> None:
        self.client = client
        self.room = room
        self.seen: str | None = None

    def joins(self) -> dict[str, Any]:
        seen = {} if self.seen is None else {"seen": self.seen}
        body = {"userId": "ann", "roomName": self.room, "resume": KEY + self.room.replace(" ", "-"), **seen}
        answer: dict[str, Any] = self.client.ask("join-room", body)
        assert answer["ok"], answer
        self.seen = answer["at"]
        return answer

    def hears(self, count: int) -> list[Heard]:
        """The next events, without their offsets."""
        heard = [self.client.next() for _ in range(count)]
        self.seen = heard[-1][-1]
        return [event[:-1] for event in heard]


def said(*numbers: int) -> list[Heard]:
    return [("broadcast", {"number": number}) for number in numbers]


def say(witness: Client, *numbers: int) -> None:
    for number in numbers:
        assert witness.ask("broadcast", {"number": number}) == {"ok": True, "delivered": 2}


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("lose", [Line.cut, Line.swallow], ids=["reset", "silent"])
def test_aClientIsBackAndNobodyHasNoticed(
    clients: Clients, line: Line, kind: Kind, room: str, server: Process, lose: Callable[[Line], None]
) -> None:
    witness = clients.connect(WITNESS, "witness", url=server.url)
    witness.join(room)
    witness.everything()
    page = Page(clients.connect(kind, "ann", url=line.url), room)
    assert page.joins()["outcome"] == "joined"
    say(witness, 1)
    assert page.hears(2) == [("user-joined", "ann", {"roomName": room}), *said(1)]
    assert page.client.ask("broadcast", {"number": 2}, {"n": 1}) == {"ok": True, "delivered": 2, "n": 1}
    assert page.hears(1) == said(2)
    line.settle(1)

    lose(line)
    page.client.expectLife("disconnect")
    say(witness, 3, 4)
    line.mend()
    page.client.expectLife("connect")

    answer = page.joins()
    assert (answer["outcome"], answer["received"], answer["window"]) == ("resumed", 1, 60)
    assert [member["userId"] for member in answer["members"]] == ["witness", "ann"]
    again = page.client.ask("broadcast", {"number": 2}, {"n": 1})
    assert again == {"ok": True, "delivered": 0, "n": 1, "duplicate": True}
    assert [event[:-1] for event in page.client.everything()] == said(3, 4)
    assert witness.everything() == [("user-joined", "ann", {"roomName": room}), *said(1, 2, 3, 4)]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_whatWasEmittedWhileAwayFindsItsRoom(
    clients: Clients, line: Line, kind: Kind, room: str, server: Process
) -> None:
    """Libraries send it as soon as they are connected, and some do so before the page hears of it."""
    witness = clients.connect(WITNESS, "witness", url=server.url)
    witness.join(room)
    ann = clients.holder(kind, "ann", line.url, KEY + room.replace(" ", "-"))
    ann.expectLife("connect")
    assert ann.join(room)["ok"]
    assert witness.everything()[-1] == ("user-joined", "ann", {"roomName": room})
    ann.everything()
    line.settle(1)
    line.cut()
    ann.expectLife("disconnect")
    for number in (1, 2, 3):
        ann.emit("broadcast", {"number": number})
    line.mend()
    ann.expectLife("connect")
    heard = ann.everything()
    assert [event[:-1] for event in heard if event[0] == "broadcast"] == said(1, 2, 3)
    assert "refused" not in {event[0] for event in heard}
    assert witness.everything() == said(1, 2, 3)
