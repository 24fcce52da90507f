"""docs/security.md says what the worst client costs: here some of them do their worst, and the memory is looked at."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from tests.docs.pages import DOCS
from tests.faults.target import Target
from tests.support.sharedservers import SharedServers
from tests.wire.rawhttp import Connection, requestBytes
from tests.wire.rawws import BINARY, TEXT, WebSocket, frame, textFrame, upgradeBytes

CONFIG: Final[dict[str, Any]] = {
    "plugins": {"folders": [str(Path(__file__).parent / "plugins")], "use": [{"thinking": {"timeout": 60}}]},
    # What costs most is undone before it can be looked at otherwise.
    "limits": {"send_queue_seconds": 60},
}
CLIENTS = 6
MOST = 990_000
OPENING = upgradeBytes("/socket.io/?EIO=3&transport=websocket")
UNFINISHED = frame(TEXT, b"4" + b"x" * MOST)[:-10]
PAGE = (DOCS / "security.md").read_text(encoding="utf-8")


def figure(pattern: str) -> float:
    """A number of the page."""
    found = re.search(pattern, PAGE)
    assert found is not None, pattern
    return float(found[1].replace(",", ""))


def many(unit: str, size: int = MOST) -> str:
    """An array of so many characters that consists of the same again and again."""
    return "[" + ",".join([unit] * (size // (len(unit) + 1))) + "]"


class Client:
    """One that has come to do its worst: a member of a room of its own, with a friend who talks to it there.

    Args:
        target: The server.
        number: Which one it is.
    """

    def __init__(self, target: Target, number: int) -> None:
        self._room = f"room-{number}"
        self._target = target
        self.socket = self._come("worst", receiveBuffer=4096)

    def _come(self, userId: str, receiveBuffer: int | None = None) -> WebSocket:
        address = self._target.address
        connection = Connection(address, source=self._target.newSource(), receiveBuffer=receiveBuffer)
        join = f'421["join-room",{{"userId":"{userId}","roomName":"{self._room}"}}]'
        socket = WebSocket(connection, OPENING + textFrame(join))
        while '"ok":true' not in str(socket.read()):
            pass
        return socket

    def hear(self) -> None:
        """The friend says as much as may wait for somebody who does not read."""
        friend = self._come("friend")
        friend.connection.send(textFrame(f'42["broadcast",{{"targetUserId":"worst","x":"{"x" * 10_000}"}}]') * 118)
        friend.sendText('429["leave-room",{"userId":"friend","roomName":"' + self._room + '"}]')
        while not str(friend.read()).startswith("439"):
            pass
        friend.close()

    def send(self, *messages: str | bytes) -> None:
        """Text and attachments; and most of a message that is never finished."""
        frames = (textFrame(each) if isinstance(each, str) else frame(BINARY, b"\4" + each) for each in messages)
        self.socket.connection.send(b"".join(frames) + UNFINISHED)


def everythingAtOnce(client: Client) -> None:
    client.hear()
    client.send(
        '42["join-room",{"userId":"worst","roomName":"think"}]',
        f'42["broadcast",{many("{}")}]',
        f'452-["broadcast",{{"_placeholder":true,"num":0}},{json.dumps("x" * MOST)}]',
        bytes(MOST),
    )


def judged(client: Client) -> None:
    client.socket.sendText('429["leave-room",{"userId":"worst","roomName":"' + client._room + '"}]')
    join = f'42["join-room",{{"userId":"thinker","roomName":"{client._room}"}}]'
    client.send(join, f'42["broadcast",{many("""{"a":[1]}""")}]', f'42["broadcast",{many("{}")}]')


def isDone(target: Target) -> bool:
    """The server has read what there is, and waits; it makes pauses between what it reads of one client."""
    return all(isIdle(target) for _ in range(3))


def isIdle(target: Target) -> bool:
    """A second goes by in which the server does next to nothing, although it has its turns."""
    before = target.processorSeconds()
    time.sleep(1)
    connection = Connection(target.address, source=target.newSource())
    connection.send(requestBytes("GET", "/status"))
    assert connection.readResponse().status == 200
    connection.close()
    return target.processorSeconds() - before < 0.05


@pytest.mark.parametrize(
    ("words", "doTheirWorst"),
    [
        ("the worst case: almost all of a largest message", everythingAtOnce),
        ("the worst case with a message filter", judged),
    ],
)
def test_theyCostNoMoreThanThePageSays(
    servers: SharedServers, words: str, doTheirWorst: Callable[[Client], None]
) -> None:
    target = Target(servers(CONFIG))
    clients = [Client(target, number) for number in range(CLIENTS + 1)]
    first, *others = clients
    doTheirWorst(first)
    most = figure(rf"(?m)^\| {re.escape(words)}.* \| ([\d.]+) MiB")
    before = target.kilobytes()
    for client in others:
        doTheirWorst(client)
    target.waitUntil(lambda: isDone(target), 60)
    each = (target.kilobytes() - before) / CLIENTS / 1024
    for client in clients:
        client.socket.close()
    assert 0.6 * most < each <= most


def test_anAddressCanTakeAsMuchAsAllOfItsPlaces() -> None:
    worst = figure(r"(?m)^\| the worst case: almost all of a largest message.* \| ([\d.]+) MiB")
    places = figure(r"(?m)^\| `connections_per_address` \| `(\d+)`")
    assert figure(r"an address can take at most about\s+([\d,]+) MiB") == worst * places
