"""Upgrades that come in at another node than that of their session: two connections that are one."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.phases import Phase
from tests.engineio.forwarding.conftest import A, B, MakeNode
from tests.engineio.forwarding.nodes import Network, Node
from tests.engineio.memory import HIGH_WATER
from tests.engineio.visitor import Socket, Visitor
from tests.engineio.world import Poller
from tests.wire.rawws import textFrame, upgradeBytes

BOTH_WAYS = True


def ask(front: Node, poller: Poller, rest: bytes = b"") -> Visitor:
    """A client asks the front for the upgrade of its session."""
    visitor = front.world.visitor()
    target = f"{poller.target.replace('transport=polling', 'transport=websocket')}"
    visitor.send(upgradeBytes(target) + rest)
    return visitor


def upgrade(front: Node, poller: Poller) -> Socket:
    """The same, until the WebSocket is open."""
    visitor = ask(front, poller)
    front.network.settle()
    return Socket(visitor)


def exchange(front: Node, socket: Socket, *texts: str) -> list[str | bytes]:
    """Send messages, and take what is answered."""
    for text in texts:
        socket.visitor.send(textFrame(text))
    front.network.settle()
    return socket.take()


class TestAnUpgrade:
    def test_happensAtTheOwner(self, front: Node, poller: Poller) -> None:
        socket = upgrade(front, poller)
        assert exchange(front, socket, "2probe") == ["3probe"]
        exchange(front, socket, "5", "4hello")
        assert poller.session.phase is Phase.WEBSOCKET
        assert poller.application.received == ["hello"]
        poller.send("news")
        front.world.turn()
        assert exchange(front, socket) == ["4news"]
        assert front.front.upgrades == 1
        assert front.world.engine.links == set()

    def test_countsAtTheAddressOfTheClient(self, front: Node, owner: Node, poller: Poller) -> None:
        upgrade(front, poller)
        (link,) = owner.world.engine.links
        assert link.address == "192.0.2.1"

    def test_takesWhatCameBehindIt(self, front: Node, poller: Poller) -> None:
        visitor = ask(front, poller, textFrame("2probe"))
        front.network.wait(0.3)  # frames behind the 101 are held back for a moment
        assert Socket(visitor).take() == ["3probe"]

    def test_isRefusedAsTheOwnerRefusesIt(self, front: Node, owner: Node, poller: Poller) -> None:
        visitor = front.world.visitor()
        target = poller.target.replace("transport=polling", "transport=websocket")
        visitor.send(upgradeBytes(target.replace(poller.sid, f"{B}-forged")))
        front.network.settle()
        assert visitor.response()[0] == 400
        front.network.wait(3)
        assert not visitor.connected

    def test_ofASessionHereStaysHere(self, front: Node, owner: Node) -> None:
        poller = front.world.poller(4)
        visitor = ask(front, poller)
        assert Socket(visitor).connected
        assert front.front.upgrades == 0

    def test_ofAnUnknownNodeIsRefusedHere(self, front: Node, owner: Node, poller: Poller) -> None:
        visitor = front.world.visitor()
        visitor.send(upgradeBytes(poller.target.replace("=polling", "=websocket").replace(poller.sid, "node-X-what")))
        assert visitor.response()[0] == 400


class TestTheEnd:
    def test_isThatOfTheOtherSideWhenTheClientLeaves(self, front: Node, poller: Poller, network: Network) -> None:
        socket = upgrade(front, poller)
        exchange(front, socket, "2probe", "5")
        socket.visitor.link.hangUp()
        socket.visitor.link.turn()
        network.settle()
        assert not poller.alive
        assert not any(cable.isOpen for cable in network.cables)

    def test_isThatOfTheClientWhenTheSessionEnds(self, front: Node, poller: Poller, network: Network) -> None:
        socket = upgrade(front, poller)
        exchange(front, socket, "2probe", "5")
        poller.session.close()
        network.settle()
        network.wait(3)  # the client does not answer the close frame
        socket.visitor.read()
        assert not socket.visitor.connected

    def test_comesForAClientThatDoesNotRead(self, front: Node, poller: Poller, network: Network) -> None:
        socket = upgrade(front, poller)
        exchange(front, socket, "2probe", "5")
        socket.visitor.link.stalled = True
        network.cables[0].cut()
        network.wait(3)
        assert not socket.visitor.connected

    def test_givesTheSlotBack(self, makeNode: MakeNode) -> None:
        front, owner = makeNode(A, limits=HttpLimits(connectionsPerAddress=1)), makeNode(B)
        poller = owner.world.poller(4)
        socket = upgrade(front, poller)
        refused = front.world.visitor()
        assert refused.response()[0] == 429
        exchange(front, socket, "2probe", "5")
        socket.visitor.link.close()
        front.network.settle()
        assert front.world.visitor().read() == b""


class TestFlow:
    def test_theOwnerWaitsForAClientThatDoesNotRead(self, front: Node, poller: Poller, network: Network) -> None:
        socket = upgrade(front, poller)
        exchange(front, socket, "2probe", "5")
        socket.visitor.link.stalled = True
        for _ in range(2):
            poller.send("x" * HIGH_WATER)
            front.world.turn()
            network.settle()
        (cable,) = network.cables
        end: Any = cable.ends[0]
        assert not end.reading
        socket.visitor.link.stalled = False
        socket.visitor.link.turn()
        assert end.reading
        network.settle()
        assert len(socket.take()) == 2

    def test_theClientWaitsForAnOwnerThatDoesNotRead(self, front: Node, poller: Poller, network: Network) -> None:
        socket = upgrade(front, poller)
        exchange(front, socket, "2probe", "5")
        (cable,) = network.cables
        cable.stalled = True
        socket.visitor.send(textFrame("4" + "x" * (HIGH_WATER + 100)))
        transport: Any = socket.visitor.transport
        assert not transport.reading
        cable.stalled = False
        network.settle()
        assert transport.reading
        assert len(poller.application.received) == 1


class TestTrouble:
    @pytest.mark.parametrize("how", ["refused", "silent"])
    def test_anOwnerThatCannotBeReachedIs503(
        self, front: Node, poller: Poller, network: Network, how: str
    ) -> None:
        getattr(network, how).add(4001)
        visitor = ask(front, poller)
        network.wait({"refused": 0.1, "silent": 4.1}[how])
        assert visitor.response()[0] == 503
        assert front.front.unanswered == 1
        network.wait(3)
        assert not visitor.connected

    def test_oneThatDoesNotAnswerIs503(self, front: Node, poller: Poller, network: Network) -> None:
        visitor = ask(front, poller)
        network.clock.advance(0)
        network.cables[0].stalled = True
        network.wait(5)
        assert visitor.response()[0] == 503
        network.cables[0].cut()

    def test_oneThatIsLostBeforeItAnswersIs503(self, front: Node, poller: Poller, network: Network) -> None:
        visitor = ask(front, poller)
        network.clock.advance(0)
        network.cables[0].cut()
        assert visitor.response()[0] == 503

    def test_aClientThatLeavesBeforeLeavesNothing(self, front: Node, poller: Poller, network: Network) -> None:
        visitor = ask(front, poller)
        visitor.link.close()
        network.settle()
        assert not any(cable.isOpen for cable in network.cables)
        network.refused.add(4001)
        visitor = ask(front, poller)
        visitor.link.close()
        network.settle()
        assert poller.alive
        assert front.front.unanswered == 0

    def test_whatComesEarlyIsKeptAndHasALimit(self, front: Node, poller: Poller, network: Network) -> None:
        visitor = ask(front, poller)
        transport = visitor.transport
        assert not transport.reading
        transport.protocol.dataReceived(textFrame("2probe"))  # as TLS may bring what it had read
        network.wait(0.3)
        assert Socket(visitor).take() == ["3probe"]
        other = ask(front, poller)
        other.transport.protocol.dataReceived(b"x" * 70_000)
        network.settle()
        assert not other.connected
