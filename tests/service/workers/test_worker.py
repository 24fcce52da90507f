"""A worker's side: what it answers, its pipes, its log and the sockets that it gets."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet import reactor as twistedReactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError, ConnectionDone, ReactorNotRunning
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from twisted.internet.tcp import Port
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, Logger, LogLevel, formatEvent
from twisted.python.failure import Failure

from rtcsignal.service.config.endpoints import completed
from rtcsignal.service.config.schema import Config
from rtcsignal.service.workers.inherited import Inheritor, SharedUnixPort
from rtcsignal.service.workers.messages import (
    Failed,
    FromWorker,
    Inherited,
    Line,
    Lines,
    Ping,
    Pong,
    Ready,
    Reload,
    Reloaded,
    Report,
    Start,
    Stop,
    ToWorker,
    encoded,
    fromWorker,
)
from rtcsignal.service.workers.pipe import MOST_UNSENT, Inbound, Outbound, readStart
from rtcsignal.service.workers.relay import LineObserver, relayed, written
from rtcsignal.service.workers.rescue import Rescue
from rtcsignal.service.workers.sockets import Opener, ReservedPort, inheritance
from rtcsignal.service.workers.worker import WorkerService
from tests.engineio.memory import SelectingClock
from tests.support.logs import observed

START = Start(2, Config(listen=("tcp:0:interface=127.0.0.1",)), "info", ())


class Application:
    """An application that takes over plugins as it is told."""

    factory: IProtocolFactory = Factory()

    def __init__(self) -> None:
        self.starting: Deferred[Any] = succeed(None)
        self.result: Deferred[Any] = succeed(True)
        self.reloaded: list[Config] = []

    def start(self) -> Deferred[Any]:
        return self.starting

    def reload(self, config: Config) -> Deferred[Any]:
        self.reloaded.append(config)
        return self.result

    def examine(self) -> tuple[dict[str, int], list[str]]:
        return {"rooms": 1}, []

    def close(self) -> Deferred[Any]:
        return succeed(None)


class Reactor(MemoryReactorClock):
    """A reactor that notes that it was stopped."""

    stopped = 0

    def stop(self) -> None:
        self.stopped += 1
        if self.stopped > 1:
            raise ReactorNotRunning


class Running:
    """A worker that has started."""

    def __init__(self, application: Application | None = None, rescued: int = -1) -> None:
        self.application = application or Application()
        self.reactor = Reactor()
        self.adopted: list[Any] = []
        self.reactor.adoptStreamConnection = (  # type: ignore[method-assign]
            lambda number, family, factory: self.adopted.append((family, factory))
        )
        self.reactor.adoptStreamPort = self._adoptPort  # type: ignore[method-assign]
        self.sent: list[FromWorker] = []
        self.failed = 0
        with socket.create_server(("127.0.0.1", 0)) as given:
            inherited = (Inherited(os.dup(given.fileno()), socket.AF_INET),)
            start = Start(2, START.config, "info", inherited, rescued)
            self.service = WorkerService(
                start, self.reactor, lambda config, reactor: self.application, self.sent.append, self._fail, {}
            )
        self.service.privilegedStartService()
        self.service.startService()
        for hook, arguments, named in self.reactor.whenRunningHooks:
            hook(*arguments, **named)

    def _fail(self) -> None:
        self.failed += 1

    def _adoptPort(self, number: int, family: int, factory: Any) -> Any:
        self.reactor.adoptedPorts.append((number, family, factory))
        return SimpleNamespace(factory=factory, stopListening=lambda: None)


class TestService:
    def test_saysThatItServes(self) -> None:
        running = Running()
        assert running.sent == [Ready()]
        assert len(running.reactor.adoptedPorts) == 1

    def test_takesOverConnectionsThatWaitedForOthers(self) -> None:
        rescue = Rescue()
        running = Running(rescued=os.dup(rescue.descriptor))
        listening = socket.create_server(("127.0.0.1", 0))
        with listening, socket.create_connection(listening.getsockname()):
            rescue.send(0, [listening.accept()[0]])
        (reader,) = running.reactor.getReaders()
        reader.doRead()
        assert running.adopted == [(socket.AF_INET, running.application.factory)]
        rescue.close()
        reader.doRead()
        assert running.reactor.getReaders() == []
        running.service.stopService()

    def test_saysThatItCannotStart(self, loggedFailures: Any) -> None:
        application = Application()
        application.starting = fail(ValueError("not today"))
        running = Running(application)
        assert running.sent == [Failed("not today")]
        assert running.failed == 1

    def test_answersPings(self) -> None:
        running = Running()
        running.service.received(Ping())
        assert running.sent[1:] == [Pong()]

    def test_reloads(self) -> None:
        running = Running()
        config = Config(workers=7)
        running.service.received(Reload(config))
        assert running.application.reloaded == [config]
        running.application.result = succeed(False)
        running.service.received(Reload(config))
        assert running.sent[1:] == [Reloaded(True), Reloaded(False)]

    def test_saysThatAReloadHasFailed(self, loggedFailures: Any) -> None:
        running = Running()
        running.application.result = fail(ZeroDivisionError())
        running.service.received(Reload(Config()))
        assert running.sent[1:] == [Reloaded(False)]
        assert len(loggedFailures.expect(ZeroDivisionError)) == 1

    def test_reportsAndEnds(self) -> None:
        running = Running()
        found: list[str] = []

        def observe(event: LogEvent) -> None:
            found.append(formatEvent(event))

        with observed(observe):
            running.service.received(Report())
            running.reactor.advance(0)
        assert "holds rooms 1" in found
        running.service.received(Stop())
        running.service.received(Stop())
        assert running.reactor.stopped == 2

    def test_isToldNothingElse(self) -> None:
        running = Running()
        running.service.received(START)
        assert running.sent == [Ready()]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends of a pipe, where a test does not close them itself."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            pass


class TestInbound:
    def test_theFirstMessageIsWaitedFor(self, pipe: tuple[int, int]) -> None:
        os.write(pipe[1], encoded(START) + encoded(Ping()))
        assert readStart(pipe[0]) == START
        assert os.read(pipe[0], 100) == encoded(Ping())

    def test_withoutOneThereIsNoWorker(self, pipe: tuple[int, int]) -> None:
        os.write(pipe[1], encoded(Ping()))
        with pytest.raises(EOFError):
            readStart(pipe[0])
        os.close(pipe[1])
        with pytest.raises(EOFError):
            readStart(pipe[0])

    def test_eachMessageIsHandedOnAndThenTheEnd(self, pipe: tuple[int, int]) -> None:
        heard: list[ToWorker | str] = []
        inbound = Inbound(SelectingClock(), pipe[0], heard.append, lambda: heard.append("end"))
        assert inbound.fileno() == pipe[0]
        assert inbound.doRead() is None
        os.write(pipe[1], encoded(Ping()) + encoded(Stop())[:3])
        inbound.doRead()
        os.write(pipe[1], encoded(Stop())[3:])
        inbound.doRead()
        os.close(pipe[1])
        why = inbound.doRead()
        assert why is not None
        inbound.connectionLost(Failure(why))
        assert heard == [Ping(), Stop(), "end"]


class TestOutbound:
    @pytest.fixture(autouse=True)
    def lines(self) -> None:
        """Between two reads a line may be incomplete."""
        self._lines = Lines()

    def line(self, text: str) -> Line:
        """An event."""
        return Line(1.0, "x", "info", text)

    def read(self, number: int) -> list[FromWorker]:
        """What has come."""
        lines, found = self._lines, []
        os.set_blocking(number, False)
        try:
            while data := os.read(number, 1 << 20):
                found += [fromWorker(line) for line in lines.add(data)]
        except BlockingIOError:
            pass
        return found

    def test_whatFitsIsWrittenAtOnce(self, pipe: tuple[int, int]) -> None:
        clock = SelectingClock()
        outbound = Outbound(clock, pipe[1])
        assert outbound.fileno() == pipe[1]
        outbound.send(Ready())
        assert self.read(pipe[0]) == [Ready()]
        assert clock.writers == []

    def test_theRestIsKeptAndLinesBeyondALimitAreLost(self, pipe: tuple[int, int]) -> None:
        clock = SelectingClock()
        outbound = Outbound(clock, pipe[1])
        count = 2 * MOST_UNSENT // 10_000
        for _ in range(count):
            outbound.send(self.line("x" * 10_000))
        outbound.send(Pong())
        assert clock.writers == [outbound]
        found = []
        while clock.writers:
            found += [type(message) for message in self.read(pipe[0])]
            outbound.doWrite()
        found += [type(message) for message in self.read(pipe[0])]
        outbound.send(self.line("after"))
        *_, note, last = self.read(pipe[0])
        assert found.count(Line) < count
        assert isinstance(note, Line)
        assert note.text == f"{count - found.count(Line)} lines were lost, as the supervisor did not read them"
        assert last == self.line("after")

    def test_noOneHasToRead(self, pipe: tuple[int, int]) -> None:
        clock = SelectingClock()
        outbound = Outbound(clock, pipe[1])
        outbound.send(self.line("x" * 200_000))
        os.close(pipe[0])
        outbound.doWrite()
        outbound.send(self.line("again"))
        outbound.finish()
        assert clock.writers == []
        outbound.connectionLost(Failure(EOFError()))

    def test_theEndIsWaitedForWhileItIsRead(self, pipe: tuple[int, int]) -> None:
        outbound = Outbound(SelectingClock(), pipe[1])
        outbound.send(self.line("x" * 60_000))
        outbound.send(self.line("x" * 60_000))
        outbound.finish()  # gives up after a second, as nobody reads
        assert len(self.read(pipe[0])) == 1
        outbound.finish()
        assert self.read(pipe[0])


class TestLines:
    def test_eventsGoAsText(self) -> None:
        sent: list[Line] = []
        log: Any = Logger(namespace="some", observer=LineObserver(sent.append))
        log.warn("one {what}", what="\ud800")
        log.info("", log_system="conn 1")
        try:
            raise ZeroDivisionError("by zero")
        except ZeroDivisionError:
            log.failure("it failed", log_system="conn 1")
        assert [line.level for line in sent] == ["warn", "critical"]
        assert sent[0].text == "one \\ud800"
        assert "ZeroDivisionError: by zero" in sent[1].text
        assert sent[1].system == "conn 1"
        assert relayed(sent[1], 3)["log_system"] == "conn 1"

    def test_anEventWithoutAnythingIsOneToo(self) -> None:
        sent: list[Line] = []
        LineObserver(sent.append)({"log_format": "bare"})
        assert sent == [Line(0.0, "-", "info", "bare")]

    def test_theyNameTheirWorker(self) -> None:
        event = written("oops", 4, 12.0)
        assert formatEvent(event) == "worker 4: oops"
        assert (event["log_time"], event["log_level"]) == (12.0, LogLevel.warn)
        assert relayed(Line(1.0, "x", "no such level", "text"), 1)["log_level"] is LogLevel.info


class TestSockets:
    def open(self, endpoint: str, workers: int = 2, reactor: Any = twistedReactor) -> ReservedPort:
        """The sockets for an endpoint."""
        opening = serverFromString(Opener(reactor, workers), completed(endpoint)).listen(Factory())
        opened: list[Any] = []
        opening.addCallbacks(opened.append, opened.append)
        if isinstance(opened[0], Failure):
            opened[0].raiseException()
        port: ReservedPort = opened[0]
        return port

    @pytest.mark.parametrize("endpoint", ["tcp:0:interface=127.0.0.1", "tcp:0"])
    def test_eachWorkerHasOneOfItsOwn(self, endpoint: str) -> None:
        port = self.open(endpoint)
        port.startListening()
        one, other = port.of(1), port.of(2)
        assert one is not other
        assert one.getsockname() == other.getsockname()
        assert not one.getblocking()
        descriptors, told, free = inheritance([port], 2)
        assert (descriptors, told, free) == ({3: other.fileno()}, (Inherited(3, socket.AF_INET),), 4)
        port.rest(1)
        port.rest(1)
        assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 0
        assert other.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        port.stopListening()

    def test_oneThatHasRestedTwiceWorksAgain(self) -> None:
        port = self.open("tcp:0:interface=127.0.0.1", workers=1)
        one = port.of(1)
        assert [port.rest(1), port.rest(1)] == [[], []]
        one.listen()
        with socket.create_connection(one.getsockname()) as client:
            accepted, _ = one.accept()
            with accepted:
                client.sendall(b"hello")
                assert accepted.recv(100) == b"hello"
                accepted.sendall(b"world")
                assert client.recv(100) == b"world"
        port.stopListening()

    def test_aPortInUseIsFound(self) -> None:
        port = self.open("tcp:0:interface=127.0.0.1")
        number = port.of(1).getsockname()[1]
        with pytest.raises(CannotListenError, match="in use"):
            self.open(f"tcp:{number}:interface=127.0.0.1")
        port.stopListening()

    def test_aUnixSocketIsShared(self, tmp_path: Path) -> None:
        port = self.open(f"unix:{tmp_path}/socket")
        assert port.of(1) is port.of(2)
        assert (tmp_path / "socket.lock").is_symlink()
        port.rest(1)
        inherited = socket.socket(fileno=os.dup(port.of(1).fileno()))
        clock = _Adopting()
        shared = SharedUnixPort(clock, inherited, Factory())
        shared.startListening()
        assert clock.readers == [shared]
        assert os.fsdecode(shared.getHost().name or b"") == f"{tmp_path}/socket"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{tmp_path}/socket")
            shared.doRead()
        assert clock.adopted == 1
        shared.stopListening()
        shared.stopListening()
        assert clock.readers == []
        port.stopListening()
        reactor: Any = twistedReactor
        reactor.runUntilCurrent()
        assert not (tmp_path / "socket").exists()

    def test_oneOfTheServiceManagerIsShared(self) -> None:
        with socket.socket() as held, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
            held.bind(("127.0.0.1", 0))
            other.bind("")
            opener = Opener(twistedReactor, 2)
            port = opener.adoptStreamPort(held.fileno(), socket.AF_INET, Factory())
            unix = opener.adoptStreamPort(other.fileno(), socket.AF_UNIX, Factory())
        assert port.isShared
        assert port.of(1) is port.of(2)
        plain = self.open("tcp:0:interface=127.0.0.1")
        descriptors, told, free = inheritance([port, plain], 1)
        assert descriptors == {port.systemd: port.of(1).fileno(), (port.systemd or 0) + 1: plain.of(1).fileno()}
        assert [each.number for each in told] == [(port.systemd or 0) + 1]
        assert free == (port.systemd or 0) + 2
        for each in (port, unix, plain):
            each.stopListening()


class TestInheriting:
    def test_endpointsTakeTheSocketsInOrder(self) -> None:
        reactor = MemoryReactorClock()
        made = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        inheritor = Inheritor(reactor, [Inherited(os.dup(each.fileno()), each.family) for each in made])
        inheritor.listenTCP(1, Factory())
        inheritor.listenSSL(2, Factory(), CertificateOptions())
        assert [type(factory).__name__ for _, _, factory in reactor.adoptedPorts] == ["Factory", "TLSMemoryBIOFactory"]
        inheritor.wake()
        assert inheritor.seconds() == reactor.seconds()
        for each in made:
            each.close()

    def test_aSocketThatRestsListensWhenTheWorkerServes(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as made:
            made.shutdown(socket.SHUT_RDWR)
            reactor = _Adopting()
            inheritor = Inheritor(reactor, [Inherited(os.dup(made.fileno()), made.family)])
            port = inheritor.listenTCP(1, Factory(), 10)
            assert (reactor.readers, made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) == ([], 0)
            inheritor.wake()
            inheritor.wake()
            assert (reactor.readers, made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) == ([port], 1)
            port.connectionLost(Failure(ConnectionDone()))

    def test_aUnixSocketThatCannotAcceptPauses(self, tmp_path: Path) -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        listening.setblocking(False)
        clock = _Adopting()
        port = Inheritor(clock, [Inherited(listening.detach(), socket.AF_UNIX)]).listenUNIX("x", Factory())
        port._socket.close()
        port._socket = _Exhausted()  # type: ignore[assignment]
        port.doRead()
        assert clock.readers == []
        clock.advance(1.1)
        assert clock.readers == [port]
        port.doRead()
        port.stopListening()
        clock.advance(1.1)
        assert clock.readers == []


class _Adopting(SelectingClock):
    """Counts the connections that were accepted."""

    adopted = 0

    def adoptStreamPort(self, number: int, family: int, factory: Factory) -> Any:
        reactor: Any = self
        port: Any = Port._fromListeningDescriptor(reactor, number, family, factory)
        port.startListening()
        return port

    def adoptStreamConnection(self, number: int, family: int, factory: Factory) -> None:
        self.adopted += 1


class _Exhausted:
    """A socket of a process that has no descriptors left."""

    def accept(self) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    def fileno(self) -> int:
        return 99

    def close(self) -> None:
        """Nothing is open."""
