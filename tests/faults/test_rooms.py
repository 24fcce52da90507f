"""Members who mean harm, strangers who listen, names that mean something to programs, and JSON that means trouble."""

from __future__ import annotations

import json
import re

import pytest

from tests.faults.target import Target, joined
from tests.support.sharedservers import SharedServers
from tests.wire.engine import Polling
from tests.wire.rawhttp import ConnectionEnded
from tests.wire.rawws import Closed
from tests.wire.socketio import Peer, event, isConnected
from tests.wire.wire import SOCKETIO_PATH, Wire

NAMES = [
    "__proto__",
    "constructor",
    "__class__",
    "toString",
    "undefined",
    "null",
    "None",
    "0",
    "true",
    "*",
    "/",
    "/socket.io",
    "/socket.io,",
    "/socket.io#abc",
    "..",
    "{0} {room} %s",
    "'; DROP TABLE rooms; --",
    "<script>alert(1)</script>",
    '"\\',
    " ",
    "😀" * 100,
    "a\u0301",
    "\u202ereversed",
]


def hears(peer: Peer, mark: int) -> list[str]:
    """What a member has heard of others, up to now: its own message is the end."""
    peer.send(event("broadcast", {"end": mark}))
    heard: list[str] = []
    while f'"end":{mark}' not in (packet := str(peer.receive()).replace(" ", "")):
        heard.append(packet)
    return heard


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_namesAreNamesAndNothingLeaksFromOneRoomIntoAnother(
    attacker: Wire, revision: int, room: str, name: str
) -> None:
    here = joined(attacker.namespacePeer(revision), "ann", room)
    there = joined(attacker.namespacePeer(7 - revision), name, name)
    for body in ({"x": 1}, {"userId": name, "x": 1}, {"targetUserId": "ann", "x": 1}, {"roomName": room, "x": 1}):
        there.send(event("broadcast", body, ack="1"))
    assert hears(here, 1) == []
    there.send(event("leave-room", {"userId": name, "roomName": name}, ack="2"))
    while not (packet := str(there.receive())).startswith("432"):
        pass
    assert json.loads(packet[3:]) == [{"ok": True}]


def test_idsOfConnectionsAreNoRoomsAndNoUsers(attacker: Wire, revision: int, room: str) -> None:
    session = attacker.polling(3, path=SOCKETIO_PATH)
    victim = attacker.namespacePeer(revision)
    joined(victim, "victim", room)
    spy = joined(attacker.namespacePeer(revision), session.sid, session.sid)
    victim.send(event("broadcast", {"userId": "victim", "secret": 1}))
    spy.send(event("broadcast", {"targetUserId": session.sid, "x": 1}, ack="5"))
    assert json.loads(str(spy.receive())[3:]) == [{"ok": True, "delivered": 0}]
    assert hears(spy, 2) == []


FORGED = [
    {"userId": "victim", "msgType": 1},
    {"userId": "VICTIM", "msgType": 1},
    {"userId": "mallory ", "msgType": 1},
    {"userId": ["victim"], "msgType": 1},
    {"userId": {"toString": "victim"}, "msgType": 1},
    {"userId": 1, "msgType": 1},
    {"userId": "", "msgType": 1},
]


@pytest.mark.parametrize("body", FORGED, ids=json.dumps)
def test_nobodySpeaksAsAnother(attacker: Wire, revision: int, transport: str, room: str, body: object) -> None:
    listener = joined(attacker.namespacePeer(revision), "victim", room)
    mallory = joined(attacker.namespacePeer(revision, transport), "mallory", room)
    mallory.send(event("broadcast", body, ack="7"))
    while not (packet := str(mallory.receive())).startswith("437"):
        pass
    assert '"ok":false' in packet
    mallory.send(event("leave-room", {"userId": "victim", "roomName": room}, ack="8"))
    while not (packet := str(mallory.receive())).startswith("438"):
        pass
    assert '"code":"not-your-user-id"' in packet
    assert [heard for heard in hears(listener, 3) if "mallory" not in heard] == []


def test_whoeverAsksForTheWaysOfTheOriginalGetsThem(servers: SharedServers, revision: int, room: str) -> None:
    wire = Wire(("127.0.0.1", servers({"signaling": {"compat": "exact"}}).port))
    listener, mallory = wire.namespacePeer(revision), wire.namespacePeer(revision)
    for peer, name in ((listener, "victim"), (mallory, "mallory")):
        peer.send(event("join-room", {"userId": name, "roomName": room}))
        assert peer.receive() == event("user-joined", name)
    assert listener.receive() == event("user-joined", "mallory")
    forged = event("broadcast", {"userId": "victim", "targetUserId": "nobody", "msgType": 1})
    mallory.send(forged)
    assert listener.receive() == forged
    wire.closeAll()


BAD_JOINS = [
    "null",
    '"null"',
    '"{}"',
    "{}",
    "[]",
    "1",
    '"not json"',
    '{"userId":null,"roomName":"r"}',
    '{"userId":"u","roomName":null}',
    '{"userId":"u"}',
    '{"userId":"u","roomName":""}',
    '{"userId":"","roomName":"r"}',
    '{"userId":"u","roomName":["r"]}',
    '{"userId":{"toString":"u"},"roomName":"r"}',
    '{"userId":"u","roomName":1e3}',
    '{"userId":"u","roomName":"a\\nb"}',
    '{"userId":"u","roomName":"a\\u0000"}',
    '{"userId":"u","roomName":"' + "x" * 257 + '"}',
    '{"userId":"' + "x" * 257 + '","roomName":"r"}',
    '"{\\"userId\\":\\"u\\",\\"roomName\\":\\"r\\"} trailing"',
    json.dumps("[" * 5_000),
    json.dumps('{"a":' * 2_000),
]


@pytest.mark.parametrize("argument", BAD_JOINS, ids=lambda text: text[:40])
def test_aJoinThatIsNoneMakesNoRoom(attacker: Wire, revision: int, transport: str, argument: str) -> None:
    peer = attacker.namespacePeer(revision, transport)
    peer.send(f'421["join-room",{argument}]')
    packet = str(peer.receive())
    assert packet.startswith('431[{"ok":false,"error":{"code":"bad-arguments"'), packet
    peer.send(event("broadcast", {"x": 1}, ack="2"))
    assert "not-in-room" in str(peer.receive())


NASTY = {
    "deep arrays": '["broadcast",' + "[" * 100_000 + "]" * 100_000 + "]",
    "deep objects": '["broadcast",' + '{"a":' * 50_000 + "1" + "}" * 50_000 + "]",
    "deep and open": '["broadcast",' + "[" * 400_000,
    "NaN": '["broadcast",{"x":NaN}]',
    "Infinity": '["broadcast",{"x":-Infinity}]',
    "an endless integer": '["broadcast",{"x":' + "9" * 100_000 + "}]",
    "a huge number": '["broadcast",{"x":1e400}]',
    "a million brackets": '["broadcast","' + "[{" * 400_000 + '"]',
    "a million escapes": '["broadcast","' + "\\ud800" * 150_000 + '"]',
    "an unterminated string": '["broadcast","' + "\\\\" * 400_000,
    "masses of keys": '["broadcast",{' + ",".join(f'"{n}":1' for n in range(60_000)) + "}]",
    "one key again and again": '["broadcast",{' + ",".join(['"userId":"ann"'] * 40_000) + "}]",
    "masses of arguments": '["broadcast"' + ",1" * 400_000 + "]",
    "a long name": '["' + "x" * 900_000 + '"]',
}


@pytest.mark.parametrize("payload", NASTY.values(), ids=NASTY.keys())
def test_whatOthersHearIsStrictJsonOrNothing(
    target: Target, attacker: Wire, revision: int, room: str, payload: str
) -> None:
    ann = joined(attacker.namespacePeer(revision), "ann", room)
    bob = joined(attacker.namespacePeer(7 - revision), "bob", room)
    spent = target.processorSeconds()
    try:
        ann.send("42" + payload)
    except ConnectionEnded:
        pass
    for heard in hears(bob, 4):
        assert heard.startswith("42[")
        json.loads(heard[2:], parse_constant=lambda constant: pytest.fail(constant))
    assert target.processorSeconds() - spent < 0.7


def test_roomsNamespacesAndJoinsHaveTheirLimits(attacker: Wire, revision: int) -> None:
    peer = attacker.namespacePeer(revision)
    peer.send(*[event("join-room", {"userId": "u", "roomName": f"r{n}"}, ack=str(n)) for n in range(130)])
    answers: dict[str, int] = {}
    while sum(answers.values()) < 130:
        packet = str(peer.receive())
        if packet.startswith("43"):
            code = "ok" if '"ok":true' in packet else re.findall(r'"code":"([a-z-]+)"', packet)[0]
            answers[code] = answers.get(code, 0) + 1
    assert answers["ok"] == 32
    assert 65 <= answers["too-many-rooms"] <= 80
    assert 15 <= answers["too-many-joins"] <= 30

    names = ["/socket.io", *[f"/n{number}" for number in range(50)]]
    peer.send(*[f"40{name}," for name in names])
    replies = [str(peer.receive()) for _ in names]
    assert isConnected(replies[0], revision, "/socket.io")
    assert all(reply.startswith("44/n") for reply in replies[1:])


def test_noSecondWebsocketTakesOverASession(attacker: Wire, revision: int) -> None:
    session: Polling = attacker.polling(revision, path=SOCKETIO_PATH)
    owner = attacker.probed(session)
    session.receive()
    owner.send("5")
    thief = attacker.upgrade(session)
    thief.send("2probe")
    with pytest.raises((Closed, ConnectionEnded)):
        thief.next()
    assert owner.socket.connection.isQuiet(0.05) or owner.next()
