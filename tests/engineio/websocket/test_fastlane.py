"""The fast path of receiving: whole text frames off the stream, everything else to Autobahn untouched."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.engineio.websocket import fastlane
from rtcsignal.engineio.websocket.fastlane import FastLane, unmask
from tests.engineio.growth import growsLinearly
from tests.engineio.strategies import texts
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame, textFrame

MOST = 1_000
KEYS = st.binary(min_size=4, max_size=4)


class Lane(FastLane):
    """An open connection that keeps what it takes and what it leaves to Autobahn."""

    current_frame: Any

    def __init__(self, most: int = MOST) -> None:
        super().__init__()
        self.takesFrames = True
        self.maxMessagePayloadSize = most
        self.state = self.STATE_OPEN
        self.data = b""
        self.current_frame = None
        self.inside_message = False
        self.receiver = self
        self.taken: list[str] = []
        self.forAutobahn = b""
        self.closeAfter = -1

    def textReceived(self, text: str) -> None:
        self.taken.append(text)
        if len(self.taken) == self.closeAfter:
            self.state = self.STATE_CLOSING

    def _dataReceived(self, data: bytes) -> None:
        self.forAutobahn += data
        self.data = data

    @property
    def kept(self) -> bytes:
        """The beginning of a frame that is not whole yet."""
        return self._rest


def lane(stream: bytes, most: int = MOST) -> Lane:
    """A connection that has received a stream in one piece."""
    result = Lane(most)
    result.dataReceived(stream)
    return result


def leftBy(lane: Lane) -> tuple[list[str], bytes, bytes]:
    """What was taken, what is kept for later, what is Autobahn's."""
    return lane.taken, lane.kept, lane.forAutobahn


@given(st.binary(max_size=3_000), KEYS)
def test_unmaskingIsXorWithTheRepeatedKey(data: bytes, key: bytes) -> None:
    assert unmask(data, key) == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


@pytest.mark.parametrize("size", [0, 1, 159, 160, 161, 65_535])
def test_bothWaysOfUnmaskingAgree(size: int) -> None:
    data, key = bytes(number % 251 for number in range(size)), b"\x01\x80\xff\x00"
    assert fastlane._unmaskSmall(data, key) == fastlane._unmaskLarge(data, key)


def test_withoutTheNativeCodeItIsDoneInPython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_nvx_xormasker", None)
    assert fastlane._nativeUnmask() is None


@given(st.lists(texts, max_size=6), KEYS)
def test_wholeTextsAreTakenAndNothingIsLeft(contents: list[str], key: bytes) -> None:
    stream = b"".join(frame(TEXT, text.encode(), mask=key) for text in contents)
    assert leftBy(lane(stream)) == (contents, b"", b"")


@given(st.lists(texts, min_size=1, max_size=3), st.data())
def test_theBeginningOfATextIsNeverTakenForAnythingElse(contents: list[str], data: st.DataObject) -> None:
    payload = "".join(contents).encode()
    cut = data.draw(st.integers(0, len(payload)))
    assert fastlane._mayBecomeText(payload[:cut], bytes(4))


@pytest.mark.parametrize("bad", [b"\xff", b"a\x80", b"\xc3(", b"\xe0\x80", b"\xed\xa0", b"\xed\xbf\xbf", b"\xf4\x90"])
def test_whatIsNoTextDoesNotWaitForItsEnd(bad: bytes) -> None:
    stream = frame(TEXT, bad + b"a" * 50)[: 6 + len(bad)]
    assert leftBy(lane(stream)) == ([], b"", stream)


@given(st.lists(texts, max_size=4), st.lists(st.integers(0, 200), max_size=5))
def test_theBeginningOfAFrameWaitsForItsEnd(contents: list[str], cuts: list[int]) -> None:
    stream = b"".join(map(textFrame, contents))
    result = Lane()
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in pairwise(edges):
        result.dataReceived(stream[start:end])
        assert stream[:end].endswith(result.kept)
    assert leftBy(result) == (contents, b"", b"")


@pytest.mark.parametrize("size", [0, 125, 126, 1_000])
def test_textsUpToTheLimitAreTaken(size: int) -> None:
    assert leftBy(lane(textFrame("a" * size))) == (["a" * size], b"", b"")


def test_withoutALimitTextsOfLessThan64KiBAreTaken() -> None:
    assert lane(textFrame("a" * 65_535), most=0).taken == ["a" * 65_535]


OTHERS = {
    "a text above the limit": textFrame("a" * (MOST + 1)),
    "a text of 64 KiB": textFrame("a" * 65_536),
    "a text that is not masked": frame(TEXT, b"a", mask=None),
    "the first fragment of a text": frame(TEXT, b"a", fin=False),
    "a continuation": frame(CONTINUATION, b"a"),
    "a binary message": frame(BINARY, b"a"),
    "a ping": frame(PING, b"a"),
    "a close": frame(CLOSE, b"\x03\xe8"),
    "a reserved bit": frame(TEXT, b"a", rsv=4),
    "a reserved opcode": frame(3, b"a"),
    "a text that is not UTF-8": frame(TEXT, b"a\xff"),
    "a text with half a character": frame(TEXT, b"a\xe2\x82"),
    "a text with a surrogate": frame(TEXT, b"\xed\xa0\x80"),
    "a length in two bytes that needs one": b"\x81\xfe\x00\x01" + bytes(4) + b"a",
    "a length in eight bytes that needs one": frame(TEXT, b"a", announced=1),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_anythingElseIsAutobahnsWithAllThatFollows(other: bytes) -> None:
    before, after = textFrame("before"), textFrame("after")
    result = lane(before + other + after)
    assert leftBy(result) == (["before"], b"", other + after)


def test_alsoAShortTextAboveAnEvenSmallerLimit() -> None:
    other = textFrame("a" * 101)
    assert leftBy(lane(other, most=100)) == ([], b"", other)


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_whateverPartOfItHasComeIsNeverLostOrTakenForText(other: bytes) -> None:
    for cut in range(min(len(other), 20)):
        taken, kept, forAutobahn = leftBy(lane(other[:cut]))
        assert taken == []
        assert kept + forAutobahn == other[:cut]


def test_whileAutobahnHasSomethingPendingEverythingIsAutobahns() -> None:
    for name, pending in (("data", b"x"), ("current_frame", object()), ("inside_message", True)):
        result = Lane()
        setattr(result, name, pending)
        result.dataReceived(textFrame("a"))
        assert leftBy(result) == ([], b"", textFrame("a"))


def test_afterwardsTextsAreTakenAgain() -> None:
    result = lane(frame(PING))
    result.data = b""
    result.dataReceived(textFrame("a"))
    assert leftBy(result) == (["a"], b"", frame(PING))


def test_beforeAndAfterTheConnectionIsOpenEverythingIsAutobahns() -> None:
    for state in (FastLane.STATE_CONNECTING, FastLane.STATE_CLOSING, FastLane.STATE_CLOSED):
        result = Lane()
        result.state = state
        result.dataReceived(textFrame("a"))
        assert leftBy(result) == ([], b"", textFrame("a"))


def test_whoDoesNotWantItGetsNothingOfIt() -> None:
    result = Lane()
    result.takesFrames = False
    result.dataReceived(textFrame("a"))
    assert leftBy(result) == ([], b"", textFrame("a"))


@given(st.binary(max_size=200))
def test_ofAnyBytesNothingIsLost(data: bytes) -> None:
    taken, kept, forAutobahn = leftBy(lane(data))
    assert data.endswith(kept + forAutobahn)
    assert bool(taken) == (len(kept + forAutobahn) < len(data))
    assert not kept or kept[0] == 0x81


def test_whatComesBehindTheEndOfTheConnectionIsNotTaken() -> None:
    result = Lane()
    result.closeAfter = 2
    result.dataReceived(textFrame("one") + textFrame("two") + textFrame("three"))
    assert leftBy(result) == (["one", "two"], b"", textFrame("three"))


def test_textsThatNobodyIsInterestedInAreDropped() -> None:
    result = Lane()
    result.receiver = None
    result.dataReceived(textFrame("one"))
    assert leftBy(result) == ([], b"", b"")


@pytest.mark.parametrize("text", ["", "a", "a" * 200])
def test_framesAreTakenInLinearTime(text: str) -> None:
    assert growsLinearly(lane, lambda size: textFrame(text) * size, 500)
