"""Engine.IO packets: text and bytes to values and back."""

from __future__ import annotations

import pytest
from hypothesis import given

from rtcsignal.engineio.packet import (
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PING,
    PONG,
    UPGRADE,
    Packet,
    Revision,
    decodeBinary,
    decodeText,
    encodeBase64,
    encodeBinary,
)
from rtcsignal.errors import ProtocolError
from tests.engineio.strategies import binaries, messageTexts, packetTexts, revisions, texts
from tests.engineio.vectors import Vector, bytesOf, vectors


def packetOf(vector: Vector) -> Packet:
    data = bytesOf(vector["bytes"]) if "bytes" in vector else vector["data"]
    return Packet(vector["kind"], data)


def read(vector: Vector) -> Packet:
    revision: Revision = vector["revision"]
    if "frame" in vector:
        return decodeBinary(bytesOf(vector["frame"]), revision)
    return decodeText(vector["text"], revision)


def test_thePacketTypes() -> None:
    assert list("0123456") == [OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP]


@vectors("engineio_packets")
def test_vectorsAreRead(vector: Vector) -> None:
    assert read(vector) == packetOf(vector)


@vectors("engineio_packets")
def test_vectorsAreWritten(vector: Vector) -> None:
    revision: Revision = vector["revision"]
    kind, data = packetOf(vector)
    if "frame" in vector:
        assert isinstance(data, bytes)
        assert encodeBinary(data, revision) == bytesOf(vector["frame"])
    elif isinstance(data, bytes):
        assert encodeBase64(data, revision) == vector["text"]
    else:
        assert kind + data == vector["text"]


@vectors("engineio_bad_packets")
def test_whatIsNoPacketIsRefused(vector: Vector) -> None:
    with pytest.raises(ProtocolError):
        read(vector)


@given(packetTexts, revisions)
def test_textPacketsAreTypeAndData(text: str, revision: Revision) -> None:
    assert decodeText(text, revision) == Packet(text[0], text[1:])


@given(messageTexts, revisions)
def test_aMessageIsItsTypeBeforeItsText(text: str, revision: Revision) -> None:
    assert decodeText(MESSAGE + text, revision) == Packet(MESSAGE, text)


@given(binaries, revisions)
def test_binaryGoesThroughBothForms(data: bytes, revision: Revision) -> None:
    assert decodeText(encodeBase64(data, revision), revision) == Packet(MESSAGE, data)
    assert decodeBinary(encodeBinary(data, revision), revision) == Packet(MESSAGE, data)


@given(texts, revisions)
def test_anyTextIsAPacketOrAProtocolError(text: str, revision: Revision) -> None:
    try:
        packet = decodeText(text, revision)
    except ProtocolError:
        assert text[:1] not in tuple("0123456")
    else:
        assert packet.kind in "0123456"


@given(binaries, revisions)
def test_anyBytesAreAMessageOrAProtocolError(data: bytes, revision: Revision) -> None:
    try:
        packet = decodeBinary(data, revision)
    except ProtocolError:
        assert revision == 3
        assert data[:1] != b"\x04"
    else:
        assert packet.kind == MESSAGE
        assert encodeBinary(data if revision == 4 else data[1:], revision) == data
