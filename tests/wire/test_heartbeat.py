"""Who pings whom, when, and what becomes of the silent; with an interval of 300 ms and a time-out of 200 ms."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.wire.engine import Polling
from tests.wire.payloads import encode
from tests.wire.rawhttp import Connection
from tests.wire.rawws import Closed
from tests.wire.wire import Wire

INTERVAL = 0.3
TIMEOUT = 0.2
# A clock that ticks in milliseconds may be early by one, and a busy machine may be late.
EARLY = 0.002
LATE = 0.45


def assertAt(started: float, due: float, now: float | None = None) -> None:
    """`due` seconds have passed since `started`, and not many more."""
    passed = (time.monotonic() if now is None else now) - started
    assert due - EARLY <= passed < due + LATE


def waitUntil(moment: float, connection: Connection) -> None:
    """Waits on a connection where nothing may happen before that moment."""
    assert connection.isQuiet(moment - time.monotonic())


class TestRevision4:
    """The server pings and the client answers."""

    def test_aPollGetsThePingWhenTheIntervalIsOver(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        session = hastyWire.polling(4)
        assert session.receive() == ["2"]
        assertAt(started, INTERVAL)

    def test_aWebSocketGetsThePingWhenTheIntervalIsOver(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        socket = hastyWire.socket(4)
        assert socket.next() == "2"
        assertAt(started, INTERVAL)

    def test_theIntervalBeginsAnewWithEachPong(self, hastyWire: Wire) -> None:
        session, socket = hastyWire.polling(4), hastyWire.socket(4)
        for _ in range(3):
            assert session.receive() == ["2"]
            assert socket.next() == "2"
            answered = time.monotonic()
            session.send("3")
            socket.send("3")
        assert socket.next() == "2"
        assertAt(answered, INTERVAL)
        assert session.receive() == ["2"]

    def test_aPollerThatDoesNotAnswerIsClosedInTime(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        session = hastyWire.polling(4)
        assert session.receive() == ["2"]
        assert session.receive() == ["1"]
        assertAt(started, INTERVAL + TIMEOUT)
        assert session.gone()

    def test_aWebSocketThatDoesNotAnswerIsClosedInTime(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        socket = hastyWire.socket(4)
        assert socket.next() == "2"
        socket.socket.readUntilClosed()
        assertAt(started, INTERVAL + TIMEOUT)

    @pytest.mark.parametrize("packet", ["2", "2probe"])
    def test_aPingFromTheClientClosesAWebSocket(self, hastyWire: Wire, packet: str) -> None:
        socket = hastyWire.socket(4)
        socket.send(packet)
        assert socket.closes(within=INTERVAL)

    def test_aPingFromTheClientClosesAPollingSession(self, hastyWire: Wire) -> None:
        session = hastyWire.polling(4)
        session.post(b"2")
        assert session.gone()

    def test_pongsThatNobodyAskedForStartNoTimers(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        socket = hastyWire.socket(4)
        socket.send(*["3"] * 20, "4a")
        assert socket.next() == "4a"
        assert socket.next() == "2"
        assertAt(started, INTERVAL)
        socket.send("3")
        assert socket.socket.connection.isQuiet(INTERVAL - 0.05)

    def test_messagesDoNotDelayThePing(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        socket = hastyWire.socket(4)
        packets = []
        while "2" not in packets:
            if socket.socket.connection.isQuiet(0.05):
                socket.send("4a")
            else:
                packets.append(socket.next())
        assertAt(started, INTERVAL)

    def test_thePingGoesToTheWebSocketAfterAnUpgrade(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        socket = hastyWire.upgraded(hastyWire.polling(4))
        assert socket.next() == "2"
        assertAt(started, INTERVAL)
        socket.send("3")
        assert socket.next() == "2"

    def test_whoFallsSilentAfterAnUpgradeIsClosed(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        socket = hastyWire.upgraded(hastyWire.polling(4))
        assert socket.next() == "2"
        socket.socket.readUntilClosed()
        assertAt(started, INTERVAL + TIMEOUT)


class TestRevision3:
    """The client pings and the server answers."""

    def test_thePongComesAtOnce(self, hastyWire: Wire) -> None:
        session, socket = hastyWire.polling(3), hastyWire.socket(3)
        started = time.monotonic()
        for _ in range(3):
            session.send("2")
            assert session.receive() == ["3"]
            socket.send("2")
            assert socket.next() == "3"
        assert time.monotonic() - started < INTERVAL

    def test_thePongEndsAPollThatWaits(self, hastyWire: Wire) -> None:
        session = hastyWire.polling(3)
        session.startPoll()
        session.send("2")
        assert session.finishPoll() == ["3"]

    def test_theServerNeverPings(self, hastyWire: Wire) -> None:
        session, socket = hastyWire.polling(3), hastyWire.socket(3)
        session.startPoll()
        assert session.pollIsHeld(INTERVAL + 0.05)
        assert socket.socket.connection.isQuiet(0.05)

    def test_whoPingsStays(self, hastyWire: Wire) -> None:
        session, socket = hastyWire.polling(3), hastyWire.socket(3)
        end = time.monotonic() + 2 * (INTERVAL + TIMEOUT)
        while time.monotonic() < end:
            session.send("2")
            assert session.receive() == ["3"]
            assert socket.hears(0.2) == []
        assert socket.isAlive()

    def test_aWebSocketThatFallsSilentIsClosedInTime(self, hastyWire: Wire) -> None:
        socket = hastyWire.socket(3)
        started = time.monotonic()
        socket.send("2")
        assert socket.next() == "3"
        socket.socket.readUntilClosed()
        assertAt(started, INTERVAL + TIMEOUT)

    def test_aWebSocketThatNeverPingsIsClosedInTime(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        with pytest.raises(Closed):
            hastyWire.socket(3).next()
        assertAt(started, INTERVAL + TIMEOUT)

    def test_aPollerThatNeverPingsIsClosedInTime(self, hastyWire: Wire) -> None:
        started = time.monotonic()
        session = hastyWire.polling(3)
        assert session.receive() == ["1"]
        assertAt(started, INTERVAL + TIMEOUT)
        assert session.gone()

    def test_aPongFromTheClientClosesAWebSocket(self, hastyWire: Wire) -> None:
        socket = hastyWire.socket(3)
        socket.send("3")
        assert socket.closes(within=INTERVAL)

    def test_aPongFromTheClientClosesAPollingSession(self, hastyWire: Wire) -> None:
        session = hastyWire.polling(3)
        session.post(b"1:3")
        assert session.gone()

    def test_whoFallsSilentAfterAnUpgradeIsClosedToo(self, hastyWire: Wire) -> None:
        """Other servers forget to watch these."""
        socket = hastyWire.upgraded(hastyWire.polling(3))
        started = time.monotonic()
        socket.send("2")
        assert socket.next() == "3"
        socket.socket.readUntilClosed()
        assertAt(started, INTERVAL + TIMEOUT)

    def test_whoPingsAfterAnUpgradeStays(self, hastyWire: Wire) -> None:
        socket = hastyWire.upgraded(hastyWire.polling(3))
        assert socket.hears(2 * (INTERVAL + TIMEOUT)) == []
        assert socket.isAlive()


def test_aSilentPollerIsForgottenOnTheDot(hastyWire: Wire, revision: int) -> None:
    """Whoever asks 500 ms after the handshake's answer is told that there is no such session."""

    def forgotten(session: Polling, opened: float) -> bool:
        assert session.hearsNothing(opened + INTERVAL + TIMEOUT - time.monotonic())
        return session.gone()

    sessions = [(hastyWire.polling(revision), time.monotonic()) for _ in range(8)]
    with ThreadPoolExecutor(len(sessions)) as pool:
        asked = [pool.submit(forgotten, *entry) for entry in sessions]
        assert [answer.result() for answer in asked] == [True] * len(sessions)


def test_theMessagesOfAClosedSessionAreNotTaken(hastyWire: Wire, revision: int) -> None:
    session = hastyWire.polling(revision)
    while session.poll().status == 200:
        pass
    answer = session.post(encode(revision, "4late"))
    assert (answer.status, answer.json()["code"]) == (400, 1)
