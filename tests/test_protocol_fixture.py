"""The fixture of the protocol suites: it serves what they expect, and needs no more than the two lower layers."""

from __future__ import annotations

import ast
import json
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, Process, startProcess
from tests.support.tools import needIpv6
from tests.wire.socketio import event, isConnected
from tests.wire.wire import ENGINE_PATH, SOCKETIO_PATH, Wire

FILE = ROOT / "tests" / "protocol_fixture.py"
COMMAND = [sys.executable, str(FILE), "--ping-timeout", "60000", "--connect-timeout", "60000"]
READY = r"^listening on 127\.0\.0\.1:(?P<port>\d+)$"


@pytest.fixture
def fixture() -> Iterator[Process]:
    """The fixture on a free port, with all the time for its clients."""
    with startProcess([*COMMAND, "--port", "0"], until=READY) as process:
        yield process


@pytest.fixture
def wire(fixture: Process) -> Iterator[Wire]:
    """Opens clients to it."""
    opener = Wire(("127.0.0.1", fixture.port))
    yield opener
    opener.closeAll()


def test_itNeedsNoLayerAboveSocketIo() -> None:
    tree = ast.parse(FILE.read_text(encoding="utf-8"))
    modules = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    own = {name.split(".")[1] for name in modules if name.startswith("rtcsignal.")}
    assert own <= {"engineio", "socketio", "errors", "values", "interfaces"}
    assert own >= {"engineio", "socketio"}


def test_itServesBothPathsAndBothRevisionsOnOnePort(wire: Wire) -> None:
    for revision in (3, 4):
        for path in (ENGINE_PATH, SOCKETIO_PATH):
            handshake = wire.polling(revision, path=path).handshake
            assert (handshake["pingInterval"], handshake["pingTimeout"]) == (300, 60_000)
            assert handshake["maxPayload"] == 1_000_000
        assert wire.socket(revision).isAlive()


def test_itHasTheTimesOfTheSuitesUnlessItIsToldOthers() -> None:
    with startProcess([sys.executable, str(FILE), "--port", "0"], until=READY) as process:
        wire = Wire(("127.0.0.1", process.port))
        for revision in (3, 4):
            handshake = wire.polling(revision).handshake
            assert (handshake["pingInterval"], handshake["pingTimeout"]) == (300, 200)
        wire.closeAll()


def test_itHasTheNamespacesOfTheSuites(wire: Wire) -> None:
    peer = wire.rootPeer(4)
    peer.send("40/custom,", "40/denied,", "40/elsewhere,")
    assert isConnected(peer.receive(), 4, "/custom")
    assert peer.receive() == event("auth", {}, namespace="/custom")
    assert peer.receive() == '44/denied,{"message":"Not authorized","data":{"code":42}}'
    assert peer.receive() == '44/elsewhere,{"message":"Invalid namespace"}'


def test_itHasTheEventsOfTheSuites(wire: Wire) -> None:
    peer = wire.rootPeer(4)
    peer.send(event("message", 1, "2"), event("message-with-ack", 3, ack="5"), event("burst", 3))
    assert [peer.receive() for _ in range(5)] == [
        event("message-back", 1, "2"),
        "435[3]",
        *[event("b", number) for number in range(3)],
    ]
    peer.send(event("server-ack", "x"))
    question = str(peer.receive())
    assert question.endswith('["question","x"]')
    peer.send("43" + question[2:].partition("[")[0] + '["y"]')
    assert peer.receive() == event("answer", "y")
    peer.send(event("kick", False))
    assert peer.receive() == "41"


def test_anyOriginMayConnect(wire: Wire) -> None:
    answer = wire.request("GET", f"{ENGINE_PATH}?EIO=4&transport=polling", [("Origin", "https://any.example")])
    assert answer.header("access-control-allow-origin") == "https://any.example"


def test_withRecoveryItGivesClientsBackWhatTheyLost() -> None:
    with startProcess([*COMMAND, "--port", "0", "--recovery"], until=READY) as process:
        wire = Wire(("127.0.0.1", process.port))
        try:
            lost = wire.socket(4, path=SOCKETIO_PATH)
            lost.send("40", event("burst", 3))
            answer, greeting, *burst = [str(lost.receive()) for _ in range(5)]
            assert json.loads(answer.removeprefix("40")).keys() == {"sid", "pid"}
            assert json.loads(greeting.removeprefix("42"))[:2] == ["auth", {}]
            claim = {"pid": json.loads(answer.removeprefix("40"))["pid"], "offset": json.loads(burst[0][2:])[-1]}
            wire.closeAll()
            again = wire.socket(4, path=SOCKETIO_PATH)
            again.send(f"40{json.dumps(claim)}", event("message", "hello"))
            assert again.receive() == answer
            assert [again.receive(), again.receive()] == burst[1:]
            assert json.loads(str(again.receive()).removeprefix("42"))[:2] == ["message-back", "hello"]
        finally:
            wire.closeAll()


def test_itListensOnThePortItIsTold(fixture: Process) -> None:
    fixture.stop()
    command = [sys.executable, str(FILE), "--port", str(fixture.port)]
    with startProcess(command, until=READY) as again:
        assert again.port == fixture.port


def test_localhostMayMeanEitherOfItsAddresses(fixture: Process) -> None:
    needIpv6()
    for address in ("127.0.0.1", "::1"):
        with socket.create_connection((address, fixture.port), timeout=PATIENCE) as connection:
            connection.sendall(b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_aPortInUseIsAnError(fixture: Process) -> None:
    command = [sys.executable, str(FILE), "--port", str(fixture.port)]
    with startProcess(command, until=None) as second:
        assert second.waitExit() != 0


def test_itEndsWhenItIsTold(fixture: Process) -> None:
    fixture.signal(signal.SIGTERM)
    fixture.waitExit()
