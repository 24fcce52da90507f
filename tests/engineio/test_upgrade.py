"""The upgrade from polling to WebSocket, step by step."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.reasons import CloseReason
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Poller, Socket, World
from tests.wire.rawws import PING, frame, textFrame

BEGINNINGS = pytest.mark.parametrize("begin", [Poller.socket, Poller.probed], ids=["probing", "upgrading"])


class TestProbing:
    def test_theProbeIsAnswered(self, poller: Poller) -> None:
        socket = poller.socket()
        assert socket.take() == []
        socket.send("2probe")
        assert socket.take() == ["3probe"]

    def test_beforeTheProbePollsWaitAsEver(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.socket()
        poller.world.turn()
        assert not waiting.given

    def test_theProbeEndsTheWaitingPoll(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.probed()
        assert waiting.packets == ["6"]

    def test_andEveryPollThatComesBeforeTheUpgradeIsDone(self, poller: Poller) -> None:
        poller.probed()
        assert poller.poll().packets == ["6"]
        assert poller.poll().packets == ["6"]

    def test_ifThereIsSomethingToSayThePollGetsThat(self, poller: Poller) -> None:
        waiting = poller.poll()
        socket = poller.socket()
        poller.send("a")
        socket.send("2probe")
        assert waiting.packets == ["4a"]
        poller.send("b")
        assert poller.poll().packets == ["4b"]
        assert poller.poll().packets == ["6"]

    def test_whatIsSentInTheTurnOfTheProbeGoesToTheWaitingPoll(self, poller: Poller) -> None:
        waiting, socket = poller.poll(), poller.socket()
        poller.send("a")
        socket.visitor.transport.protocol.dataReceived(textFrame("2probe"))
        assert waiting.packets == ["4a"]
        poller.world.turn()
        assert socket.take() == ["3probe"]

    @pytest.mark.parametrize("first", ["2", "2probe ", "5 ", "4a", "3probe", "1", "", "x"])
    def test_anyOtherFirstMessageClosesTheWebSocketOnly(self, poller: Poller, first: str) -> None:
        socket = poller.socket()
        socket.send(first)
        assert socket.take() == []
        assert socket.code == 1008
        assert not socket.connected
        assert poller.session.phase is Phase.POLLING
        poller.send("a")
        assert poller.poll().packets == ["4a"]

    def test_aClientMayUpgradeWithoutAProbe(self, poller: Poller) -> None:
        waiting, socket = poller.poll(), poller.socket()
        socket.send("5", "4a" if poller.revision == 4 else "4b")
        assert waiting.packets == ["6"]
        assert poller.session.phase is Phase.WEBSOCKET
        poller.send("c")
        assert socket.take() == ["4c"]

    @pytest.mark.parametrize("second", ["2probe", "4a", "2", "5x", ""])
    def test_soDoesAnyOtherMessageBehindTheProbe(self, poller: Poller, second: str) -> None:
        socket = poller.probed()
        socket.send(second)
        assert socket.take() == []
        assert socket.code == 1008
        assert poller.session.phase is Phase.POLLING
        assert poller.application.received == []

    @BEGINNINGS
    def test_soDoesABinaryMessage(self, poller: Poller, begin: Callable[[Poller], Socket]) -> None:
        socket = begin(poller)
        socket.send(b"2probe")
        assert socket.take() == []
        assert socket.code == 1008
        assert poller.session.isOpen

    def test_pingsOfTheWebSocketAreNoMessages(self, poller: Poller) -> None:
        socket = poller.socket()
        socket.sendFrame(PING, b"x")
        assert [each.payload for each in socket.frames()] == [b"x"]
        socket.send("2probe", "5")
        assert poller.session.phase is Phase.WEBSOCKET


class TestGivingUp:
    @BEGINNINGS
    def test_aWebSocketThatDiesLeavesThePollingSessionAsItWas(
        self, poller: Poller, begin: Callable[[Poller], Socket]
    ) -> None:
        begin(poller).hangUp()
        waiting = poller.poll()
        poller.world.turn()
        assert not waiting.given
        poller.send("a")
        poller.world.turn()
        assert waiting.packets == ["4a"]
        assert poller.application.closed == []

    @BEGINNINGS
    def test_andMayTryAgain(self, poller: Poller, begin: Callable[[Poller], Socket]) -> None:
        begin(poller).hangUp()
        socket = poller.upgraded()
        poller.send("a")
        assert socket.take() == ["4a"]

    @BEGINNINGS
    def test_oneThatTakesTooLongIsClosed(
        self, makeWorld: WorldFactory, revision: Revision, begin: Callable[[Poller], Socket]
    ) -> None:
        poller = makeWorld(upgradeTimeout=0.5).poller(revision)
        socket = begin(poller)
        poller.world.clock.advance(0.5)
        assert socket.take() == []
        assert socket.code == 1008
        assert poller.application.closed == []
        assert poller.upgraded().take() == []

    def test_oneThatIsDoneIsNotClosedLater(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(upgradeTimeout=0.5).poller(revision)
        socket = poller.upgraded()
        poller.world.clock.advance(1)
        assert socket.connected
        assert poller.session.phase is Phase.WEBSOCKET

    @BEGINNINGS
    def test_aSecondWebSocketIsClosedAndTheFirstGoesOn(self, poller: Poller, begin: Callable[[Poller], Socket]) -> None:
        first = begin(poller)
        second = poller.socket()
        assert second.take() == []
        assert second.code == 1008
        if poller.session.phase is Phase.PROBING:
            first.send("2probe")
            assert first.take() == ["3probe"]
        first.send("5")
        poller.send("a")
        assert first.take() == ["4a"]

    def test_aWebSocketForAnUpgradedSessionIsClosedAndTheSessionGoesOn(self, poller: Poller) -> None:
        first = poller.upgraded()
        second = poller.socket()
        assert second.take() == []
        assert second.code == 1008
        first.send("4a")
        assert poller.application.received == ["a"]

    def test_aWebSocketForASessionThatBeganOnOneIsClosed(self, world: World, revision: Revision) -> None:
        first = world.socket(revision)
        second = world.openSocket(f"EIO={revision}&transport=websocket&sid={first.sid}")
        assert second.take() == []
        assert second.code == 1008
        first.send("4a")
        assert first.application.received == ["a"]

    @BEGINNINGS
    def test_theEndOfTheSessionClosesTheWebSocket(self, poller: Poller, begin: Callable[[Poller], Socket]) -> None:
        socket = begin(poller)
        poller.session.close()
        assert socket.take() == []
        assert socket.code == 1000
        assert poller.poll().packets == ["1"]
        assert len(poller.world.engine.deadlines) == 0

    @BEGINNINGS
    def test_soDoesTheClientsClosePacket(self, poller: Poller, begin: Callable[[Poller], Socket]) -> None:
        socket = begin(poller)
        poller.post("1")
        assert socket.take() == []
        assert socket.code == 1000
        assert len(poller.world.engine.deadlines) == 0

    def test_aWebSocketThatComesForAClosingSessionIsClosed(self, poller: Poller) -> None:
        poller.session.close()
        socket = poller.socket()
        assert socket.take() == []
        assert socket.code == 1008
        assert poller.poll().packets == ["1"]


class TestDone:
    def test_afterwardsPollsAndPostsAreRefused(self, poller: Poller) -> None:
        poller.upgraded()
        assert poller.poll().error == (400, 3)
        assert poller.post("4a").error == (400, 3)
        assert poller.application.closed == []
        assert poller.application.received == []

    def test_messagesGoBothWaysOverTheWebSocket(self, poller: Poller) -> None:
        socket = poller.upgraded()
        binary, prefix = b"\x01\x02", b"\x04" if poller.revision == 3 else b""
        socket.send("4a", prefix + binary)
        assert poller.application.received == ["a", binary]
        poller.session.send(EncodedMessage("b", (binary,)))
        assert socket.take() == ["4b", prefix + binary]

    @pytest.mark.parametrize("b64", ["1", "true"])
    def test_base64CountsForTheWebSocketOnWhichItWasAsked(self, poller: Poller, b64: str) -> None:
        socket = poller.probed(f"&b64={b64}")
        poller.session.send(EncodedMessage("a", (b"\x01",)))
        socket.send("5")
        poller.session.send(EncodedMessage("b", (b"\x02",)))
        form = "b4" if poller.revision == 3 else "b"
        assert socket.take() == ["4a", f"{form}AQ==", "4b", f"{form}Ag=="]

    def test_notTheOneOfThePolls(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision, b64="1")
        socket = poller.probed()
        poller.session.send(EncodedMessage("a", (b"\x01",)))
        socket.send("5")
        assert socket.take() == ["4a", b"\x04\x01" if revision == 3 else b"\x01"]

    def test_whatWasNotFetchedComesBehindTheUpgradeInOrder(self, poller: Poller) -> None:
        socket = poller.probed()
        poller.send("a", "b")
        socket.send("5")
        poller.send("c")
        assert socket.take() == ["4a", "4b", "4c"]

    def test_aPollThatStillWaitsGetsANoop(self, poller: Poller) -> None:
        socket = poller.socket()
        waiting = poller.poll()
        socket.send("2probe", "5")
        assert waiting.packets == ["6"]

    def test_postsMayArriveDuringTheUpgrade(self, poller: Poller) -> None:
        poller.post("4a")
        socket = poller.socket()
        poller.post("4b")
        socket.send("2probe")
        poller.post("4c")
        socket.send("5", "4d")
        assert poller.application.received == ["a", "b", "c", "d"]

    def test_theWebSocketsEndIsTheSessionsEnd(self, poller: Poller) -> None:
        poller.upgraded().hangUp()
        assert poller.application.closed == [CloseReason.TRANSPORT_CLOSE]
        assert not poller.alive

    def test_aWebSocketThatDoesNotReadMeanwhileIsGivenUp(self, poller: Poller) -> None:
        socket = poller.socket()
        socket.visitor.transport.protocol.sendQueue = 4
        socket.visitor.link.stalled = True
        socket.visitor.send(frame(PING, bytes(125)) * 600 + textFrame("2probe"))
        poller.world.turn()
        assert poller.session.phase is Phase.POLLING
        socket.visitor.link.stalled = False
        *pongs, answer, farewell = socket.frames()
        assert len(pongs) == 600
        assert answer.text == "3probe"
        assert farewell.code == 1008
