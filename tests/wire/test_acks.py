"""Acknowledgements both ways, and binary both ways."""

from __future__ import annotations

import json
import re

import pytest

from tests.wire.engine import EngineSocket
from tests.wire.payloads import Packet
from tests.wire.socketio import Peer, binaryEvent, event, placeholder
from tests.wire.wire import Wire

IDS = ["0", "1", "42", "4294967296", "18446744073709551616", "1" + "0" * 30]


@pytest.fixture
def peer(wire: Wire, revision: int, transport: str) -> Peer:
    """A connection that is in `/` and in `/custom`."""
    peer = wire.rootPeer(revision, transport)
    peer.send("40/custom,")
    for _ in range(2):
        peer.receive()
    return peer


class Question:
    """The server's request for an acknowledgement."""

    def __init__(self, packet: Packet, namespace: str = "") -> None:
        assert isinstance(packet, str)
        head = f"42{namespace and namespace + ','}"
        found = re.fullmatch(re.escape(head) + r'([0-9]+)(\["question".*\])', packet)
        assert found, packet
        self.arguments = json.loads(found[2])[1:]
        self.answer = f"43{namespace and namespace + ','}{found[1]}"
        self.id = found[1]


def asked(peer: Peer, about: object = "what?", namespace: str = "") -> Question:
    """Has the server ask."""
    peer.send(event("server-ack", about, namespace=namespace))
    question = Question(peer.receive(), namespace)
    assert question.arguments == [about]
    return question


@pytest.mark.parametrize("ack", IDS)
@pytest.mark.parametrize("namespace", ["", "/custom"])
def test_anEventWithAnIdIsAcknowledgedWithThatId(peer: Peer, ack: str, namespace: str) -> None:
    peer.send(event("message-with-ack", 1, "2", {"3": [False]}, namespace=namespace, ack=ack))
    assert peer.receive() == f'43{namespace and namespace + ","}{ack}[1,"2",{{"3":[false]}}]'


def test_anAcknowledgementWithoutValuesIsAnEmptyArray(peer: Peer) -> None:
    peer.send(event("message-with-ack", ack="7"))
    assert peer.receive() == "437[]"


def test_anEventWithoutAnIdIsNotAcknowledged(peer: Peer) -> None:
    peer.send(event("message-with-ack", 1), event("message", "next"))
    assert peer.receive() == event("message-back", "next")


def test_anEventIsAcknowledgedOnce(peer: Peer) -> None:
    peer.send(event("message-with-ack", 1, ack="3"), event("message", "next"))
    assert peer.receive() == "433[1]"
    assert peer.receive() == event("message-back", "next")


def test_theSameIdMayBeUsedAgain(peer: Peer) -> None:
    for number in range(3):
        peer.send(event("message-with-ack", number, ack="0"))
        assert peer.receive() == f"430[{number}]"


def test_theServerAsksAndIsAnswered(peer: Peer) -> None:
    question = asked(peer)
    peer.send(f'{question.answer}["because",1]')
    assert peer.receive() == event("answer", "because", 1)


def test_anAnswerMayBeEmpty(peer: Peer) -> None:
    peer.send(f"{asked(peer).answer}[]")
    assert peer.receive() == event("answer")


def test_anAnswerThatIsRepeatedIsIgnored(peer: Peer) -> None:
    question = asked(peer)
    peer.send(f"{question.answer}[1]", f"{question.answer}[2]", event("message", "next"))
    assert peer.receive() == event("answer", 1)
    assert peer.receive() == event("message-back", "next")


@pytest.mark.parametrize("ack", ["4711", "1" + "0" * 40])
def test_anAnswerThatNobodyAskedForIsIgnored(peer: Peer, ack: str) -> None:
    peer.send(f"43{ack}[1]", f"43/custom,{ack}[1]", event("message", "next"))
    assert peer.receive() == event("message-back", "next")


def test_anAnswerInAnotherNamespaceIsIgnored(peer: Peer) -> None:
    question = asked(peer)
    peer.send(f"43/custom,{question.id}[1]", event("message", "next"))
    assert peer.receive() == event("message-back", "next")
    peer.send(f"{question.answer}[2]")
    assert peer.receive() == event("answer", 2)


def test_questionsInTwoNamespacesAreNotMixedUp(peer: Peer) -> None:
    root = [asked(peer, number) for number in range(2)]
    custom = [asked(peer, number, "/custom") for number in range(2)]
    assert len({question.id for question in root}) == len({question.id for question in custom}) == 2
    for number, question in enumerate(custom):
        peer.send(f"{question.answer}[{number}]")
        assert peer.receive() == event("answer", number, namespace="/custom")
    for number, question in enumerate(root):
        peer.send(f"{question.answer}[{number}]")
        assert peer.receive() == event("answer", number)


def test_theIdsOfBothSidesHaveNothingToDoWithEachOther(peer: Peer) -> None:
    question = asked(peer)
    peer.send(event("message-with-ack", "mine", ack=question.id))
    assert peer.receive() == f'43{question.id}["mine"]'
    peer.send(f'{question.answer}["yours"]')
    assert peer.receive() == event("answer", "yours")


def test_answersMayComeInAnyOrder(peer: Peer) -> None:
    questions = [asked(peer, number) for number in range(5)]
    for question in reversed(questions):
        peer.send(f"{question.answer}{json.dumps(question.arguments)}")
        assert peer.receive() == event("answer", *question.arguments)


def test_whoLeavesWithoutAnAnswerHarmsNobody(peer: Peer) -> None:
    asked(peer, namespace="/custom")
    peer.send("41/custom,", event("message", "next"))
    assert peer.receive() == event("message-back", "next")


def test_binaryComesBack(peer: Peer) -> None:
    peer.send(*binaryEvent(["message", placeholder(0), placeholder(1)], b"\x01\x02\x03", b"\x04\x05\x06"))
    assert [peer.receive() for _ in range(3)] == [
        '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        b"\x01\x02\x03",
        b"\x04\x05\x06",
    ]


def test_binaryIsAcknowledgedInBinary(peer: Peer) -> None:
    peer.send(*binaryEvent(["message-with-ack", placeholder(0), 1], b"\x01", head="45789"))
    assert [peer.receive() for _ in range(2)] == ['461-789[{"_placeholder":true,"num":0},1]', b"\x01"]


def test_binaryIsAcknowledgedWithItsNamespace(peer: Peer) -> None:
    peer.send(*binaryEvent(["message-with-ack", placeholder(0)], b"\x01", head="45/custom,0"))
    assert [peer.receive() for _ in range(2)] == ['461-/custom,0[{"_placeholder":true,"num":0}]', b"\x01"]


def test_anAnswerMayHoldBinary(peer: Peer) -> None:
    question = asked(peer)
    peer.send(*binaryEvent(["x", placeholder(0)], b"\x01\x02", head=f"46{question.id}"))
    assert [peer.receive() for _ in range(2)] == [
        '451-["answer","x",{"_placeholder":true,"num":0}]',
        b"\x01\x02",
    ]


def test_aQuestionMayHoldBinary(peer: Peer) -> None:
    peer.send(*binaryEvent(["server-ack", placeholder(0)], b"\x01\x02"))
    question = peer.receive()
    assert isinstance(question, str)
    found = re.fullmatch(r'451-([0-9]+)\["question",\{"_placeholder":true,"num":0\}\]', question)
    assert found
    assert peer.receive() == b"\x01\x02"
    peer.send(f"43{found[1]}[]")
    assert peer.receive() == event("answer")


def resolved(peer: Peer) -> list[object]:
    """The arguments of the next binary event, with its attachments in their places."""
    header = peer.receive()
    assert isinstance(header, str)
    found = re.fullmatch(r"45([0-9]+)-(\[.*\])", header)
    assert found
    attachments = [peer.receive() for _ in range(int(found[1]))]

    def fill(value: object) -> object:
        if isinstance(value, list):
            return [fill(item) for item in value]
        if isinstance(value, dict):
            return attachments[value["num"]] if "_placeholder" in value else {k: fill(v) for k, v in value.items()}
        return value

    arguments = fill(json.loads(found[2]))
    assert isinstance(arguments, list)
    return arguments[1:]


def test_attachmentsGoByNumberAndNotByPlace(peer: Peer) -> None:
    peer.send(*binaryEvent(["message", placeholder(2), placeholder(0), placeholder(1)], b"a", b"b", b"c"))
    assert resolved(peer) == [b"c", b"a", b"b"]


def test_attachmentsMayBeAnywhere(peer: Peer) -> None:
    peer.send(*binaryEvent(["message", {"a": [placeholder(0), {"b": placeholder(1)}]}, 7], b"a", b""))
    assert resolved(peer) == [{"a": [b"a", {"b": b""}]}, 7]


def test_tenAttachmentsAreFine(peer: Peer) -> None:
    attachments = [bytes([number]) * number for number in range(10)]
    peer.send(*binaryEvent(["message", *map(placeholder, range(10))], *attachments))
    assert resolved(peer) == attachments


def test_attachmentsMayBeLarge(peer: Peer) -> None:
    data = bytes(range(256)) * 1000
    peer.send(*binaryEvent(["message", placeholder(0)], data))
    assert resolved(peer) == [data]


def test_attachmentsMayComeInPayloadsOfTheirOwn(peer: Peer) -> None:
    for packet in binaryEvent(["message", placeholder(0), placeholder(1)], b"a", b"b"):
        peer.send(packet)
    assert resolved(peer) == [b"a", b"b"]


def test_headersAndTheirAttachmentsStayTogetherAmongOtherEvents(peer: Peer) -> None:
    packets: list[Packet] = []
    for number in range(20):
        packets += binaryEvent(["message", number, placeholder(0), placeholder(1)], b"a%d" % number, b"b")
        packets += [event("message", "between"), event("message", "custom", namespace="/custom")]
    peer.send(*packets)
    for number in range(20):
        assert resolved(peer) == [number, b"a%d" % number, b"b"]
        assert peer.receive() == event("message-back", "between")
        assert peer.receive() == event("message-back", "custom", namespace="/custom")


def test_binaryThatClientsSendAsBase64IsBinaryToo(wire: Wire, revision: int) -> None:
    peer = wire.rootPeer(revision, query="&b64=1")
    assert isinstance(peer, EngineSocket)
    peer.sendAsText(*binaryEvent(["message", placeholder(0)], b"\x01\x02\x03"))
    assert peer.receive() == '451-["message-back",{"_placeholder":true,"num":0}]'
    assert peer.receive() == ("b4AQID" if revision == 3 else "bAQID")


def test_binaryReachesAPollerThatAskedForBase64(wire: Wire, revision: int) -> None:
    peer = wire.rootPeer(revision, "polling", query="&b64=1")
    peer.send(*binaryEvent(["message", placeholder(0)], b"\x01\x02\x03"))
    assert resolved(peer) == [b"\x01\x02\x03"]
