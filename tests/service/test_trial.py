"""What ``--check`` says of a start: nothing that it calls fine fails, and what is not tried is said."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.certificate import writeCertificate
from tests.service.test_daemon import listeningSocket, status
from tests.support.processes import Process, checkoutEnvironment, runToEnd, startProcess, twistdCommand

Server = Callable[..., Process]

STARTS = """
from zope.interface import implementer
from rtcsignal.api import IRoomPolicy

@implementer(IRoomPolicy)
class Starts:
    name = "starts"

    def start(self, services):
        raise RuntimeError("it was started")

    def mayJoin(self, peer, room):
        return None

starts = Starts()
"""


def check(folder: Path, config: str) -> subprocess.CompletedProcess[str]:
    """``--check`` of a configuration in a folder, called from elsewhere."""
    (folder / "server.conf").write_text(config, encoding="utf-8")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    return runToEnd(twistdCommand("--check", "--config", str(folder / "server.conf")), elsewhere)


def startFails(folder: Path) -> bool:
    """Whether a start with the same configuration ends with exit code 1 and no traceback."""
    ended = runToEnd(twistdCommand("--config", str(folder / "server.conf")), folder / "elsewhere")
    assert "Traceback" not in ended.stdout + ended.stderr
    return ended.returncode == 1


def problems(folder: Path, config: str) -> list[str]:
    """The mistakes that ``--check`` finds, with which a start fails as well."""
    ended = check(folder, config)
    assert (ended.returncode, ended.stdout) == (1, ""), ended.stdout
    assert startFails(folder)
    return [line.replace(str(folder), ".") for line in ended.stderr.splitlines()]


class TestProblems:
    def test_anAddressThatThisMachineDoesNotHave(self, tmp_path: Path) -> None:
        config = "listen: ['tcp:0:interface=192.0.2.1', 'tcp:0:interface=2001:db8::1', 'tcp:0:interface=nowhere']"
        absent, unknown = "Cannot assign requested address", "an IP address nor a known name"
        assert problems(tmp_path, config) == [
            f"./server.conf:1:10: listen.0: cannot listen on tcp:0:interface=192.0.2.1: {absent}",
            f"./server.conf:1:39: listen.1: cannot listen on tcp:0:interface=2001\\:db8\\:\\:1: {absent}",
            f"./server.conf:1:70: listen.2: cannot listen on tcp:0:interface=nowhere: nowhere is neither {unknown}",
        ]

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("tcp:{0}", "tcp:{0}:interface=127.0.0.1"),
            ("tcp:{0}:interface=localhost", "tcp:{0}:interface=127.0.0.1"),
        ],
    )
    def test_aPortThatTwoOfThemTake(self, tmp_path: Path, first: str, second: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        endpoints = first.format(port), second.format(port)
        (line,) = problems(tmp_path, f"listen: {list(endpoints)}")
        assert line.endswith(f"listen.1: cannot listen on {endpoints[1]}: an endpoint before it has this port")

    def test_aFolderThatIsNotThere(self, tmp_path: Path) -> None:
        lines = problems(tmp_path, "listen: ['unix:run/server.sock']")
        where = "./server.conf:1:10: listen.0"
        assert lines == [f"{where}: cannot listen on unix:./run/server.sock: No such file or directory: ./run"]

    def test_somethingElseWhereTheSocketShouldBe(self, tmp_path: Path) -> None:
        (tmp_path / "server.sock").write_text("")
        (line,) = problems(tmp_path, "listen: ['unix:server.sock']")
        assert line.startswith("./server.conf:1:10: listen.0: cannot listen on unix:./server.sock: ")

    def test_aPathThatIsTooLongForASocket(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path, f"listen: ['unix:{'x' * 120}']")
        assert line.endswith("the path of a UNIX socket may have 107 bytes at most")

    def test_aKeyThatIsNotThatOfTheCertificate(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            writeCertificate(tmp_path / name)
        (line,) = problems(tmp_path, "listen: ['ssl:0:privateKey=one/key.pem:certKey=two/certificate.pem']")
        assert line.endswith(
            "the private key in ./one/key.pem does not match the certificate in ./two/certificate.pem"
        )

    def test_aFileOfTlsThatIsNotThere(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path, "listen: ['ssl:0:privateKey=key.pem']")
        assert line.endswith("No such file or directory: ./key.pem")

    @pytest.mark.parametrize(
        ("made", "reason"),
        [
            ("", "No such file or directory"),
            ("folder", "it is not a regular file"),
        ],
    )
    def test_aRecordThatCannotBeWritten(self, tmp_path: Path, made: str, reason: str) -> None:
        if made:
            (tmp_path / "logs" / "audit.jsonl").mkdir(parents=True)
        use = f"[{{audit: {{file: {tmp_path}/logs/audit.jsonl}}}}]"
        config = f"listen: ['tcp:0:interface=127.0.0.1']\nplugins: {{use: {use}}}"
        ended = check(tmp_path, config)
        assert ended.returncode == 1
        assert startFails(tmp_path)
        line = ended.stderr.strip().replace(str(tmp_path), ".")
        assert line == f"./server.conf:2:17: plugin audit: ./logs/audit.jsonl cannot be written: {reason}"

    def test_treqThatIsMissing(self, tmp_path: Path) -> None:
        (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['treq'] = None\n")
        (tmp_path / "server.conf").write_text(
            "plugins:\n  use:\n  - webhook: {url: 'http://localhost/', secret: '0123456789abcdef'}"
        )
        path = f"{checkoutEnvironment()['PYTHONPATH']}:{tmp_path}"
        for arguments in (("--check",), ()):
            ended = runToEnd(twistdCommand(*arguments, "--config", "server.conf"), tmp_path, PYTHONPATH=path)
            assert ended.returncode == 1
            (line,) = ended.stderr.splitlines()
            assert line.startswith("server.conf:3:5: ")
            assert line.endswith("webhook: it needs treq: pip install 'rtcsignal[http]'")


class TestWhatIsNoProblem:
    @pytest.mark.parametrize(
        "endpoints",
        [
            ["tcp:0:interface=localhost"],
            ["tcp:0:interface=127.0.0.1", "tcp:0"],
            ["tcp:18997:interface=127.3.3.1", "tcp:18997:interface=127.3.3.2", "tcp:18997:interface=::1"],
        ],
    )
    def test_namesAndAddressesBesideEachOther(self, tmp_path: Path, endpoints: list[str]) -> None:
        ended = check(tmp_path, f"listen: {endpoints}")
        assert (ended.returncode, ended.stderr) == (0, "")


class TestWhatIsNotTried:
    def test_isSaid(self, tmp_path: Path) -> None:
        (tmp_path / "plugins").mkdir()
        (tmp_path / "plugins" / "starts.py").write_text(STARTS)
        ended = check(
            tmp_path,
            "listen: ['systemd:domain=INET:name=http']\nplugins: {folders: [plugins], use: [starts]}",
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout.splitlines()[-2:] == [
            "systemd:domain=INET:name=http: not tried: the service manager hands over the socket at the start",
            "plugin starts: not tried: only a start shows whether it starts",
        ]

    def test_aPortInUseIsNoMistakeAsItMayBeThatOfTheServerThatRuns(self, tmp_path: Path) -> None:
        with listeningSocket() as taken:
            endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            ended = check(tmp_path, f"listen: ['{endpoint}']")
        assert (ended.returncode, ended.stderr) == (0, "")
        expected = f"{endpoint}: in use now; a start fails unless it is a running server that it replaces"
        assert ended.stdout.splitlines()[-1] == expected


class TestARunningServer:
    def test_isNotDisturbed(self, tmp_path: Path) -> None:
        writeCertificate(tmp_path)
        record = tmp_path / "audit.jsonl"
        (tmp_path / "server.conf").write_text(
            "listen: ['tcp:0:interface=127.0.0.1', 'unix:server.sock']\n"
            f"plugins: {{use: [{{audit: {{file: {record}}}}}]}}"
        )
        command = twistdCommand("--config", str(tmp_path / "server.conf"))
        with startProcess(command, cwd="/") as process:
            config = (tmp_path / "server.conf").read_text().replace("tcp:0:", f"tcp:{process.port}:")
            before = sorted(os.listdir(tmp_path))
            for _ in range(3):
                ended = check(tmp_path, config)
                assert (ended.returncode, ended.stderr) == (0, "")
            assert f"in use now by process {process.pid}" in ended.stdout
            shutil.rmtree(tmp_path / "elsewhere")
            assert sorted(os.listdir(tmp_path)) == before
            assert record.read_text() == ""
            assert status(process.port) == "Status: OK"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "server.sock"))
                client.sendall(b"GET /status HTTP/1.0\r\n\r\n")
                assert b"Status: OK" in client.recv(4096)


class TestEndpointsAsPeopleWriteThem:
    def test_pathsCountFromTheFileAndSocketsAreForUserAndGroup(self, tmp_path: Path) -> None:
        writeCertificate(tmp_path)
        (tmp_path / "server.conf").write_text(
            "listen: ['unix:server.sock', 'unix:open.sock:mode=666', 'tcp:0:interface=::1',\n"
            "  'ssl:0:interface=[::1]:privateKey=key.pem:certKey=certificate.pem']"
        )
        command = twistdCommand("--config", str(tmp_path / "server.conf"))
        with startProcess(command, cwd="/", until=r"listening on tcp6?:\[::1\]:(?P<port>\d+)") as process:
            assert status(process.port, "::1") == "Status: OK"
            process.waitOutput(rf"listening on unix:{tmp_path}/server\.sock$")
            assert (tmp_path / "server.sock").stat().st_mode & 0o777 == 0o660
            assert (tmp_path / "open.sock").stat().st_mode & 0o777 == 0o666
