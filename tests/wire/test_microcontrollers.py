"""What clients for microcontrollers (arduinoWebSockets on an ESP32) do: one connection for all, and no probe."""

from __future__ import annotations

import re

import pytest

from tests.wire.rawhttp import Connection
from tests.wire.rawws import WebSocket, textFrame, upgradeHeaders
from tests.wire.wire import SOCKETIO_PATH, Wire

CONFIG = {"origins": ["file://"]}
_AGENT = "User-Agent: arduino-WebSocket-Client"


def get(target: str, lines: list[str]) -> bytes:
    """A request with the headers that they send, in their order."""
    return "\r\n".join((f"GET {target} HTTP/1.1", "Host: 192.0.2.1:8080", *lines, _AGENT, "", "")).encode()


def openLikeThem(connection: Connection, revision: int, sent: bytes = b"") -> WebSocket:
    """A poll, then the upgrade on the same connection, with what is sent right behind it, as for Socket.IO they do."""
    url = f"{SOCKETIO_PATH}?EIO={revision}"
    connection.send(get(f"{url}&transport=polling", ["Connection: keep-alive", "Origin: file://"]))
    answer = connection.readResponse()
    assert answer.status == 200
    found = re.search(rb'"sid":"([^"]+)"', answer.body[:256])  # they look no further
    assert found is not None
    lines = [f"{name}: {value}" for name, value in upgradeHeaders() if isinstance(value, str)]
    lines += ["Sec-WebSocket-Protocol: arduino", "Origin: file://"]
    sid = found[1].decode()
    socket = WebSocket(connection, get(f"{url}&transport=websocket&sid={sid}", lines) + sent)
    assert socket.response.header("sec-websocket-protocol") == "arduino"
    return socket


def answersPings(socket: WebSocket) -> None:
    """They ping by themselves, whatever the revision."""
    for _ in range(3):
        socket.sendText("2")
        assert socket.read() == "3"


@pytest.mark.parametrize("probe", [[], ["2probe"]], ids=["now and then", "with a probe"])
def test_newerOne(daemon: Wire, probe: list[str]) -> None:
    socket = openLikeThem(daemon.connection(), 4)
    socket.sendText(*probe, "5")
    assert not probe or socket.read() == "3probe"
    socket.sendText("40")
    assert str(socket.read()).startswith('40{"sid":')
    answersPings(socket)
    socket.sendText('42["join-room",{"userId":"esp","roomName":"shed"}]')
    assert socket.read() == '42["user-joined","esp",{"roomName":"shed"}]'
    socket.sendText('42["broadcast",{"userId":"esp","msgType":9,"x":"\u00e9"}]')
    assert str(socket.read()).startswith('42["broadcast",')


def test_olderOne(daemon: Wire) -> None:
    socket = openLikeThem(daemon.connection(), 3)
    socket.sendText("5")
    answersPings(socket)
    socket.sendText('42["join-room",{"userId":"old","roomName":"barn"}]')
    assert socket.read() == '42["user-joined","old",{"roomName":"barn"}]'


def test_allAtOnceRightBehindTheRequest(daemon: Wire) -> None:
    socket = openLikeThem(daemon.connection(), 4, textFrame("5") + textFrame("40") + textFrame("2"))
    assert str(socket.read()).startswith('40{"sid":')
    assert socket.read() == "3"
