"""Engine.IO payloads: several packets in one body, in all three forms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rtcsignal.engineio.packet import MESSAGE, Packet, Revision
from rtcsignal.engineio.polling.payload import decodePayload, decodeTextPayload, encodePayload
from rtcsignal.errors import ProtocolError
from tests.engineio.growth import growsLinearly
from tests.engineio.strategies import binaries, payloads, revisions, texts
from tests.engineio.vectors import Vector, bytesOf, vectors
from tests.wire import payloads as client

UNLIMITED = 0


def packetsOf(values: list[str | bytes]) -> list[Packet]:
    """Packets as the decoder returns them, of what the encoder takes."""
    return [Packet(value[0], value[1:]) if isinstance(value, str) else Packet(MESSAGE, value) for value in values]


def valuesOf(vector: Vector, key: str) -> list[str | bytes]:
    return [value if isinstance(value, str) else bytesOf(value["bytes"]) for value in vector[key]]


def wireOf(vector: Vector) -> bytes:
    wire: str = vector["wire"]
    return bytesOf(wire) if vector["form"] == "binary" else wire.encode()


def readUntilError(packets: Iterator[Packet]) -> tuple[list[Packet], ProtocolError | None]:
    """The packets that come out, and the error behind them."""
    read = []
    try:
        for packet in packets:
            read.append(packet)
    except ProtocolError as error:
        return read, error
    return read, None


@vectors("engineio_payloads")
def test_vectorsAreRead(vector: Vector) -> None:
    packets = decodePayload(wireOf(vector), vector["revision"], vector["form"] == "binary", UNLIMITED)
    assert list(packets) == packetsOf(valuesOf(vector, "packets"))


@vectors("engineio_payloads")
def test_vectorsAreWritten(vector: Vector) -> None:
    payload = encodePayload(valuesOf(vector, "packets"), vector["revision"], vector["form"] == "text")
    assert payload == (wireOf(vector) if vector["form"] == "binary" else vector["wire"])


@vectors("engineio_bad_payloads")
def test_thePacketsBeforeABadOneComeOutThenTheErrorIsRaised(vector: Vector) -> None:
    packets = decodePayload(wireOf(vector), vector["revision"], vector["form"] == "binary", UNLIMITED)
    read, error = readUntilError(packets)
    assert read == packetsOf(valuesOf(vector, "before"))
    assert error is not None


@given(payloads, revisions, st.booleans())
def test_whatIsWrittenIsReadAgain(values: list[str | bytes], revision: Revision, base64: bool) -> None:
    payload = encodePayload(values, revision, base64)
    body = payload.encode() if isinstance(payload, str) else payload
    assert list(decodePayload(body, revision, isinstance(payload, bytes), UNLIMITED)) == packetsOf(values)


@given(payloads, revisions, st.booleans())
def test_aClientReadsWhatIsWritten(values: list[str | bytes], revision: Revision, base64: bool) -> None:
    payload = encodePayload(values, revision, base64)
    if isinstance(payload, bytes):
        assert client.decodeBinary(payload) == values
    else:
        assert client.decode(revision, payload.encode()) == values


@given(payloads, revisions)
def test_whatAClientWritesIsRead(values: list[str | bytes], revision: Revision) -> None:
    assert list(decodePayload(client.encode(revision, *values), revision, False, UNLIMITED)) == packetsOf(values)


@given(payloads)
def test_whatAClientWritesInTheBinaryFormIsRead(values: list[str | bytes]) -> None:
    assert list(decodePayload(client.encodeBinary(values), 3, True, UNLIMITED)) == packetsOf(values)


@given(payloads, revisions)
def test_textThatIsTextAlreadyIsReadAlike(values: list[str | bytes], revision: Revision) -> None:
    text = client.encode(revision, *values).decode()
    assert list(decodeTextPayload(text, revision, UNLIMITED)) == packetsOf(values)


@given(payloads)
def test_revision4IsAlwaysText(values: list[str | bytes]) -> None:
    assert isinstance(encodePayload(values, 4, False), str)


@given(payloads)
def test_revision3IsBinaryOnlyForBinaryMessagesAndClientsThatTakeIt(values: list[str | bytes]) -> None:
    hasBinary = any(isinstance(value, bytes) for value in values)
    assert isinstance(encodePayload(values, 3, False), bytes) is hasBinary
    assert isinstance(encodePayload(values, 3, True), str)


def test_emptyPacketsOfRevision3AreIgnored() -> None:
    assert list(decodePayload(b"0:2:4a0:0:2:4b0:", 3, False, UNLIMITED)) == packetsOf(["4a", "4b"])
    assert list(decodePayload("0:3:4\N{GRINNING FACE}0:".encode(), 3, False, UNLIMITED)) == [
        Packet(MESSAGE, "\N{GRINNING FACE}")
    ]
    assert list(decodePayload(b"\0\0\xff\0\2\xff4a\1\0\xff", 3, True, UNLIMITED)) == packetsOf(["4a"])


def test_revision4HasNoBinaryPayload() -> None:
    with pytest.raises(ProtocolError):
        decodePayload(b"4a", 4, True, UNLIMITED)


def test_aPayloadThatIsNotUtf8HasTheCloseCodeForThat(revision: Revision) -> None:
    with pytest.raises(ProtocolError) as caught:
        decodePayload(b"2:4\xff", revision, False, UNLIMITED)
    assert caught.value.closeCode == 1007


def test_aLengthThatCutsACharacterInTwoIsAnError() -> None:
    packets = decodePayload("2:4\N{GRINNING FACE}2:4a".encode(), 3, False, UNLIMITED)
    assert readUntilError(packets)[0] == []


@pytest.mark.parametrize(
    ("revision", "form"), [(3, "text"), (3, "wide"), (3, "binary"), (4, "text"), (4, "wide")], indirect=["revision"]
)
def test_morePacketsThanAllowedAreAnErrorBehindThoseThatAre(revision: Revision, form: str) -> None:
    value = "4\N{GRINNING FACE}" if form == "wide" else "4a"

    def read(count: int) -> tuple[list[Packet], ProtocolError | None]:
        values = [value] * count
        body = client.encodeBinary(values) if form == "binary" else client.encode(revision, *values)
        return readUntilError(decodePayload(body, revision, form == "binary", 3))

    assert read(3) == (packetsOf([value] * 3), None)
    packets, error = read(4)
    assert error is not None
    assert packets in ([], packetsOf([value] * 3))


@given(binaries, revisions, st.booleans())
def test_anyBytesArePacketsThenPerhapsAProtocolError(body: bytes, revision: Revision, binary: bool) -> None:
    assume(not (revision == 4 and binary))
    try:
        packets = decodePayload(body, revision, binary, 5)
    except ProtocolError:
        packets = iter(())
    read, _ = readUntilError(packets)
    assert len(read) <= 5


@given(texts, revisions)
def test_anyTextIsPacketsThenPerhapsAProtocolError(text: str, revision: Revision) -> None:
    read, error = readUntilError(decodeTextPayload(text, revision, UNLIMITED))
    assert error is not None or revision == 3 or len(read) == text.count("\x1e") + 1


@given(st.lists(st.integers(0, 30), max_size=3), texts)
def test_anyLengthsBeforeAnyTextArePacketsThenPerhapsAProtocolError(lengths: list[int], text: str) -> None:
    payload = "".join(f"{length}:4{text}" for length in lengths) + text
    read, error = readUntilError(decodeTextPayload(payload, 3, UNLIMITED))
    assert error is not None or len(read) <= len(lengths) + text.count(":")


@pytest.mark.parametrize(
    "unit",
    ["1:4", "0:", "3:4\N{GRINNING FACE}", "1:", "0000000001:4", "999:"],
    ids=["tiny packets", "empty packets", "astral packets", "short packets", "long digits", "far lengths"],
)
def test_readingTextOfRevision3TakesLinearTime(unit: str) -> None:
    def read(text: str) -> None:
        readUntilError(decodeTextPayload(text, 3, UNLIMITED))

    assert growsLinearly(read, lambda size: unit * size, 2_000)


@pytest.mark.parametrize("unit", ["4\x1e", "b\x1e", "\x1e", "4"])
def test_readingTextOfRevision4TakesLinearTime(unit: str) -> None:
    def read(text: str) -> None:
        readUntilError(decodeTextPayload(text, 4, UNLIMITED))

    assert growsLinearly(read, lambda size: unit * size + "4", 2_000)


@pytest.mark.parametrize("unit", [b"\0\1\xff4", b"\1\0\xff", b"\1\1\xff\4", b"\0\1"], ids=repr)
def test_readingTheBinaryFormTakesLinearTime(unit: bytes) -> None:
    def read(body: bytes) -> None:
        readUntilError(decodePayload(body, 3, True, UNLIMITED))

    assert growsLinearly(read, lambda size: unit * size, 2_000)


def test_aWholePacketIsReadInLinearTime(revision: Revision) -> None:
    def read(body: bytes) -> None:
        assert len(list(decodePayload(body, revision, False, UNLIMITED))) == 1

    assert growsLinearly(read, lambda size: client.encode(revision, "4" + "\N{GRINNING FACE}" * size), 20_000)


@pytest.mark.parametrize(
    ("body", "binary"), [(b"0:" * 11, False), ("3:4😀".encode() + b"0:" * 10, False), (b"\x00\x00\xff" * 11, True)]
)
def test_emptyPacketsCountAsWell(body: bytes, binary: bool) -> None:
    with pytest.raises(ProtocolError):
        list(decodePayload(body, 3, binary, 10))
    assert len(list(decodePayload(body, 3, binary, 11))) <= 1
