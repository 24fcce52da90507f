"""What clients do works through nginx as docs/nginx.conf sets it up: old and new clients, every transport."""

from __future__ import annotations

import http.client
import re
import signal
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.service.config.reader import defaultConfig
from tests.clients.client import TookTooLong
from tests.clients.kinds import WAYS, Kind
from tests.clients.opener import Clients
from tests.proxy.nginx import CONFIG, Certificate, Proxy, runNginx
from tests.support.patience import PATIENCE
from tests.support.processes import Process

_LIBRARIES = ("2.2.0", "4.8")
_LARGE = 900_000
_KINDS = [Kind(library, way, "/") for library in _LIBRARIES for way in WAYS]
_SILENCE = 6.5  # seconds, after which whoever has had no heartbeat is cut off
_REQUESTS = 20
_OPENING = "/socket.io/?EIO=4&transport=polling"
_DEFAULTS = defaultConfig()


@pytest.fixture(params=_KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The oldest and the newest client, on each way of transport."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """A room of the test's own."""
    return str(request.node.name)


def get(
    proxy: Proxy, path: str, certificate: Certificate, headers: dict[str, str], source: str = ""
) -> tuple[int, str]:
    """Status and body of a request over TLS, from an address of this machine."""
    context = ssl.create_default_context(cafile=str(certificate.certificate))
    port = int(proxy.url.rpartition(":")[2])
    connection = http.client.HTTPSConnection(
        "localhost", port, context=context, timeout=PATIENCE, source_address=(source, 0) if source else None
    )
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def connectionsTo(port: int) -> int:
    """How many TCP connections to a port of this machine there are, dead ones included."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return sum(f":{port:04X}" in row[2] for row in rows)


def test_clientsMeetOnTheTransportThatTheyWant(clients: Clients, kind: Kind, room: str) -> None:
    ann, bob = clients.connect(kind, "ann"), clients.connect(kind.other, "bob")
    for member in (ann, bob):
        member.join(room)
    for member in (ann, bob):
        member.settle()
    assert (ann.transport(), bob.transport()) == (kind.finalTransport, kind.other.finalTransport)

    assert ann.ask("broadcast", {"userId": "ann", "msgType": 1, "sdp": "v=0"}) == {"ok": True, "delivered": 2}
    bob.expect("broadcast", {"userId": "ann", "msgType": 1, "sdp": "v=0"})
    assert bob.ask("broadcast", {"userId": "bob", "msgType": 2}) == {"ok": True, "delivered": 2}
    ann.expect("broadcast", {"userId": "ann", "msgType": 1, "sdp": "v=0"})
    ann.expect("broadcast", {"userId": "bob", "msgType": 2})


def test_aMessageOf900KilobytesGoesThroughAndComesBack(clients: Clients, kind: Kind, room: str) -> None:
    ann = clients.connect(kind, "ann")
    ann.join(room)
    ann.settle()
    message = {"userId": "ann", "msgType": 1, "sdp": "v" * _LARGE}
    assert ann.ask("broadcast", message) == {"ok": True, "delivered": 1}
    ann.expect("broadcast", message)


def test_whoeverIsSilentStaysConnected(clients: Clients, room: str) -> None:
    """For some heartbeats nothing is said but these, and nobody is cut off."""
    members = [clients.connect(kind, f"user {number}") for number, kind in enumerate(_KINDS)]
    for member in members:
        member.join(room)
    for member in members:
        member.settle()
    for member in members:
        member.life.takeAll()

    with pytest.raises(TookTooLong):
        members[0].life.take(_SILENCE)

    for member in members:
        assert member.life.takeAll() == []
    assert members[0].ask("broadcast", {}) == {"ok": True, "delivered": len(members)}


def test_whoeverLeavesBehindNginxIsAnnouncedAtOnce(clients: Clients, kind: Kind, room: str) -> None:
    witness, ann = clients.connect(Kind("4.8", "websocket", "/"), "witness"), clients.connect(kind, "ann")
    for member in (witness, ann):
        member.join(room)
        member.settle()
    witness.everything()
    ann.close()
    witness.expect("user-left", "ann", {"roomName": room, "reason": "disconnect"})


def test_pollsShareConnectionsToTheServer(backend: Process, clients: Clients, room: str) -> None:
    """nginx keeps them open; otherwise each request would leave a dead connection behind."""
    ann = clients.connect(Kind("4.8", "polling", "/"), "ann")
    ann.join(room)
    before = connectionsTo(backend.port)
    for number in range(_REQUESTS):
        assert ann.ask("broadcast", {"number": number})["ok"]
    assert connectionsTo(backend.port) - before < _REQUESTS / 2


@pytest.mark.parametrize(("origin", "status"), [("https://localhost:{port}", 200), ("https://elsewhere.example", 403)])
def test_theServerSeesUnderWhichNameThePageKnowsIt(
    proxy: Proxy, certificate: Certificate, origin: str, status: int
) -> None:
    """A page from the same host comes in, one from elsewhere does not."""
    headers = {"Origin": origin.format(port=proxy.url.rpartition(":")[2])}
    answer, body = get(proxy, _OPENING, certificate, headers)
    assert answer == status, body


def test_theStatusPageIsThere(proxy: Proxy, certificate: Certificate) -> None:
    assert get(proxy, "/status", certificate, {}) == (200, "Status: OK")


def test_whoComesWithoutTlsIsSentToWhereItIs(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(proxy.plain.rpartition(":")[2]), timeout=PATIENCE)
    connection.request("GET", "/status?a=b")
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.getheader("Location")) == (308, "https://signal.example.org/status?a=b")


def test_itsNumbersFitTheDefaultsOfTheServer() -> None:
    text = CONFIG.read_text(encoding="utf-8")

    def number(pattern: str) -> int:
        found = re.findall(pattern, text)
        assert len(found) == 1, pattern
        return int(found[0])

    silence = _DEFAULTS.socketio.pingInterval + _DEFAULTS.socketio.pingTimeout
    assert number(r"proxy_read_timeout (\d+)s;") > silence
    assert number(r"proxy_send_timeout (\d+)s;") > silence
    assert number(r"client_max_body_size (\d+)k;") * 1024 > _DEFAULTS.limits.messageBytes


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"proxies": ["127.0.0.1"], "limits": {"connections_per_address": 1}}, [200, 200, 429]),
        ({"limits": {"connections_per_address": 1}}, [200, 429, 429]),
        ({"limits": {"connections_per_address": 0}}, [200, 200, 200]),
    ],
    ids=["a proxy that is known", "one that is not", "no limit"],
)
def test_clientsAreCountedByTheirOwnAddressesIfTheProxyIsKnown(
    nginx: None,
    server: Callable[..., Process],
    certificate: Certificate,
    tmp_path: Path,
    config: dict[str, Any],
    expected: list[int],
) -> None:
    counting = server(config)
    sources = ("127.0.0.1", "127.0.0.2", "127.0.0.2")
    forged = {"X-Forwarded-For": "192.0.2.77"}
    with runNginx(tmp_path, counting.port, certificate) as proxy:
        statuses = [get(proxy, _OPENING, certificate, forged, source=address)[0] for address in sources]
    # Polling clients that do not poll would hold up an orderly end.
    counting.signal(signal.SIGKILL)
    assert statuses == expected
