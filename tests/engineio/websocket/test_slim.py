"""Connections that are small from the first: nobody may notice, and they must be small."""

from __future__ import annotations

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory
from autobahn.websocket import protocol as core

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.websocket.slim import HELPERS, LAZY, SlimProtocol, frugalClass, quieten
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Socket, World
from tests.wire.rawws import CONTINUATION, PING, TEXT


@pytest.fixture
def fast() -> bool:
    """The fast path is what this is about."""
    return True


def attributes(socket: Socket) -> set[str]:
    """What the server keeps for one connection."""
    return set(vars(socket.visitor.transport.protocol))


class TestOpenConnections:
    def test_theyKeepLittle(self, world: World) -> None:
        first, second = world.socket(4), world.socket(4)
        assert attributes(first) == attributes(second)
        assert len(attributes(second)) < 5
        assert not attributes(second) & LAZY.keys()

    def test_optionsAreKeptOnceForAll(self, socket: Socket) -> None:
        link = socket.visitor.transport.protocol
        for name in link.CONFIG_ATTRS:
            assert name not in vars(link)
            assert getattr(link, name) == getattr(socket.world.port, name)

    def test_withoutTheFastPathTheyAreAutobahns(self, makeWorld: WorldFactory) -> None:
        socket = makeWorld(fast=False).socket(4)
        assert attributes(socket) >= {"trafficStats", "utf8validator", "http_headers"}

    def test_whatWasDroppedIsMadeAgainWhereAutobahnNeedsIt(self, socket: Socket) -> None:
        socket.sendFrame(TEXT, b"4a\xe2", fin=False)
        socket.sendFrame(PING, b"p")
        socket.sendFrame(CONTINUATION, b"\x82\xac")
        assert socket.application.received == ["a€"]
        socket.sendFrame(TEXT, b"4\xff", fin=False)
        socket.take()
        assert socket.code == 1007

    def test_oneConnectionsStateIsNotAnothers(self, world: World) -> None:
        first, second, third = world.socket(4), world.socket(4), world.socket(4)
        first.sendFrame(TEXT, b"4a", fin=False)
        second.send("4b")
        assert second.application.received == ["b"]
        first.sendFrame(CONTINUATION, b"c")
        assert first.application.received == ["ac"]
        application = second.application
        second.sendFrame(5)
        second.take()
        assert second.code == 1002
        third.send("4d")
        third.session.send(EncodedMessage("e"))
        assert (third.application.received, third.take()) == (["d"], ["4e"])
        assert application.received == ["b"]
        fourth = world.socket(4)
        fourth.send("4f")
        assert fourth.application.received == ["f"]


class TestFrugalClass:
    def test_itCarriesTheOptionsOfItsFactoryAndWhatIsShared(self) -> None:
        factory = WebSocketServerFactory()
        factory.setProtocolOptions(maxMessagePayloadSize=77)

        class Link(SlimProtocol):
            told: object
            number: int
            maxMessagePayloadSize: int

        frugal = frugalClass(Link, factory, told=lambda: "told", number=3)
        link = frugal()
        assert link.maxMessagePayloadSize == 77
        assert link.factory is factory
        assert (link.told(), link.number) == ("told", 3)  # type: ignore[operator]
        assert not hasattr(Link, "number")

    def test_anAttributeThatIsNowhereIsAnError(self) -> None:
        with pytest.raises(AttributeError, match="nowhere"):
            SlimProtocol().nowhere  # type: ignore[attr-defined]  # noqa: B018


def test_debugLinesThatNobodySeesAreNotFormatted() -> None:
    quieten()
    for name in HELPERS:
        assert getattr(core, name)("a", color="b") == ""
