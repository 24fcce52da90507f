"""The load of long-polling clients counts right, and finds every delivery that is missing, doubled or damaged."""

from __future__ import annotations

import pytest

from bench.errors import BenchError
from bench.polling import PollingLoop
from bench.script import Dialect, fanOut
from bench.tally import Tally
from bench.wire import Address
from tests.bench.faulty import Spoil, damage, double, dropped
from tests.bench.faulty_polling import FaultyPolling, faultyPolling

CLIENTS = 3


def played(server: FaultyPolling, seconds: float = 0.2, refusing: bool = False) -> Tally:
    """What came of a short load."""
    dialect = Dialect()
    loop = PollingLoop(Address("127.0.0.1", server.port), dialect, fanOut(dialect, 1, 300, 1), CLIENTS)
    try:
        loop.arrive()
        server.refusing = refusing
        loop.run(seconds, counting=True)
        loop.drain(3.0)
        return loop.tally()
    finally:
        loop.close()


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_whatAGoodServerDeliversIsCountedWithoutAFault(chunked: bool) -> None:
    with faultyPolling() as server:
        server.chunked = chunked
        tally = played(server)
    assert (tally.lost, tally.doubled, tally.damaged, tally.closed, tally.trouble) == (0, 0, 0, 0, "")
    assert tally.received == tally.sent
    assert 0 < tally.rounds == tally.deliveries == len(tally.latency) <= tally.received


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [(dropped, (1, 0, 0)), (double, (0, 1, 0)), (damage, (0, 0, 1))],
    ids=["dropped", "doubled", "damaged"],
)
def test_everySpoiledDeliveryIsFound(spoil: Spoil, expected: tuple[int, int, int]) -> None:
    with faultyPolling(spoil, every=4) as server:
        tally = played(server)
    assert server.spoiled > 0
    assert (tally.lost, tally.doubled, tally.damaged) == tuple(each * server.spoiled for each in expected)
    assert tally.faulty


def test_heartbeatsAreAnsweredBesideTheMessages() -> None:
    with faultyPolling() as server:
        server.beats = True
        tally = played(server)
        assert server.pongs > 0
    assert tally.heartbeats > 0
    assert not tally.faulty


def test_anErrorOfTheServerIsAFaultWithItsWords() -> None:
    with faultyPolling() as server:
        tally = played(server, refusing=True)
    assert tally.closed == CLIENTS
    assert "HTTP/1.1 400" in tally.trouble


def test_clientsThatAreNotLetInAreAnError() -> None:
    with faultyPolling() as server:
        server.refusing = True
        with pytest.raises(BenchError, match=r"polling client 0: .*HTTP/1.1 400"):
            played(server)


def test_aRevisionThatIsNotMeasuredIsRefused() -> None:
    with pytest.raises(BenchError, match="revision 4"):
        PollingLoop(Address("127.0.0.1", 1), Dialect(revision=3), fanOut(Dialect(), 1, 300, 1), 1)
