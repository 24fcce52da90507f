"""Who pings whom, when, and what becomes of the silent.

How long each of these takes is shown with a clock of its own in tests/engineio/liveness/test_heartbeat.py; here it is
shown that a real server does it, and in which order.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.patience import PATIENCE
from tests.wire.engine import Polling
from tests.wire.payloads import encode
from tests.wire.rawws import PING, PONG, Closed, frame
from tests.wire.wire import Wire

PULSE = 0.3
"""Seconds between two pings of the server that pings often."""


def silenceOf(session: Polling) -> float:
    """Seconds after which a session without a sign of life has ended."""
    return float(session.handshake["pingInterval"] + session.handshake["pingTimeout"]) / 1000


class TestRevision4:
    """The server pings and the client answers."""

    def test_aPollGetsThePing(self, pulsingWire: Wire) -> None:
        assert pulsingWire.polling(4).receive() == ["2"]

    def test_aWebSocketGetsThePing(self, pulsingWire: Wire) -> None:
        assert pulsingWire.socket(4).next() == "2"

    def test_theIntervalBeginsWithEachPong(self, pulsingWire: Wire) -> None:
        session, socket = pulsingWire.polling(4), pulsingWire.socket(4)
        for _ in range(3):
            assert session.receive() == ["2"]
            session.startPoll()
            assert socket.next() == "2"
            assert socket.socket.connection.isQuiet(1.5 * PULSE), "no other before the pong"
            assert session.pollIsHeld()
            session.send("3")
            socket.send("3")
            assert session.finishPoll() == ["2"]
            session.send("3")
        assert socket.next() == "2"

    def test_aPollerThatDoesNotAnswerIsClosed(self, hastyWire: Wire) -> None:
        session = hastyWire.polling(4)
        assert session.receive() == ["2"]
        assert session.receive() == ["1"]
        assert session.gone()

    def test_aWebSocketThatDoesNotAnswerIsClosed(self, hastyWire: Wire) -> None:
        socket = hastyWire.socket(4)
        assert socket.next() == "2"
        socket.socket.readUntilClosed()

    @pytest.mark.parametrize("packet", ["2", "2probe"])
    def test_aPingFromTheClientIsAnswered(self, wire: Wire, packet: str) -> None:
        """No client of this revision should ping, but some do."""
        session, socket = wire.polling(4), wire.socket(4)
        session.send(packet)
        socket.send(packet, "4a")
        assert session.receive() == ["3" + packet[1:]]
        assert [socket.next(), socket.next()] == ["3" + packet[1:], "4a"]

    def test_pongsThatNobodyAskedForStartNoTimers(self, pulsingWire: Wire) -> None:
        socket = pulsingWire.socket(4)
        assert socket.next() == "2"
        socket.send(*["3"] * 20, "4a")
        assert socket.next() == "4a"
        assert socket.next() == "2"
        assert socket.socket.connection.isQuiet(1.5 * PULSE)

    def test_messagesDoNotDelayThePing(self, pulsingWire: Wire) -> None:
        deadline = time.monotonic() + PATIENCE
        socket = pulsingWire.socket(4)
        packets = []
        while "2" not in packets:
            assert time.monotonic() < deadline
            if socket.socket.connection.isQuiet(0.05):
                socket.send("4a")
            else:
                packets.append(socket.next())

    def test_thePingGoesToTheWebSocketAfterAnUpgrade(self, pulsingWire: Wire) -> None:
        socket = pulsingWire.upgraded(pulsingWire.polling(4))
        assert socket.next() == "2"
        socket.send("3")
        assert socket.next() == "2"

    def test_whoFallsSilentAfterAnUpgradeIsClosed(self, hastyWire: Wire) -> None:
        socket = hastyWire.upgraded(hastyWire.polling(4))
        assert socket.next() == "2"
        socket.socket.readUntilClosed()


class TestRevision3:
    """The client pings and the server answers."""

    def test_whoIsLateIsAskedBelowAndAnAnswerIsLife(self, hastyWire: Wire) -> None:
        lively, silent = hastyWire.socket(3), hastyWire.socket(3)
        for _ in range(4):
            assert lively.socket.readFrame().opcode == PING
            lively.socket.connection.send(frame(PONG))
        silent.socket.readUntilClosed()
        lively.send("4a")
        assert lively.next() == "4a"

    def test_thePongComesAtOnce(self, wire: Wire) -> None:
        session, socket = wire.polling(3), wire.socket(3)
        for _ in range(3):
            session.send("2")
            assert session.receive() == ["3"]
            socket.send("2")
            assert socket.next() == "3"

    def test_thePongEndsAPollThatWaits(self, wire: Wire) -> None:
        session = wire.polling(3)
        session.startPoll()
        session.send("2")
        assert session.finishPoll() == ["3"]

    def test_theServerNeverPings(self, pulsingWire: Wire) -> None:
        session, socket = pulsingWire.polling(3), pulsingWire.socket(3)
        session.startPoll()
        assert session.pollIsHeld(1.5 * PULSE)
        assert socket.socket.connection.isQuiet(0.05)

    def test_whoPingsStays(self, hastyWire: Wire) -> None:
        session, socket = hastyWire.polling(3), hastyWire.socket(3)
        end = time.monotonic() + 1.5 * silenceOf(session)
        while time.monotonic() < end:
            session.send("2")
            assert session.receive() == ["3"]
            assert socket.hears(0.2) == []
        assert socket.isAlive()

    def test_aWebSocketThatFallsSilentIsClosed(self, hastyWire: Wire) -> None:
        socket = hastyWire.socket(3)
        socket.send("2")
        assert socket.next() == "3"
        socket.socket.readUntilClosed()

    def test_aWebSocketThatNeverPingsIsClosed(self, hastyWire: Wire) -> None:
        with pytest.raises(Closed):
            hastyWire.socket(3).next()

    def test_aPollerThatNeverPingsIsClosed(self, hastyWire: Wire) -> None:
        session = hastyWire.polling(3)
        assert session.receive() == ["1"]
        assert session.gone()

    def test_aPongFromTheClientClosesAWebSocket(self, wire: Wire) -> None:
        socket = wire.socket(3)
        socket.send("3")
        assert socket.closes()

    def test_aPongFromTheClientClosesAPollingSession(self, wire: Wire) -> None:
        session = wire.polling(3)
        session.post(b"1:3")
        assert session.gone()

    def test_whoFallsSilentAfterAnUpgradeIsClosedToo(self, hastyWire: Wire) -> None:
        """Other servers forget to watch these."""
        socket = hastyWire.upgraded(hastyWire.polling(3))
        socket.send("2")
        assert socket.next() == "3"
        socket.socket.readUntilClosed()

    def test_whoPingsAfterAnUpgradeStays(self, hastyWire: Wire) -> None:
        session = hastyWire.polling(3)
        socket = hastyWire.upgraded(session)
        assert socket.hears(1.5 * silenceOf(session)) == []
        assert socket.isAlive()


def test_aSilentPollerIsForgottenOnTheDot(hastyWire: Wire, revision: int) -> None:
    """Whoever asks when that time has passed since the handshake's answer is told that there is no such session."""

    def forgotten(session: Polling, opened: float) -> bool:
        assert session.hearsNothing(opened + silenceOf(session) - time.monotonic())
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
