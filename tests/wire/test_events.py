"""Which Socket.IO packets are understood, which close the connection, and that arguments are relayed untouched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.wire.rawws import Closed
from tests.wire.socketio import Peer, binaryEvent, event, placeholder
from tests.wire.wire import Wire

BAD_PACKETS = [
    # the type
    "4",
    "47",
    "48",
    "49",
    "4a",
    "4abc",
    "4-",
    "4 2[]",
    "4٢[]",
    '4{"a":1}',
    # an event is a non-empty array whose first item is a name
    "42",
    "421",
    "42{}",
    '42"message"',
    "42null",
    "421.5",
    "42[]",
    "42[null]",
    "42[true]",
    "42[[]]",
    '42[["message"]]',
    '42[{"toString":"x"}]',
    '42[{"a":1},"x"]',
    # names that mean something to the library
    '42["connect"]',
    '42["connect_error"]',
    '42["disconnect"]',
    '42["disconnecting"]',
    '42["newListener"]',
    '42["removeListener"]',
    '42["\\u0063onnect"]',
    # strict JSON and nothing after it
    '42["message"',
    '42["message",]',
    '42["message"]x',
    '42["message"] ["message"]',
    "42['message']",
    "42[message]",
    '42["message",01]',
    '42["message",+1]',
    '42["message",.5]',
    '42["message",1.]',
    '42["message",NaN]',
    '42["message",Infinity]',
    '42["message",-Infinity]',
    '42["message",nan]',
    '42["message",undefined]',
    '42["message","\t"]',
    '42["message","\\x41"]',
    '42["message","\\u12"]',
    '42["message",/**/1]',
    '4\ufeff2["message"]',
    '42\ufeff["message"]',
    # the acknowledgement's id
    '42abc["message"]',
    '42-1["message"]',
    '42+1["message"]',
    '421_0["message"]',
    '421.0["message"]',
    '42٢["message"]',
    '42²["message"]',
    # the namespace
    '42/custom["message"]',
    '42custom,["message"]',
    # acknowledgements are arrays
    "431",
    "431{}",
    '431"x"',
    "431null",
    '431["x"',
    # disconnects are empty
    "41{}",
    '41["x"]',
]

BAD_BINARY_PACKETS = [
    '45["message"]',
    '45-["message"]',
    '450-["message"]',
    '4511-["message"]',
    '45100-["message"]',
    '45a-["message"]',
    '45-1-["message"]',
    '45+1-["message"]',
    '451.0-["message"]',
    '451_-["message"]',
    '45٢-["message"]',
    "451",
    "451-",
    "451-{}",
    '451-["connect"]',
    "451-[1.5]x",
    "46",
    "460-[]",
    "4611-1[]",
    "461-1{}",
]

BAD_NUMBERS = [1, 2, 10, -1, 1.5, "0", "length", "__proto__", None, True, [], {}, 10**30]

DEPTHS = [1_000, 5_000, 100_000, 300_000]


@pytest.fixture
def peer(wire: Wire, revision: int, transport: str) -> Peer:
    """A connection that is in `/`."""
    return wire.rootPeer(revision, transport)


@pytest.fixture
def socket(wire: Wire, revision: int) -> Peer:
    """A WebSocket connection that is in `/`."""
    return wire.rootPeer(revision)


def sentBack(peer: Peer, arguments: str) -> str:
    """The arguments of the answer to `message` with these arguments, as JSON text."""
    peer.send(f'42["message",{arguments}]')
    answer = peer.receive()
    assert isinstance(answer, str)
    head = '42["message-back",'
    assert answer.startswith(head), answer
    return answer.removeprefix(head).removesuffix("]")


@pytest.mark.parametrize("packet", BAD_PACKETS, ids=ascii)
def test_aPacketThatIsNoneCloses(peer: Peer, packet: str) -> None:
    peer.send(packet)
    assert peer.untilClosed()[0] == []


@pytest.mark.parametrize("packet", BAD_BINARY_PACKETS, ids=ascii)
def test_aBinaryPacketThatIsNoneCloses(peer: Peer, packet: str) -> None:
    peer.send(packet, b"\x01")
    assert peer.untilClosed()[0] == []


@pytest.mark.parametrize("number", BAD_NUMBERS, ids=repr)
def test_aPlaceholderWithoutItsAttachmentCloses(peer: Peer, number: Any) -> None:
    peer.send(f'451-["message",{{"_placeholder":true,"num":{json.dumps(number)}}}]', b"\x01")
    assert peer.untilClosed()[0] == []


def test_aPlaceholderWithoutANumberCloses(peer: Peer) -> None:
    peer.send('451-["message",{"_placeholder":true}]', b"\x01")
    assert peer.untilClosed()[0] == []


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'], ids=["arrays", "objects"])
def test_argumentsThatAreTooDeepClose(socket: Peer, depth: int, brackets: str) -> None:
    opening, closing = brackets[:-1], brackets[-1]
    depth = min(depth, 900_000 // len(brackets))
    socket.send(f'42["message",{opening * depth}{"1" if len(brackets) > 2 else ""}{closing * depth}]')
    assert socket.untilClosed()[0] == []


@pytest.mark.parametrize("depth", [1, 10, 30])
def test_argumentsOfModestDepthAreFine(peer: Peer, depth: int) -> None:
    arguments = "[" * depth + "]" * depth + "," + '{"a":' * depth + "1" + "}" * depth
    assert sentBack(peer, arguments) == arguments


def test_whatCameBeforeABadPacketIsAnsweredFirst(peer: Peer) -> None:
    peer.send(event("message", 1), event("message", 2), "4abc", event("message", "never"))
    assert peer.untilClosed()[0] == [event("message-back", 1), event("message-back", 2)]


def test_aBadPacketEndsAllNamespacesOfItsConnection(wire: Wire, revision: int, transport: str) -> None:
    peer = wire.rootPeer(revision, transport)
    peer.send("40/custom,")
    peer.receive()
    peer.receive()
    peer.send(event("message", namespace="/custom"), '42/custom,["connect"]', event("message"))
    assert peer.untilClosed()[0] == [event("message-back", namespace="/custom")]


def test_aBadPacketEndsNoOtherConnection(wire: Wire, revision: int) -> None:
    bystander = wire.rootPeer(revision)
    for packet in ("4abc", "42[]", '42["message",' + "[" * 100_000, '4599-["x"]', '42["connect"]'):
        offender = wire.rootPeer(revision)
        offender.send(packet)
        assert offender.untilClosed()[0] == []
        bystander.send(event("message", "fine"))
        assert bystander.receive() == event("message-back", "fine")


@pytest.mark.parametrize("transport", ["websocket"])
def test_theCloseOfABadPacketIsSaidOnTheWebSocket(peer: Peer) -> None:
    peer.send("4abc")
    assert peer.untilClosed()[1] is not None


@pytest.mark.parametrize(
    "packet",
    [
        '42["nobody-listens",1,{"a":[]}]',
        '42["__proto__"]',
        '42["constructor"]',
        '42["error",{"a":1}]',
        '42["ping"]',
        '42["toString"]',
        '42[""]',
        "42[7]",
        "42[1.5,2]",
        '42["nobody-listens-%s %d {0}",1]',
    ],
)
def test_eventsThatNobodyListensToAreIgnored(peer: Peer, packet: str) -> None:
    peer.send(packet, packet.replace("42", "425", 1), event("message", "next"))
    assert peer.receive() == event("message-back", "next")


@pytest.mark.parametrize(
    "arguments",
    [
        '1,"2",{"3":[true]}',
        '""',
        "null",
        "[]",
        "{}",
        "[null,false,true,0,1.5,1e3,-1.25E-7]",
        "9007199254740993",
        "-9223372036854775809,18446744073709551616",
        "123456789012345678901234567890",
        "0.1,0.30000000000000004,100.25,1.7976931348623157e308,5e-324",
        '{"z":1,"a":2,"m":{"2":1,"1":2,"":3}}',
        '"<>&\'/\u2028\u2029\u007f"',
        '"ü€😀","\\u20ac","\\ud83d\\ude00","\\/\\b\\f\\n\\r\\t\\"\\\\"',
        '"\\u0000"',
        '{"__proto__":{"a":1},"constructor":2,"toString":null}',
        '{"_placeholder":true,"num":0}',
        '{"_placeholder":true,"num":"x"},{"_placeholder":false}',
        '[[[["x"]]]]',
    ],
    ids=ascii,
)
def test_argumentsComeBackAsTheyWereSent(peer: Peer, arguments: str) -> None:
    """Every digit of every integer, the order of every object, and whatever looks like something special."""
    returned = sentBack(peer, arguments)
    assert exact(returned) == exact(arguments)


def exact(arguments: str) -> Any:
    """JSON values with integers as they are written and objects as pairs in their order."""
    return json.loads(f"[{arguments}]", parse_int=str, object_pairs_hook=list)


def test_blanksBetweenTokensAreFine(peer: Peer) -> None:
    assert exact(sentBack(peer, ' { "a" : [ 1 ,\n2 ] } ')) == exact('{"a":[1,2]}')


@pytest.mark.parametrize("text", ['"\\ud800"', '"a\\udfffb"', '{"\\ud800":"\\udc00\\ud800"}'])
def test_halfASurrogatePairIsNeverSentAsSuch(peer: Peer, text: str) -> None:
    """It goes on escaped or replaced; what is sent is always UTF-8, which the client here insists on."""
    returned = json.loads(sentBack(peer, text))
    replaced = json.dumps(json.loads(text)).replace("\\udfff", "\\ufffd")
    replaced = replaced.replace("\\ud800", "\\ufffd").replace("\\udc00", "\\ufffd")
    assert returned in (json.loads(text), json.loads(replaced))


@pytest.mark.parametrize(
    "number", ["9" * 4_000, "9" * 5_000, "-" + "1" * 100_000, "1E400", "-1e999999999"], ids=lambda number: number[:9]
)
def test_hugeNumbersAreRelayedOrRefusedAndNeverBecomeSomethingElse(socket: Peer, number: str) -> None:
    socket.send(f'42["message",{number}]', event("message", "next"))
    try:
        packets = [socket.receive(), socket.receive()]
    except Closed:
        return
    assert packets == [f'42["message-back",{number}]', event("message-back", "next")]


@pytest.mark.parametrize("size", [1_000, 64 * 1024, 900_000])
def test_longStringsComeBack(peer: Peer, size: int) -> None:
    text = "v=0\\r\\n😀" * (size // 12)
    assert sentBack(peer, f'"{text}"') == f'"{text}"'


def test_manyArgumentsComeBack(peer: Peer) -> None:
    arguments = ",".join(map(str, range(2000)))
    assert sentBack(peer, arguments) == arguments


def test_eventsOfOneWriteAreAnsweredInOrder(peer: Peer) -> None:
    peer.send(*[event("message", number) for number in range(200)])
    assert [peer.receive() for _ in range(200)] == [event("message-back", number) for number in range(200)]


def test_aBurstOfEventsArrivesInOrder(peer: Peer) -> None:
    peer.send(event("burst", 300), event("message", "last"))
    received = [peer.receive() for _ in range(301)]
    assert received == [*[event("b", number) for number in range(300)], event("message-back", "last")]


def test_aPlainEventMayHoldWhatLooksLikeAPlaceholder(peer: Peer) -> None:
    peer.send(event("message", placeholder(0)))
    assert peer.receive() == event("message-back", placeholder(0))


def test_textWhileAttachmentsAreMissingCloses(peer: Peer) -> None:
    header, first, _ = binaryEvent(["message", placeholder(0), placeholder(1)], b"1", b"2")
    peer.send(header, first, event("message"))
    assert peer.untilClosed()[0] == []


def test_aBinaryMessageOutOfTheBlueCloses(peer: Peer) -> None:
    peer.send(b"\x01\x02")
    assert peer.untilClosed()[0] == []


def test_anAttachmentTooManyCloses(peer: Peer) -> None:
    peer.send(*binaryEvent(["message", placeholder(0)], b"1"), b"2")
    packets = peer.untilClosed()[0]
    assert packets == list(binaryEvent(["message-back", placeholder(0)], b"1"))
