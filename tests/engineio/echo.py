"""An echo on the WebSockets of the real port, without Engine.IO: what suites for RFC 6455 talk to.

    python -m tests.engineio.echo --port 9001 [--plain]

serves it on 127.0.0.1, so that a suite of others can be pointed at it: every path takes WebSockets at ``/``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.task import react
from twisted.web.resource import Resource

from rtcsignal.engineio.allowances.frameturns import FrameTurns
from rtcsignal.engineio.frames import binaryFrame, textFrame
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.server import EngineServer
from rtcsignal.engineio.session import Application, Session
from rtcsignal.engineio.websocket.link import WebSocketLink
from tests.engineio.memory import MemoryLink, SelectingClock, SocketLink
from tests.wire.rawws import upgradeBytes

__all__ = ["AFTER_HANDSHAKE", "Echo", "EchoEngine", "Visit"]

AFTER_HANDSHAKE = 0.01
"""Frames are held back so long behind the 101."""

_PIECE = 65_536


class Echo:
    """Sends back every message; a text that is one of `commands` is an order to the link as well.

    Args:
        link: The connection.
        name: What it was called in the query of its request.

    Attributes:
        received: The messages.
        lost: How often the end of the connection was told.
        ended: Fires when the connection is gone, whoever closed it.
    """

    commands: dict[str, Callable[[WebSocketLink], object]] = {
        "close": lambda link: link.closeWith(1000),
        "drop": lambda link: link.drop(),
        "pause": lambda link: link.pauseReading(1),
    }

    def __init__(self, link: WebSocketLink, name: str) -> None:
        self.link = link
        self.address = ""
        self.name = name
        self.received: list[str | bytes] = []
        self.lost = 0
        self.ended: Deferred[None] = Deferred()

    def textReceived(self, text: str) -> None:
        self.received.append(text)
        self.link.writeFrame(textFrame(text.encode()))
        command = self.commands.get(text)
        if command is not None:
            command(self.link)

    def binaryReceived(self, data: bytes) -> None:
        self.received.append(data)
        self.link.writeFrame(binaryFrame(data))

    def linkLost(self) -> None:
        self.lost += 1

    def overflowed(self) -> None:
        self.link.closeWith(1008)

    def frameReceived(self) -> None:
        """As many as they like."""

    def pongReceived(self) -> None:
        """Nobody has asked."""


class _Admission:
    """Everybody may come in."""

    def __init__(self, engine: EchoEngine, request: Request) -> None:
        self.headers: dict[str, list[str]] = {}
        self.request = request
        self._engine = engine
        self._name = request.query.get("name", "")

    def opened(self, link: WebSocketLink) -> None:
        self._engine.echoes.append(Echo(link, self._name))
        link.receiver = self._engine.echoes[-1]


class EchoEngine(EngineServer):
    """Lets every WebSocket in, as an echo.

    Attributes:
        echoes: One for each connection, in order.
    """

    def __init__(self, options: EngineOptions, clock: Any) -> None:
        super().__init__(options, clock, self._never)
        self.echoes: list[Echo] = []

    def admitWebSocket(self, request: Request) -> _Admission:
        return _Admission(self, request)

    def linkClosed(self, link: WebSocketLink) -> None:
        super().linkClosed(link)
        for echo in self.echoes:
            if echo.link is link:
                echo.ended.callback(None)

    @staticmethod
    def _never(session: Session) -> Application:
        raise AssertionError("there are no sessions here")


class Visit:
    """One open WebSocket to an echo in memory, on a clock of its own.

    Args:
        clock: The time, for Autobahn as well.
        fast: Take the fast path.
        real: Use Twisted's own transport, on a socket pair.
        maxPayload: Largest message, in bytes.
        settled: The first moments of the connection are over.
        steps: How many steps of reading a turn has; 0 for as many as anyone wants.
    """

    def __init__(
        self,
        clock: SelectingClock,
        fast: bool,
        real: bool = False,
        maxPayload: int = 1_000_000,
        settled: bool = True,
        steps: int = 0,
    ) -> None:
        self.clock = clock
        self._received = bytearray()
        engine = EchoEngine(EngineOptions(path="/", fast=fast, maxPayload=maxPayload), clock)
        self._turns = engine.intake.turns = FrameTurns(clock, steps or sys.maxsize)
        port = PortFactory([engine], Resource(), HttpLimits(), clock)
        protocol = port.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40000))
        self.link: Any = SocketLink(protocol, clock, 1 << 18) if real else MemoryLink(protocol, clock)
        self.send(upgradeBytes("/"))
        if settled:
            self.settle()
        answer = self.read()
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        assert answer.endswith(b"\r\n\r\n"), answer
        (self.echo,) = engine.echoes

    @property
    def connected(self) -> bool:
        """The server has not ended the connection."""
        return bool(self.link.transport.connected)

    def settle(self) -> None:
        """The first moments of the connection end, if they have not."""
        self.clock.advance(AFTER_HANDSHAKE)

    def send(self, data: bytes) -> None:
        """Send bytes, in one piece if the kernel takes them so; they arrive."""
        for at in range(0, len(data), _PIECE):
            self.link.send(data[at : at + _PIECE])
            self.link.turn()
            self._received += self.link.read()

    def read(self) -> bytes:
        """What has come since the last time, when there is nothing left to be done."""
        quiet = 0
        while quiet < 2 or len(self._turns):
            self.link.turn()
            came = self.link.read()
            self._received += came
            quiet = 0 if came else quiet + 1
        received, self._received = bytes(self._received), bytearray()
        return received

    def end(self) -> None:
        """The client is gone: nothing may be left of it."""
        self.link.close()
        self.clock.pump([1] * 5)
        assert self.echo.lost <= 1, "the end was told more than once"
        assert self.clock.getDelayedCalls() == [], "timers of a connection that is gone"


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description="An echo for WebSocket conformance suites")
    parser.add_argument("--port", type=int, default=9001)
    parser.add_argument("--plain", action="store_true", help="without the fast path")
    options = parser.parse_args()
    react(_serve, [options.port, not options.plain])


async def _serve(clock: Any, port: int, fast: bool) -> None:
    engine = EchoEngine(EngineOptions(path="/", fast=fast, maxPayload=64 << 20, sendQueue=0), clock)
    factory = PortFactory([engine], Resource(), HttpLimits(), clock)
    listening = await TCP4ServerEndpoint(clock, port, interface="127.0.0.1").listen(factory)
    print(f"listening on 127.0.0.1:{listening.getHost().port}", flush=True)
    await Deferred()


if __name__ == "__main__":
    main()
