"""Serves what the protocol test suites expect, with the engineio and socketio layers alone: no signalling, no config.

    python tests/protocol_fixture.py --port 3000 [--recovery] [--ping-interval 300] [--ping-timeout 200]

- ``/engine.io/``: every message is sent back, binary as binary.
- ``/socket.io/``: on connection to ``/`` and ``/custom`` the event ``auth`` with the auth object; ``message`` is
  answered by ``message-back``; ``message-with-ack`` is acknowledged with its arguments; ``server-ack`` asks for an
  acknowledgement of ``question`` and tells it in ``answer``; ``kick`` disconnects; ``burst`` emits ``b`` n times.
  ``/denied`` refuses everybody. With ``--recovery`` clients that can do it recover lost connections.

The times, in milliseconds, are what the suites expect; whoever tests something else on a busy machine wants longer
ones.
"""

from __future__ import annotations

import argparse
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.task import react
from twisted.python import log
from twisted.web.resource import Resource

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.port.resource import EngineResource
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.server import EngineServer
from rtcsignal.engineio.session import Session
from rtcsignal.errors import ConnectRefused
from rtcsignal.socketio.namespace import EventNamespace, Namespace
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions, SocketServer
from rtcsignal.values import Handshake


class Echo:
    """Sends every message back."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def textReceived(self, text: str) -> None:
        self._session.send(EncodedMessage(text))

    def binaryReceived(self, data: bytes) -> None:
        self._session.send(EncodedMessage(None, (data,)))

    def sessionClosed(self, reason: CloseReason) -> None:
        pass


def application() -> EventNamespace:
    """The events of the Socket.IO suites."""
    namespace = EventNamespace()

    @namespace.on("connecting")
    def connecting(handshake: Handshake) -> dict[str, Any]:
        return dict(handshake.auth)

    @namespace.on("connect")
    def connect(peer: Peer) -> None:
        peer.emit("auth", peer.identity)

    @namespace.on("message")
    def message(peer: Peer, *arguments: Any) -> None:
        peer.emit("message-back", *arguments)

    @namespace.on("message-with-ack")
    def messageWithAck(peer: Peer, *arguments: Any) -> tuple[Any, ...]:
        return arguments

    @namespace.on("server-ack")
    async def serverAck(peer: Peer, *arguments: Any) -> None:
        peer.emit("answer", *await peer.request("question", *arguments))

    @namespace.on("kick")
    def kick(peer: Peer, close: Any = False) -> None:
        peer.disconnect(close=bool(close))

    @namespace.on("burst")
    def burst(peer: Peer, count: int) -> None:
        for number in range(count):
            peer.emit("b", number)

    return namespace


def denied() -> EventNamespace:
    """A namespace that lets nobody in."""
    namespace = EventNamespace()

    @namespace.on("connecting")
    def connecting(handshake: Handshake) -> None:
        raise ConnectRefused("Not authorized", {"code": 42})

    return namespace


@dataclass(frozen=True)
class Times:
    """How long clients may take, in milliseconds."""

    pingInterval: int = 300
    pingTimeout: int = 200
    upgradeTimeout: int = 1_000
    connectTimeout: int = 1_000


def build(clock: Any, recovery: RecoveryOptions, times: Times, fast: bool) -> PortFactory:
    """The port with both servers."""

    def options(path: str) -> EngineOptions:
        return EngineOptions(
            path=path,
            pingInterval=times.pingInterval / 1000,
            pingTimeout=times.pingTimeout / 1000,
            upgradeTimeout=times.upgradeTimeout / 1000,
            jsonp=True,
            withoutEio=None,
            origins=OriginRule(["*"]),
            sessionsPerAddress=0,
            fast=fast,
        )

    namespaces: dict[str, Namespace] = {"/": application(), "/custom": application(), "/denied": denied()}
    limits = SocketOptions(connectTimeout=times.connectTimeout / 1000, eventsPerSecond=0, recovery=recovery)
    sockets = SocketServer(namespaces, clock, limits)
    engines = [
        EngineServer(options("/engine.io/"), clock, Echo),
        EngineServer(options("/socket.io/"), clock, sockets.connect, stopping=sockets.close),
    ]
    root = Resource()
    for engine in engines:
        root.putChild(engine.options.path.strip("/").encode(), EngineResource(engine))
    return PortFactory(engines, root, HttpLimits(), clock)


def main() -> None:
    """Listen until killed."""
    parser = argparse.ArgumentParser(description="Fixture for the Engine.IO and Socket.IO protocol suites")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument(
        "--interface", help="the only address to listen on; default: 127.0.0.1, and ::1 if there is one"
    )
    parser.add_argument("--recovery", action="store_true", help="switch connection state recovery on")
    parser.add_argument("--plain", action="store_true", help="do without the fast path")
    for field in fields(Times):
        words = re.sub("([A-Z])", r"-\1", field.name).lower()
        parser.add_argument(f"--{words}", dest=field.name, type=int, default=field.default, metavar="MILLISECONDS")
    options = parser.parse_args()
    log.startLogging(sys.stderr, setStdout=False)
    recovery = RecoveryOptions(window=120 if options.recovery else 0)
    times = Times(**{field.name: getattr(options, field.name) for field in fields(Times)})
    react(lambda clock: serve(clock, options.port, options.interface, build(clock, recovery, times, not options.plain)))


async def serve(clock: Any, port: int, interface: str | None, factory: PortFactory) -> None:
    """Listen, say where, and stay."""
    address = interface or "127.0.0.1"
    listening = await TCP4ServerEndpoint(clock, port, interface=address).listen(factory)
    number = listening.getHost().port
    if interface is None:
        # What "localhost" means is not the same for all clients.
        with suppress(CannotListenError, OSError):
            await TCP6ServerEndpoint(clock, number, interface="::1").listen(factory)
    print(f"listening on {address}:{number}", flush=True)
    await Deferred()


if __name__ == "__main__":
    main()
