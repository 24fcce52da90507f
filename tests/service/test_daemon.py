"""``twistd rtcsignal`` as a process: how it starts, what it says, and how it ends."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.daemons import Daemons
from tests.support.patience import PATIENCE, START_PATIENCE
from tests.support.processes import Process, checkoutEnvironment, runToEnd, startProcess, twistdCommand
from tests.support.tools import needIpv6

Server = Callable[..., Process]

LOCAL = "tcp:0:interface=127.0.0.1"


def status(port: int, host: str = "127.0.0.1") -> str:
    """What ``GET /status`` says."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/status")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@contextmanager
def listeningSocket() -> Iterator[socket.socket]:
    """A port of 127.0.0.1 in use."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


class TestStart:
    def test_aServerOnAFreePortAnswers(self, server: Server) -> None:
        assert status(server().port) == "Status: OK"

    def test_eachEndpointOfTheFileIsOpened(self, tmp_path: Path) -> None:
        needIpv6()
        config = tmp_path / "server.conf"
        config.write_text(f"listen: ['{LOCAL}', 'tcp6:0:interface=\\:\\:1', 'unix:{tmp_path}/socket']")
        with startProcess(twistdCommand("--config", "server.conf"), cwd=str(tmp_path)) as process:
            port6 = int(process.waitOutput(r"listening on tcp6?:\[::1\]:(\d+)")[1])
            process.waitOutput(f"listening on unix:{re.escape(str(tmp_path))}/socket$")
            assert status(process.port) == status(port6, "::1") == "Status: OK"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "socket"))
                client.sendall(b"GET /status HTTP/1.0\r\n\r\n")
                assert b"Status: OK" in client.recv(4096)
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0
        assert not (tmp_path / "socket").exists()

    def test_thePageIsNamedWhenThereIsOne(self, server: Server) -> None:
        process = server({"web": {"demo": True}})
        process.waitOutput(rf"open {process.url}/ in a browser")

    def test_theFileOfTheOriginalServerIsEnough(self, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text('{\n\t"port": 0\n}\n')
        with startProcess(twistdCommand("--config", "server.conf"), cwd=str(tmp_path)) as process:
            assert status(process.port) == "Status: OK"


class TestATerminalWithoutUnicode:
    """What it cannot show is escaped there, and never an error."""

    ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}

    def test_showsEscapesInTheLog(self, tmp_path: Path) -> None:
        config = tmp_path / "server.conf"
        config.write_text(f"listen: ['{LOCAL}', 'unix:{tmp_path}/sökkel']", encoding="utf-8")
        environ = checkoutEnvironment(**self.ASCII)
        command = twistdCommand("--config", str(config))
        with startProcess(command, cwd=str(tmp_path), env=environ) as process:
            process.waitOutput(r"listening on unix:\S*/s\\xf6kkel$")
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0

    @pytest.mark.parametrize("arguments", [("--check",), ("--plugins",), ()])
    def test_showsThemInMistakesAndSummaries(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        (tmp_path / "für.conf").write_text("listn: ['ü']", encoding="utf-8")
        ended = runToEnd(twistdCommand("--config", "für.conf", *arguments), tmp_path, **self.ASCII)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr == "f\\xfcr.conf:1:1: listn: unknown key; did you mean listen?\n"
        (tmp_path / "für.conf").write_text("plugins: {folders: ['plügins']}", encoding="utf-8")
        (tmp_path / "plügins").mkdir()
        if arguments:
            ended = runToEnd(twistdCommand("--config", "für.conf", *arguments), tmp_path, **self.ASCII)
            assert (ended.returncode, ended.stderr) == (0, "")
            assert ended.stdout.isascii()

    def test_showsThemInTheOtherCommands(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "rtcsignal", "new-plugin", "quiet-hours", "--folder", "ördner"]
        ended = runToEnd(command, tmp_path, **self.ASCII)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "\\xf6rdner" in ended.stdout


def test_anInstallationThatCannotBeWrittenIsNoNews(tmp_path: Path) -> None:
    """Twisted wants a cache beside each folder of plugins; here a folder stands in its way, as that stops root too."""
    plugins = tmp_path / "twisted" / "plugins"
    (plugins / "dropin.cache").mkdir(parents=True)
    (plugins / "one.py").write_text("")
    environ = checkoutEnvironment()
    environ["PYTHONPATH"] += f":{tmp_path}"
    with startProcess(twistdCommand("--listen", LOCAL), cwd=str(tmp_path), env=environ) as process:
        assert "cache" not in process.output()


class TestMistakes:
    @pytest.mark.parametrize("arguments", [(), ("--check",)])
    def test_inTheFileAreLinesWithoutATraceback(self, tmp_path: Path, arguments: tuple[str, ...]) -> None:
        (tmp_path / "server.conf").write_text("listn: []\nport: x\n")
        ended = runToEnd(twistdCommand("--config", "server.conf", *arguments), tmp_path)
        assert ended.returncode == 1
        assert ended.stdout == ""
        assert ended.stderr.splitlines() == [
            "server.conf:1:1: listn: unknown key; did you mean listen?",
            "server.conf:2:7: port: must be a whole number from 0 to 65535",
        ]

    def test_aMissingFileIsOneLine(self, tmp_path: Path) -> None:
        ended = runToEnd(twistdCommand("--config", "none.conf"), tmp_path)
        assert ended.returncode == 1
        assert ended.stderr == "none.conf: cannot be read: No such file or directory\n"

    def test_aPortInUseIsOneLineAndTheEnd(self, tmp_path: Path) -> None:
        with listeningSocket() as taken:
            endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            ended = runToEnd(twistdCommand("--listen", LOCAL, "--listen", endpoint), tmp_path)
        assert ended.returncode == 1
        assert "Traceback" not in ended.stdout + ended.stderr
        assert "listening on" not in ended.stdout
        (line,) = [line for line in ended.stdout.splitlines() if "#critical" in line]
        assert line.endswith(f"cannot listen on {endpoint}: Address already in use")

    def test_aPluginThatIsNotThereIsOneLine(self, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text("plugins: {use: [nobody]}")
        ended = runToEnd(twistdCommand("--config", "server.conf", "--listen", LOCAL), tmp_path)
        assert ended.returncode == 1
        assert "Traceback" not in ended.stdout + ended.stderr
        (line,) = ended.stderr.splitlines()
        assert "nobody" in line
        assert "server.conf:1:17" in line


class TestAnEndpointThatTakesItsTime:
    """Those of Twisted open at once; one of another package may not."""

    @pytest.fixture
    def environ(self, tmp_path: Path) -> dict[str, str]:
        """An environment with such a package."""
        plugins = tmp_path / "twisted" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "late.py").write_text(_LATE_ENDPOINT)
        environ = checkoutEnvironment(LATE_SECONDS="0.1")
        environ["PYTHONPATH"] += f":{tmp_path}"
        return environ

    def test_isWaitedFor(self, tmp_path: Path, environ: dict[str, str]) -> None:
        with startProcess(twistdCommand("--listen", "late:works"), cwd=str(tmp_path), env=environ) as process:
            assert status(process.port) == "Status: OK"

    def test_endsTheServerWhenItFails(self, tmp_path: Path, environ: dict[str, str]) -> None:
        command = twistdCommand("--listen", LOCAL, "--listen", "late:", options=("-n", "--pidfile=twistd.pid"))
        with startProcess(
            command, cwd=str(tmp_path), env=environ, until="cannot listen on late:: too late"
        ) as process:
            assert process.waitExit() == 1
            assert "Traceback" not in process.output()
        assert not (tmp_path / "twistd.pid").exists()

    def test_doesNotKeepTheServerFromEnding(self, tmp_path: Path, environ: dict[str, str]) -> None:
        environ["LATE_SECONDS"] = "60"
        command = twistdCommand("--listen", LOCAL, "--listen", "late:")
        with startProcess(command, cwd=str(tmp_path), env=environ, until="the reactor runs") as process:
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0
            assert "cannot listen" not in process.output()


_LATE_ENDPOINT = """
import os
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.internet.task import deferLater
from twisted.plugin import IPlugin
from zope.interface import implementer

@implementer(IStreamServerEndpoint)
class Late:
    def __init__(self, reactor, works):
        self.reactor = reactor
        self.works = works

    def listen(self, factory):
        self.reactor.callLater(0, print, "the reactor runs", flush=True)
        return deferLater(self.reactor, float(os.environ["LATE_SECONDS"]), self.end, factory)

    def end(self, factory):
        if self.works:
            return TCP4ServerEndpoint(self.reactor, 0, interface="127.0.0.1").listen(factory)
        raise ValueError("too late")

@implementer(IPlugin, IStreamServerEndpointStringParser)
class Parser:
    prefix = "late"

    def parseStreamServer(self, reactor, works=""):
        return Late(reactor, works)

parser = Parser()
"""


class TestDaemon:
    def test_itRunsInTheBackgroundWithAPidFileAndALog(self, daemons: Daemons, tmp_path: Path) -> None:
        config = tmp_path / "server.conf"
        config.write_text("web: {demo: true}")
        daemon = daemons.start("--config", "server.conf", "--listen", LOCAL)
        port = int(daemon.waitLog(r"listening on tcp:127\.0\.0\.1:(\d+)")[1])
        assert status(port) == "Status: OK"
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.waitLog("Server Shut Down")
        daemon.waitEnd()
        assert not daemon.pidFile.exists()

    def test_aPortInUseIsExitCodeOneForTheOneWhoStartsIt(self, daemons: Daemons) -> None:
        with listeningSocket() as taken:
            endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            ended = daemons.run("--listen", endpoint)
        assert ended.returncode == 1
        assert f"cannot listen on {endpoint}: Address already in use" in ended.stderr
        assert "Traceback" not in ended.stdout + ended.stderr + daemons.log()
        assert f"cannot listen on {endpoint}: Address already in use" in daemons.log()
        assert not daemons.pidFile.exists()

    def test_aMistakeInTheFileIsSeenByTheOneWhoStartsIt(self, daemons: Daemons, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text("listn: []")
        ended = daemons.run("--config", "server.conf")
        assert (ended.returncode, ended.stderr) == (1, "server.conf:1:1: listn: unknown key; did you mean listen?\n")
        assert not daemons.pidFile.exists()

    def test_itCannotLogToAStandardOutputThatItHasNot(self, daemons: Daemons) -> None:
        ended = daemons.run("--listen", LOCAL, options=("--logfile=-",))
        assert ended.returncode == 1
        assert "A daemon cannot log to its standard output" in ended.stderr


class TestLevels:
    def test_debugLinesAreHidden(self, server: Server) -> None:
        process = server()
        status(process.port)
        process.signal(signal.SIGTERM)
        process.waitExit()
        assert "#debug" not in process.output()

    def test_fewerLinesCanBeAskedFor(self, tmp_path: Path) -> None:
        command = twistdCommand("--listen", LOCAL, "--log-level", "error")
        with startQuiet(command, tmp_path) as process:
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0
            assert "#info" not in process.output()

    def test_anotherObserverOfTwistdGoesFirst(self, tmp_path: Path) -> None:
        (tmp_path / "observers.py").write_text(
            "from twisted.logger import textFileLogObserver\n"
            "def mine():\n"
            "    return textFileLogObserver(open('mine.log', 'w', buffering=1))\n"
        )
        command = twistdCommand("--listen", LOCAL, options=("-n", "--pidfile=", "--logger=observers.mine"))
        with startQuiet(command, tmp_path) as process:
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0
        assert "listening on" in (tmp_path / "mine.log").read_text()


@contextmanager
def startQuiet(command: list[str], folder: Path) -> Iterator[Process]:
    """Start a server whose output says nothing, and wait until it tells the service manager that it is ready."""
    environ = checkoutEnvironment(NOTIFY_SOCKET=str(folder / "notify"))
    environ["PYTHONPATH"] += f":{folder}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(START_PATIENCE)
        with startProcess(command, cwd=str(folder), env=environ, until=None) as process:
            if manager.recv(100) != b"READY=1":
                raise AssertionError(f"the server is not ready:\n{process.output()}")
            yield process


class TestServiceManager:
    def test_isToldTheBeginAndTheEndAndThatItLives(self, tmp_path: Path) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(tmp_path / "notify"))
            manager.settimeout(START_PATIENCE)
            environ = checkoutEnvironment(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="200000")
            with startProcess(twistdCommand("--listen", LOCAL), cwd=str(tmp_path), env=environ) as process:
                told = [manager.recv(100) for _ in range(4)]
                assert sorted(told) == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1", b"WATCHDOG=1"]
                process.signal(signal.SIGTERM)
                while (last := manager.recv(100)) == b"WATCHDOG=1":
                    pass
                assert last == b"STOPPING=1"
                assert process.waitExit() == 0

    @pytest.mark.parametrize("endpoint", ["systemd:domain=INET:index=0", "systemd:domain=INET:name=http"])
    def test_canHoldThePortWhileTheServerRestarts(self, tmp_path: Path, endpoint: str) -> None:
        with listeningSocket() as held:
            port = held.getsockname()[1]
            for _ in range(2):
                with startActivated(held, endpoint, tmp_path) as process:
                    assert process.port == port
                    assert status(port) == "Status: OK"
                    process.signal(signal.SIGTERM)
                    assert process.waitExit() == 0
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE):
                pass

    def test_thatHandsOverNothingIsAClearMessage(self, tmp_path: Path) -> None:
        ended = runToEnd(twistdCommand("--listen", "systemd:domain=INET:index=0"), tmp_path)
        assert ended.returncode == 1
        assert "systemd:domain=INET:index=0: the service manager handed over no such socket" in ended.stdout


# The process that prepares itself becomes the server, so that the process id is right.
_ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


@contextmanager
def startActivated(held: socket.socket, endpoint: str, folder: Path, *arguments: str) -> Iterator[Process]:
    """Start the server as systemd does for a socket unit: the socket is file descriptor 3."""
    number = os.dup(held.fileno())
    try:
        os.set_inheritable(number, True)
        environ = checkoutEnvironment(LISTEN_FDS="1", LISTEN_FDNAMES="http")
        command = [sys.executable, "-c", _ACTIVATE, str(number), *twistdCommand("--listen", endpoint, *arguments)]
        with startProcess(command, cwd=str(folder), env=environ, inherit=(number,)) as process:
            yield process
    finally:
        os.close(number)
