"""Who a client is: by its own address, by what a trusted proxy says, and by nothing that anybody else says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.faults.target import quietly
from tests.support.processes import Process
from tests.support.sharedservers import SharedServers
from tests.wire.rawhttp import Connection, ConnectionEnded, Header, Response, requestBytes
from tests.wire.rawws import WebSocket
from tests.wire.wire import SOCKETIO_PATH, Wire

ONE: dict[str, Any] = {"limits": {"connections_per_address": 1}}
BEHIND = {"proxies": ["127.0.0.1", "127.3.0.0/16"], **ONE}
HANDSHAKE = f"{SOCKETIO_PATH}?EIO=4&transport="


class Door:
    """Handshakes at a server at which each address has one place."""

    def __init__(self, process: Process) -> None:
        self._address = ("127.0.0.1", process.port)
        self._wires: list[Wire] = []
        self._sids: list[tuple[Wire, str]] = []

    def polls(self, source: str, forwarded: str | None = None) -> int:
        """The status of a handshake by polling."""
        wire = self._wire(source)
        answer = wire.request("GET", HANDSHAKE + "polling", self._headers(forwarded))
        if answer.status == 200:
            self._sids.append((wire, answer.text.split('"sid":"')[1].split('"')[0]))
        return answer.status

    def upgrades(self, source: str, forwarded: str | None = None) -> int:
        """The status of a handshake by WebSocket."""
        answer = self._wire(source).tryWebSocket(HANDSHAKE + "websocket", self._headers(forwarded))
        return answer.response.status if isinstance(answer, WebSocket) else answer.status

    def close(self) -> None:
        """Everybody leaves."""
        for wire, sid in self._sids:
            wire.request("POST", f"{HANDSHAKE}polling&sid={sid}", body=b"1")
        for wire in self._wires:
            wire.closeAll()

    def _wire(self, source: str) -> Wire:
        self._wires.append(Wire(self._address, source))
        return self._wires[-1]

    @staticmethod
    def _headers(forwarded: str | None) -> Iterable[Header]:
        return [] if forwarded is None else [("X-Forwarded-For", forwarded)]


@pytest.fixture(params=["polls", "upgrades"])
def way(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def open_(servers: SharedServers) -> Iterator[Any]:
    """`open_(config)`: a way to a server with this configuration."""
    doors: list[Door] = []

    def door(config: dict[str, Any]) -> Door:
        doors.append(Door(servers(config)))
        return doors[-1]

    yield door
    for each in doors:
        each.close()


def test_nobodyIsTakenAtItsWordUnlessItIsAKnownProxy(open_: Any, way: str) -> None:
    ask = getattr(open_(ONE), way)
    assert ask("127.4.0.1", "192.0.2.1") in (101, 200)
    assert ask("127.4.0.1", "192.0.2.2") == 429
    assert ask("127.4.0.2", "192.0.2.1") in (101, 200)


def test_behindAKnownProxyEachClientHasItsOwnPlace(open_: Any, way: str) -> None:
    ask = getattr(open_(BEHIND), way)
    assert ask("127.0.0.1", "192.0.2.1") in (101, 200)
    assert ask("127.0.0.1", "192.0.2.2, 127.3.0.9") in (101, 200)
    assert ask("127.3.0.7", "10.0.0.1, 192.0.2.1") == 429
    assert ask("127.0.0.1", "192.0.2.3, 192.0.2.2") == 429
    assert ask("127.5.0.1", "192.0.2.99") in (101, 200)
    assert ask("127.5.0.1", "192.0.2.98") == 429


def test_clientsOfIpv6AreCountedByTheirNetwork(open_: Any, way: str) -> None:
    ask = getattr(open_(BEHIND), way)
    assert ask("127.0.0.1", "2001:db8:1:1::1") in (101, 200)
    assert ask("127.0.0.1", "2001:db8:1:1:ffff::2") == 429
    assert ask("127.0.0.1", "[2001:db8:1:2::1]:4711") in (101, 200)


@pytest.mark.parametrize("nonsense", ["", ",", "unknown", "x" * 8_000, ",".join(["127.3.0.1"] * 900), "\xff", "1.2.3"])
def test_aHeaderThatSaysNothingLeavesTheProxysOwnAddress(open_: Any, way: str, nonsense: str) -> None:
    assert getattr(open_(BEHIND), way)("127.3.0.20", nonsense) in (101, 200, 429)


class TestProxyProtocol:
    CONFIG = {"proxies": ["127.3.0.0/16"], **ONE}

    @pytest.fixture
    def process(self, servers: SharedServers) -> Process:
        return servers(self.CONFIG, listen="haproxy:tcp:0:interface=127.0.0.1")

    @staticmethod
    def ask(process: Process, source: str, header: bytes) -> Response | None:
        """The answer to a handshake behind this header; None if the connection was ended without one."""
        try:
            connection = Connection(("127.0.0.1", process.port), source=source)
        except ConnectionEnded:
            return None
        try:
            connection.send(header + requestBytes("GET", HANDSHAKE + "polling"))
            return connection.readResponse()
        except Exception:
            return None
        finally:
            connection.close()

    def test_proxiesTellTheAddress(self, process: Process) -> None:
        statuses = []
        for number in (1, 1, 2):
            header = f"PROXY TCP4 192.0.2.{number} 192.0.2.200 4711 80\r\n".encode()
            answer = self.ask(process, "127.3.0.1", header)
            statuses.append(None if answer is None else answer.status)
        assert statuses == [200, 429, 200]

    def test_othersAreNotListenedTo(self, process: Process) -> None:
        assert self.ask(process, "127.6.0.1", b"PROXY TCP4 192.0.2.50 192.0.2.200 4711 80\r\n") is None

    @pytest.mark.parametrize(
        "header",
        [
            b"",
            b"PROXY",
            b"PROXY \r\n",
            b"PROXY TCP4 x y z\r\n",
            b"PROXY " + b"x" * 1_000 + b"\r\n",
            b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff",
            b"\r\n\r\n\x00\r\nQUIT\n\x2f\xff\x00\x00",
        ],
    )
    def test_whatIsNoHeaderIsNoTrouble(self, process: Process, header: bytes) -> None:
        connection = Connection(("127.0.0.1", process.port), source="127.3.0.1")
        quietly(connection, header + requestBytes("GET", HANDSHAKE + "polling"))
        assert connection.isQuiet(0.1) or b'"sid"' not in connection.readToEnd()
        connection.close()
        assert process.running
        assert "Traceback" not in process.output()
