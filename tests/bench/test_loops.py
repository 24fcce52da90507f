"""Both load generators count alike, and find every delivery that is missing, doubled, damaged or late."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bench.crowd import Crowd
from bench.errors import BenchError
from bench.loop import PythonLoop
from bench.native import NativeLoop
from bench.script import BROADCAST, Dialect, Script, call, fanOut, quiet
from bench.tally import Tally
from bench.wire import Address
from tests.bench.faulty import FaultyServer, Spoil, damage, double, dropped, faultyServer, overtake
from tests.support.tools import needed

FOUR, THREE = Dialect(), Dialect(revision=3)
MOST = 60.0
LATEST = 3.0
"""Seconds after which a delivery is taken to be lost; where one is, a test waits for so long."""


@pytest.fixture(params=["python", "native"])
def loops(request: pytest.FixtureRequest) -> Any:
    """The class of one of the two."""
    if request.param == "python":
        return PythonLoop
    needed("cc")
    return NativeLoop


@contextlib.contextmanager
def crowd(server: FaultyServer, rooms: int, members: int, dialect: Dialect = FOUR) -> Iterator[Crowd]:
    clients = Crowd(Address("127.0.0.1", server.port), dialect, rooms, members)
    try:
        clients.arrive(MOST)
        yield clients
    finally:
        clients.close()


def played(
    loops: Any, server: FaultyServer, script: Script, rooms: int = 2, rate: float = 0.0, seconds: float = 0.15
) -> Tally:
    """What came of a short load."""
    with crowd(server, rooms, script.members) as clients:
        loop = loops(clients, script, rate)
        loop.run(seconds, counting=True)
        loop.drain(LATEST)
        tally: Tally = loop.tally()
        return tally


def runUntil(loop: Any, condition: Callable[[], bool]) -> None:
    """Goes on with a load until this is so, which must be soon."""
    end = time.monotonic() + MOST
    while not condition():
        loop.run(0.1, counting=True)
        assert time.monotonic() < end
    loop.drain(0.0)


@pytest.mark.parametrize(
    "script",
    [fanOut(FOUR, 2, 300, 2), fanOut(FOUR, 5, 300, 16), fanOut(FOUR, 2, 2500, 1), call(FOUR, 2), call(FOUR, 3)],
    ids=["fan2", "bursts", "sdp", "calls2", "calls3"],
)
def test_whatAGoodServerDeliversIsCountedWithoutAFault(loops: Any, script: Script) -> None:
    with faultyServer() as server:
        tally = played(loops, server, script)
        assert (tally.lost, tally.doubled, tally.damaged, tally.closed, tally.trouble) == (0, 0, 0, 0, "")
        assert tally.received == tally.expected == tally.sent * script.hearers == server.deliveries
        assert 0 < tally.deliveries <= tally.received
        assert len(tally.latency) == tally.deliveries


def test_callsAreTimedFromTheFirstJoinToTheLastDelivery(loops: Any) -> None:
    with faultyServer() as server:
        tally = played(loops, server, call(FOUR, 2), rooms=1, seconds=0.5)
    assert tally.rounds > 0
    assert len(tally.roundTime) == tally.rounds
    assert tally.roundTime.quantile(1.0) > tally.latency.quantile(0.5) > 0


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (dropped, (1, 0, 0)),
        (double, (0, 1, 0)),
        (damage, (0, 0, 1)),
    ],
    ids=["dropped", "doubled", "damaged"],
)
def test_everySpoiledDeliveryIsFound(loops: Any, spoil: Spoil, expected: tuple[int, int, int]) -> None:
    with faultyServer(spoil, every=7) as server:
        tally = played(loops, server, fanOut(FOUR, 3, 300, 0), rate=300)
        assert server.spoiled > 0
        found = (tally.lost, tally.doubled, tally.damaged)
        assert found == tuple(each * server.spoiled for each in expected)
        assert tally.faulty
        assert "connection" in tally.trouble


def test_aDeliveryThatWasOvertakenIsFound(loops: Any) -> None:
    with faultyServer(overtake, every=50) as server:
        tally = played(loops, server, fanOut(FOUR, 3, 300, 0), rate=300)
        assert tally.late == server.spoiled - len(server.held) > 0
        assert (tally.lost, tally.doubled, tally.damaged) == (len(server.held), 0, 0)
        assert tally.faulty
        assert " before " in tally.trouble


def test_aDeliveryToAnotherRoomIsFound(loops: Any) -> None:
    def astray(text: bytes) -> list[bytes]:
        at = text.index(b"~") + 1
        return [text[:at] + b"%08x" % (int(text[at : at + 8], 16) ^ 2) + text[at + 8 :]]

    with faultyServer(astray, every=9) as server:
        tally = played(loops, server, fanOut(FOUR, 2, 300, 0), rate=300)
        assert tally.damaged == server.spoiled > 0
        assert "another room" in tally.trouble


@pytest.mark.parametrize("mark", [b"no mark", b"~no mark at all, though it begins like one ~", b"~"])
def test_aDeliveryThatCannotBeReadIsDamaged(loops: Any, mark: bytes) -> None:
    with faultyServer(lambda _: [b'42["broadcast","' + mark + b'"]'], every=5) as server:
        tally = played(loops, server, fanOut(FOUR, 2, 300, 0), rate=300)
        assert (tally.damaged, tally.lost) == (server.spoiled, 0)


def test_aRateIsKept(loops: Any) -> None:
    with faultyServer() as server:
        tally = played(loops, server, fanOut(FOUR, 2, 300, 0), rate=200, seconds=0.5)
    assert tally.sent in (100, 101)


def test_aLostConnectionIsAFault(loops: Any) -> None:
    with faultyServer() as server, crowd(server, 2, 2) as clients:
        loop = loops(clients, fanOut(FOUR, 2, 300, 1))
        server.closeOne()
        runUntil(loop, lambda: server.gone > 0)
        tally = loop.tally()
    assert tally.closed == 1
    assert tally.faulty
    assert "closed the WebSocket" in tally.trouble


def test_heartbeatsAreAnsweredAndCounted(loops: Any) -> None:
    with faultyServer() as server, crowd(server, 2, 2) as clients:
        loop = loops(clients, quiet(FOUR, 2))
        server.ping()
        runUntil(loop, lambda: server.pongs == 4)
        tally = loop.tally()
    assert (tally.heartbeats, tally.faulty) == (4, False)


def test_clientsOfRevision3SendTheHeartbeats(loops: Any) -> None:
    with faultyServer() as server, crowd(server, 2, 2, THREE) as clients:
        loop = loops(clients, quiet(THREE, 2))
        runUntil(loop, lambda: server.pings >= 8)
        tally = loop.tally()
        assert 4 <= tally.heartbeats <= server.pings


def test_fragmentedMessagesArePutTogether(loops: Any) -> None:
    with faultyServer() as server:
        server.fragmented = True
        tally = played(loops, server, fanOut(FOUR, 2, 300, 1))
        assert tally.received > 0
        assert not tally.faulty


def test_whatASlowReaderDoesNotTakeWaitsForIt(loops: Any) -> None:
    """The server reads nothing for a while; nothing is lost when it goes on."""
    with faultyServer() as server, crowd(server, 1, 2) as clients:
        script = fanOut(FOUR, 2, 60_000, 100)
        stopped = threading.Event()
        deliver = server._deliver

        def slowly(client: Any, text: bytes) -> None:
            stopped.wait(0.3)
            deliver(client, text)

        server._deliver = slowly  # type: ignore[method-assign]
        loop = loops(clients, script)
        loop.run(0.1, counting=True)
        stopped.set()
        loop.drain(MOST)
        tally = loop.tally()
    assert tally.received == tally.expected >= 200
    assert not tally.faulty


def test_aMoveIsSaidOnceForEachTimeThatItIsInAStep() -> None:
    script = call(FOUR, 2)
    talk = next(step for step in script.steps if step.completes)
    answers = [script.moves[number].answers for number in talk.moves if script.moves[number].answers]
    assert len(talk.moves) == 13
    assert [len(each) for each in answers] == [13]
    assert talk.heard == 26 * script.hearers


def test_messagesHaveTheSizeThatWasAskedFor() -> None:
    for size in (300, 2500):
        (move,) = fanOut(FOUR, 2, size, 1).moves
        assert move.kind == BROADCAST
        assert len(move.head) + 38 + len(move.body) + len(move.rest) == size


def test_withoutAnEchoTheNeighbourAnswersAndHearsAlone() -> None:
    script = fanOut(Dialect(echo=False), 3, 300, 1)
    assert (script.hearers, script.moves[0].listener) == (2, 1)


def test_aServerThatIsNotThereIsSaidToBeSo() -> None:
    with faultyServer() as server:
        port = server.port
    clients = Crowd(Address("127.0.0.1", port), FOUR, 1, 2)
    with pytest.raises(BenchError, match="no connection: Connection refused"):
        clients.arrive(MOST)
    clients.close()


def test_clientsThatDoNotComeInAreAnError() -> None:
    with faultyServer() as server:
        server._move = lambda *_: None  # type: ignore[method-assign]
        clients = Crowd(Address("127.0.0.1", server.port), FOUR, 1, 2)
        with pytest.raises(BenchError, match=r"0 of 2 clients are in their rooms after 0\.2 s"):
            clients.arrive(0.2)
        clients.close()
