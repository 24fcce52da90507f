"""What docs/security.md promises, one test for each promise; `target` adds that nobody else was held up."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.target import Target, joined, quietly, unread
from tests.support.sharedservers import SharedServers
from tests.wire.engine import EngineSocket
from tests.wire.payloads import encode
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import CONTINUATION, PING, TEXT, frame, textFrame, upgradeBytes
from tests.wire.socketio import Peer, PollingPeer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

KINDS = [(3, "websocket"), (4, "websocket"), (3, "polling"), (4, "polling")]


def numbersHeard(peer: Peer, last: int) -> list[int]:
    """The numbers in the broadcasts that a member hears, up to the last one."""
    numbers: list[int] = []
    while not numbers or numbers[-1] != last:
        packet = str(peer.receive())
        if packet.startswith('42["broadcast"'):
            numbers.append(json.loads(packet[2:])[1]["n"])
    return numbers


class TestOrder:
    """Messages of one sender reach one receiver in the order sent, and at most once."""

    def test_onEveryTransport(self, attacker: Wire, revision: int, transport: str, room: str) -> None:
        sender = joined(attacker.namespacePeer(revision, transport), "sender", room)
        receivers = [joined(attacker.namespacePeer(*kind), f"r{n}", room) for n, kind in enumerate(KINDS)]
        for start in range(0, 200, 50):
            sender.send(*[event("broadcast", {"userId": "sender", "n": n}) for n in range(start, start + 50)])
        for receiver in [*receivers, sender]:
            assert numbersHeard(receiver, 199) == list(range(200))

    def test_throughAnUpgradeOfTheReceiver(self, attacker: Wire, revision: int, room: str) -> None:
        sender = joined(attacker.namespacePeer(4), "sender", room)
        receiver = joined(attacker.namespacePeer(revision, "polling"), "receiver", room)
        assert isinstance(receiver, PollingPeer)
        numbers = iter(range(1_000))
        heard: list[str] = []

        def say(count: int) -> None:
            now = [next(numbers) for _ in range(count)]
            sender.send(*[event("broadcast", {"userId": "sender", "n": n}) for n in now])
            assert numbersHeard(sender, now[-1]) == now

        session = receiver.session
        say(30)
        heard += map(str, session.receive())
        say(30)
        socket = attacker.upgrade(session)
        say(30)
        socket.send("2probe")
        say(30)
        assert socket.next() == "3probe"
        heard += map(str, session.receive())
        say(30)
        socket.send("5")
        say(30)
        while len([packet for packet in heard if packet.startswith('42["broadcast"')]) < 180:
            heard.append(str(socket.receive()))
        told = [json.loads(packet[2:])[1]["n"] for packet in heard if packet.startswith('42["broadcast"')]
        assert told == list(range(180))

    def test_throughAnUpgradeOfTheSender(self, attacker: Wire, revision: int, room: str) -> None:
        receiver = joined(attacker.namespacePeer(4), "receiver", room)
        sender = joined(attacker.namespacePeer(revision, "polling"), "sender", room)
        assert isinstance(sender, PollingPeer)
        packets = [event("broadcast", {"userId": "sender", "n": n}) for n in range(150)]
        sender.send(*packets[:50])
        socket = attacker.probed(sender.session)
        sender.send(*packets[50:100])
        socket.send("5", *packets[100:])
        assert numbersHeard(receiver, 149) == list(range(150))


def test_atMostOnceWhateverTwoPeopleShare(attacker: Wire, revision: int, room: str) -> None:
    sender = joined(attacker.namespacePeer(revision), "sender", room)
    receiver = joined(attacker.namespacePeer(7 - revision), "receiver", room)
    for number in range(5):
        for peer, name in ((sender, "sender"), (receiver, "receiver")):
            peer.send(*[event("join-room", {"userId": name, "roomName": f"{room} {number}"}, ack="1")] * 2)
    sender.send(*[event("broadcast", {"userId": "sender", "n": n}) for n in range(50)])
    assert numbersHeard(receiver, 49) == numbersHeard(sender, 49) == list(range(50))


def test_noLeakFromRoomToRoom(attacker: Wire, revision: int, transport: str, room: str) -> None:
    listener = joined(attacker.namespacePeer(revision), "listener", room)
    stranger = attacker.namespacePeer(revision, transport)
    neighbour = joined(attacker.namespacePeer(revision, transport), "neighbour", room + "'")
    for speaker in (stranger, neighbour):
        for body in ({"n": 1}, {"roomName": room}, {"targetUserId": "listener"}, {"userId": "listener"}, "x", None):
            speaker.send(event("broadcast", body))
        speaker.send(event("leave-room", {"userId": "listener", "roomName": room}))
    listener.send(event("broadcast", {"n": 2}))
    assert numbersHeard(listener, 2) == [2]


def byBytes(data: bytes) -> Callable[[Peer], None]:
    """An end by these bytes on a WebSocket."""

    def end(peer: Peer) -> None:
        assert isinstance(peer, EngineSocket)
        peer.socket.connection.send(data)

    return end


def byReset(peer: Peer) -> None:
    assert isinstance(peer, EngineSocket)
    peer.socket.connection.reset()


def byHangingUp(peer: Peer) -> None:
    assert isinstance(peer, EngineSocket)
    peer.socket.connection.send(textFrame("4" + "x" * 200)[:50])
    peer.close()


def waits(peer: Peer) -> PollingPeer:
    """The peer, once it has heard everything and its poll waits."""
    assert isinstance(peer, PollingPeer)
    peer.session.startPoll()
    while not peer.session.pollIsHeld(0.05):
        peer.session.finishPoll()
        peer.session.startPoll()
    return peer


def byTwoPolls(peer: Peer) -> None:
    session = waits(peer).session
    session.transmit(requestBytes("GET", session.target))


def byBrokenPoll(peer: Peer) -> None:
    waits(peer).session.breakPoll(reset=True)


ENDINGS: list[tuple[str, Callable[[Peer], None]]] = [
    ("websocket", lambda peer: peer.send("41")),
    ("websocket", lambda peer: peer.send("1")),
    ("websocket", lambda peer: peer.send("4abc")),
    ("websocket", lambda peer: peer.send("41", "1", "4abc")),
    ("websocket", byBytes(frame(TEXT, b"4", rsv=7))),
    ("websocket", byBytes(frame(TEXT, b"4", fin=False) + frame(CONTINUATION, fin=False) * 3_000)),
    ("websocket", byBytes(frame(PING) * 3_000)),
    ("websocket", byReset),
    ("websocket", byHangingUp),
    ("polling", lambda peer: peer.send("1")),
    ("polling", lambda peer: peer.send("9")),
    ("polling", byTwoPolls),
    ("polling", byBrokenPoll),
]


def test_exactlyOneUserLeftForEachMembership(attacker: Wire, revision: int, room: str) -> None:
    listener = joined(attacker.namespacePeer(4), "listener", room)
    people = []
    for number, (transport, _) in enumerate(ENDINGS):
        peer = joined(attacker.namespacePeer(revision, transport), f"user {number}", room)
        joined(peer, f"other name {number}", f"{room} {number}")
        people.append(peer)
    for peer, (_, end) in zip(people, ENDINGS, strict=True):
        end(peer)
    left: list[str] = []
    while len(left) < len(ENDINGS):
        news = json.loads(str(listener.receive())[2:])
        if news[0] == "user-left":
            left.append(news[1])
    assert sorted(left) == sorted(f"user {number}" for number in range(len(ENDINGS)))
    listener.send(event("broadcast", {"n": 0}))
    while not (packet := str(listener.receive())).startswith('42["broadcast"'):
        assert "user-left" not in packet


class TestBoundedMemory:
    def test_ofIdleClients(self, servers: SharedServers) -> None:
        target = Target(servers({"limits": {"connections_per_address": 0}, "web": {"demo": True}}))
        wire = Wire(target.address)
        for number in range(50):
            joined(wire.namespacePeer(4), f"first {number}", "first")
        before = target.kilobytes()
        for number in range(250):
            joined(wire.namespacePeer(3 + number % 2), "user", f"room {number}")
        assert (target.kilobytes() - before) / 250 < 40
        wire.closeAll()

    def test_ofClientsThatSendMostOfAMessageAndReadNothing(self, target: Target, attacker: Wire) -> None:
        before = target.kilobytes()
        for number in range(10):
            connection = unread(attacker, 4, f"user {number}", "worst")
            connection.send(frame(TEXT, b"x" * 999_000)[:-10_000])
        target.assertCallWorks()  # by then it has read what there was to be read
        assert (target.kilobytes() - before) / 10 < 2_600

    @pytest.mark.parametrize("way", ["a frame", "fragments", "a body", "chunks"])
    def test_ofClientsThatAreGoneInTheMiddleOfAMessage(
        self, target: Target, attacker: Wire, way: str
    ) -> None:
        revision = 4  # both have the same frames and bodies

        def comeAndGo() -> None:
            connections = []
            for _ in range(20):
                if way in ("a frame", "fragments"):
                    peer = attacker.namespacePeer(revision)
                    assert isinstance(peer, EngineSocket)
                    connections.append(connection := peer.socket.connection)
                    whole = frame(TEXT, b"4" * 700_000)
                    rest = frame(CONTINUATION, bytes(300_000))
                    data = whole[:-1] if way == "a frame" else frame(TEXT, b"4" * 600_000, fin=False) + rest[:100_000]
                else:
                    session = attacker.polling(revision, path=SOCKETIO_PATH)
                    connections.append(connection := attacker.connection())
                    chunks = way == "chunks"
                    header = ("Transfer-Encoding", "chunked") if chunks else ("Content-Length", "800000")
                    data = requestBytes("POST", session.target, [header]) + (b"c3500\r\n" if chunks else b"")
                    data += b"4" * 700_000
                connection.send(data)
            attacker.request("GET", "/status")
            for connection in connections:
                connection.reset()
            attacker.request("GET", "/status")

        comeAndGo()
        before = target.kilobytes()
        for _ in range(4):
            comeAndGo()
        assert target.kilobytes() - before < 28_000  # half of what was sent


def test_aHostileClientDelaysNobodyByASecond(attacker: Wire) -> None:
    """Whatever is expensive, for two seconds and all at once; the bystanders measure."""
    sockets = [attacker.namespacePeer(3 + number % 2) for number in range(20)]
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for number, peer in enumerate(sockets):
            assert isinstance(peer, EngineSocket)
            data = (
                textFrame('42["broadcast",' + "[" * 60 + "]" * 60 + "]") * 300,
                textFrame('42["broadcast","' + "\\ud800" * 10_000 + '"]'),
                frame(PING, bytes(125)) * 400,
                textFrame("4" + "9" * 60_000) * 3,
            )[number % 4]
            quietly(peer.socket.connection, data)
        quietly(attacker.connection(), requestBytes("GET", "/status") * 500)
        quietly(attacker.connection(), upgradeBytes(f"{SOCKETIO_PATH}?EIO=4&transport=websocket") * 20)


def test_drainTellsEveryClientAndEndsWithZeroInTenSeconds(servers: SharedServers, revision: int) -> None:
    process = servers({"socketio": {"cookie": f"drain{revision}"}})
    wire = Wire(("127.0.0.1", process.port))
    readers = [joined(wire.namespacePeer(revision), f"reader {n}", "drain") for n in range(5)]
    poller = joined(wire.namespacePeer(revision, "polling"), "poller", "drain")
    assert isinstance(poller, PollingPeer)
    unread(wire, revision, "slow", "drain")
    silent = [wire.connection() for _ in range(20)]
    readers[0].send(*[event("broadcast", {"userId": "reader 0", "n": n, "x": "x" * 30_000}) for n in range(30)])
    assert numbersHeard(poller, 29) == list(range(30))
    process.signal(signal.SIGTERM)
    for reader in readers[1:]:
        assert numbersHeard(reader, 29) == list(range(30)), "what was sent before arrives"
        assert reader.untilClosed()[1] == 1001
    assert process.running
    with pytest.raises(ConnectionRefusedError):
        wire.connection()
    assert poller.session.receive()[-1] == "1"
    assert process.waitExit() == 0
    assert len(silent) == 20
    wire.closeAll()


@pytest.mark.parametrize("seed", range(4))
def test_noBytesFromTheNetworkGiveATraceback(attacker: Wire, revision: int, seed: int) -> None:
    """Valid traffic with some of its bytes changed, on every layer."""
    chance = random.Random(f"{seed} {revision}")
    upgrade = upgradeBytes(f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket")
    texts = ["40", "40/socket.io,", event("join-room", {"userId": "u", "roomName": "r"}, ack="1"), "2", "3", "41"]
    texts += [event("broadcast", {"userId": "u", "x": "ü😀"}), "430[1]"]
    texts += ['451-["broadcast",{"_placeholder":true,"num":0}]']

    def changed(data: bytes) -> bytes:
        mutable = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(mutable))
            mutable[place : place + chance.randint(0, 2)] = chance.randbytes(chance.randint(0, 3))
            mutable = mutable or bytearray(b"x")
        return bytes(mutable)

    for _ in range(25):
        session = attacker.polling(revision, path=SOCKETIO_PATH)
        post = requestBytes("POST", session.target, body=encode(revision, *chance.sample(texts, 3)))
        frames = b"".join(map(textFrame, chance.sample(texts, 4)))
        late = upgrade + frames + changed(post)
        attacks = (changed(upgrade) + frames, upgrade + changed(frames), late, changed(post))
        for data in attacks:
            quietly(attacker.connection(), data)
        body = changed(encode(revision, *chance.sample(texts, 3)))
        assert attacker.request("POST", session.target, body=body).status in (200, 400)
