"""What the process does on signals: whenever they come, however often, in the foreground and in the background."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rtcsignal.service.signals import SAME_SECONDS
from tests.service.test_daemon import LOCAL, status
from tests.support.daemons import Daemons
from tests.support.patience import PATIENCE, START_PATIENCE
from tests.support.processes import Process, checkoutEnvironment, startProcess, twistdCommand

Server = Callable[..., Process]

_UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
    b"Host: localhost\r\n"
    b"Upgrade: websocket\r\n"
    b"Connection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def upgraded(port: int) -> socket.socket:
    """A client on WebSocket, which answers nothing, also not the goodbye of the server."""
    client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    client.sendall(_UPGRADE)
    while b'"pingInterval"' not in client.recv(4096):
        pass
    return client


def untilGoodbye(client: socket.socket) -> None:
    """Read until the server says that it goes away: 1001."""
    while b"\x88\x02\x03\xe9" not in client.recv(4096):
        pass


class TestTheEnd:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_isInOrderWithExitCodeZero(self, server: Server, number: int) -> None:
        process = server()
        process.signal(number)
        assert process.waitExit() == 0
        assert f"{signal.Signals(number).name}: shutting down" in process.output()

    def test_isAtOnceWithASecondSignalThoughAClientDoesNotGo(self, server: Server) -> None:
        process = server()
        with upgraded(process.port) as client:
            process.signal(signal.SIGTERM)
            untilGoodbye(client)
            time.sleep(SAME_SECONDS)  # what is nearer to the first counts as the same request
            assert process.running
            process.signal(signal.SIGTERM)
            assert process.waitExit() == -signal.SIGTERM

    @pytest.mark.parametrize(
        "numbers",
        [
            (signal.SIGTERM, signal.SIGTERM),
            (signal.SIGINT, signal.SIGTERM),
            (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE),
        ],
    )
    def test_isInOrderWhenSignalsComeTogether(self, server: Server, numbers: tuple[int, ...]) -> None:
        process = server()
        with upgraded(process.port) as client:
            for number in (signal.SIGSTOP, *numbers, signal.SIGCONT):
                process.signal(number)
            untilGoodbye(client)
        assert process.waitExit() == 0
        assert process.output().count("shutting down; another") == 1

    def test_isNotHeldUpByOtherSignals(self, server: Server) -> None:
        process = server()
        with upgraded(process.port) as client:
            process.signal(signal.SIGTERM)
            untilGoodbye(client)
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):
                process.signal(number)
            process.waitOutput("nothing was reloaded: the server is shutting down")
            process.waitOutput("no log file to reopen")
        assert process.waitExit() == 0

    @pytest.mark.parametrize("options", [(), ("--preserve-status",)])
    def test_isInOrderWhenGnuTimeoutSignalsTheProcessAndItsGroup(
        self, tmp_path: Path, options: tuple[str, ...]
    ) -> None:
        command = [shutil.which("timeout") or "", *options, "--signal=INT", "600", *twistdCommand("--listen", LOCAL)]
        with startProcess(command, cwd=str(tmp_path)) as process, upgraded(process.port) as client:
            process.signal(signal.SIGALRM)  # the time is over: timeout signals the server, and its group
            untilGoodbye(client)
            client.close()
            assert process.waitExit() == (0 if options else 124)
        assert process.output().count("shutting down; another") == 1
        assert "Server Shut Down" in process.output()


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGPIPE])
def test_noOtherSignalCostsAClient(server: Server, number: int) -> None:
    process = server()
    with upgraded(process.port) as client:
        for _ in range(3):
            process.signal(number)
        assert status(process.port) == "Status: OK"
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
    process.signal(signal.SIGTERM)
    assert process.waitExit() == 0


def test_aHangupReloads(server: Server) -> None:
    process = server()
    process.signal(signal.SIGHUP)
    process.waitOutput("reloaded, plugins: none")
    assert status(process.port) == "Status: OK"


def test_twoHangupsWhileTheFirstWaitsAreOne(server: Server) -> None:
    process = server()
    for number in (signal.SIGSTOP, signal.SIGHUP, signal.SIGHUP, signal.SIGCONT):
        process.signal(number)
    process.waitOutput("reloaded, plugins: none")
    assert status(process.port) == "Status: OK"
    process.signal(signal.SIGTERM)
    process.waitExit()
    assert process.output().count("reloaded, plugins: none") == 1


class TestBeforeTheServerRuns:
    def test_signalsAreDoneOnceItDoes(self, tmp_path: Path) -> None:
        """The configuration is a pipe: the server waits in the middle of its start until the test writes."""
        os.mkfifo(tmp_path / "server.conf")
        command = twistdCommand("--config", "server.conf", "--listen", LOCAL)
        with startProcess(command, cwd=str(tmp_path), until=None) as process:
            with open(tmp_path / "server.conf", "w") as config:  # opens when the server reads
                for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
                    process.signal(number)
                (tmp_path / "later.conf").write_text("web: {demo: false}")
                (tmp_path / "later.conf").rename(tmp_path / "server.conf")
                config.write("web: {demo: false}")
            process.waitOutput("reloaded, plugins: none")
            process.waitOutput("no log file to reopen")
            process.waitOutput("consistent: yes")
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0

    def test_whatTheUnitPromisesHoldsFromTheFirstMoment(self, tmp_path: Path) -> None:
        """Until the server has been loaded, signals are those of its parent: one that ignores them is enough."""
        script = """trap "" HUP USR1 USR2; kill -HUP $$; kill -USR1 $$; kill -USR2 $$; exec "$@" """
        command = ["sh", "-c", script, "sh", *twistdCommand("--listen", LOCAL)]
        with startProcess(command, cwd=str(tmp_path)) as process:
            process.signal(signal.SIGHUP)
            process.waitOutput("nothing was reloaded: there is no configuration file")


class TestTheLogFile:
    def test_isOpenedAgainWhereverItHasGone(self, daemons: Daemons, tmp_path: Path) -> None:
        daemon = daemons.start("--listen", LOCAL)
        log = tmp_path / "twistd.log"
        daemon.waitLog("listening on")
        log.chmod(0o640)
        log.rename(tmp_path / "twistd.log.old")
        os.kill(daemon.pid, signal.SIGUSR1)
        daemons.waitFile("twistd.log")
        os.kill(daemon.pid, signal.SIGUSR2)
        daemon.waitLog("consistent: yes")
        assert log.stat().st_mode & 0o777 == 0o640
        assert "consistent" not in (tmp_path / "twistd.log.old").read_text()
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.waitLog("Server Shut Down")
        daemon.waitEnd()
        assert sorted(path.name for path in tmp_path.glob("twistd.log*")) == ["twistd.log", "twistd.log.old"]

    def test_thatSomeoneElseHasMadeIsTakenAsItIs(self, daemons: Daemons, tmp_path: Path) -> None:
        daemon = daemons.start("--listen", LOCAL)
        log = tmp_path / "twistd.log"
        daemon.waitLog("listening on")
        log.rename(tmp_path / "twistd.log.1")
        log.write_text("a line of another program\n")
        log.chmod(0o604)
        os.kill(daemon.pid, signal.SIGUSR1)
        os.kill(daemon.pid, signal.SIGUSR2)
        daemon.waitLog(r"(?s)a line of another program\n.*consistent: yes")
        assert log.stat().st_mode & 0o777 == 0o604

    def test_thatCannotBeOpenedAgainGoesOnWhereItWas(self, daemons: Daemons, tmp_path: Path) -> None:
        folder = tmp_path / "logs"
        folder.mkdir()
        ended = daemons.run("--listen", LOCAL, options=("--logfile=logs/server.log",))
        assert ended.returncode == 0
        pid = int(daemons.pidFile.read_text())
        try:
            folder.rename(tmp_path / "moved")
            os.kill(pid, signal.SIGUSR1)
            log = tmp_path / "moved" / "server.log"
            text = "cannot be reopened, and the log stays where it was: No such file or directory"
            deadline = time.monotonic() + START_PATIENCE
            while text not in log.read_text():
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.02)
        finally:
            os.kill(pid, signal.SIGKILL)

    def test_mayBeAPipeWhoeverReadsIt(self, daemons: Daemons, tmp_path: Path) -> None:
        """Neither someone who reads nothing nor the lack of anyone who reads keeps the server from its clients."""
        daemon = daemons.start("--listen", LOCAL)
        log, old = tmp_path / "twistd.log", tmp_path / "old.log"
        daemon.waitLog("listening on")
        log.rename(old)
        os.mkfifo(log)
        os.kill(daemon.pid, signal.SIGUSR1)
        deadline = time.monotonic() + START_PATIENCE
        while "the log stays where it was: No such device or address" not in old.read_text():
            assert time.monotonic() < deadline, old.read_text()
            time.sleep(0.02)
        with open(os.open(log, os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0) as pipe:
            os.kill(daemon.pid, signal.SIGUSR1)
            os.kill(daemon.pid, signal.SIGUSR2)
            received = b""
            while b"consistent: yes" not in received:
                assert time.monotonic() < deadline, received
                received += pipe.read(65_536) or b""
                time.sleep(0.02)
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 4_096)
            for _ in range(100):
                os.kill(daemon.pid, signal.SIGUSR2)
                time.sleep(0.01)
            os.kill(daemon.pid, signal.SIGTERM)
            daemon.waitEnd()

    def test_worksInTheForegroundAsWell(self, tmp_path: Path) -> None:
        options = ("--nodaemon", "--pidfile=", "--logfile=server.log")
        log = tmp_path / "server.log"
        with startProcess(
            twistdCommand("--listen", LOCAL, options=options), cwd=str(tmp_path), until=None
        ) as process:
            deadline = time.monotonic() + START_PATIENCE
            while not log.exists() or "listening on" not in log.read_text():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            log.rename(tmp_path / "old.log")
            process.signal(signal.SIGUSR1)
            while not log.exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0
            assert process.output() == ""
        assert "Server Shut Down" in log.read_text()

    def test_thatCannotBeWrittenIsOneLineAndTheEnd(self, tmp_path: Path) -> None:
        options = ("--nodaemon", "--pidfile=", "--logfile=none/server.log")
        command = twistdCommand("--listen", LOCAL, options=options)
        with startProcess(command, cwd=str(tmp_path), until=None) as process:
            assert process.waitExit() == 1
            path = tmp_path / "none" / "server.log"
            assert process.output() == f"the log file {path} cannot be opened: No such file or directory\n"


def test_anOutputThatNobodyReadsAnyMoreEndsNothing(tmp_path: Path) -> None:
    """As with ``twistd -n rtcsignal | head -1``: the pipe is closed, and the server writes on."""
    reading, writing = os.pipe()
    script = f'exec "$@" >&{writing} {writing}>&-'
    command = ["bash", "-c", script, "bash", *twistdCommand("--listen", "unix:socket")]
    with startProcess(
        command, cwd=str(tmp_path), until=None, inherit=(writing,), env=checkoutEnvironment()
    ) as process:
        os.close(writing)
        with open(reading) as output:
            assert any("listening on" in line for line in output)
        for number in (signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM):
            process.signal(number)
        assert process.waitExit() == 0
        assert process.output() == ""
