"""What is fuzzed: a function for each decoder, which raises when something is wrong with what it makes of some bytes.

A decoder may refuse anything with its own error. What it takes must be of the promised form, and must read the same
after it has been written again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from rtcsignal.engineio.http.head import BadHead, parseHead
from rtcsignal.engineio.packet import MESSAGE, Packet, Revision, decodeBinary, decodeText, encodeBinary
from rtcsignal.engineio.polling.payload import decodePayload, encodePayload
from rtcsignal.errors import ProtocolError, Refused
from rtcsignal.signaling.events import readEnvelope, readRoomRequest
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.binary import encodeData
from rtcsignal.socketio.packet import ACK, EVENT, Decoder, DecoderLimits, encode
from tests.engineio.fuzz_fastlane import MOST, Step, Stream, difference
from tests.socketio.oldjson import plainly

__all__ = ["TARGETS", "Target"]

Target: TypeAlias = Callable[[bytes], None]

_MOST = 50
_ALLOWED = (ProtocolError, BadHead, Refused)


@contextmanager
def _refusing() -> Iterator[None]:
    """Refusals are fine; every other exception is a finding."""
    try:
        yield
    except _ALLOWED:
        pass


def _packets(body: bytes, revision: Revision, binary: bool) -> list[Packet]:
    """Those of a payload before the first bad one."""
    taken = []
    with _refusing():
        for packet in decodePayload(body, revision, binary, _MOST):
            assert packet.kind in "0123456"
            assert isinstance(packet.data, str) or packet.kind == MESSAGE
            taken.append(packet)
    assert len(taken) <= _MOST
    return taken


def _payload(body: bytes, revision: Revision, binary: bool) -> None:
    packets = _packets(body, revision, binary)
    texts = [packet.data if isinstance(packet.data, bytes) else packet.kind + packet.data for packet in packets]
    if not texts:
        return
    for base64 in (False, True):
        written = encodePayload(texts, revision, base64)
        again = written if isinstance(written, bytes) else written.encode()
        assert _packets(again, revision, isinstance(written, bytes)) == packets


def payload4(data: bytes) -> None:
    _payload(data, 4, False)


def payload3(data: bytes) -> None:
    _payload(data, 3, False)


def payload3binary(data: bytes) -> None:
    _payload(data, 3, True)


def enginePacket(data: bytes) -> None:
    revisions: tuple[Revision, ...] = (3, 4)
    for revision in revisions:
        with _refusing():
            packet = decodeBinary(data, revision)
            assert isinstance(packet.data, bytes)
            assert encodeBinary(packet.data, revision) == data
        with _refusing():
            assert decodeText(data.decode("utf-8", "replace"), revision).kind in "0123456"


def socketPacket(data: bytes) -> None:
    """Messages of one connection, separated by a byte that no UTF-8 has; those behind the first are binary."""
    decoder = Decoder(DecoderLimits(attachments=3, depth=20, attachmentBytes=100))
    for text, *attachments in (part.split(b"\xfe") for part in data.split(b"\xff")):
        with _refusing():
            packet = decoder.text(text.decode("utf-8", "replace"))
            for attachment in attachments:
                packet = decoder.binary(attachment)
            if packet is not None and packet.kind in (EVENT, ACK):
                _written(packet)


def _written(packet: Any) -> None:
    """An event or acknowledgement that was read can be sent, and then reads the same."""
    text, attachments = encodeData(packet.data)
    decoder = Decoder(DecoderLimits(attachments=3, depth=20, attachmentBytes=0))
    again = decoder.text(encode(packet.kind, packet.namespace, text, packet.ackId, len(attachments)))
    for attachment in attachments:
        again = decoder.binary(attachment)
    assert again is not None
    assert (again.kind, again.namespace, again.ackId, again.data) == (
        packet.kind,
        packet.namespace,
        packet.ackId,
        packet.data,
    )


def json(data: bytes) -> None:
    with _refusing():
        text = data.decode("utf-8", "replace")
        for each in (text, f"[{'[],' * 70}{text}]"):  # most shortcuts are taken only where there are many brackets
            expected = plainly(each, 20)
            try:
                found = jsontext.decode(each, 20)
            except jsontext.JsonError:
                assert expected is None or "e" in each.lower()  # or there are too many numbers of an odd form
            else:
                assert repr(found) == repr(expected)
        value, text = jsontext.decode(text, 20)
        assert text.encode()
        assert jsontext.decode(jsontext.encode(value), 20)[0] == value


def events(data: bytes) -> None:
    with _refusing():
        value, _ = jsontext.decode(data.decode("utf-8", "replace"), 20)
        with _refusing():
            request = readRoomRequest([value], 20)
            assert 1 <= len(request.roomName) <= 20
            assert 1 <= len(request.userId) <= 20
        readEnvelope(value)


def head(data: bytes) -> None:
    with _refusing():
        found = parseHead(data, 10)
        assert found.method
        assert len(found.headers) <= 10
        assert all(name == name.lower() and "\n" not in value for name, value in found.headers.items())


def frames(data: bytes) -> None:
    """WebSocket frames, on the fast path and without it; the first byte says how they are cut."""
    size, stream = (data[0] or len(data), data[1:]) if data else (1, b"")
    steps: list[Step] = [stream[at : at + size] for at in range(0, min(len(stream), 40 * size), size)]
    assert difference(Stream(MOST, steps)) == ""


TARGETS: Final[dict[str, Target]] = {
    target.__name__: target
    for target in (payload4, payload3, payload3binary, enginePacket, socketPacket, json, events, head, frames)
}
