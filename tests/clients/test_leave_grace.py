"""``signaling.leave_grace``: clients that cannot take their places back, and are waited for all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.clients.client import Client
from tests.clients.kinds import NPM_CLIENTS, Kind
from tests.clients.line import Line
from tests.clients.opener import Clients
from tests.support.processes import Process

ServerFactory = Callable[[dict[str, Any]], AbstractContextManager[Process]]

KINDS = tuple(
    Kind(library, way, "/")
    for library, way in zip(NPM_CLIENTS, ("websocket", "polling", "upgrade", "websocket"), strict=True)
)
WITNESS = Kind("2.5.0", "websocket", "/")


@pytest.fixture(scope="module")
def patient(serverFor: ServerFactory) -> Iterator[Process]:
    """It waits for a minute."""
    with serverFor({"signaling": {"leave_grace": 60}, "limits": {"joins_per_second": 0}}) as process:
        yield process


@pytest.fixture(scope="module")
def hasty(serverFor: ServerFactory) -> Iterator[Process]:
    """It waits for a second."""
    with serverFor({"signaling": {"leave_grace": 1}, "limits": {"joins_per_second": 0}}) as process:
        yield process


def witnessOf(clients: Clients, server: Process, room: str) -> Client:
    witness = clients.connect(WITNESS, "witness", url=server.url)
    witness.join(room)
    witness.everything()
    return witness


def joined(room: str) -> tuple[Any, ...]:
    return "user-joined", "ann", {"roomName": room}


def left(room: str, reason: str) -> tuple[Any, ...]:
    return "user-left", "ann", {"roomName": room, "reason": reason}


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_othersSeeOneChangeWhenItIsBack(clients: Clients, patient: Process, room: str, kind: Kind) -> None:
    witness, line = witnessOf(clients, patient, room), Line(patient.port)
    try:
        ann = clients.connect(kind, "ann", url=line.url)
        ann.settle()
        ann.join(room)
        assert witness.next() == joined(room)
        line.settle(1)
        line.cut()
        ann.expectLife("disconnect")
        assert witness.ask("broadcast", "are you there?") == {"ok": True, "delivered": 2}
        line.mend()
        ann.expectLife("connect")
        answer = ann.join(room)
        members = [{"userId": "witness"}, {"userId": "ann"}]
        assert answer == {"ok": True, "roomName": room, "userId": "ann", "members": members}
        heard = [("broadcast", "are you there?"), left(room, "replaced"), joined(room)]
        assert witness.everything() == heard
        assert ann.everything()[-1] == joined(room)
        ann.close()
    finally:
        line.close()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_oneThatIsNotBackInTimeHasLeft(clients: Clients, hasty: Process, room: str, kind: Kind) -> None:
    witness, line = witnessOf(clients, hasty, room), Line(hasty.port)
    try:
        ann = clients.connect(kind, "ann", url=line.url)
        ann.settle()
        ann.join(room)
        line.settle(1)
        line.cut()
        assert [witness.next(), witness.next()] == [joined(room), left(room, "timeout")]
        ann.close()
    finally:
        line.close()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_oneThatSaysGoodbyeLeavesAtOnce(clients: Clients, patient: Process, room: str, kind: Kind) -> None:
    witness = witnessOf(clients, patient, room)
    ann = clients.connect(kind, "ann", url=patient.url)
    ann.settle()
    ann.join(room)
    ann.close()
    assert [witness.next(), witness.next()] == [joined(room), left(room, "disconnect")]
