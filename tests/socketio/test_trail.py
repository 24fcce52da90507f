"""Trails: what a peer was sent last, and what of it a returning client has missed."""

from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.socketio.offsets import STEP, Numbers
from rtcsignal.socketio.trail import Missed, Trail
from rtcsignal.socketio.trails import Trails
from rtcsignal.socketio.work import Work


@pytest.fixture
def numbers() -> Numbers:
    return Numbers()


def sharedBy(trails: list[Trail], packets: int = 100, size: int = 0, total: int = 0) -> Trails:
    return Trails(packets, size, total, Work(), lambda: trails)


def trailOf(numbers: Numbers, packets: int = 100, size: int = 0, namespace: str = "/") -> Trail:
    trails: list[Trail] = []
    shared = sharedBy(trails, packets, size)
    shared.numbers = numbers
    trails.append(Trail(namespace, shared))
    return trails[0]


def missedBy(trail: Trail, *offsets: Any) -> Sequence[EncodedMessage] | None:
    return trail.missed(offsets).messages


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
        assert re.fullmatch(r'2/a,\["x",1,"[0-9a-f]{8}\.16"\]', message.text)

    def test_whatWasSentStaysAsItWas(self, numbers: Numbers) -> None:
        """Also the white space that JSON allows behind a value."""
        message = trailOf(numbers).messageOf(OutgoingEvent('["x", 9007199254740993, {"b":1,"a":2} ] \r\n\t'))
        assert message.text == f'2["x", 9007199254740993, {{"b":1,"a":2}} ,"{offsetOf(message)}"]'

    def test_attachmentsFollow(self, numbers: Numbers) -> None:
        message = send(trailOf(numbers), "x", b"\x01")
        assert message.text == f'51-["x",{{"_placeholder":true,"num":0}},"{offsetOf(message)}"]'
        assert message.attachments == (b"\x01",)

    def test_receiversOfOneFanOutShareTheNumberAndTheMessage(self, numbers: Numbers) -> None:
        one, two = trailOf(numbers), trailOf(numbers)
        other, another, third = (trailOf(numbers, namespace=name) for name in ("/a", "/a", "/b"))
        event = OutgoingEvent.of("x")
        message = one.messageOf(event)
        assert two.messageOf(event) is message
        far = other.messageOf(event)
        assert (offsetOf(far), far is message) == (offsetOf(message), False)
        assert another.messageOf(event) is far
        assert third.messageOf(event).text == f'2/b,["x","{offsetOf(message)}"]'

    def test_whoComesLaterIsNotSentAnOldNumber(self, numbers: Numbers) -> None:
        """It would count as seen before the peer was there."""
        event = OutgoingEvent.of("x")
        trailOf(numbers).messageOf(event)
        late = trailOf(numbers)
        message = late.messageOf(event)
        assert missedBy(late, None) == [message]

    def test_anEventThatIsSentAgainGetsANumberOfItsOwn(self, numbers: Numbers) -> None:
        trail, event = trailOf(numbers), OutgoingEvent.of("x")
        offsets = [offsetOf(trail.messageOf(event)) for _ in range(3)]
        assert len(set(offsets)) == 3
        assert [len(missedBy(trail, offset) or []) for offset in offsets] == [2, 1, 0]

    def test_serversDoNotMixTheirNumbers(self) -> None:
        event = OutgoingEvent.of("x")
        one, other = trailOf(Numbers()), trailOf(Numbers())
        assert offsetOf(one.messageOf(event)) != offsetOf(other.messageOf(event))


class TestMissed:
    def test_isWhatFollowsTheOffsetInOrder(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        messages = [send(trail, "x", number) for number in range(5)]
        for index, message in enumerate(messages):
            assert missedBy(trail, offsetOf(message)) == messages[index + 1 :]

    def test_isEverythingIfNothingWasSeen(self, numbers: Numbers) -> None:
        send(trailOf(numbers), "to somebody else")
        trail = trailOf(numbers)
        assert missedBy(trail, None) == []
        message = send(trail, "x")
        assert missedBy(trail, None) == [message]

    def test_isEverythingIfTheOffsetIsOlderThanTheTrail(self, numbers: Numbers) -> None:
        old = offsetOf(send(trailOf(numbers), "to the peer that the client had before"))
        another = offsetOf(send(trailOf(Numbers()), "before the server began"))
        trail = trailOf(numbers)
        message = send(trail, "x")
        assert missedBy(trail, old) == missedBy(trail, another) == [message]

    def test_isNotEmptiedByLooking(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        message = send(trail, "x")
        assert missedBy(trail, None) == missedBy(trail, None) == [message]

    @pytest.mark.parametrize(
        "offset", ["", "ann", 1, {}, [], True, "0123abcd", "0123ABCD.1", "0123abcd.1.1", "0123abcd.\u0661"]
    )
    def test_isEverythingIfTheOffsetIsNoneOfOurs(self, numbers: Numbers, offset: Any) -> None:
        trail = trailOf(numbers)
        message = send(trail, "x")
        assert missedBy(trail, offset) == [message]

    def test_isEverythingIfTheNumberWasNeverGiven(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        message = send(trail, "x")
        assert missedBy(trail, numbers.write(STEP)) == []
        assert missedBy(trail, numbers.write(STEP + 1)) == [message]

    def test_isWhatFollowsTheLatestOfSeveralOffsets(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        first, second, third = (send(trail, "x") for _ in range(3))
        assert missedBy(trail, offsetOf(first), None, "ann", offsetOf(second)) == [third]
        assert missedBy(trail, offsetOf(second), offsetOf(first)) == [third]

    def test_saysBetweenWhichNumbersItIs(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        mark = trail.mark()
        first = send(trail, "x")
        end = trail.mark()
        assert trail.missed(()) == Missed(0, 0, 1, [first])
        assert trail.missed([numbers.write(mark)]) == Missed(mark, mark, mark + 1, [first])
        last = mark + STEP - 1
        assert trail.missed([numbers.write(last)]) == Missed(last, last, last, [first]), "there is no room any more"
        assert trail.missed([offsetOf(first)]) == Missed(mark + STEP, mark + STEP, end, [])

    def test_isNothingBeforeTheTrailBegan(self, numbers: Numbers) -> None:
        numbers.next()
        trail = trailOf(numbers)
        assert trail.missed(()) == Missed(0, STEP, STEP, [])
        assert trail.offsetOf(1) == numbers.write(1)


class TestForgetting:
    def test_whatTheClientHasIsNotKept(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        first, second = send(trail, "x"), send(trail, "x")
        trail.forget(STEP)
        assert list(trail.kept) == [second]
        assert missedBy(trail, offsetOf(first)) == [second]
        assert missedBy(trail) is None
        trail.forget(trail.last)
        assert (len(trail.kept), trail.oldest) == (0, 0)
        assert missedBy(trail, offsetOf(second)) == []

    def test_whatFollowsIsKeptAsEver(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        first = send(trail, "x")
        trail.forget(trail.last)
        second = send(trail, "x")
        assert missedBy(trail, offsetOf(first)) == [second]

    def test_aTrailThatHasEndedKeepsNothing(self, numbers: Numbers) -> None:
        trail = trailOf(numbers)
        send(trail, "x")
        trail.end()
        assert send(trail, "x").text is not None, "someone may still have it on a list"
        assert len(trail.kept) == 0


class TestAllTogether:
    def test_whatIsSharedCountsOnce(self) -> None:
        trails: list[Trail] = []
        shared = sharedBy(trails)
        trails += [Trail("/", shared), Trail("/", shared), Trail("/a", shared)]
        event = OutgoingEvent.of("x", "." * 1_000)
        trails[0].messageOf(event)
        once = shared.size
        trails[1].messageOf(event)
        assert shared.size == once
        trails[2].messageOf(event)
        assert once < shared.size < 2.1 * once, "another namespace has a text of its own"
        trails[0].end()
        assert shared.size > once
        trails[1].end()
        trails[2].end()
        assert shared.size == 0

    def test_theOldestGoFirstOfWhoeverItIs(self) -> None:
        trails: list[Trail] = []
        shared = sharedBy(trails, total=20_000)
        trails += [Trail("/", shared), Trail("/", shared)]
        quiet = send(trails[0], "x", "." * 400)
        for _ in range(100):
            send(trails[1], "x", "." * 400)
            assert shared.size <= 20_000
        assert missedBy(trails[0]) is None
        assert missedBy(trails[0], offsetOf(quiet)) == []
        assert missedBy(trails[1]) is None
        assert shared.size > 15_000, "and no more than have to"

    def test_whatIsTooLargeForAllIsNotKept(self) -> None:
        trails: list[Trail] = []
        shared = sharedBy(trails, total=1_000)
        trails.append(Trail("/", shared))
        send(trails[0], "x", "." * 4_000)
        assert (shared.size, len(trails[0].kept)) == (0, 0)

    def test_aTrailThatNoOneKnowsYetIsNoReasonToSearchForEver(self) -> None:
        shared = sharedBy([], total=100)
        send(Trail("/", shared), "x")
        assert shared.size > 100


class TestBounds:
    def test_onlyTheLastPacketsAreKept(self, numbers: Numbers) -> None:
        trail = trailOf(numbers, packets=3)
        messages = [send(trail, "x", number) for number in range(5)]
        assert missedBy(trail, offsetOf(messages[1])) == messages[2:]
        assert missedBy(trail, offsetOf(messages[0])) is None
        assert missedBy(trail, None) is None

    def test_onlyTheLastBytesAreKept(self, numbers: Numbers) -> None:
        """Of memory: a text is there as it is and as a frame."""
        trail = trailOf(numbers, size=2_500)
        messages = [send(trail, "x", "." * 400) for _ in range(4)]
        assert missedBy(trail, offsetOf(messages[1])) == messages[2:]
        assert missedBy(trail, offsetOf(messages[0])) is None

    def test_attachmentsCount(self, numbers: Numbers) -> None:
        trail = trailOf(numbers, size=4_500)
        messages = [send(trail, "x", b"." * 400) for _ in range(4)]
        assert missedBy(trail, offsetOf(messages[1])) == messages[2:]
        assert missedBy(trail, offsetOf(messages[0])) is None

    def test_emptyEventsCountToo(self, numbers: Numbers) -> None:
        trail = trailOf(numbers, packets=100_000, size=100_000)
        sent = [send(trail, "x") for _ in range(1_000)]
        missed = missedBy(trail, offsetOf(sent[-200]))
        assert missed is not None
        assert missedBy(trail, offsetOf(sent[-500])) is None

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
        assert missedBy(trail, offsetOf(before)) is None
        assert missedBy(trail, offsetOf(large)) == []
