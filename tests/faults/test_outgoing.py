"""Plugins that ask services of others: names that resolve slowly, answers without end, cookies; nobody else notices."""

from __future__ import annotations

import json
import signal
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults.service import Answer, Service, answer
from tests.faults.target import Target, joined
from tests.policy.sources import pluginSource, policy
from tests.support.lanes import writeConfig
from tests.support.patience import PATIENCE
from tests.support.processes import startProcess, twistdCommand
from tests.wire.socketio import Peer
from tests.wire.wire import Wire

SLOW_NAMES = '''
import socket
import threading

ask = socket.getaddrinfo

def slowly(host, *arguments, **keywords):
    """Makes the system's resolver hang, as when a name server does not answer."""
    name = host.decode() if isinstance(host, bytes) else host
    if name.endswith(".slow.test"):
        threading.Event().wait(600)
    return ask("127.0.0.1" if name.endswith(".test") else host, *arguments, **keywords)

socket.getaddrinfo = slowly
'''

ASKS = """\
    def start(self, services):
        self.http = {http}

    async def authenticate(self, handshake):
        url = handshake.token("ask")
        if url is None:
            return None
        response = await self.http.get(url, timeout=5, headers={{"Authorization": "of one person"}})
        return Identity(claims={{"answer": {answer}}})
"""


def askingPlugin(
    name: str, http: str = "services.http", answer: str = "(await response.text())[:100]", imports: str = ""
) -> str:
    """An authenticator that asks at the URL in the token, and believes the answer."""
    return pluginSource("IAuthenticator", name, ASKS.format(http=http, answer=answer), imports)


@contextmanager
def serving(folder: Path, *use: Any) -> Iterator[Target]:
    """A server with these plugins besides our own two."""
    (folder / "slow_names.py").write_text(policy("slow-names", before=SLOW_NAMES), encoding="utf-8")
    (folder / "asking.py").write_text(askingPlugin("asking"), encoding="utf-8")
    plugins = {"folders": [str(folder)], "use": ["slow-names", *use, "anonymous"]}
    writeConfig(folder / "server.conf", {"plugins": plugins, "limits": {"connections_per_address": 0}})
    command = twistdCommand("--config", str(folder / "server.conf"), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=str(folder)) as process:
        yield Target(process)


@contextmanager
def wireTo(target: Target) -> Iterator[Wire]:
    """The way to a server."""
    wire = Wire(target.address)
    try:
        yield wire
    finally:
        wire.closeAll()


def asking(wire: Wire, **auth: str) -> Peer:
    """A client that has presented something."""
    peer = wire.peer(4, "websocket")
    peer.send("40" + json.dumps(auth))
    return peer


def hook(service: Service, host: str = "hook.test") -> dict[str, Any]:
    """The plugin that tells a service who joins."""
    return {"webhook": {"url": service.url("/hook", host), "secret": "s" * 32, "events": ["joined"]}}


def test_aNameThatResolvesSlowlyHoldsUpNoOtherPluginAndNotTheEnd(tmp_path: Path) -> None:
    with (
        Service({"/hook": lambda head: [answer(b"")], "/": lambda head: [answer(b"it is ann")]}) as service,
        serving(tmp_path, {"asking": {"timeout": 600}}, hook(service)) as target,
        wireTo(target) as wire,
    ):
        for number in range(24):
            asking(wire, ask=f"http://n{number}.slow.test/")
        joined(wire.namespacePeer(4), "bob", "kitchen")
        service.asked(1)
        target.process.signal(signal.SIGTERM)
        assert target.process.waitExit() == 0


@pytest.mark.parametrize("plugin", ["http", "webhook"])
def test_norDoesOneThatAPluginOfOursAsksFor(tmp_path: Path, plugin: str) -> None:
    with Service({"/hook": lambda head: [answer(b"")]}) as service:
        use = {"http": {"url": "http://accounts.slow.test/"}} if plugin == "http" else hook(service, "hook.slow.test")
        with serving(tmp_path, use) as target, wireTo(target) as wire:
            if plugin == "http":
                for number in range(24):
                    asking(wire, token=f"number {number}")
            joined(wire.namespacePeer(4), "bob", "kitchen")
            target.process.signal(signal.SIGTERM)
            assert target.process.waitExit() == 0


def test_norDoesOneThatAPluginAsksTheReactorFor(tmp_path: Path) -> None:
    imports = (
        "from treq.client import HTTPClient\n"
        "from twisted.internet import reactor\n"
        "from twisted.web.client import Agent\n"
    )
    code = askingPlugin("reaching", http="HTTPClient(Agent(reactor))", imports=imports)
    (tmp_path / "reaching.py").write_text(code, encoding="utf-8")
    with serving(tmp_path, {"reaching": {"timeout": 600}}) as target, wireTo(target) as wire:
        before = _threads(target)
        for number in range(24):
            asking(wire, ask=f"http://n{number}.slow.test/")
        target.waitUntil(lambda: _threads(target) >= before + 10)
        target.process.signal(signal.SIGTERM)
        assert target.process.waitExit() == 0


def test_manySlowNamesAreFewThreads(tmp_path: Path) -> None:
    with serving(tmp_path, {"asking": {"timeout": 600}}) as target, wireTo(target) as wire:
        joined(wire.namespacePeer(4), "bob", "kitchen")
        before = _threads(target)
        for number in range(24):
            asking(wire, ask=f"http://n{number}.slow.test/")
        target.waitUntil(lambda: _threads(target) == before + 4)
        joined(wire.namespacePeer(4), "cas", "garden")
        assert _threads(target) == before + 4


def _threads(target: Target) -> int:
    return len(list(Path(f"/proc/{target.process.pid}/task").iterdir()))


def test_noCookieOfOneAnswerGoesOutWithAnotherQuestion(tmp_path: Path) -> None:
    cookie = "Set-Cookie: person=ann; Path=/"
    with (
        Service(
            {
                "/": lambda head: [answer(b"it is ann", cookie)],
                "/moved": lambda head: [answer(b"", cookie, "Location: /", status="302 Found")],
            }
        ) as service,
        serving(tmp_path, "asking") as target,
        wireTo(target) as wire,
    ):
        for path in ("/", "/", "/moved", "/"):
            assert str(asking(wire, ask=service.url(path)).receive()).startswith('40{"sid"')
        heads = service.asked(5)
    assert [head.split(" ")[1] for head in heads] == ["/", "/", "/moved", "/", "/"]
    assert not any("cookie" in head.lower() for head in heads)


MUCH = b" " * 65_536


def packed(data: bytes) -> bytes:
    """The same, smaller."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


BOMB = packed(MUCH * 4096)


def endless(*pieces: bytes) -> Iterator[bytes]:
    """First these, then the last one again and again: a gigabyte at most, if anybody takes it."""
    yield from pieces
    for _ in range(2**30 // len(pieces[-1])):
        yield pieces[-1]


OK = b"HTTP/1.1 200 OK\r\n"
BAD_ANSWERS: dict[str, Answer] = {
    "/length": lambda head: endless(OK + b"Content-Length: 1000000000\r\n\r\n", MUCH),
    "/close": lambda head: endless(OK + b"\r\n", MUCH),
    "/chunks": lambda head: endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + MUCH + b"\r\n"),
    "/head": lambda head: endless(OK, b"X-Header: " + b"x" * 1000 + b"\r\n"),
    "/line": lambda head: endless(OK + b"X: ", MUCH),
    "/continue": lambda head: endless(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "/bomb": lambda head: [answer(BOMB, "Content-Encoding: gzip")],
    "/bombs": lambda head: [answer(packed(BOMB), "Content-Encoding: gzip, gzip")],
    "/forbidden": lambda head: endless(b"HTTP/1.1 403 Forbidden\r\n\r\n", MUCH),
    "/around": lambda head: [answer(b"", "Location: /around", status="302 Found")],
    "/file": lambda head: [answer(b"", "Location: file:///etc/passwd", status="302 Found")],
}
MOST_KILOBYTES = 40_000


@pytest.mark.parametrize("plugin", ["asking", "http"])
@pytest.mark.parametrize("path", BAD_ANSWERS)
def test_anAnswerThatIsTooLongIsNotTaken(tmp_path: Path, plugin: str, path: str) -> None:
    with Service(BAD_ANSWERS) as service:
        options: dict[str, Any] = {"timeout": 20}
        use = {plugin: options if plugin == "asking" else {"url": service.url(path), "seconds": 20, **options}}
        with serving(tmp_path, use) as target, wireTo(target) as wire:
            joined(wire.namespacePeer(4), "bob", "kitchen")
            before = target.kilobytes()
            peer = asking(wire, ask=service.url(path)) if plugin == "asking" else asking(wire, token="ann")
            assert str(peer.receive()).startswith("44")
            assert target.kilobytes() < before + MOST_KILOBYTES
            assert service.ended[path].wait(PATIENCE)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_anAnswerThatDripsIsGivenUp(tmp_path: Path, start: bytes) -> None:
    def drip(head: str) -> Iterator[bytes]:
        yield start
        yield from service.drip(b"x")

    with (
        Service({"/": drip}) as service,
        serving(tmp_path, {"asking": {"timeout": 60}}) as target,
        wireTo(target) as wire,
    ):
        assert str(asking(wire, ask=service.url("/")).receive()).startswith("44")
        assert service.ended["/"].wait(PATIENCE)


def test_anAnswerThatNobodyReadsIsGivenUp(tmp_path: Path) -> None:
    (tmp_path / "glancing.py").write_text(askingPlugin("glancing", answer="response.code"), encoding="utf-8")
    with (
        Service({"/": lambda head: endless(OK + b"\r\n", MUCH)}) as service,
        serving(tmp_path, "glancing") as target,
        wireTo(target) as wire,
    ):
        assert str(asking(wire, ask=service.url("/")).receive()).startswith('40{"sid"')
        assert service.ended["/"].wait(PATIENCE)


def test_aServiceThatTakesEventsMayAnswerAtAnyLength(tmp_path: Path) -> None:
    with (
        Service({"/hook": lambda head: endless(OK + b"\r\n", MUCH)}) as service,
        serving(tmp_path, hook(service)) as target,
        wireTo(target) as wire,
    ):
        before = target.kilobytes()
        for number in range(3):
            joined(wire.namespacePeer(4), f"p{number}", f"room {number}")
        service.asked(3)
        assert service.ended["/hook"].wait(PATIENCE)
        joined(wire.namespacePeer(4), "last", "last room")
        service.asked(4)
        assert "does not take events" not in target.process.output()
        assert target.kilobytes() < before + MOST_KILOBYTES
