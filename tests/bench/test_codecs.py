"""How long the codecs take for one message. As tests these run once; ``make bench-codecs`` times them.

Each figure is for one call. Those of two runs are comparable on the same, quiet machine only. The texts that take
long to read have 100,000 bytes: 3,000 microseconds for one of them are 30 nanoseconds for a byte, and no more is meant
to be spent on any.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.script import Dialect, call, fanOut, joinText, markOf
from rtcsignal.engineio import packet as enginePacket
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.polling.payload import decodePayload, encodePayload
from rtcsignal.engineio.websocket.fastlane import unmask
from rtcsignal.errors import ProtocolError
from rtcsignal.signaling.events import readEnvelope, readRoomRequest
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.binary import encodeData
from rtcsignal.socketio.packet import EVENT, Decoder, DecoderLimits, encode
from tests.socketio.hostile import TEXTS

Benchmark: TypeAlias = BenchmarkFixture
SIZES = (300, 2500)
KEY = b"\x12\x34\x56\x78"


def engineText(size: int) -> str:
    """A broadcast of this size, as it comes over the wire."""
    (move,) = fanOut(Dialect(), 2, size, 1).moves
    return (move.head + markOf(1, 2, 3, 0) + move.body + move.rest).decode()


@pytest.fixture(params=SIZES, ids=[f"{size}B" for size in SIZES])
def text(request: pytest.FixtureRequest) -> str:
    """Messages of a candidate's and of an offer's size."""
    return engineText(request.param)


def test_unmask(benchmark: Benchmark, text: str) -> None:
    plain = text.encode()
    masked = unmask(plain, KEY)
    assert benchmark(unmask, masked, KEY) == plain


def test_frame(benchmark: Benchmark, text: str) -> None:
    def framed() -> bytes:
        return EncodedMessage(text[1:]).frames(4, False)

    assert benchmark(framed).endswith(text.encode())


def test_enginePacket(benchmark: Benchmark, text: str) -> None:
    assert benchmark(enginePacket.decodeText, text, 4).data == text[1:]


def test_payloadOfTen(benchmark: Benchmark, text: str) -> None:
    body = encodePayload([text] * 10, 4, False)
    assert isinstance(body, str)
    packets = benchmark(lambda: list(decodePayload(body.encode(), 4, False, 100)))
    assert len(packets) == 10


def test_payloadOfTenRevision3(benchmark: Benchmark, text: str) -> None:
    body = encodePayload([text] * 10, 3, True)
    assert isinstance(body, str)
    packets = benchmark(lambda: list(decodePayload(body.encode(), 3, False, 100)))
    assert len(packets) == 10


def test_encodePayloadOfTen(benchmark: Benchmark, text: str) -> None:
    assert len(benchmark(encodePayload, [text] * 10, 4, False)) == 10 * len(text) + 9


def test_socketPacket(benchmark: Benchmark, text: str) -> None:
    packet = benchmark(Decoder(DecoderLimits()).text, text[1:])
    assert packet is not None
    assert packet.data[0] == "broadcast"


@pytest.mark.parametrize("name", TEXTS)
def test_hostileText(benchmark: Benchmark, name: str) -> None:
    message, decoder = EVENT + TEXTS[name](100_000), Decoder(DecoderLimits())

    def read() -> None:
        try:
            decoder.text(message)
        except ProtocolError:
            pass

    benchmark(read)


def test_encodeSocketPacket(benchmark: Benchmark, text: str) -> None:
    data = json.loads(text[2:])

    def encoded() -> str:
        return encode(EVENT, "/", encodeData(data)[0])

    assert benchmark(encoded) == text[1:]


def test_json(benchmark: Benchmark, text: str) -> None:
    value, _ = benchmark(jsontext.decode, text[2:])
    assert value[0] == "broadcast"


def test_envelope(benchmark: Benchmark, text: str) -> None:
    body = json.loads(text[2:])[1]
    assert benchmark(readEnvelope, body)[1] == "member-000"


def test_roomRequest(benchmark: Benchmark) -> None:
    (argument,) = json.loads(joinText(Dialect(), 0, 1)[2:])[1:]
    request = benchmark(readRoomRequest, [argument], 256)
    assert request.userId == "member-000"


def test_theMessagesOfACall(benchmark: Benchmark) -> None:
    """All that a server reads of a call of two: each text from the frame to the envelope."""
    script = call(Dialect(), 2)
    fields = [markOf(0, 0, 0, 0) if move.body else b"0" * 16 for move in script.moves]
    texts = [move.head + field + move.body + move.rest for move, field in zip(script.moves, fields, strict=True)]
    decoder = Decoder(DecoderLimits())

    def read() -> list[Any]:
        return [decoder.text(enginePacket.decodeText(each.decode(), 4).data) for each in texts]  # type: ignore[arg-type]

    assert len(benchmark(read)) == len(script.moves)
