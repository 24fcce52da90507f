"""The fast path of sending: one flush at the end of a turn, straight to the socket where that is possible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from rtcsignal.engineio.stream.outbox import Flusher, canSendNow, sendNow
from tests.conftest import LoggedFailures
from tests.engineio.memory import MemoryLink, SelectingClock, SocketLink


class Quiet(Protocol):
    """Counts how often its connection was lost."""

    losses = 0

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.losses += 1


class Connection:
    """Has something to send, and more while that is sent."""

    def __init__(self, flusher: Flusher) -> None:
        self._flusher = flusher
        self.flushed = 0
        self.again = 0

    def flush(self) -> None:
        self.flushed += 1
        if self.again:
            self.again -= 1
            self._flusher.add(self)


class Broken(Connection):
    """Cannot send."""

    def flush(self) -> None:
        raise ZeroDivisionError


@pytest.fixture
def protocol() -> Quiet:
    return Quiet()


@pytest.fixture
def link(protocol: Quiet) -> Iterator[SocketLink]:
    link = SocketLink(protocol, SelectingClock())
    yield link
    link.close()


def received(link: SocketLink) -> bytes:
    """All that the client can read, in as many turns as that takes."""
    data = link.read()
    for _ in range(200):
        link.turn()
        data += link.read()
    return data


class TestFlusher:
    def test_connectionsAreFlushedOnceAtTheEndOfTheTurn(self) -> None:
        clock = Clock()
        flusher = Flusher(clock)
        connections = [Connection(flusher), Connection(flusher)]
        for connection in connections:
            flusher.add(connection)
        assert [connection.flushed for connection in connections] == [0, 0]
        assert len(clock.getDelayedCalls()) == 1
        clock.advance(0)
        assert [connection.flushed for connection in connections] == [1, 1]
        assert clock.getDelayedCalls() == []

    def test_whatIsAddedWhileFlushingComesNext(self) -> None:
        clock = Clock()
        flusher = Flusher(clock)
        connection = Connection(flusher)
        connection.again = 2
        flusher.add(connection)
        clock.advance(0)
        assert connection.flushed == 3
        assert clock.getDelayedCalls() == []

    def test_whereSomebodyElseCallsItThereIsNoTimer(self) -> None:
        clock = Clock()
        flusher = Flusher(clock)
        flusher.needsNoTimer()
        connection = Connection(flusher)
        flusher.add(connection)
        assert clock.getDelayedCalls() == []
        flusher.flush()
        flusher.flush()
        assert connection.flushed == 1

    def test_oneThatFailsKeepsNobodyFromSending(self, loggedFailures: LoggedFailures) -> None:
        flusher = Flusher(Clock())
        flusher.needsNoTimer()
        broken, sound = Broken(flusher), Connection(flusher)
        for connection in (broken, sound):
            flusher.add(connection)
        flusher.flush()
        assert sound.flushed == 1
        assert [type(error) for error in loggedFailures.expect(ZeroDivisionError)] == [ZeroDivisionError]


class TestSendNow:
    def test_itIsForPlainTcpOnly(self, link: SocketLink, protocol: Quiet) -> None:
        assert canSendNow(link.transport)
        assert not canSendNow(MemoryLink(protocol, Clock()).transport)

    def test_aTransportThatLacksWhatItNeedsIsNotUsed(self, link: SocketLink) -> None:
        temporary = link.transport._tempDataBuffer
        del link.transport._tempDataBuffer
        assert not canSendNow(link.transport)
        link.transport._tempDataBuffer = temporary

    def test_theClientHasItBeforeTheNextTurn(self, link: SocketLink) -> None:
        sendNow(link.transport, b"at once")
        assert link.read() == b"at once"
        assert link.clock.writers == []

    def test_whatTheSocketDoesNotTakeIsQueued(self, link: SocketLink) -> None:
        data = bytes(range(256)) * 4_096
        sendNow(link.transport, data)
        assert link.clock.writers == [link.transport]
        assert received(link) == data

    def test_aFullSocketQueuesEverything(self, link: SocketLink) -> None:
        first = b"1" * 4_000_000
        sendNow(link.transport, first)
        link.transport.dataBuffer, queued = b"", link.transport.dataBuffer
        temporary, link.transport._tempDataBuffer = link.transport._tempDataBuffer, []
        sendNow(link.transport, b"2")
        assert link.transport._tempDataBuffer == [b"2"]
        link.transport.dataBuffer, link.transport._tempDataBuffer = queued, [*temporary, b"2"]
        assert received(link) == first + b"2"

    def test_nothingOvertakesWhatIsQueued(self, link: SocketLink) -> None:
        link.transport.write(b"one ")
        sendNow(link.transport, b"two")
        assert received(link) == b"one two"

    def test_aClosingTransportDecidesItself(self, link: SocketLink, protocol: Quiet) -> None:
        link.transport.loseConnection()
        sendNow(link.transport, b"still")
        assert received(link) == b"still"
        assert protocol.losses == 1

    def test_afterTheEndNothingHappens(self, link: SocketLink, protocol: Quiet) -> None:
        link.hangUp()
        link.turn()
        sendNow(link.transport, b"late")
        link.turn()
        assert protocol.losses == 1

    def test_anErrorSurfacesInATurnOfTheReactor(self, link: SocketLink, protocol: Quiet) -> None:
        link.hangUp()
        sendNow(link.transport, b"late")
        assert protocol.losses == 0
        link.transport.pauseProducing()
        link.turn()
        assert protocol.losses == 1
