"""What a client sent does not outlive it: the memory of a real server after many rounds is that after two.

A server needs some memory the first time that it does something; what it takes at each round it would take for ever.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle
from pathlib import Path
from typing import Final

import pytest

from tests.faults.soak import reload
from tests.faults.target import Target
from tests.support.lanes import writeConfig
from tests.support.processes import startProcess, twistdCommand
from tests.wire.payloads import encode
from tests.wire.rawhttp import Connection, requestBytes
from tests.wire.rawws import WebSocket, textFrame, upgradeBytes

EARLY, LATE = 2, 10
MOST_GROWTH: Final = 8 * 1024
"""KiB. Each round sends nearly as much, and what is made of that takes many times as much."""

ITEMS = {
    "numbers": "[" + ",".join(["999"] * 225_000) + "]",
    "objects": "[" + ",".join(["{}"] * 300_000) + "]",
    "nested": "[" + ",".join(["[[[[1]]]]"] * 90_000) + "]",
    "strings": "[" + ",".join(f'"a{number}"' for number in range(100_000)) + "]",
}

EVENTS = {
    "join": '42["join-room",{{"userId":"u","roomName":"r","x":{0}}}]',
    "broadcast": '42["broadcast",{{"targetUserId":"nobody","x":{0}}}]',
    "second argument": '42["broadcast",1,{0}]',
    "acknowledgement": "431{0}",
    "announced": '451-["broadcast",{{"_placeholder":true,"num":0}},{0}]',
    "unknown event": '42["x",{0}]',
    "auth": '40/x,{{"token":{0}}}',
}


def broken(socket: WebSocket) -> None:
    """Break a rule, and go."""
    socket.connection.send(b"\xff\xff\xff")
    socket.close()


ENDS: list[Callable[[WebSocket], None]] = [WebSocket.close, lambda socket: socket.connection.reset(), broken]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Target]:
    """A server of its own: its memory shall be that of this test alone."""
    path = tmp_path / "server.conf"
    writeConfig(path, {"limits": {"events_per_second": 0}})
    command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=str(tmp_path)) as process:
        yield Target(process)


def resting(target: Target) -> int:
    """The memory (KiB) that it has when it has come to rest: it is no less some seconds later."""
    least, since = target.kilobytes(), time.monotonic()
    while time.monotonic() < since + 2.5:
        time.sleep(0.1)
        if (now := target.kilobytes()) < least:
            least, since = now, time.monotonic()
    return least


def assertGrowsNoMore(target: Target, live: Callable[[], None]) -> None:
    """After ten rounds it comes back to what it had after two."""
    early = 0
    for number in range(1, LATE + 1):
        live()
        if number == EARLY:
            early = resting(target)
    target.waitUntil(lambda: target.kilobytes() - early < MOST_GROWTH)


def member(target: Target, revision: int) -> WebSocket:
    """A member of a room on WebSocket."""
    connection = Connection(target.address, source=target.newSource())
    socket = WebSocket(connection, upgradeBytes(f"/socket.io/?EIO={revision}&transport=websocket"))
    packets = (["40"] if revision == 4 else []) + ['421["join-room",{"userId":"u","roomName":"z"}]']
    socket.connection.send(b"".join(map(textFrame, packets)))
    while '"ok":true' not in str(socket.read()):
        pass
    return socket


@pytest.mark.parametrize("event", EVENTS)
def test_onWebSocket(server: Target, event: str) -> None:
    texts = [EVENTS[event].format(items) for items in ITEMS.values()]
    ends, revisions = cycle(ENDS), cycle((3, 4))

    def live() -> None:
        for text in texts:
            socket = member(server, next(revisions))
            socket.connection.send(textFrame(text))
            if event not in ("announced", "auth"):
                socket.sendText('429["leave-room",{"userId":"u","roomName":"z"}]')
                while not str(socket.read()).startswith("439"):
                    pass
            next(ends)(socket)

    assertGrowsNoMore(server, live)


@pytest.mark.parametrize("revision", [3, 4])
def test_onPolling(server: Target, revision: int) -> None:
    packets = [EVENTS[event].format(items) for event in ("join", "announced") for items in ITEMS.values()]

    def live() -> None:
        for packet in packets:
            connection = Connection(server.address, source=server.newSource())
            target = f"/socket.io/?EIO={revision}&transport=polling"
            body = connection.request("GET", target).body
            target += "&sid=" + json.loads(body[body.index(b"{") : body.index(b"}") + 1])["sid"]
            hello = ["40"] if revision == 4 else []
            connection.request("POST", target, body=encode(revision, *hello, packet))
            connection.request("POST", target, body=encode(revision, "1"))
            connection.send(requestBytes("GET", target))
            connection.close()

    assertGrowsNoMore(server, live)


def test_inHandshakes(server: Target) -> None:
    numbers = count()

    def live() -> None:
        for _ in range(40):
            connection = Connection(server.address, source=server.newSource())
            names = [(f"X-{'n' * 7_000}-{next(numbers)}", "v" * 4_000)]
            query = f"&x={'q' * 3_000}{next(numbers)}"
            request = requestBytes("GET", f"/socket.io/?EIO=4&transport=polling{query}", names)
            connection.send(request)
            assert connection.readResponse().status == 200
            connection.request("GET", "/status", names)
            connection.close()

    assertGrowsNoMore(server, live)


PLUGIN = '''
from typing import Optional

from zope.interface import implementer

from rtcsignal.api import IRoomPolicy

TABLE = {str(number): [number] for number in range(20_000)}


class Large:
    name = "large"
    table = TABLE

    async def mayJoin(self, peer: object, room: object) -> None:
        self.last: Optional[Large] = self


large = implementer(IRoomPolicy)(Large)()
'''


def test_ofPluginsThatWereReplaced(tmp_path: Path) -> None:
    path, folder = tmp_path / "server.conf", tmp_path / "plugins"
    folder.mkdir()
    (folder / "large.py").write_text(PLUGIN)
    collecting = str(Path(__file__).parent / "plugins")
    writeConfig(path, {"plugins": {"folders": [str(folder), collecting], "use": ["large", "collecting"]}})
    command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=str(tmp_path)) as process:
        target = Target(process)
        assertGrowsNoMore(target, lambda: reload(process))
        socket = member(target, 3)
        socket.sendText('425["modules-of-plugins"]')
        answer = ""
        while not answer.startswith("435"):
            answer = str(socket.read())
        modules = json.loads(answer[3:])[0]["modules"]
        socket.close()
    stems = sorted(name.rpartition(".")[2] for name in modules if "." in name)
    assert stems == sorted({path.stem for path in Path(collecting).glob("*.py")} | {"large"}), modules
