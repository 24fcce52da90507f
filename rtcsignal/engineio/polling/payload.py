"""Engine.IO payloads: several packets in one polling body.

Three forms exist. Revision 4 joins packets by U+001E. Revision 3 writes ``<length>:<packet>``, the length in UTF-16
code units, because JavaScript counts so; and, where bytes may go, a binary form: per packet a byte 0 (text) or 1
(binary), the decimal digits of the length in bytes as raw bytes 0 to 9, a byte 255, then the packet.

Decoders are generators: the packets before a bad one come out, then `ProtocolError` is raised. All run in linear
time. Source: Engine.IO protocol, revisions 3 and 4, section "Payload encoding".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rtcsignal.engineio.packet import (
    Packet,
    Revision,
    decodeBinary,
    decodeText,
    encodeBase64,
    encodeBinary,
)
from rtcsignal.errors import ProtocolError

__all__ = ["BINARY_TYPE", "TEXT_TYPE", "decodePayload", "decodeTextPayload", "encodePayload"]

TEXT_TYPE = "text/plain; charset=UTF-8"
BINARY_TYPE = "application/octet-stream"

_SEPARATOR = "\x1e"
_MOST_LENGTH_DIGITS = 10
_LENGTH = re.compile(rf"([0-9]{{1,{_MOST_LENGTH_DIGITS}}}):")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_LENGTH_END = 255


def decodePayload(body: bytes, revision: Revision, binary: bool, mostPackets: int) -> Iterator[Packet]:
    """Read the packets of a POST body.

    Args:
        body: The whole body.
        revision: The Engine.IO revision of the session.
        binary: The body is ``application/octet-stream``.
        mostPackets: More packets than this are refused; 0 for no limit.

    Raises:
        ProtocolError: At the first thing that is not a packet, after the packets before it.
    """
    if binary:
        if revision == 4:
            raise ProtocolError("binary payload in revision 4")
        packets: Iterator[Packet | None] = _decodeBinary3(body)
    else:
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ProtocolError("payload is not UTF-8", 1007) from error
        packets = _decodeText4(text, mostPackets) if revision == 4 else _decodeText3(text)
    return _counted(packets, mostPackets)


def decodeTextPayload(text: str, revision: Revision, mostPackets: int) -> Iterator[Packet]:
    """Read the packets of a payload that is already a string, as in the ``d`` field of a JSONP form."""
    return _counted(_decodeText4(text, mostPackets) if revision == 4 else _decodeText3(text), mostPackets)


def encodePayload(packets: Sequence[str | bytes], revision: Revision, base64: bool) -> str | bytes:
    """Write a polling body.

    Args:
        packets: Text packets in their text form, binary messages as their bytes.
        revision: The Engine.IO revision of the session.
        base64: The client cannot take a binary body.

    Returns:
        Text (to go out as `TEXT_TYPE`), or bytes in the binary form of revision 3 (`BINARY_TYPE`), which is used
        only if there is a binary message and the client takes it.
    """
    if revision == 4:
        return _SEPARATOR.join(p if isinstance(p, str) else encodeBase64(p, 4) for p in packets)
    if not base64 and any(isinstance(packet, bytes) for packet in packets):
        return b"".join(map(_encodeBinary3, packets))
    return "".join(map(_encodeText3, packets))


def _counted(packets: Iterator[Packet | None], most: int) -> Iterator[Packet]:
    """The packets, without the empty ones; these count as well, as they take their time."""
    for count, packet in enumerate(packets, 1):
        if most and count > most:
            raise ProtocolError("too many packets in one payload")
        if packet is not None:
            yield packet


def _decodeText4(text: str, most: int) -> Iterator[Packet]:
    if most and text.count(_SEPARATOR) >= most:
        raise ProtocolError("too many packets in one payload")
    for part in text.split(_SEPARATOR):
        yield decodeText(part, 4)


def _decodeText3(text: str) -> Iterator[Packet | None]:
    if not text:
        raise ProtocolError("empty payload")
    if _ASTRAL.search(text):
        yield from _decodeWideText3(text)
        return
    at, end = 0, len(text)
    while at < end:
        match = _LENGTH.match(text, at)
        if match is None:
            raise ProtocolError("bad length in a payload")
        start = match.end()
        at = start + int(match[1])
        if at > end:
            raise ProtocolError("a packet is shorter than announced")
        yield decodeText(text[start:at], 3) if at > start else None


def _decodeWideText3(text: str) -> Iterator[Packet | None]:
    """As `_decodeText3`, for text in which characters and UTF-16 code units differ in number."""
    units = text.encode("utf-16-le")
    at, end = 0, len(units)
    while at < end:
        # The digits are at most `_MOST_LENGTH_DIGITS` and a colon: a window is enough, and keeps this linear.
        window = units[at : at + 2 * _MOST_LENGTH_DIGITS + 2].decode("utf-16-le", "replace")
        match = _LENGTH.match(window)
        if match is None:
            raise ProtocolError("bad length in a payload")
        start = at + 2 * match.end()
        at = start + 2 * int(match[1])
        if at > end:
            raise ProtocolError("a packet is shorter than announced")
        try:
            packet = units[start:at].decode("utf-16-le")
        except UnicodeDecodeError as error:
            raise ProtocolError("a length splits a character") from error
        yield decodeText(packet, 3) if packet else None


def _decodeBinary3(body: bytes) -> Iterator[Packet | None]:
    if not body:
        raise ProtocolError("empty payload")
    at, end = 0, len(body)
    while at < end:
        form = body[at]
        stop = body.find(_LENGTH_END, at + 1, at + 2 + _MOST_LENGTH_DIGITS)
        digits = body[at + 1 : stop] if stop > 0 else b""
        if form > 1 or not digits or max(digits) > 9:
            raise ProtocolError("bad length in a payload")
        length = 0
        for digit in digits:
            length = 10 * length + digit
        start = stop + 1
        at = start + length
        if at > end:
            raise ProtocolError("a packet is shorter than announced")
        yield _decodeBinary3Packet(form, body[start:at]) if length else None


def _decodeBinary3Packet(form: int, data: bytes) -> Packet:
    if form == 1:
        return decodeBinary(data, 3)
    try:
        return decodeText(data.decode("utf-8"), 3)
    except UnicodeDecodeError as error:
        raise ProtocolError("payload is not UTF-8", 1007) from error


def _encodeText3(packet: str | bytes) -> str:
    text = packet if isinstance(packet, str) else encodeBase64(packet, 3)
    units = len(text) if text.isascii() else len(text) + len(_ASTRAL.findall(text))
    return f"{units}:{text}"


def _encodeBinary3(packet: str | bytes) -> bytes:
    form, data = (b"\x00", packet.encode()) if isinstance(packet, str) else (b"\x01", encodeBinary(packet, 3))
    digits = bytes(ord(digit) - ord("0") for digit in str(len(data)))
    return form + digits + b"\xff" + data
