"""Real supervisors with real workers: what the kernel, signals and descriptors make of them."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service.test_daemon import listeningSocket, startActivated, status
from tests.support.daemons import Daemons
from tests.support.patience import PATIENCE, START_PATIENCE
from tests.support.processes import (
    Process,
    checkoutEnvironment,
    childrenOf,
    runToEnd,
    startProcess,
    twistdCommand,
    waitGone,
)

# Nobody listens there: a server starts without its Redis, too.
CONFIG = "backplane: {url: 'redis://127.0.0.1:1'}\n"
LOCAL = "tcp:0:interface=127.0.0.1"
LINE = re.compile(r"^\S+ \[\S+\] ", re.MULTILINE)

_PLUGIN = """
import os
from zope.interface import implementer
from rtcsignal.api import Configurable, IRoomPolicy

print("plugin VERSION in", os.getpid())

@implementer(IRoomPolicy)
class Marked(Configurable):
    name = "marked"

    def start(self, services):
        FAILS

    def mayJoin(self, peer, room):
        pass

marked = Marked()
"""


def plugin(version: str = "one", fails: str = "pass") -> str:
    """The source of a plugin that says which it is."""
    return _PLUGIN.replace("VERSION", version).replace("FAILS", fails)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def started(
    folder: Path, config: str = "", workers: int = 2, options: Sequence[str] = ("-n", "--pidfile="), **environ: str
) -> Iterator[Process]:
    """A server with workers, once all of them serve."""
    (folder / "server.conf").write_text(CONFIG + config)
    command = twistdCommand("--config", "server.conf", "--listen", LOCAL, "--workers", str(workers), options=options)
    with startProcess(command, cwd=str(folder), env=checkoutEnvironment(**environ)) as process:
        process.waitOutput(rf"{workers} workers serve")
        yield process
        assert "Traceback" not in process.output()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with three workers, all of which a test leaves alive."""
    with started(tmp_path_factory.mktemp("workers"), workers=3) as process:
        yield process


def workersOf(process: Process) -> dict[int, int]:
    """The process ids of the workers, by their numbers."""
    found = re.findall(r"worker (\d+) serves \(process (\d+)\)", _told(process))
    return {int(number): int(pid) for number, pid in found}


def _told(process: Process) -> str:
    """What a report adds to the log."""
    before = len(process.output())
    process.signal(signal.SIGUSR2)
    count = len(childrenOf(process.pid))
    process.waitOutput(rf"(?s)(worker \d: consistent.*?){{{count}}}", start=before)
    process.waitOutput("all workers hold .*", start=before)
    return process.output()[before:]


class TestServing:
    def test_theWorkersAreTheOnlyChildrenOfTheProcessThatWasStarted(self, shared: Process) -> None:
        assert set(workersOf(shared).values()) == childrenOf(shared.pid)
        assert len(childrenOf(shared.pid)) == 3

    def test_eachAnswersItsShareOfConnections(self, shared: Process) -> None:
        held = []
        before = {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in childrenOf(shared.pid)}
        for _ in range(600):
            connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=PATIENCE)
            connection.request("GET", "/status")
            assert connection.getresponse().read() == b"Status: OK"
            held.append(connection)
        shares = [len(os.listdir(f"/proc/{pid}/fd")) - count for pid, count in before.items()]
        for connection in held:
            connection.close()
        assert all(120 < share < 280 for share in shares), shares

    def test_everyLineOfAWorkerNamesIt(self, shared: Process) -> None:
        lines = _told(shared).splitlines()
        assert all(LINE.match(line) for line in lines)
        assert re.search(r"\] all workers hold sessions 0, ", "\n".join(lines))
        consistent = Counter(re.findall(r"\] (worker \d): consistent: yes$", "\n".join(lines), re.MULTILINE))
        assert consistent == {"worker 1": 1, "worker 2": 1, "worker 3": 1}

    def test_anotherServerCannotShareThePort(self, shared: Process, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text(CONFIG)
        endpoint = f"tcp:{shared.port}:interface=127.0.0.1"
        arguments = ("--config", "server.conf", "--listen", endpoint, "--workers", "2")
        ended = runToEnd(twistdCommand(*arguments), tmp_path)
        assert ended.returncode == 1
        assert f"cannot listen on {endpoint}: Address already in use" in ended.stdout
        assert "Traceback" not in ended.stdout + ended.stderr


class TestDeath:
    def test_aKilledWorkerIsReplacedAndNoConnectionIsRefused(self, tmp_path: Path) -> None:
        with started(tmp_path) as process:
            killed = workersOf(process)[1]
            os.kill(killed, signal.SIGKILL)
            waitGone({killed})
            for _ in range(50):
                assert status(process.port) == "Status: OK"
            process.waitOutput(r"worker 1 serves")
            assert "worker 1 (process" in process.output()
            assert "has ended: killed by SIGKILL" in process.output()
            assert killed not in childrenOf(process.pid)
            assert len(childrenOf(process.pid)) == 2

    def test_allKilledAtOnceAreReplaced(self, tmp_path: Path) -> None:
        with started(tmp_path) as process:
            before = childrenOf(process.pid)
            for pid in before:
                os.kill(pid, signal.SIGKILL)
            waitGone(before)
            assert status(process.port) == "Status: OK"
            process.waitOutput(r"(?s)(worker \d serves.*){2}")

    def test_workersEndWhenTheirSupervisorIsKilled(self, tmp_path: Path) -> None:
        with started(tmp_path) as process:
            workers = childrenOf(process.pid)
            process.signal(signal.SIGKILL)
            waitGone(workers)
            with pytest.raises(OSError, match="refused"):
                socket.create_connection(("127.0.0.1", process.port), timeout=PATIENCE)

    def test_aWorkerThatIsToldToEndIsReplaced(self, tmp_path: Path) -> None:
        with started(tmp_path) as process:
            os.kill(workersOf(process)[2], signal.SIGTERM)
            process.waitOutput(r"worker 2 \(process \d+\) has ended: exit code 0")
            assert status(process.port) == "Status: OK"
            process.waitOutput(r"worker 2 serves")


class TestEnd:
    def test_sigtermEndsAllOfThem(self, tmp_path: Path) -> None:
        with started(tmp_path) as process:
            workers = childrenOf(process.pid)
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0
            assert not any(map(_runs, workers))

    def test_aSecondSignalEndsAllAtOnce(self, tmp_path: Path) -> None:
        with started(tmp_path) as process:
            workers = childrenOf(process.pid)
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)  # so that the first is not enough
            process.signal(signal.SIGTERM)
            process.waitOutput("SIGTERM: shutting down")
            while process.running:  # those that come at once are one
                process.signal(signal.SIGTERM)
            assert process.waitExit() == -signal.SIGTERM
            waitGone(workers)


class TestReload:
    def test_newPluginsAreTakenOverByAllOrByNone(self, tmp_path: Path) -> None:
        file = tmp_path / "marked.py"
        file.write_text(plugin("one"))
        with started(tmp_path, "plugins: {folders: ['.'], use: [marked]}") as process:
            process.waitOutput("worker 2: plugin one")
            file.write_text(plugin("two"))
            process.signal(signal.SIGHUP)
            process.waitOutput("all workers have the plugins of the configuration as it is now")
            versions = re.findall(r"(worker \d): plugin two in", process.output())
            assert sorted(versions) == ["worker 1", "worker 2"]
            file.write_text("this is no Python")
            process.signal(signal.SIGHUP)
            process.waitOutput(r"not reloaded: worker \d could not take it over")
            (tmp_path / "server.conf").write_text("workers: [")
            process.signal(signal.SIGHUP)
            process.waitOutput(r"not reloaded: server.conf:")
            assert len(childrenOf(process.pid)) == 2

    def test_aPluginThatDoesNotStartIsTheEndOfTheServer(self, tmp_path: Path) -> None:
        (tmp_path / "marked.py").write_text(plugin(fails="raise RuntimeError('not today')"))
        (tmp_path / "server.conf").write_text(CONFIG + "workers: 2\nplugins: {folders: ['.'], use: [marked]}")
        ended = runToEnd(twistdCommand("--config", "server.conf", "--listen", LOCAL), tmp_path)
        assert ended.returncode == 1
        assert "not today" in ended.stdout
        assert "listening on" not in ended.stdout

    def test_aPluginThatIsNotThereIsOneLine(self, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text(CONFIG + "workers: 2\nplugins: {use: [nobody]}")
        ended = runToEnd(twistdCommand("--config", "server.conf", "--listen", LOCAL), tmp_path)
        assert ended.returncode == 1
        (line,) = ended.stderr.splitlines()
        assert line.startswith("server.conf:3:")

    def test_oneThatDiesAtItsStartIsWaitedForAndTheOthersServe(self, tmp_path: Path) -> None:
        file = tmp_path / "marked.py"
        file.write_text(plugin())
        with started(tmp_path, "plugins: {folders: ['.'], use: [marked]}") as process:
            file.write_text("import os\nos._exit(7)\n")
            os.kill(workersOf(process)[1], signal.SIGKILL)
            process.waitOutput(r"(?s)(worker 1 \(process \d+\) has ended: exit code 7.*){2}")
            for _ in range(20):
                assert status(process.port) == "Status: OK"
            file.write_text(plugin())
            process.waitOutput("worker 1 serves")
            for _ in range(40):
                assert status(process.port) == "Status: OK"


class TestTheProcessAsBefore:
    def test_oneWorkerIsTheProcessItself(self, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text(CONFIG + "workers: 4")
        command = twistdCommand("--config", "server.conf", "--listen", LOCAL, "--workers", "1")
        with startProcess(command, cwd=str(tmp_path)) as process:
            assert status(process.port) == "Status: OK"
            assert childrenOf(process.pid) == set()
            assert "worker" not in process.output()

    def test_aDaemonHasAPidFileAndALogThatIsRotated(self, daemons: Daemons, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text(CONFIG + "workers: 2")
        daemon = daemons.start("--config", "server.conf", "--listen", LOCAL)
        port = int(daemon.waitLog(r"listening on tcp:127\.0\.0\.1:(\d+)")[1])
        daemon.waitLog("2 workers serve")
        os.rename(tmp_path / "twistd.log", tmp_path / "old.log")
        os.kill(daemon.pid, signal.SIGUSR1)
        daemons.waitFile("twistd.log")
        os.kill(daemon.pid, signal.SIGUSR2)
        daemon.waitLog("worker 1: consistent: yes")
        daemon.waitLog("worker 2: consistent: yes")
        assert status(port) == "Status: OK"
        workers = childrenOf(daemon.pid)
        assert len(workers) == 2
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.waitLog("Server Shut Down")
        daemon.waitEnd()
        assert not daemon.pidFile.exists()
        assert not any(map(_runs, workers))

    def test_theServiceManagerIsToldWhenAllServeAndWhileAllAnswer(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(tmp_path / "notify"))
            manager.settimeout(START_PATIENCE)
            # A manager's socket holds ten messages: of more, those that no one has read yet would be lost.
            with started(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="2000000") as process:
                while (told := manager.recv(100)) != b"READY=1":
                    assert told == b"WATCHDOG=1"
                assert manager.recv(100) == b"WATCHDOG=1"
                process.signal(signal.SIGTERM)
                while (last := manager.recv(100)) == b"WATCHDOG=1":
                    pass
                assert last == b"STOPPING=1"
                assert process.waitExit() == 0

    @pytest.mark.parametrize("endpoint", ["systemd:domain=INET:index=0", "systemd:domain=INET:name=http"])
    def test_aSocketOfTheServiceManagerIsShared(self, tmp_path: Path, endpoint: str) -> None:
        (tmp_path / "server.conf").write_text(CONFIG + "workers: 2")
        with listeningSocket() as held:
            with startActivated(held, endpoint, tmp_path, "--config", "server.conf") as process:
                for _ in range(10):
                    assert status(held.getsockname()[1]) == "Status: OK"
                process.signal(signal.SIGTERM)
                assert process.waitExit() == 0
            with socket.create_connection(held.getsockname(), timeout=PATIENCE):
                pass

    def test_aUnixSocketIsSharedAndGoneAtTheEnd(self, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text(CONFIG + f"workers: 2\nlisten: ['unix:{tmp_path}/socket']")
        command = twistdCommand("--config", "server.conf")
        with startProcess(command, cwd=str(tmp_path), until="workers serve") as process:
            (pid, *_) = childrenOf(process.pid)
            os.kill(pid, signal.SIGTERM)
            waitGone({pid})
            for _ in range(10):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(str(tmp_path / "socket"))
                    client.sendall(b"GET /status HTTP/1.0\r\n\r\n")
                    assert b"Status: OK" in client.recv(4096)
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0
        assert not (tmp_path / "socket").exists()


class TestMistakes:
    def test_moreWorkersWithoutABackplaneAreRefused(self, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text("workers: 2\n")
        ended = runToEnd(twistdCommand("--config", "server.conf"), tmp_path)
        problem = "more than one requires backplane.url, through which they share their rooms"
        expected = f"server.conf:1:10: workers: {problem}\n"
        assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", expected)

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("2", "more than one requires backplane.url in the configuration"),
            ("0", "must be a number from 1 to 256"),
            ("many", "must be a number from 1 to 256"),
        ],
    )
    def test_theOptionIsChecked(self, tmp_path: Path, text: str, problem: str) -> None:
        ended = runToEnd(twistdCommand("--workers", text), tmp_path)
        assert ended.returncode == 1
        assert ended.stderr == f"twistd rtcsignal: --workers {text}: {problem} (see twistd rtcsignal --help)\n"
