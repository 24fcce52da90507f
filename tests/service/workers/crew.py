"""A supervisor whose workers are in memory: what it tells them is noted, and they say what a test wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from rtcsignal.service.config.backplane import Backplane
from rtcsignal.service.config.schema import Config
from rtcsignal.service.workers.messages import FromWorker, Lines, Pong, Ready, Start, ToWorker, encoded, toWorker
from rtcsignal.service.workers.supervisor import Supervisor

__all__ = ["CONFIG", "Crew", "Worker"]

CONFIG = Config(
    listen=("tcp:0:interface=127.0.0.1",), workers=3, backplane=Backplane(url="redis://127.0.0.1", node="here")
)


class Worker:
    """The process of a worker.

    Attributes:
        told: What it was told, but for pings.
        pings: How many of these.
        killed: It was killed.
        hasEnded: It has ended.
    """

    def __init__(self, protocol: ProcessProtocol, pid: int, arguments: list[str], environ: dict[str, str]) -> None:
        self.told: list[ToWorker] = []
        self.pings = 0
        self.killed = False
        self.pid = pid
        self.environ = environ
        self.output = int(arguments[-3])
        self._lines = Lines()
        self._protocol: Any = protocol
        self.hasEnded = False
        transport: Any = self
        protocol.makeConnection(transport)

    @property
    def start(self) -> Start:
        """What it was told first."""
        assert isinstance(self.told[0], Start)
        return self.told[0]

    def write(self, data: bytes) -> None:
        for line in self._lines.add(data):
            message = toWorker(line)
            if type(message).__name__ == "Ping":
                self.pings += 1
            else:
                self.told.append(message)

    def signalProcess(self, name: str) -> None:
        assert name == "KILL"
        if self.hasEnded:
            raise ProcessExitedAlready
        self.killed = True

    def say(self, *messages: FromWorker) -> None:
        """It says something."""
        for message in messages:
            self._protocol.childDataReceived(self.output, encoded(message))

    def writePast(self, descriptor: int, data: bytes) -> None:
        """It writes something past its log."""
        self._protocol.childDataReceived(descriptor, data)

    def end(self, code: int | None = 0, signal: int | None = None) -> None:
        """It ends."""
        self.hasEnded = True
        ended = ProcessDone(0) if code == 0 and signal is None else ProcessTerminated(code, signal)
        self._protocol.processExited(Failure(ended))
        for descriptor in (1, 2, 0, self.output):
            self._protocol.childConnectionLost(descriptor)


class Crew(MemoryReactorClock):
    """The reactor of a supervisor, and its workers.

    Args:
        config: The configuration.
        environ: The environment of the supervisor.
        reread: See `Supervisor`.

    Attributes:
        workers: All that were started, in order.
        failed: With what the supervisor has ended the process.
        buried: The incarnations that were buried.
        descriptors: What the last worker has inherited, by its own descriptors.
    """

    def __init__(
        self,
        config: Config = CONFIG,
        environ: dict[str, str] | None = None,
        reread: Callable[[], Config] | None = None,
    ) -> None:
        super().__init__()
        self.workers: list[Worker] = []
        self.failed: list[str] = []
        self.buried: list[str] = []
        self.isBurying = True
        self.descriptors: dict[int, Any] = {}
        undertaker: Any = self
        self.supervisor = Supervisor(config, self, "info", self.failed.append, environ or {}, reread, undertaker)

    def bury(self, incarnation: str) -> None:
        self.buried.append(incarnation)

    def close(self) -> None:
        self.isBurying = False

    def spawnProcess(self, protocol: Any, executable: Any, args: Any = (), env: Any = None, **named: Any) -> Any:
        self.descriptors = named["childFDs"]
        self.workers.append(Worker(protocol, 100 + len(self.workers), list(args), dict(env)))
        return self.workers[-1]

    def begin(self) -> None:
        """The supervisor starts."""
        self.supervisor.privilegedStartService()
        self.supervisor.startService()
        for hook, arguments, named in self.whenRunningHooks:
            hook(*arguments, **named)

    def beginReady(self) -> list[Worker]:
        """The same, until all workers serve."""
        self.begin()
        for worker in self.workers:
            worker.say(Ready())
        return self.workers

    def wait(self, seconds: float, *answering: Worker) -> None:
        """Time passes, and these workers answer pings."""
        for _ in range(round(seconds * 10)):
            self.advance(0.1)
            for worker in answering:
                if worker.pings:
                    worker.pings = 0
                    worker.say(Pong())

    def finish(self) -> None:
        """The supervisor stops, and all workers end."""
        stopped = self.supervisor.stopService()
        for worker in self.workers:
            if not worker.hasEnded:
                worker.end()
        assert stopped.called
        assert self.getDelayedCalls() == []
