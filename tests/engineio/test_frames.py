"""WebSocket frames as the server sends them, and messages that are encoded once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.engineio.frames import EncodedMessage, binaryFrame, textFrame
from rtcsignal.engineio.packet import Revision
from tests.engineio.frames import Frame, framesOf
from tests.engineio.strategies import binaries, revisions, texts
from tests.wire import payloads as client


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, "8100"),
        (1, "8101"),
        (125, "817d"),
        (126, "817e007e"),
        (65535, "817effff"),
        (65536, "817f0000000000010000"),
    ],
)
def test_theLengthIsWrittenInItsShortestForm(size: int, head: str) -> None:
    assert textFrame(b"a" * size) == bytes.fromhex(head) + b"a" * size
    assert binaryFrame(b"a" * size) == bytes.fromhex("82" + head[2:]) + b"a" * size


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=5))
def test_framesAreWholeUnmaskedAndInARow(contents: list[tuple[bool, bytes]]) -> None:
    stream = b"".join(binaryFrame(data) if binary else textFrame(data) for binary, data in contents)
    assert framesOf(stream) == [Frame(2 if binary else 1, data) for binary, data in contents]


@given(texts, revisions, st.booleans())
def test_aTextIsOneFrameTheSameForEverybody(text: str, revision: Revision, base64: bool) -> None:
    message = EncodedMessage(text)
    assert message.frame is not None
    assert message.frames(revision, base64) is message.frame
    assert framesOf(message.frame) == [Frame(1, ("4" + text).encode())]


@given(texts, st.lists(binaries, min_size=1, max_size=3), revisions)
def test_attachmentsFollowTheirTextWithoutAGap(text: str, attachments: list[bytes], revision: Revision) -> None:
    message = EncodedMessage(text, tuple(attachments))
    assert message.frame is None
    first, *rest = framesOf(message.frames(revision, False))
    assert first == Frame(1, ("4" + text).encode())
    prefix = b"\x04" if revision == 3 else b""
    assert rest == [Frame(2, prefix + data) for data in attachments]


@given(texts, st.lists(binaries, min_size=1, max_size=3), revisions)
def test_attachmentsGoAsTextToClientsThatWantThat(text: str, attachments: list[bytes], revision: Revision) -> None:
    frames = framesOf(EncodedMessage(text, tuple(attachments)).frames(revision, True))
    assert frames[1:] == [Frame(1, client.asText(revision, data).encode()) for data in attachments]


def test_aMessageMayBeBinaryAlone(revision: Revision) -> None:
    message = EncodedMessage(None, (b"ab",))
    assert message.frame is None
    assert framesOf(message.frames(revision, False)) == [Frame(2, b"ab" if revision == 4 else b"\x04ab")]
    assert message.packets() == [b"ab"]


def test_inAPayloadTheTextComesBeforeItsAttachments() -> None:
    assert EncodedMessage("x", (b"1", b"2")).packets() == ["4x", b"1", b"2"]
    assert EncodedMessage("x").packets() == ["4x"]


def test_whatManyReceiversNeedIsEncodedOnce() -> None:
    message = EncodedMessage("x", (b"1",))
    kinds: list[tuple[Revision, bool]] = [(3, False), (3, True), (4, False), (4, True)]
    first = {kind: message.frames(*kind) for kind in kinds}
    assert len(set(first.values())) == 4
    for kind in kinds:
        assert message.frames(*kind) is first[kind]
