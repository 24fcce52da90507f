"""The streams of `tests.engineio.fuzz_fastlane` over the network: Twisted's reactor, TCP or TLS, and both ways at once.

    python -m tests.engineio.fuzz_sockets --streams 1000 [--seed 1] [--tls]

Each stream goes to a server with the fast path and to one without, in the same pieces and at the same pace; clients and
servers stop reading now and then. Where a stream says so, it waits until the first moments of its connection are over.
Both servers must receive the same messages, and end the connection with the same code. What the server does of its own
accord is left to the other fuzzer, because here nobody knows where in the stream it would happen.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.endpoints import (
    SSL4ClientEndpoint,
    SSL4ServerEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
)
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import CertificateOptions, DefaultOpenSSLContextFactory
from twisted.internet.task import react
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from bench.certificate import writeCertificate
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.stream.tlstransport import useFrugalTls
from rtcsignal.service.tuning import useLeanTurns
from tests.engineio.echo import AFTER_HANDSHAKE, Echo, EchoEngine
from tests.engineio.frames import Frame, framesOf
from tests.engineio.fuzz_fastlane import LARGE, MOST, SETTLE, Step, Stream, make
from tests.wire.rawws import PONG, upgradeBytes

_AT_ONCE = 100
_PAUSE_SECONDS = 0.003


class Outcome(NamedTuple):
    """What came of a stream.

    Attributes:
        received: The messages.
        code: The code with which the server closed; None if it did not.
        lost: How often it heard of the end.
        sent: The frames that the client got, but for pongs: they may overtake messages, or not.
    """

    received: tuple[str | bytes, ...]
    code: int | None
    lost: int
    sent: list[Frame]

    def agrees(self, other: Outcome) -> bool:
        """Whether both are the same, but for what is a matter of luck where a connection is cut: how much its client
        got before, and, where the stream told the server to cut it, whether a fault came in the same read."""
        shorter, longer = sorted((self.sent, other.sent), key=len)
        return self._certain() == other._certain() and longer[: len(shorter)] == shorter

    def _certain(self) -> Outcome:
        return self._replace(code=None if "drop" in self.received else self.code, sent=[])

    def __str__(self) -> str:
        """In short."""
        received, sent = repr(self.received), repr(self.sent)
        return f"{received:.500}, {self.code=}, {self.lost=}, {sent:.500}"


class Client(Protocol):
    """Plays a stream, and reads until the server has closed.

    Args:
        reactor: Its pace.
        stream: What is done.
        name: What the server is to call the connection.
        find: The server's end of it.

    Attributes:
        ended: Fires with what the client got.
    """

    transport: Any

    def __init__(self, reactor: Any, stream: Stream, name: str, find: Callable[[str], Echo]) -> None:
        self._reactor = reactor
        self._steps = iter(stream.steps)
        self._name = name
        self._find = find
        self._received = bytearray()
        self._settles = 0.0
        self._isOpen = self._isGone = False
        self.ended: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.write(upgradeBytes(f"/?name={self._name}"))

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if not self._isOpen and b"\r\n\r\n" in self._received:
            self._isOpen = True
            del self._received[: self._received.index(b"\r\n\r\n") + 4]
            self._settles = self._reactor.seconds() + 2 * AFTER_HANDSHAKE
            self._play(self._steps)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._isGone = True
        self.ended.callback(bytes(self._received))

    def _play(self, steps: Iterator[Step]) -> None:
        """Do the next step, and the others later."""
        if self._isGone:
            return
        step = next(steps, None)
        wait = 0.0
        if step is None:
            if ISSLTransport.providedBy(self.transport):
                self.transport.loseConnection()  # TLS knows no half of an end
            else:
                self.transport.loseWriteConnection()
            return
        if isinstance(step, bytes):
            self.transport.write(step)
        elif step == SETTLE:
            wait = max(0.0, self._settles - self._reactor.seconds())
        elif step == "pause":
            self._find(self._name).link.pauseReading(_PAUSE_SECONDS)
        elif step == "stall":
            self.transport.pauseProducing()
            self._reactor.callLater(_PAUSE_SECONDS, self._goOn)
        self._reactor.callLater(wait, self._play, steps)

    def _goOn(self) -> None:
        if not self._isGone:
            self.transport.resumeProducing()


class Server:
    """An echo on a port of 127.0.0.1.

    Args:
        reactor: The reactor.
        fast: Take the fast path.
        most: The largest message, in bytes.

    Attributes:
        factory: What listens.
    """

    def __init__(self, reactor: Any, fast: bool, most: int) -> None:
        self._reactor = reactor
        self._engine = EchoEngine(EngineOptions(path="/", fast=fast, maxPayload=most), reactor)
        self.factory = PortFactory([self._engine], Resource(), HttpLimits(connectionsPerAddress=0), reactor)
        if fast:
            self.factory.flusher.needsNoTimer()

    async def listen(self, keys: DefaultOpenSSLContextFactory | None) -> None:
        """Listen, with TLS if there are keys."""
        reactor = self._reactor
        endpoint: Any = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        if keys is not None:
            endpoint = SSL4ServerEndpoint(reactor, 0, keys, interface="127.0.0.1")
        listening = await endpoint.listen(self.factory)
        number = listening.getHost().port
        self._client: Any = TCP4ClientEndpoint(reactor, "127.0.0.1", number)
        if keys is not None:
            useFrugalTls(listening)
            self._client = SSL4ClientEndpoint(reactor, "127.0.0.1", number, CertificateOptions(verify=False))

    async def play(self, stream: Stream, name: str) -> Outcome:
        """Let a client play a stream."""
        client = Client(self._reactor, stream, name, self._find)
        await connectProtocol(self._client, client)
        sent = await client.ended
        echo = self._find(name)
        await echo.ended  # the client may hear of it first
        self._engine.echoes.remove(echo)
        frames = [each for each in framesOf(sent, isCut=True) if each.opcode != PONG]
        return Outcome(tuple(echo.received), echo.link.localCloseCode, echo.lost, frames)

    def _find(self, name: str) -> Echo:
        (echo,) = (echo for echo in self._engine.echoes if echo.name == name)
        return echo


async def _compare(servers: Mapping[int, Sequence[Server]], seeds: Iterator[int]) -> None:
    """Play the streams of the seeds that nobody else takes.

    Raises:
        AssertionError: The two ways do not agree on one.
    """
    for seed in seeds:
        stream = make(seed)
        plays = [ensureDeferred(server.play(stream, str(seed))) for server in servers[stream.most]]
        fast, plain = await gatherResults(plays, consumeErrors=True)
        assert fast.agrees(plain), f"seed {seed}: {stream!r:.3000}\n  fast:  {fast}\n  plain: {plain}"


async def _run(reactor: Any, seeds: range, keys: DefaultOpenSSLContextFactory | None) -> None:
    servers = {most: [Server(reactor, fast, most) for fast in (True, False)] for most in (MOST, LARGE)}
    for server in chain.from_iterable(servers.values()):
        await server.listen(keys)
    flushers = [server.factory.flusher for server, _ in servers.values()]

    def flush() -> None:
        for flusher in flushers:
            flusher.flush()

    assert useLeanTurns(reactor, flush), "another reactor"
    queue = iter(seeds)
    await gatherResults([ensureDeferred(_compare(servers, queue)) for _ in range(_AT_ONCE)], consumeErrors=True)
    print(f"{len(seeds)} streams, no difference")


def main() -> None:
    """Fuzz for a number of streams."""
    parser = argparse.ArgumentParser(description="Compare the fast path of receiving with Autobahn's, over the network")
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keys = DefaultOpenSSLContextFactory(*map(str, writeCertificate(Path(folder)))) if options.tls else None
        react(lambda reactor: ensureDeferred(_run(reactor, range(options.seed, options.seed + options.streams), keys)))


if __name__ == "__main__":
    main()
