"""The end of a connection, whether its client confirms it or not."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.http.addresses import AddressCounts
from rtcsignal.engineio.stream.farewell import FAREWELL_SECONDS, Farewell, endIfClientLeft
from tests.engineio.memory import MemoryLink

ADDRESS = "192.0.2.1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadlines(clock: Clock) -> Deadlines:
    return Deadlines(clock)


def test_itCloses(clock: Clock, deadlines: Deadlines) -> None:
    counts = AddressCounts(1)
    link = MemoryLink(Farewell(deadlines, counts.take(ADDRESS)), clock)
    assert not counts.hasSlotFor(ADDRESS)
    link.turn()
    assert not link.transport.connected
    assert counts.hasSlotFor(ADDRESS)
    assert len(deadlines) == 0


def test_whoeverDoesNotTakePartInItIsCut(clock: Clock, deadlines: Deadlines) -> None:
    link = MemoryLink(Farewell(deadlines, None), clock)
    link.stalled = True
    link.send(b"still there")
    link.turn()
    assert len(deadlines) == 1
    clock.advance(FAREWELL_SECONDS + 0.25)
    link.turn()
    assert not link.transport.connected
    assert len(deadlines) == 0


def test_onAnythingButTlsClientsLeaveByThemselves(clock: Clock, deadlines: Deadlines) -> None:
    assert not endIfClientLeft(MemoryLink(Farewell(deadlines, None), clock).transport)
