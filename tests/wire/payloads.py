"""What a client makes of Engine.IO payloads: written from the protocol, apart from the server's codec.

A packet is a str, type digit first, or, for a binary message, the bytes without any type.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final

Packet = str | bytes

REVISIONS: Final = (3, 4)

_SEPARATOR: Final = "\x1e"


def units(text: str) -> int:
    """The length of a text in UTF-16 code units, as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def encode(revision: int, *packets: Packet) -> bytes:
    """The text payload of these packets."""
    if revision == 4:
        return _SEPARATOR.join(asText(4, packet) for packet in packets).encode()
    texts = (asText(3, packet) for packet in packets)
    return "".join(f"{units(text)}:{text}" for text in texts).encode()


def asText(revision: int, packet: Packet) -> str:
    """A packet where only text can go: binary as base64."""
    if isinstance(packet, str):
        return packet
    return ("b4" if revision == 3 else "b") + base64.b64encode(packet).decode()


def decode(revision: int, body: bytes, contentType: str = "text/plain; charset=UTF-8") -> list[Packet]:
    """The packets of an answer."""
    if contentType == "application/octet-stream":
        assert revision == 3, "only revision 3 has a binary payload form"
        return decodeBinary(body)
    if revision == 4:
        return [_fromText(4, text) for text in body.decode().split(_SEPARATOR)]
    return [_fromText(3, text) for text in _splitCounted(body.decode())]


def _fromText(revision: int, text: str) -> Packet:
    prefix = "b4" if revision == 3 else "b"
    if not text.startswith(prefix):
        return text
    return base64.b64decode(text.removeprefix(prefix), validate=True)


def _splitCounted(text: str) -> list[str]:
    wide = text.encode("utf-16-le")
    packets = []
    while wide:
        digits, colon, rest = wide.partition(":".encode("utf-16-le"))
        assert colon, f"a length without its packet in {text!r}"
        end = 2 * int(digits.decode("utf-16-le"))
        assert end <= len(rest), f"a shorter packet than announced in {text!r}"
        packets.append(rest[:end].decode("utf-16-le"))
        wide = rest[end:]
    return packets


def encodeBinary(packets: Sequence[Packet]) -> bytes:
    """The binary payload of revision 3."""
    return b"".join(map(_binaryPacket, packets))


def _binaryPacket(packet: Packet) -> bytes:
    kind, data = (b"\x00", packet.encode()) if isinstance(packet, str) else (b"\x01", b"\x04" + packet)
    return kind + bytes(int(digit) for digit in str(len(data))) + b"\xff" + data


def decodeBinary(body: bytes) -> list[Packet]:
    """The packets of a binary payload of revision 3."""
    packets: list[Packet] = []
    while body:
        kind = body[0]
        digits, mark, rest = body[1:].partition(b"\xff")
        assert mark == b"\xff"
        assert all(digit < 10 for digit in digits), digits
        end = int("".join(map(str, digits)))
        data, body = rest[:end], rest[end:]
        assert len(data) == end
        if kind == 0:
            packets.append(data.decode())
        else:
            assert kind == 1
            assert data[0] == 4, "a binary packet is a message"
            packets.append(data[1:])
    return packets
