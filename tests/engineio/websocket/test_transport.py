"""The WebSocket transport: what it sends and when, what it takes, how it closes."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.rates import Rate
from tests.engineio.conftest import WorldFactory
from tests.engineio.frames import Frame, framesOf
from tests.engineio.world import AFTER_HANDSHAKE, Recorder, Socket, World
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, textFrame, upgradeBytes

BOTH_WAYS = True
KIB = 1_024


@pytest.fixture
def world(makeWorld: WorldFactory, fast: bool) -> World:
    return makeWorld(fast=fast, sendQueue=100 * KIB)


class TestOpening:
    def test_theHandshakeIsHeldBackUntilTheClientHasSeenThe101(self, world: World, revision: Revision) -> None:
        socket = world.openSocket(f"EIO={revision}&transport=websocket")
        assert socket.take() == []
        world.clock.advance(AFTER_HANDSHAKE)
        (opening,) = socket.take()
        assert str(opening).startswith('0{"sid":"')

    def test_soIsWhatTheApplicationSendsMeanwhile(self, makeWorld: WorldFactory, fast: bool) -> None:
        def connect(session: Session) -> Recorder:
            session.send(EncodedMessage("one"))
            return Recorder(session)

        world = makeWorld(connect=connect, fast=fast)
        socket = world.openSocket("EIO=4&transport=websocket")
        world.applications[0].session.send(EncodedMessage("two"))
        world.turn()
        assert socket.take() == []
        world.clock.advance(AFTER_HANDSHAKE)
        assert socket.take()[1:] == ["4one", "4two"]

    def test_aSessionThatEndsMeanwhileSendsWhatItHasFirst(self, world: World) -> None:
        socket = world.openSocket("EIO=4&transport=websocket")
        session = world.applications[0].session
        session.send(EncodedMessage("last"))
        session.close()
        assert socket.take()[1:] == ["4last"]
        assert socket.code == 1000
        world.clock.advance(AFTER_HANDSHAKE)
        assert not socket.connected

    def test_whoSendsHasSeenItAndIsNotKeptWaiting(self, world: World, revision: Revision) -> None:
        socket = world.openSocket(f"EIO={revision}&transport=websocket")
        socket.send("4early")
        (opening,) = socket.take()
        assert str(opening).startswith('0{"sid":"')

    def test_aClientThatSendsRightBehindItsRequestIsHeard(self, world: World) -> None:
        socket = world.openSocket("EIO=4&transport=websocket")
        socket.send("4early")
        assert world.applications[0].received == ["early"]

    def test_nagleIsSwitchedOff(self, socket: Socket) -> None:
        assert socket.visitor.transport.noDelay is True

    @pytest.mark.parametrize("error", [OSError, AttributeError])
    def test_whereThereIsNoNagleNothingIsLost(self, world: World, error: type[Exception]) -> None:
        def fail(enabled: bool) -> None:
            raise error

        visitor = world.visitor()
        visitor.transport.setTcpNoDelay = fail
        visitor.send(upgradeBytes("/socket.io/?EIO=4&transport=websocket"))
        assert visitor.read().startswith(b"HTTP/1.1 101 ")
        assert len(world.sids) == 1


class TestSending:
    def test_allThatIsSentInOneTurnLeavesTogether(self, world: World, socket: Socket) -> None:
        writes: list[bytes] = []
        socket.visitor.transport.write = writes.append
        for text in ("a", "b", "c"):
            socket.session.send(EncodedMessage(text))
        assert writes == []
        world.turn()
        assert [framesOf(data) for data in writes] == [[Frame(1, b"4a"), Frame(1, b"4b"), Frame(1, b"4c")]]

    def test_textIsOneTextFrame(self, socket: Socket) -> None:
        socket.session.send(EncodedMessage("\N{GRINNING FACE}"))
        assert socket.frames() == [Frame(1, "4\N{GRINNING FACE}".encode())]

    def test_binaryIsOneBinaryFrameWithOrWithoutAType(self, socket: Socket) -> None:
        socket.session.send(EncodedMessage("a", (b"\x01", b"")))
        prefix = b"\x04" if socket.revision == 3 else b""
        assert socket.frames() == [Frame(1, b"4a"), Frame(2, prefix + b"\x01"), Frame(2, prefix)]

    @pytest.mark.parametrize("b64", ["1", "true"])
    def test_orBase64ForWhoAsks(self, world: World, revision: Revision, b64: str) -> None:
        socket = world.socket(revision, f"&b64={b64}")
        socket.session.send(EncodedMessage("a", (b"\x01",)))
        assert socket.take() == ["4a", "b4AQ==" if revision == 3 else "bAQ=="]
        socket.send("b4/w==" if revision == 3 else "b/w==")
        assert socket.application.received == [b"\xff"]

    def test_nothingIsSentBehindTheCloseFrame(self, world: World, socket: Socket) -> None:
        session, link = socket.session, socket.visitor.transport.protocol
        session.send(EncodedMessage("before"))
        session.close()
        session.send(EncodedMessage("behind"))
        link.writeFrame(b"\x81\x01x")
        world.turn()
        assert socket.take() == ["4before"]
        assert socket.code == 1000


class TestReceiving:
    def test_messagesComeWholeHoweverTheyAreCut(self, socket: Socket) -> None:
        socket.sendFrame(TEXT, b"4a\xe2", fin=False)
        socket.sendFrame(PING, b"in between")
        socket.sendFrame(CONTINUATION, b"\x82", fin=False)
        socket.sendFrame(CONTINUATION, b"\xacb")
        assert socket.application.received == ["a€b"]
        assert socket.frames() == [Frame(PONG, b"in between")]

    def test_pingsAreAnswered(self, socket: Socket) -> None:
        socket.sendFrame(PING, b"")
        socket.sendFrame(PING, b"abc")
        assert socket.frames() == [Frame(PONG, b""), Frame(PONG, b"abc")]

    def test_pongsAreIgnored(self, socket: Socket) -> None:
        socket.sendFrame(PONG, b"abc")
        assert socket.take() == []

    def test_aBadBinaryMessageOfRevision3EndsTheSession(self, world: World) -> None:
        socket = world.socket(3)
        socket.send(b"\x01\x02")
        assert socket.application.closed == [CloseReason.PARSE_ERROR]

    def test_whatComesBehindTheEndOfTheSessionIsIgnored(self, socket: Socket) -> None:
        application = socket.application
        application.react = lambda _: application.session.close()
        socket.send("4one", "4two", b"three")
        socket.send("4four", b"five")
        assert application.received == ["one"]


class TestBreaches:
    @pytest.mark.parametrize(
        ("broken", "code"),
        [
            (frame(TEXT, b"4\xff"), 1007),
            (frame(TEXT, b"4\xed\xa0\x80"), 1007),
            (frame(TEXT, b"4\xe2\x82"), 1007),
            (frame(TEXT, b"4a", mask=None), 1002),
            (frame(TEXT, b"4a", rsv=4), 1002),
            (frame(3, b"4a"), 1002),
            (frame(CONTINUATION, b"4a"), 1002),
            (frame(PING, b"a", fin=False), 1002),
            (frame(PING, bytes(126)), 1002),
        ],
        ids=[
            "bad UTF-8",
            "surrogate",
            "half a character",
            "no mask",
            "reserved bit",
            "reserved opcode",
            "continuation of nothing",
            "fragmented ping",
            "large ping",
        ],
    )
    def test_aFrameThatBreaksTheRulesClosesTheConnection(self, socket: Socket, broken: bytes, code: int) -> None:
        application = socket.application
        socket.visitor.send(broken + textFrame("4behind"))
        assert socket.take() == []
        assert socket.code == code
        assert application.received == []
        assert application.closed == [CloseReason.TRANSPORT_CLOSE]

    @pytest.mark.parametrize(
        ("payload", "code"),
        [(b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe8\xff", 1007)],
        ids=["half", "reserved", "bad UTF-8"],
    )
    def test_aBrokenCloseFrameIsAnsweredAsSuch(self, socket: Socket, payload: bytes, code: int) -> None:
        application = socket.application
        socket.visitor.send(frame(CLOSE, payload) + textFrame("4behind"))
        assert socket.take() == []
        assert socket.code == code
        assert application.received == []
        assert application.closed == [CloseReason.TRANSPORT_CLOSE]

    @pytest.mark.parametrize("opcode", [TEXT, BINARY])
    def test_aMessageAboveTheLimitIsRefusedFromItsHeadAlone(
        self, makeWorld: WorldFactory, fast: bool, opcode: int
    ) -> None:
        socket = makeWorld(maxPayload=1_000, fast=fast).socket(4)
        socket.send("4" + "a" * 999)
        assert socket.application.received == ["a" * 999]
        socket.visitor.send(frame(opcode, b"4" * 1_001)[:8])
        assert socket.take() == []
        assert socket.code == 1009

    def test_fragmentsCountTogether(self, makeWorld: WorldFactory, fast: bool) -> None:
        socket = makeWorld(maxPayload=1_000, fast=fast).socket(4)
        socket.sendFrame(TEXT, b"4" * 600, fin=False)
        socket.sendFrame(CONTINUATION, b"4" * 600)
        assert socket.take() == []
        assert socket.code == 1009

    def test_aMessageMayHaveAThousandFragmentsAndNoMore(self, makeWorld: WorldFactory, fast: bool) -> None:
        socket = makeWorld(framesRate=Rate(0, 0), fast=fast).socket(4)
        first, middle, last = frame(TEXT, b"4", fin=False), frame(CONTINUATION, b"a", fin=False), frame(CONTINUATION)
        for _ in range(2):
            socket.visitor.send(first + middle * 998 + last)
            socket.take()
        assert socket.application.received == ["a" * 998] * 2
        application = socket.application
        socket.visitor.send(first + middle * 1_000)
        assert socket.take() == []
        assert application.closed == [CloseReason.TRANSPORT_CLOSE]
        assert socket.code == 1009

    def test_whatARuleBreakerSendsAfterwardsIsIgnored(self, socket: Socket) -> None:
        application = socket.application
        socket.sendFrame(5)
        socket.send("4late")
        socket.sendFrame(5)
        assert application.received == []
        assert [each.code for each in socket.frames()] == [1002]
        socket.hangUp()
        assert not socket.connected

    def test_onATransportThatCannotHalfCloseItIsTheSame(self, socket: Socket) -> None:
        application = socket.application
        socket.visitor.transport.loseWriteConnection = None
        socket.sendFrame(5)
        assert application.closed == [CloseReason.TRANSPORT_CLOSE]
        assert [each.code for each in socket.frames()] == [1002]

    def test_whatWasSentBeforeGoesOutBeforeTheCloseFrame(self, socket: Socket) -> None:
        socket.application.react = lambda text: socket.session.send(EncodedMessage(f"{text!s} too"))
        socket.send("4one")
        socket.visitor.send(textFrame("4two") + frame(3))
        assert socket.take() == ["4one too", "4two too"]
        assert socket.code == 1002


class TestClosing:
    @pytest.mark.parametrize(
        ("reason", "code"),
        [
            (CloseReason.FORCED, 1000),
            (CloseReason.SHUTDOWN, 1001),
            (CloseReason.PARSE_ERROR, 1002),
            (CloseReason.FAILED, 1011),
        ],
    )
    def test_theReasonDecidesTheCode(self, socket: Socket, reason: CloseReason, code: int) -> None:
        socket.session.close(reason)
        assert socket.take() == []
        assert socket.code == code
        assert not socket.connected

    def test_whoFloodsIsToldAndNotListenedToAnyMore(self, world: World, socket: Socket) -> None:
        socket.session.close(CloseReason.FLOOD)
        socket.visitor.send(textFrame("4more") + frame(PING) * 10)
        assert [each.code for each in socket.frames()] == [1008]
        assert socket.application.received == []
        world.clock.advance(2)
        assert not socket.connected

    @pytest.mark.parametrize("reason", [CloseReason.SLOW_CONSUMER, CloseReason.PING_TIMEOUT])
    def test_whoWouldNotReadAFarewellIsCutOff(self, world: World, socket: Socket, reason: CloseReason) -> None:
        socket.session.close(reason)
        world.turn()
        assert not socket.connected
        assert socket.frames() == []

    def test_aClientThatDoesNotAnswerTheCloseFrameIsCutOff(self, world: World, socket: Socket) -> None:
        socket.session.close()
        assert [each.opcode for each in socket.frames()] == [CLOSE]
        connected = []
        for quarters in (7, 4):
            world.clock.pump([0.25] * quarters)
            connected.append(socket.connected)
        assert connected == [True, False]

    @pytest.mark.parametrize(
        ("code", "reason"), [(1000, CloseReason.TRANSPORT_CLOSE), (1001, CloseReason.GOING_AWAY)]
    )
    def test_aClientsCloseFrameIsAnsweredAndEndsTheSession(
        self, socket: Socket, code: int, reason: CloseReason
    ) -> None:
        """Browsers say 1001 when a page is closed: it does not come back."""
        application = socket.application
        socket.sendFrame(CLOSE, code.to_bytes(2, "big") + b"bye")
        assert [each.code for each in socket.frames()] == [code]
        assert not socket.connected
        assert application.closed == [reason]

    def test_whatComesBehindAClientsCloseFrameIsIgnored(self, socket: Socket) -> None:
        application = socket.application
        socket.visitor.send(frame(CLOSE, b"\x03\xe8") + textFrame("4late"))
        assert application.received == []

    def test_aBrokenConnectionEndsTheSessionAtOnce(self, socket: Socket) -> None:
        application = socket.application
        socket.hangUp()
        assert application.closed == [CloseReason.TRANSPORT_CLOSE]
        assert socket.world.sids == []

    def test_halfAMessageDoesNotGetInTheWayOfClosing(self, socket: Socket) -> None:
        whole = textFrame("4half of it comes before the server closes")
        socket.visitor.send(whole[:20])
        socket.session.close()
        socket.visitor.send(whole[20:])
        assert socket.take() == []
        assert socket.code == 1000
        assert not socket.connected
