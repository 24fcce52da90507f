"""Clients of other languages, as they were seen in their sources: what they send byte by byte, and what they wait for.

- socket.io-client-swift up to 15.2: no ``EIO``, polling with ``b64=1``, a ping right away, then an upgrade.
- Starscream, its WebSocket, names the server itself as the origin: ``ws://HOST:PORT``, in some versions ``ws://HOST``.
- socket.io-client-cpp: WebSocket alone, always ``EIO=4``. 1.x and 2.x wait to be connected to ``/``, ping by themselves
  and answer no ping; 3.x sends its CONNECT before it has read anything.
- ElephantIO for PHP: each request on a connection of its own, then an upgrade without a probe, from the origin ``*``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wire.rawhttp import Connection, Header
from tests.wire.rawws import PING, PONG, TEXT, WebSocket, frame, textFrame, upgradeBytes
from tests.wire.wire import Wire

CONFIG: dict[str, Any] = {}

SWIFT_HEADERS: list[Header] = [("User-Agent", "App/1 CFNetwork/1485 Darwin/23.1.0"), ("Accept", "*/*")]
JOIN = '420["join-room","{\\"userId\\":\\"ann\\",\\"roomName\\":\\"field %s\\"}"]'


def joined(packet: str | bytes, room: str) -> bool:
    """Whether a packet acknowledges that ann has joined, alone."""
    assert isinstance(packet, str)
    assert packet.startswith("430["), packet
    answer = json.loads(packet[3:])[0]
    return bool(answer["ok"] and answer["members"] == [{"userId": "ann"}] and answer["roomName"] == f"field {room}")


class Swift:
    """socket.io-client-swift 15.2 on polling."""

    def __init__(self, daemon: Wire, query: str = "") -> None:
        self._daemon = daemon
        self._polls, self._posts = daemon.connection(), daemon.connection()
        self.query = f"b64=1{query}"
        first, *self.rest = self._get()
        assert first.startswith("0{")
        opening = json.loads(first[1:])
        assert opening["upgrades"] == ["websocket"]
        self.sid = opening["sid"]
        self.query += f"&sid={self.sid}"

    def _get(self) -> list[str]:
        target = f"/socket.io/?transport=polling&{self.query}"
        answer = self._polls.request("GET", target, SWIFT_HEADERS)
        assert answer.status == 200, answer
        packets, text = [], answer.text
        while text:
            length, _, text = text.partition(":")
            packets.append(text[: int(length)])
            text = text[int(length) :]
        return packets

    def poll(self) -> list[str]:
        """The packets of a poll, and what the handshake brought."""
        packets, self.rest = [*self.rest, *self._get()], []
        return packets

    def post(self, packet: str) -> None:
        """Posts one packet."""
        target = f"/socket.io/?transport=polling&{self.query}"
        headers: list[Header] = [*SWIFT_HEADERS, ("Content-Type", "text/plain; charset=UTF-8")]
        answer = self._posts.request("POST", target, headers, f"{len(packet)}:{packet}".encode())
        assert answer.body == b"ok"

    def upgrade(self, origin: str) -> WebSocket:
        """Starscream's WebSocket, which has taken over."""
        host, port = self._daemon.address
        target = f"/socket.io/?transport=websocket&sid={self.sid}"
        headers: list[Header] = [("Host", f"{host}:{port}"), ("Origin", origin.format(host=host, port=port))]
        socket = WebSocket(self._daemon.connection(), upgradeBytes(target, headers))
        socket.sendText("2probe")
        assert socket.read() == "3probe"
        while "6" not in self.poll():
            pass  # what had come before
        socket.sendText("5")
        return socket


def test_swiftOnPolling(daemon: Wire) -> None:
    client = Swift(daemon, "&token=x")
    client.post("2")
    packets = client.poll()
    if "3" not in packets:
        packets += client.poll()
    assert packets == ["40", "3"]
    client.post(JOIN % "swift")
    answer, *more = client.poll()
    assert joined(answer, "swift")
    assert (more or client.poll()) == ['42["user-joined","ann",{"roomName":"field swift"}]']
    client.post("41")


@pytest.mark.parametrize("origin", ["ws://{host}:{port}", "wss://{host}:{port}", "http://{host}:{port}"])
def test_swiftUpgradesWithStarscreamsOrigin(daemon: Wire, origin: str) -> None:
    client = Swift(daemon)
    client.post("2")
    socket = client.upgrade(origin)
    socket.sendText("2", JOIN % "starscream")
    assert socket.read() == "3"
    assert joined(socket.read(), "starscream")


def test_swiftOnWebSocketAlone(daemon: Wire) -> None:
    host, port = daemon.address
    headers: list[Header] = [("Host", f"{host}:{port}"), ("Origin", f"ws://{host}:{port}")]
    socket = WebSocket(daemon.connection(), upgradeBytes("/socket.io/?transport=websocket", headers))
    assert str(socket.read()).startswith("0{")
    assert socket.read() == "40"
    socket.sendText("2", JOIN % "swift alone")
    assert socket.read() == "3"
    assert joined(socket.read(), "swift alone")


def test_starscreamWithoutThePortThatEverybodyKnows(daemon: Wire) -> None:
    """It writes the port into Host in any case."""
    headers: list[Header] = [("Host", "signal.example:80"), ("Origin", "ws://signal.example")]
    target = "/socket.io/?EIO=4&transport=websocket"
    assert WebSocket(daemon.connection(), upgradeBytes(target, headers)).response.status == 101
    headers = [("Host", "signal.example:443"), ("Origin", "wss://signal.example")]
    assert WebSocket(daemon.connection(), upgradeBytes(target, headers)).response.status == 101


class Cpp:
    """socket.io-client-cpp with WebSocket++, which answers pings of the WebSocket protocol by itself."""

    def __init__(self, connection: Connection, first: bytes = b"") -> None:
        headers: list[Header] = [("User-Agent", "WebSocket++/0.8.2")]
        target = "/socket.io/?EIO=4&transport=websocket&t=1700000000"
        self._socket = WebSocket(connection, upgradeBytes(target, headers))
        connection.send(first)
        self._connection = connection
        assert str(self.read()).startswith("0{")

    def read(self) -> str | bytes:
        """The next message."""
        while True:
            received = self._socket.readFrame()
            if received.opcode == PING:
                self._connection.send(frame(PONG, received.payload))
            else:
                return received.payload.decode() if received.opcode == TEXT else received.payload

    def send(self, *texts: str | bytes) -> None:
        """Sends messages."""
        self._socket.send(*texts)


def test_cppBefore3WaitsToBeConnectedAndPingsByItself(daemon: Wire) -> None:
    client = Cpp(daemon.connection())
    assert client.read() == "40"
    client.send(JOIN % "cpp 1")
    assert joined(client.read(), "cpp 1")
    assert client.read() == '42["user-joined","ann",{"roomName":"field cpp 1"}]'
    client.send("2")
    assert client.read() == "3"
    client.send('451-["broadcast",{"_placeholder":true,"num":0}]', b"\x04\x01\x02")
    assert client.read() == '451-["broadcast",{"_placeholder":true,"num":0}]'
    assert client.read() == b"\x04\x01\x02"


def test_cppBefore3ConnectsToANamespaceByItself(daemon: Wire) -> None:
    client = Cpp(daemon.connection(), textFrame("40/socket.io"))
    assert client.read() == "40"
    assert client.read() == "40/socket.io,"
    client.send('42/socket.io,7["join-room",{"userId":"ann","roomName":"field cpp 2"}]')
    assert str(client.read()).startswith('43/socket.io,7[{"ok":true')


@pytest.mark.parametrize("connect", ["40", "40{}", '40{"token":"x"}'])
def test_cpp3ConnectsByItselfAndIsPinged(daemon: Wire, connect: str) -> None:
    client = Cpp(daemon.connection(), textFrame(connect))
    assert str(client.read()).startswith('40{"sid":')
    client.send(JOIN % f"cpp 3 {connect[:3]}")
    assert joined(client.read(), f"cpp 3 {connect[:3]}")
    assert str(client.read()).startswith('42["user-joined"')
    client.send('451-["broadcast",{"_placeholder":true,"num":0}]', b"\x01\x02")
    assert client.read() == '451-["broadcast",{"_placeholder":true,"num":0}]'
    assert client.read() == b"\x01\x02"


@pytest.mark.parametrize("revision", [3, 4])
def test_elephantIOUpgradesFromAnOriginThatNoPageHas(daemon: Wire, revision: int) -> None:
    headers: list[Header] = [("Connection", "close")]
    target = f"/socket.io/?EIO={revision}&transport=polling&t=PlAxHOF"
    opening = daemon.request("GET", target, headers).text
    sid = json.loads(opening[opening.index("{") : opening.index("}") + 1])["sid"]
    target += f"&sid={sid}"
    if revision == 4:
        answer = daemon.request("POST", target, [*headers, ("Content-Type", "text/plain; charset=UTF-8")], b"40")
        assert answer.text == "ok"
        assert daemon.request("GET", target, headers).text.startswith('40{"sid":')
    upgrade = target.replace("polling", "websocket")
    socket = WebSocket(daemon.connection(), upgradeBytes(upgrade, [("Origin", "*")]))
    socket.sendText("5")
    socket.sendText(JOIN % revision)
    packets = [str(socket.read())]
    while not packets[-1].startswith("430"):
        packets.append(str(socket.read()))
    assert joined(packets[-1], str(revision))


def test_aPageThatSaysThisOriginIsStillAPage(daemon: Wire) -> None:
    """No browser lets it; but its own word counts as well."""
    target = "/socket.io/?EIO=4&transport=polling"
    answer = daemon.request("GET", target, [("Origin", "*"), ("Sec-Fetch-Site", "cross-site")])
    assert answer.status == 403
    answer = daemon.request("GET", target, [("Origin", "*")])
    assert (answer.status, answer.header("access-control-allow-origin")) == (200, None)


@pytest.mark.parametrize("host", ["", "example.org:", "[::1]", "::1"])
def test_anUpgradeTakesTheHostsThatAPollTakes(daemon: Wire, host: str) -> None:
    head = f"GET /socket.io/?EIO=4&transport={{}} HTTP/1.1\r\nHost: {host}\r\n"
    poll, upgrade = daemon.connection(), daemon.connection()
    poll.send(f"{head.format('polling')}\r\n".encode())
    assert poll.readResponse().status == 200
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    upgrade.send(f"{head.format('websocket')}Upgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n".encode())
    assert upgrade.readResponse().status == 101


def test_anUpgradeHasToNameAHost(daemon: Wire) -> None:
    connection = daemon.connection()
    connection.send(upgradeBytes("/socket.io/?EIO=4&transport=websocket").replace(b"Host:", b"X-Host:"))
    assert connection.readResponse().status == 400


def test_extensionsMayBeOfferedInSeveralLines(daemon: Wire) -> None:
    offers: list[Header] = [
        ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        ("Sec-WebSocket-Extensions", 'x-webkit-deflate-frame; a="b'),
    ]
    socket = daemon.webSocket("/socket.io/?EIO=4&transport=websocket", offers)
    assert socket.response.header("sec-websocket-extensions") is None
    assert str(socket.read()).startswith("0{")
