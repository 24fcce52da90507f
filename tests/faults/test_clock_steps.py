"""The system's clock is set while the server runs: nobody is disconnected, nothing stops, tokens keep their length."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from rtcsignal.policy.builtin.shared_secret import makeTicket
from tests.faults.target import joined
from tests.support.faketime import FakeTime
from tests.support.lanes import writeConfig
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, Process, checkoutEnvironment, startProcess, twistdCommand
from tests.wire.engine import EngineSocket
from tests.wire.rawws import Closed
from tests.wire.socketio import Peer, PollingPeer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

KINDS = [(3, "websocket"), (4, "websocket"), (3, "polling"), (4, "polling")]
STEPS = {"30 s forwards": 30, "20 s back": -20, "an hour forwards": 3600, "an hour back": -3600}
SECRET = "the secret of these tests, 32 characters"
WATCHDOG_SECONDS = 0.4


class Stepped:
    """A server, its clock, and what it tells the service manager.

    Attributes:
        process: The server.
        clock: Its wall clock.
    """

    def __init__(self, process: Process, clock: FakeTime, manager: socket.socket | None = None) -> None:
        self.process = process
        self.clock = clock
        self._given = manager

    @property
    def _manager(self) -> socket.socket:
        assert self._given is not None
        return self._given

    @contextmanager
    def wire(self) -> Iterator[Wire]:
        """The way to it."""
        wire = Wire(("127.0.0.1", self.process.port))
        try:
            yield wire
        finally:
            wire.closeAll()

    def assertAlive(self) -> None:
        """It goes on telling the service manager that it lives."""
        self._manager.setblocking(False)
        try:
            while self._manager.recv(100):
                pass
        except BlockingIOError:
            self._manager.settimeout(PATIENCE)
        assert [self._manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3

    def told(self) -> bytes:
        """What it tells the service manager, but that it lives."""
        while (message := self._manager.recv(100)) == b"WATCHDOG=1":
            pass
        return message


@contextmanager
def serving(folder: Path, window: int = 0) -> Iterator[Stepped]:
    """A server on a clock of its own, that lets lost connections be recovered for so many seconds."""
    clock = FakeTime(folder)
    config = {
        "socketio": {"ping_interval": 0.3, "ping_timeout": 20, "recovery": {"window": window, "everybody": True}},
        "plugins": {"use": [{"shared-secret": {"secret": SECRET}}, "anonymous"]},
        "limits": {"header_seconds": 1},
    }
    writeConfig(folder / "server.conf", config)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(PATIENCE)
        watchdog = str(int(WATCHDOG_SECONDS * 1e6))
        environ = checkoutEnvironment(
            NOTIFY_SOCKET=str(folder / "notify"), WATCHDOG_USEC=watchdog, **clock.environment
        )
        command = twistdCommand("--config", str(folder / "server.conf"), "--listen", "tcp:0:interface=127.0.0.1")
        with startProcess(command, cwd=str(folder), env=environ) as process:
            yield Stepped(process, clock, manager)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stepped]:
    """One server for the tests that leave it as it was."""
    with serving(tmp_path_factory.mktemp("clock")) as server:
        yield server


@pytest.fixture
def wire(server: Stepped) -> Iterator[Wire]:
    """The way to it, while its clock is right; it is afterwards, too."""
    server.clock.set(0)
    with server.wire() as wire:
        yield wire
        server.clock.set(0)
        wire.endSessions()


@pytest.fixture(params=list(STEPS.values()), ids=list(STEPS))
def step(request: pytest.FixtureRequest) -> int:
    """Seconds by which the clock is set, each in turn."""
    chosen: int = request.param
    return chosen


def heartbeat(peer: Peer) -> None:
    """One heartbeat, as the revision has it."""
    if isinstance(peer, PollingPeer):
        if peer.revision == 3:
            peer.session.send("2")
            assert "3" in peer.session.receive()
        else:
            assert "2" in peer.session.receive()
            peer.session.send("3")
        return
    assert isinstance(peer, EngineSocket)
    if peer.revision == 3:
        peer.send("2")
        assert peer.next() == "3"
    else:
        assert peer.next() == "2"
        peer.send("3")


def assertTheyTalk(peers: list[Peer], text: str) -> None:
    """What each says reaches all."""
    for number, peer in enumerate(peers):
        peer.send(event("broadcast", {"userId": f"p{number}", "text": text}))
    for peer in peers:
        heard = {json.loads(str(peer.receive())[2:])[1]["userId"] for _ in peers}
        assert heard == {f"p{number}" for number in range(len(peers))}


def test_nobodyIsDisconnectedAndHeartbeatsGoOn(server: Stepped, wire: Wire, step: int, room: str) -> None:
    peers: list[Peer] = []
    for number, kind in enumerate(KINDS):
        peers.append(joined(wire.namespacePeer(*kind), f"p{number}", room))
        for peer in peers[:-1]:
            assert "user-joined" in str(peer.receive())
    for ahead in (step, 0, step):
        server.clock.set(ahead)
        for _ in range(3):
            for peer in peers:
                heartbeat(peer)
        assertTheyTalk(peers, f"at {ahead}")


def test_whoSendsMuchIsNoFloodAndWhoJoinsMayJoinMore(server: Stepped, wire: Wire, step: int, room: str) -> None:
    peer = joined(wire.namespacePeer(4), "ann", room)
    for ahead in (step, 0):
        server.clock.set(ahead)
        for number in range(5):
            name = f"{room[-50:]} {ahead} {number}"
            joined(peer, "ann", name)
            peer.send(event("leave-room", {"userId": "ann", "roomName": name}, ack="1"))
            assert str(peer.receive()).startswith("431[{")
            assert "user-left" in str(peer.receive())
        for number in range(50):
            peer.send(event("broadcast", {"userId": "ann", "roomName": room, "n": number}))
        assert [json.loads(str(peer.receive())[2:])[1]["n"] for _ in range(50)] == list(range(50))


def test_theLogAndTheSignsOfLifeGoOn(server: Stepped, wire: Wire, step: int, room: str) -> None:
    for number, ahead in enumerate((step, 0, step)):
        server.clock.set(ahead)
        written = len(server.process.output())
        joined(wire.namespacePeer(3), f"p{number}", f"log {number} {step}")
        server.process.waitOutput(f"p{number} joined log {number} {step}", start=written)
        server.assertAlive()


def test_deadlinesComeInTime(server: Stepped, wire: Wire, step: int) -> None:
    connection = wire.connection()
    connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
    server.clock.set(step)
    assert connection.readToEnd() == b""


def test_theDateIsTheNewTime(server: Stepped, wire: Wire, step: int) -> None:
    connection = wire.connection()
    for ahead in (0, step):
        server.clock.set(ahead)
        for target in (f"{SOCKETIO_PATH}?EIO=4&transport=polling", "/nothing"):
            date = connection.request("GET", target).header("date")
            assert date is not None
            assert abs(parsedate_to_datetime(date).timestamp() - time.time() - ahead) < 10


class TestTokens:
    """Who comes is judged by the new time; who is in stays for as long as there was left."""

    def _peer(self, wire: Wire, seconds: float, room: str) -> EngineSocket:
        ticket = makeTicket(SECRET, time.time() + seconds, "ann")
        peer = wire.socket(4, path=SOCKETIO_PATH)
        peer.send("40" + json.dumps({"token": ticket}))
        assert str(peer.receive()).startswith('40{"sid"')
        joined(peer, "ann", room)
        return peer

    @pytest.mark.parametrize("step", [30, 3600, -20, -3600])
    def test_whoIsInStaysForWhatWasLeft(self, server: Stepped, wire: Wire, step: int, room: str) -> None:
        peer = self._peer(wire, 8, room)
        deadline = time.monotonic() + PATIENCE
        server.clock.set(step)
        peer.send(event("broadcast", {"userId": "ann"}))
        assert peer.receive() == '42["broadcast",{"userId":"ann"}]'
        while '"code":"expired"' not in (packet := str(peer.next())):
            assert packet == "2", packet
            assert time.monotonic() < deadline
            peer.send("3")

    @pytest.mark.parametrize("step", [-20, -3600])
    def test_aTokenThatHasALongTimeLeftHolds(self, server: Stepped, wire: Wire, step: int, room: str) -> None:
        peer = self._peer(wire, 7200, room)
        for ahead in (-step, step, -step):
            server.clock.set(ahead)
            heartbeat(peer)
            assertStillIn(peer)

    def test_whoComesIsJudgedByTheNewTime(self, server: Stepped, wire: Wire, room: str) -> None:
        server.clock.set(3600)
        peer = wire.peer(4, "websocket")
        peer.send("40" + json.dumps({"token": makeTicket(SECRET, time.time() + 600, "ann")}))
        assert '"code":"expired"' in str(peer.receive())


def assertStillIn(peer: Peer) -> None:
    """A member hears what it says itself."""
    peer.send(event("broadcast", {"userId": "ann"}))
    assert peer.receive() == '42["broadcast",{"userId":"ann"}]'


@pytest.mark.parametrize("step", [3600, -3600])
def test_whoWasLostFindsItsPlaceAgain(tmp_path: Path, step: int) -> None:
    with serving(tmp_path, window=30) as server, server.wire() as wire:
        ben, ann = (wire.peer(4, "websocket") for _ in range(2))
        for peer, name in ((ben, "ben"), (ann, "ann")):
            peer.send("40")
            place = json.loads(str(peer.receive())[2:])
            peer.send(event("join-room", {"userId": name, "roomName": "kitchen"}))
            *_, offset = json.loads(str(peer.receive())[2:])
        assert json.loads(str(ben.receive())[2:])[1] == "ann"
        assert isinstance(ann, EngineSocket)
        ann.socket.connection.reset()
        assert json.loads(str(ben.receive())[2:])[:2] == ["user-away", "ann"]
        server.clock.set(step)
        heartbeat(ben)
        ben.send(event("broadcast", {"userId": "ben", "text": "are you there?"}))
        again = wire.peer(4, "websocket")
        again.send("40" + json.dumps({"pid": place["pid"], "offset": offset}))
        assert json.loads(str(again.receive())[2:])["pid"] == place["pid"]
        assert json.loads(str(again.receive())[2:])[1]["text"] == "are you there?"


@pytest.mark.parametrize("step", [3600, -3600])
def test_aServerWhoseClockWasSetEndsInOrder(tmp_path: Path, step: int) -> None:
    with serving(tmp_path) as server, server.wire() as wire:
        peers = [wire.namespacePeer(*kind) for kind in reversed(KINDS)]
        server.clock.set(step)
        server.process.signal(signal.SIGTERM)
        for peer in peers:
            with pytest.raises(Closed):
                pytest.fail(f"nobody says {peer.receive()!r}")
        assert server.told() in (b"READY=1", b"STOPPING=1")
        assert server.process.waitExit() == 0


@pytest.mark.parametrize("step", [3600, -3600])
def test_whoEmbedsTheServerNeedNotCare(tmp_path: Path, step: int) -> None:
    clock = FakeTime(tmp_path)
    command = [sys.executable, str(ROOT / "docs/examples/chat.py"), "tcp:0:interface=127.0.0.1"]
    environ = checkoutEnvironment(**clock.environment)
    with startProcess(command, env=environ, until=r"listening on port (?P<port>\d+)") as process:
        server = Stepped(process, clock)
        with server.wire() as wire:
            ann, ben = (wire.socket(4, path=SOCKETIO_PATH, query=f"&name={name}") for name in ("ann", "ben"))
            for peer in (ann, ben):
                peer.send("40")
                while "joined" not in str(peer.receive()):
                    pass
            clock.set(step)
            assert str(ann.receive()) == '42["news","ben joined"]'
            ann.send(event("say", "still here?"))
            assert [peer.receive() for peer in (ann, ben)] == ['42["said","ann","still here?"]'] * 2
            connection = wire.connection()
            connection.send(b"GET / HTTP/1.1\r\n")
            assert connection.readToEnd() == b""
