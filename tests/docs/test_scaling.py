"""The page on several processes and machines: what it shows is run as it stands, on addresses of this machine."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.certificate import writeCertificate
from tests.docs.pages import DOCS, Block, Page
from tests.proxy.conftest import nginx
from tests.proxy.nginx import Certificate, runNginx
from tests.support.processes import Process, runToEnd, startProcess, twistdCommand
from tests.support.redis_server import READY
from tests.support.tools import needed

__all__ = ["nginx"]

PAGE = Page(DOCS / "scaling.md")
REQUESTS = 20


def shown(note: str, *changes: tuple[str, str]) -> str:
    """The block behind a comment, with changes, each of which must find what it changes."""
    (found,) = [each for each in PAGE.blocks if each.note == note]
    text = found.text
    for old, new in changes:
        text, count = re.subn(old, new, text)
        assert count, f"{old!r} is not in {text!r}"
    return text


def freePort() -> int:
    """A port that no one uses at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The Redis of the page; its URL."""
    port = freePort()
    text = shown("the redis of this page", ("port 6379", f"port {port}"))
    (folder / "redis.conf").write_text(f"{text}dir {folder}\n")
    (command,) = [block for block in PAGE.blocks if "redis.url" in block.text and block.language == "sh"]
    url = re.findall("'(redis://.*)'", command.text)[0].replace(":6379", f":{port}")
    with startProcess([needed("redis-server"), str(folder / "redis.conf")], until=READY):
        yield url


@contextmanager
def nodes(folder: Path, count: int) -> Iterator[list[Process]]:
    """Some nodes of the page, which know each other."""
    with ExitStack() as stack:
        url = stack.enter_context(redis(folder))
        started = []
        for number in range(count):
            home = folder / f"node{number}"
            (home / "credentials").mkdir(parents=True)
            (home / "credentials" / "redis.url").write_text(url + "\n")
            text = shown(
                "a node of this page",
                (r"tcp:8080:interface=10\.0\.0\.11", "tcp:0:interface=127.0.0.1"),
                (r"tcp:4000:interface=10\.0\.0\.11", "tcp:0:interface=127.0.0.1"),
                (r"10\.0\.0\.10", "127.0.0.1"),
            )
            (home / "server.conf").write_text(text + f"  node: machine-{number}\n")
            command = twistdCommand("--config", "server.conf")
            started.append(stack.enter_context(startProcess(command, cwd=str(home))))
        for process in started:
            process.waitOutput(f"backplane up, {count} node")
        yield started
        for process in started:
            assert "Traceback" not in process.output()
            process.signal(signal.SIGKILL)  # it would wait for clients on polling, which are gone


class Client:
    """A client on polling, whose requests come over a connection each."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("https://")
        self._sid = ""
        self._sid = json.loads(self.request("GET")[1:])["sid"]

    def request(self, method: str, body: bytes | None = None) -> bytes:
        """One request, which must be answered with 200."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(self._host, context=context)
        sid = f"&sid={self._sid}" if self._sid else ""
        connection.request(method, f"/socket.io/?EIO=4&transport=polling{sid}", body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text
        return text


def forwarded(process: Process) -> int:
    """How many requests a node has brought to others."""
    start = len(process.output())
    process.signal(signal.SIGUSR2)
    return int(process.waitOutput(r"forwarded requests (\d+)", start=start)[1])


@pytest.mark.parametrize("note", ["the upstream of this page", "the routes of this page"])
def test_twoNodesBehindNginx(nginx: None, tmp_path: Path, note: str) -> None:
    key, certificate = writeCertificate(tmp_path)
    with nodes(tmp_path, 2) as running:
        one, other = running
        changes = [(r"10\.0\.0\.11:8080", f"127.0.0.1:{one.port}"), (r"10\.0\.0\.12:8080", f"127.0.0.1:{other.port}")]
        if "routes" in note:
            for number, named in enumerate(("Xk", "Qw")):
                config = tmp_path / f"node{number}" / "server.conf"
                checked = runToEnd(twistdCommand("--check", "--config", str(config)))
                found = re.findall("session ids of this machine begin with (..)", checked.stdout)
                changes.append((f'"~\\^{named}"', f'"~^{found[0]}"'))
        upstream = shown(note, *changes)
        with runNginx(tmp_path, [], Certificate(certificate, key), upstream) as proxy:
            client = Client(proxy.url)
            client.request("POST", b"40")
            assert client.request("GET").startswith(b"40")
            for _ in range(REQUESTS):
                assert client.request("POST", b"3") == b"ok"
        count = sum(map(forwarded, running))
    assert count == 0 if "routes" in note else REQUESTS // 3 < count <= REQUESTS + 2


def test_workersShareTheRedisOfThePage(tmp_path: Path) -> None:
    with redis(tmp_path) as url:
        (tmp_path / "redis.url").write_text(url)
        (tmp_path / "server.conf").write_text("workers: 2\nbackplane: {url_file: redis.url}\n")
        listen = ("--listen", "tcp:0:interface=127.0.0.1")
        checked = runToEnd(twistdCommand("--check", "--config", "server.conf"), tmp_path)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert "2 workers" in checked.stdout
        assert "noeviction" in checked.stdout
        assert "change-me" not in checked.stdout
        with startProcess(twistdCommand("--config", "server.conf", *listen), cwd=str(tmp_path)) as process:
            process.waitOutput("worker 1: backplane up, 2 nodes")
            process.waitOutput("worker 2: backplane up, 2 nodes")
            assert "change-me" not in process.output()


def test_eachNumberOfAReportIsExplained(tmp_path: Path) -> None:
    with nodes(tmp_path, 1) as (process,):
        process.signal(signal.SIGUSR2)
        line = process.waitOutput("holds (.*)")[1]
    of = [re.sub(r" \d+$", "", part) for part in line.split(", ")]
    assert [name for name in of[of.index("nodes") :] if f"`{name}`" not in PAGE.text] == []


def test_theBlocksAreTheOnesThatAreTested() -> None:
    notes = {each.note for each in PAGE.blocks if isinstance(each, Block) and each.note}
    assert notes == {
        "the redis of this page",
        "a node of this page",
        "the upstream of this page",
        "the routes of this page",
    }
