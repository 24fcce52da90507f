"""The session's state machine: each line of the table of `Phase`, and what the application hears of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.packet import CLOSE, MESSAGE, OPEN, UPGRADE, Packet, Revision
from rtcsignal.engineio.phases import Phase, WrongPhase
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.errors import ProtocolError
from tests.conftest import LoggedFailures
from tests.engineio.conftest import Log, WorldFactory
from tests.engineio.world import Poller, Socket, World


class TestTransitions:
    def test_aPollingHandshakeBeginsInPolling(self, poller: Poller) -> None:
        assert poller.session.phase is Phase.POLLING
        assert poller.session.transportName == "polling"

    def test_aWebSocketHandshakeBeginsInWebSocket(self, socket: Socket) -> None:
        assert socket.session.phase is Phase.WEBSOCKET
        assert socket.session.transportName == "websocket"

    def test_aWebSocketThatBringsTheSidMakesItProbing(self, poller: Poller) -> None:
        poller.socket()
        assert poller.session.phase is Phase.PROBING
        assert poller.session.isOpen
        assert poller.session.isPolling
        assert poller.session.transportName == "polling"

    def test_theProbeMakesItUpgrading(self, poller: Poller) -> None:
        poller.probed()
        assert poller.session.phase is Phase.UPGRADING
        assert poller.session.isPolling

    def test_theUpgradePacketMakesItWebSocket(self, poller: Poller) -> None:
        poller.upgraded()
        assert poller.session.phase is Phase.WEBSOCKET
        assert not poller.session.isPolling
        assert poller.session.isOpen
        assert poller.session.transportName == "websocket"

    def test_itsEndDoesNotChangeWhatCarriedIt(self, poller: Poller, socket: Socket) -> None:
        for session, name in ((poller.session, "polling"), (socket.session, "websocket")):
            session.close(CloseReason.FORCED)
            assert not session.isOpen
            assert session.transportName == name

    @pytest.mark.parametrize("begin", [Poller.socket, Poller.probed], ids=["probing", "upgrading"])
    def test_aWebSocketThatIsLostMakesItPollingAgain(self, poller: Poller, begin: Callable[[Poller], Socket]) -> None:
        begin(poller).hangUp()
        assert poller.session.phase is Phase.POLLING

    @pytest.mark.parametrize("begin", [Poller.socket, Poller.probed], ids=["probing", "upgrading"])
    def test_aWebSocketThatIsLateMakesItPollingAgain(
        self, makeWorld: WorldFactory, begin: Callable[[Poller], Socket]
    ) -> None:
        poller = makeWorld(upgradeTimeout=0.5).poller(4)
        begin(poller)
        poller.world.clock.advance(0.5)
        assert poller.session.phase is Phase.POLLING

    @pytest.mark.parametrize(
        "begin", [lambda poller: None, Poller.socket, Poller.probed], ids=["polling", "probing", "upgrading"]
    )
    def test_closingWhilePollingWaitsForThePollThatTellsTheClient(
        self, poller: Poller, begin: Callable[[Poller], object]
    ) -> None:
        begin(poller)
        poller.session.close()
        phases = [poller.session.phase]
        assert not poller.session.isOpen
        assert poller.alive
        assert poller.poll().packets == ["1"]
        phases.append(poller.session.phase)
        assert phases == [Phase.CLOSING, Phase.CLOSED]
        assert not poller.alive

    def test_closingAWebSocketEndsItAtOnce(self, socket: Socket) -> None:
        session = socket.session
        session.close()
        assert session.phase is Phase.CLOSED
        assert socket.world.sids == []

    @pytest.mark.parametrize("end", [Session.abort, Session.lost], ids=["abort", "lost"])
    @pytest.mark.parametrize(
        "begin",
        [lambda poller: None, Poller.socket, Poller.probed, Poller.upgraded, lambda poller: poller.session.close()],
        ids=["polling", "probing", "upgrading", "websocket", "closing"],
    )
    def test_lossAndAbortEndItAtOnceInAnyState(
        self, poller: Poller, begin: Callable[[Poller], object], end: Callable[[Session, CloseReason], None]
    ) -> None:
        begin(poller)
        transport = poller.session.transport
        end(poller.session, CloseReason.TRANSPORT_ERROR)
        transport.close(CloseReason.TRANSPORT_ERROR)
        assert poller.session.phase is Phase.CLOSED
        assert not poller.alive
        assert len(poller.application.closed) == 1

    def test_theClientsClosePacketEndsIt(self, poller: Poller) -> None:
        assert poller.post(CLOSE).status == 200
        assert poller.session.phase is Phase.CLOSED
        assert poller.application.closed == [CloseReason.TRANSPORT_CLOSE]

    def test_theClientsClosePacketEndsItOnAWebSocketToo(self, socket: Socket) -> None:
        socket.send(CLOSE)
        assert socket.application.closed == [CloseReason.TRANSPORT_CLOSE]
        assert socket.take() == []
        assert socket.code == 1000

    @pytest.mark.parametrize(
        ("begin", "steps"),
        [
            (lambda poller: None, [Session.upgrading, Session.probeEnded]),
            (Poller.socket, [Session.probing]),
            (Poller.probed, [Session.probing, Session.upgrading]),
            (Poller.upgraded, [Session.probing, Session.upgrading, Session.probeEnded]),
            (lambda poller: poller.session.close(), [Session.probing, Session.upgrading, Session.probeEnded]),
        ],
        ids=["polling", "probing", "upgrading", "websocket", "closing"],
    )
    def test_stepsThatDoNotExistAreRefused(
        self, poller: Poller, begin: Callable[[Poller], object], steps: list[Callable[[Session], None]]
    ) -> None:
        begin(poller)
        before = poller.session.phase
        for step in steps:
            with pytest.raises(WrongPhase):
                step(poller.session)
        assert poller.session.phase is before

    @pytest.mark.parametrize("phase", [Phase.POLLING, Phase.WEBSOCKET])
    def test_nothingElseCarriesItAfterItsEnd(self, socket: Socket, phase: Phase) -> None:
        session, transport = socket.session, socket.session.transport
        session.close()
        send = session.send
        with pytest.raises(WrongPhase):
            session.carriedBy(transport, phase)
        assert session.send == send
        assert session.transport is not transport

    def test_aTransportDoesNotTakeOverUnasked(self, poller: Poller, socket: Socket) -> None:
        with pytest.raises(WrongPhase):
            poller.session.carriedBy(socket.session.transport, Phase.WEBSOCKET)
        assert poller.session.transportName == "polling"


class TestWhatTheApplicationHears:
    @pytest.mark.parametrize("reason", list(CloseReason))
    def test_itHearsOfTheEndOnceWithItsReason(self, socket: Socket, reason: CloseReason) -> None:
        socket.session.close(reason)
        socket.session.close(CloseReason.FORCED)
        socket.session.abort(CloseReason.FORCED)
        socket.session.lost(CloseReason.FORCED)
        assert socket.application.closed == [reason]

    def test_ofAPollingSessionItHearsWhenItBeginsToClose(self, poller: Poller) -> None:
        poller.session.close(CloseReason.SHUTDOWN)
        assert poller.application.closed == [CloseReason.SHUTDOWN]
        poller.poll()
        poller.session.lost(CloseReason.TRANSPORT_CLOSE)
        assert poller.application.closed == [CloseReason.SHUTDOWN]

    def test_theReasonsAreWordsThatSocketIoKnows(self) -> None:
        assert {f"{reason}" for reason in CloseReason} >= {
            "transport close",
            "transport error",
            "ping timeout",
            "parse error",
            "forced server close",
            "server shutting down",
        }

    def test_messagesComeInOrder(self, poller: Poller) -> None:
        poller.post("4one", b"two", "4three")
        assert poller.application.received == ["one", b"two", "three"]

    def test_messagesComeInOrderOverAWebSocket(self, socket: Socket) -> None:
        two = b"two" if socket.revision == 4 else b"\x04two"
        socket.send("4one", two, "4three")
        assert socket.application.received == ["one", b"two", "three"]

    def test_afterTheEndNothingIsReceived(self, poller: Poller, socket: Socket) -> None:
        poller.application.react = lambda _: poller.session.close()
        poller.post("4one", "4two")
        assert poller.application.received == ["one"]
        poller.session.packetReceived(Packet(MESSAGE, "three"))
        assert poller.application.received == ["one"]
        socket.application.react = lambda _: socket.session.close()
        socket.send("4one", "4two")
        assert socket.application.received == ["one"]

    def test_afterTheEndNothingIsSent(self, poller: Poller, socket: Socket) -> None:
        poller.session.close()
        poller.send("late")
        assert poller.poll().packets == ["1"]
        socket.session.close()
        socket.session.send(EncodedMessage("late"))
        assert socket.take() == []
        assert socket.code == 1000

    def test_itMaySendBeforeTheEnd(self, poller: Poller, socket: Socket) -> None:
        poller.send("last")
        poller.session.close()
        assert poller.poll().packets == ["4last", "1"]
        socket.session.send(EncodedMessage("last"))
        socket.session.close()
        assert socket.take() == ["4last"]
        assert socket.code == 1000

    def test_whenItHearsOfTheEndItCannotSendAnyMore(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        poller.application.reactToEnd = lambda reason: poller.send("late")
        poller.session.close()
        assert poller.poll().packets == ["1"]


class TestFailures:
    def test_aFailingHandlerCostsItsSessionAndOneLineInTheLog(self, world: World, revision: Revision, log: Log) -> None:
        poller, socket, bystander = world.poller(revision), world.socket(revision), world.socket(revision)
        nothing: dict[str | bytes, object] = {}
        for application in (poller.application, socket.application):
            application.react = nothing.__getitem__
        poller.post("4one", "4two")
        socket.send("4one", "4two")
        assert poller.application.closed == socket.application.closed == [CloseReason.FAILED]
        assert poller.application.received == socket.application.received == ["one"]
        assert poller.poll().packets == ["1"]
        assert socket.take() == []
        assert socket.code == 1011
        assert len(log.lines) == 2
        for line in log.lines:
            assert "KeyError('one')" in line
            assert re.search(r"recorder\.py:\d+ \(conn [0-9a-f]{8}\)$", line), "the place where it failed"
        bystander.send("4still")
        assert bystander.application.received == ["still"]

    def test_aFailureWithoutATraceIsLoggedToo(self, socket: Socket, log: Log) -> None:
        socket.session.failed(ValueError("no trace"))
        socket.session.failed(None)
        conn = socket.session.conn
        assert [line.partition(" in ")[2] for line in log.lines] == [f"? (conn {conn})"] * 2

    def test_aProtocolErrorIsTheClientsFaultAndNoNews(self, poller: Poller, socket: Socket, log: Log) -> None:
        def complain(_: object) -> None:
            raise ProtocolError("not like this")

        poller.application.react = socket.application.react = complain
        poller.post("4one")
        socket.send("4one")
        assert poller.application.closed == socket.application.closed == [CloseReason.PARSE_ERROR]
        assert socket.take() == []
        assert socket.code == 1002
        assert log.lines == []

    def test_anEndThatCannotBeHandledIsLogged(self, socket: Socket, log: Log, loggedFailures: LoggedFailures) -> None:
        def fail(_: CloseReason) -> None:
            raise ZeroDivisionError

        session = socket.session
        socket.application.reactToEnd = fail
        session.close()
        assert len(log.lines) == 1
        assert len(loggedFailures.expect(ZeroDivisionError)) == 1
        assert session.phase is Phase.CLOSED


class TestPackets:
    @pytest.mark.parametrize("kind", [OPEN, UPGRADE, "6"], ids=["open", "upgrade", "noop"])
    def test_whatAClientMayNotSendEndsTheSession(self, poller: Poller, socket: Socket, kind: str) -> None:
        assert poller.post(kind).error == (400, 3)
        assert poller.application.closed == [CloseReason.PARSE_ERROR]
        assert not poller.alive
        socket.send(kind)
        assert socket.application.closed == [CloseReason.PARSE_ERROR]
        assert socket.take() == []
        assert socket.code == 1002

    def test_soDoesWhatIsNoPacket(self, poller: Poller, socket: Socket) -> None:
        assert poller.post("abc").error == (400, 3)
        socket.send("abc")
        assert poller.application.closed == socket.application.closed == [CloseReason.PARSE_ERROR]

    def test_packetsAfterTheEndAreIgnored(self, poller: Poller) -> None:
        poller.session.lost(CloseReason.TRANSPORT_CLOSE)
        for kind in "0123456":
            poller.session.packetReceived(Packet(kind, ""))
        assert poller.application.closed == [CloseReason.TRANSPORT_CLOSE]
