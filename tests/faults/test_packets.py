"""Packets that are none, events that nobody knows, and attachments: one connection ends or nothing happens at all."""

from __future__ import annotations

import json

import pytest

from tests.faults.target import Target, joined
from tests.socketio.hostile import TEXTS
from tests.wire.payloads import Packet
from tests.wire.rawhttp import ConnectionEnded
from tests.wire.socketio import Peer, event
from tests.wire.wire import Wire

PACKETS: dict[str, tuple[Packet, ...]] = {
    "no type": ("4",),
    "an unknown type": ("47",),
    "a type in other digits": ("4٢[]",),
    "no arguments": ("42",),
    "no array": ('42{"a":1}',),
    "no name": ("42[]",),
    "an object for a name": ('42[{"toString":"x"}]',),
    "a reserved name": ('42["disconnect"]',),
    "a reserved name in escapes": ('42["\\u0063onnect"]',),
    "JSON that is cut": ('42["broadcast"',),
    "something behind the JSON": ('42["broadcast"]x',),
    "NaN": ('42["broadcast",NaN]',),
    "a signed id": ('42+1["broadcast"]',),
    "a namespace without its end": ('42/socket.io["broadcast"]',),
    "an answer that is no array": ("431{}",),
    "more attachments than ten": ('4511-["broadcast"]', b"\x01"),
    "no number of attachments": ('45-["broadcast"]', b"\x01"),
    "a placeholder for another attachment": ('451-["broadcast",{"_placeholder":true,"num":1}]', b"\x01"),
    "a placeholder for a property": ('451-["broadcast",{"_placeholder":true,"num":"length"}]', b"\x01"),
    "a placeholder for a truth": ('452-["broadcast",{"_placeholder":true,"num":true}]', b"\x01", b"\x02"),
    "an attachment of nothing": (b"\x01",),
    "another packet in place of an attachment": (
        '451-["broadcast",{"_placeholder":true,"num":0}]',
        '42["broadcast",1]',
    ),
    "deep arguments": ('42["broadcast",' + "[" * 100_000 + "]" * 100_000 + "]",),
}

UNKNOWN = [
    '42["nobody-listens",1,{"a":[]}]',
    '42["__proto__"]',
    '42["constructor",{}]',
    '42["error",{"a":1}]',
    '42["user-joined","victim",{}]',
    '42["user-left","victim"]',
    '42["refused",{}]',
    '42["ping"]',
    '42[""]',
    "42[7]",
    '42["%s {0}"]',
]


def heard(peer: Peer, until: str) -> list[str]:
    """What a member hears before a packet with this in it."""
    packets: list[str] = []
    while until not in (packet := str(peer.receive())):
        packets.append(packet)
    return packets


def test_aPacketThatIsNoneEndsItsConnectionAndIsToldOnce(
    target: Target, attacker: Wire, revision: int, transport: str, room: str
) -> None:
    listener = joined(attacker.namespacePeer(revision), "listener", room)
    for kind, packets in PACKETS.items():
        peer = joined(attacker.namespacePeer(revision, transport), kind, room)
        peer.send(event("broadcast", "before"))
        peer.send(*packets)
        news, code = peer.untilClosed()
        assert [packet for packet in news if "before" not in str(packet)] == [], kind
        assert code == (1002 if transport == "websocket" else None), kind
    told = heard(listener, f'"user-left","{kind}"')
    listener.send(event("broadcast", "after"))
    told += heard(listener, '"after"')
    names = [json.loads(packet[2:])[:2] for packet in told if "user-" in packet]
    ways = [[way, kind] for kind in PACKETS for way in ("user-joined", "user-left")]
    assert names == ways[:-1]
    assert len([packet for packet in told if "before" in packet]) == len(PACKETS)
    assert len(told) == 3 * len(PACKETS) - 1


def test_eventsThatNobodyKnowsAreIgnored(attacker: Wire, revision: int, transport: str, room: str) -> None:
    listener = joined(attacker.namespacePeer(revision), "victim", room)
    peer = joined(attacker.namespacePeer(revision, transport), "peer", room)
    peer.send(*UNKNOWN, *[packet.replace("42", "427", 1) for packet in UNKNOWN], event("broadcast", "end"))
    assert heard(peer, '"end"') == []
    assert heard(listener, '"end"') == [event("user-joined", "peer", {"roomName": room})]


def test_theyAreCountedAndTooManyAreAFlood(attacker: Wire, revision: int, room: str) -> None:
    listener = joined(attacker.namespacePeer(revision), "listener", room)
    peer = joined(attacker.namespacePeer(revision), "peer", room)
    try:
        peer.send(*UNKNOWN * 150)
    except ConnectionEnded:
        pass
    assert peer.untilClosed() == ([], 1008)
    listener.receive()
    news = json.loads(str(listener.receive())[2:])
    assert news == ["user-left", "peer", {"roomName": room, "reason": "flood"}]


@pytest.mark.parametrize(
    "name", ["brackets", "deep", "lone surrogates", "backslashes, then a lone surrogate", "large exponents"]
)
def test_noTextTakesLongToCheck(target: Target, revision: int, room: str, name: str) -> None:
    def costOf(text: str) -> float:
        wire = Wire(target.address, target.newSource())  # whose limits begin anew
        peer = joined(wire.namespacePeer(revision), "peer", room)
        spent = target.processorSeconds()
        for _ in range(3):
            peer.send(f'42["nobody-listens",{text[1:]}')
        peer.send(event("broadcast", "end"))
        while "end" not in str(peer.receive()):
            pass
        wire.closeAll()
        return target.processorSeconds() - spent

    hostile, plain = TEXTS[name](900_000), TEXTS["long string"](900_000)
    # An unhurried machine takes 0.08 s for what is spent on three of them at 30 ns a byte, and one old way took 4 s.
    assert min(costOf(hostile) - costOf(plain) for _ in range(2)) < 0.3
