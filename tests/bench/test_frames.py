"""The client's side of WebSocket frames."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import ConnectionLost
from bench.frames import BINARY, PING, TEXT, FrameReader, frameHead, maskedFrame, xor
from rtcsignal.engineio.frames import textFrame
from rtcsignal.engineio.websocket.fastlane import unmask

KEY = b"\x01\x80\xff\x7e"


@given(data=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4), phase=st.integers(0, 20))
def test_maskingInPiecesIsMaskingAsAWhole(data: bytes, key: bytes, phase: int) -> None:
    masked = xor(data, key)
    assert masked == unmask(data, key)
    assert masked == xor(data[:phase], key) + xor(data[phase:], key, phase)


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (125, b"\x81\xfd"),
        (126, b"\x81\xfe\x00\x7e"),
        (65535, b"\x81\xfe\xff\xff"),
        (65536, b"\x81\xff" + bytes(5) + b"\x01\0\0"),
    ],
)
def test_lengthsAreAsShortAsTheyCanBe(size: int, head: bytes) -> None:
    assert frameHead(TEXT, size, KEY) == head + KEY
    assert len(maskedFrame(TEXT, b"x" * size, KEY)) == len(head) + 4 + size


@given(
    texts=st.lists(st.sampled_from([b"", b"2", b"x" * 125, b"y" * 126, b"z" * 70000]), max_size=5),
    cut=st.integers(1, 200),
)
def test_messagesComeOutWholeHoweverTheyComeIn(texts: list[bytes], cut: int) -> None:
    stream = b"".join(map(textFrame, texts))
    reader = FrameReader()
    step = max(cut, len(stream) // 50)
    found = [message for at in range(0, len(stream), step) for message in reader.feed(stream[at : at + step])]
    assert found == [(TEXT, text) for text in texts]
    assert reader.idle


def test_fragmentsAreOneMessageThoughAPingComesBetween() -> None:
    reader = FrameReader()
    assert reader.feed(b"\x01\x02ab\x89\x01p") == [(PING, b"p")]
    assert not reader.idle
    assert reader.feed(b"\x80\x01c\x82\x01d") == [(TEXT, b"abc"), (BINARY, b"d")]
    assert reader.idle


@pytest.mark.parametrize("data", [b"\xc1\x01x", b"\x81\x81KEY!x", b"\x81\x7f" + b"\x7f" * 8])
def test_whatNoServerSendsEndsTheConnection(data: bytes) -> None:
    with pytest.raises(ConnectionLost):
        FrameReader().feed(data)
