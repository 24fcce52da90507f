"""Trails: what a peer was sent last, and what of it a returning client has missed."""

from __future__ import annotations

import json
import re
import tracemalloc
from typing import Any

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.socketio.offsets import Numbers
from rtcsignal.socketio.trail import Trail
from rtcsignal.socketio.work import Work


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


def trailOf(numbers: Numbers, packets: int = 100, size: int = 0, namespace: str = "/") -> Trail:
    return Trail("pid", namespace, numbers, packets, size, Work())


def offsetOf(message: EncodedMessage) -> str:
    """What a client keeps of an event: its last argument."""
    assert message.text is not None
    offset = json.loads(message.text[message.text.index("[") :])[-1]
    assert isinstance(offset, str)
    return offset


def send(trail: Trail, name: str, *arguments: Any) -> EncodedMessage:
    return trail.messageOf(OutgoingEvent.of(name, *arguments))


class TestNumbering:
    def test_theOffsetIsTheLastArgument(self, numbers: Numbers) -> None:
        message = send(trailOf(numbers, namespace="/a"), "x", 1)
        assert message.text is not None
        assert re.fullmatch(r'2/a,\["x",1,"[0-9a-f]{8}\.1"\]', message.text)

    def test_whatWasSentStaysAsItWas(self, numbers: Numbers) -> None:
        """Also the white space that JSON allows behind a value."""
        message = trailOf(numbers).messageOf(OutgoingEvent('["x", 9007199254740993, {"b":1,"a":2} ] \r\n\t'))
        assert message.text == f'2["x", 9007199254740993, {{"b":1,"a":2}} ,"{offsetOf(message)}"]'

    def test_attachmentsFollow(self, numbers: Numbers) -> None:
        message = send(trailOf(numbers), "x", b"\x01")
        assert message.text == f'51-["x",{{"_placeholder":true,"num":0}},"{offsetOf(message)}"]'
        assert message.attachments == (b"\x01",)

    def test_receiversOfOneFanOutShareTheNumberAndTheMessage(self, numbers: Numbers) -> None:
        one, two, other = trailOf(numbers), trailOf(numbers), trailOf(numbers, namespace="/a")
        event = OutgoingEvent.of("x")
        message = one.messageOf(event)
        assert two.messageOf(event) is message
        assert offsetOf(other.messageOf(event)) == offsetOf(message)

    def test_whoComesLaterIsNotSentAnOldNumber(self, numbers: Numbers) -> None:
        """It would count as seen before the peer was there."""
        event = OutgoingEvent.of("x")
        trailOf(numbers).messageOf(event)
        late = trailOf(numbers)
        message = late.messageOf(event)
        assert late.missed(None) == [message]

    def test_anEventThatIsSentAgainGetsANumberOfItsOwn(self, numbers: Numbers) -> None:
        trail, event = trailOf(numbers), OutgoingEvent.of("x")
        offsets = [offsetOf(trail.messageOf(event)) for _ in range(3)]
        assert len(set(offsets)) == 3
        assert [len(trail.missed(offset) or []) for offset in offsets] == [2, 1, 0]

    def test_serversDoNotMixTheirNumbers(self) -> None:
        event = OutgoingEvent.of("x")
        one, other = trailOf(Numbers()), trailOf(Numbers())
        assert offsetOf(one.messageOf(event)) != offsetOf(other.messageOf(event))


class TestMissed:
    def test_isWhatFollowsTheOffsetInOrder(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        messages = [send(trail, "x", number) for number in range(5)]
        for index, message in enumerate(messages):
            assert trail.missed(offsetOf(message)) == messages[index + 1 :]

    def test_isEverythingIfNothingWasSeen(self, numbers: Numbers) -> None:
        send(trailOf(numbers), "to somebody else")
        trail = trailOf(numbers)
        assert trail.missed(None) == []
        message = send(trail, "x")
        assert trail.missed(None) == [message]

    def test_isEverythingIfTheOffsetIsOlderThanTheTrail(self, numbers: Numbers) -> None:
        old = offsetOf(send(trailOf(numbers), "to the peer that the client had before"))
        another = offsetOf(send(trailOf(Numbers()), "before the server began"))
        trail = trailOf(numbers)
        message = send(trail, "x")
        assert trail.missed(old) == trail.missed(another) == [message]

    def test_isNotEmptiedByLooking(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        message = send(trail, "x")
        assert trail.missed(None) == trail.missed(None) == [message]

    @pytest.mark.parametrize(
        "offset", ["", "ann", 1, {}, [], True, "0123abcd", "0123ABCD.1", "0123abcd.1.1", "0123abcd.\u0661"]
    )
    def test_isUnknownIfTheOffsetIsNoneOfOurs(self, numbers: Numbers, offset: Any) -> None:
        trail = trailOf(numbers)
        send(trail, "x")
        assert trail.missed(offset) is None

    def test_isUnknownIfTheNumberWasNeverGiven(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        send(trail, "x")
        assert trail.missed(numbers.write(1)) == []
        assert trail.missed(numbers.write(2)) is None


class TestBounds:
    def test_onlyTheLastPacketsAreKept(self, numbers: Numbers) -> None:
        trail = trailOf(numbers, packets=3)
        messages = [send(trail, "x", number) for number in range(5)]
        assert trail.missed(offsetOf(messages[1])) == messages[2:]
        assert trail.missed(offsetOf(messages[0])) is None
        assert trail.missed(None) is None

    def test_onlyTheLastBytesAreKept(self, numbers: Numbers) -> None:
        """Of memory: a text is there as it is and as a frame."""
        trail = trailOf(numbers, size=2_500)
        messages = [send(trail, "x", "." * 400) for _ in range(4)]
        assert trail.missed(offsetOf(messages[1])) == messages[2:]
        assert trail.missed(offsetOf(messages[0])) is None

    def test_attachmentsCount(self, numbers: Numbers) -> None:
        trail = trailOf(numbers, size=4_500)
        messages = [send(trail, "x", b"." * 400) for _ in range(4)]
        assert trail.missed(offsetOf(messages[1])) == messages[2:]
        assert trail.missed(offsetOf(messages[0])) is None

    def test_emptyEventsCountToo(self, numbers: Numbers) -> None:
        trail = trailOf(numbers, packets=100_000, size=100_000)
        sent = [send(trail, "x") for _ in range(1_000)]
        missed = trail.missed(offsetOf(sent[-200]))
        assert missed is not None
        assert trail.missed(offsetOf(sent[-500])) is None

    def test_theBytesBoundTheMemory(self, numbers: Numbers) -> None:
        """Whatever is kept: short, long, of letters that take four bytes in memory, binary."""
        for arguments in (("",), ("." * 5_000,), ("." * 5_000 + "\N{GRINNING FACE}",), (b"." * 5_000,)):
            trail = trailOf(numbers, packets=100_000, size=200_000)
            tracemalloc.start()
            try:
                for _ in range(1_000):
                    send(trail, "x", *arguments).frames(4, False)
                kept, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert 40_000 < kept < 220_000, arguments[0][-1:]

    def test_whatIsTooLargeByItselfIsNotKept(self, numbers: Numbers) -> None:
        trail = trailOf(numbers, size=1_000)
        before, large = send(trail, "x"), send(trail, "x", "." * 1_000)
        assert trail.missed(offsetOf(before)) is None
        assert trail.missed(offsetOf(large)) == []
