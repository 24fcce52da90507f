"""What RFC 6455 asks of an endpoint, case by case: the list of the Autobahn test suite, sections 1 to 7 and 9.

The numbers are those of that suite, so that a case can be looked up there. Section 9 is here in small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

__all__ = ["CASES", "Case"]

_TEXT = "Hello-µ@ßöäüàá-UTF-8!!".encode()
_GREEK = "\u03ba\u1f79\u03c3\u03bc\u03b5".encode()
_BROKEN = b"\xf4\x90\x80\x80"
"""Above U+10FFFF."""


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        number: That of the suite.
        sends: What the client sends, in writes of their own.
        messages: What comes back, in order.
        pongs: The payloads of the pongs, in order.
        code: The code with which the server closes; None if it goes on.
        by: After so many writes it must have closed.
        size: How the writes are cut into smaller ones; 0 for not at all.
    """

    number: str
    sends: tuple[bytes, ...]
    messages: tuple[str | bytes, ...] = ()
    pongs: tuple[bytes, ...] = ()
    code: int | None = None
    by: int = 0
    size: int = 0

    @property
    def isLarge(self) -> bool:
        """It is not to be sent byte by byte."""
        return sum(map(len, self.sends)) > 4_000


def _fragments(opcode: int, parts: Sequence[bytes]) -> tuple[bytes, ...]:
    """One message in these fragments."""
    last = len(parts) - 1
    return tuple(frame(CONTINUATION if at else opcode, part, fin=at == last) for at, part in enumerate(parts))


def _bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def _closing(payload: bytes) -> bytes:
    return frame(CLOSE, payload)


def _code(code: int, reason: bytes = b"") -> bytes:
    return code.to_bytes(2, "big") + reason


def _framing() -> Iterator[Case]:
    for section, opcode in ((1, TEXT), (2, BINARY)):
        for number, size in enumerate((0, 125, 126, 127, 128, 65535, 65536), 1):
            content: str | bytes = "*" * size if opcode == TEXT else b"\xfe" * size
            payload = content.encode() if isinstance(content, str) else content
            yield Case(f"1.{section}.{number}", (frame(opcode, payload),), (content,))
        yield Case(f"1.{section}.8", (frame(opcode, payload),), (content,), size=997)


def _pings() -> Iterator[Case]:
    yield Case("2.1", (frame(PING),), pongs=(b"",))
    yield Case("2.2", (frame(PING, b"Hello, world!"),), pongs=(b"Hello, world!",))
    yield Case("2.3", (frame(PING, b"\x00\xff\xfe\xfd"),), pongs=(b"\x00\xff\xfe\xfd",))
    yield Case("2.4", (frame(PING, b"\xfe" * 125),), pongs=(b"\xfe" * 125,))
    yield Case("2.5", (frame(PING, b"\xfe" * 126),), code=1002)
    yield Case("2.6", (frame(PING, b"\xfe" * 125),), pongs=(b"\xfe" * 125,), size=1)
    yield Case("2.7", (frame(PONG),))
    yield Case("2.8", (frame(PONG, b"unsolicited"),))
    yield Case("2.9", (frame(PONG, b"unsolicited"), frame(PING, b"ping")), pongs=(b"ping",))
    ten = tuple(b"payload-%d" % number for number in range(10))
    yield Case("2.10", tuple(frame(PING, each) for each in ten), pongs=ten)
    yield Case("2.11", tuple(frame(PING, each) for each in ten), pongs=ten, size=1)


def _reservedBits() -> Iterator[Case]:
    text, ping = frame(TEXT, b"Hello"), frame(PING)
    yield Case("3.1", (frame(TEXT, b"Hello", rsv=1),), code=1002)
    yield Case("3.2", (text, frame(TEXT, b"Hello", rsv=2), ping), ("Hello",), code=1002)
    yield Case("3.3", (text + frame(TEXT, b"Hello", rsv=3) + ping,), ("Hello",), code=1002)
    yield Case("3.4", (text + frame(TEXT, b"Hello", rsv=4) + ping,), ("Hello",), code=1002, size=1)
    yield Case("3.5", (frame(BINARY, b"\x00\xff\xfe", rsv=5),), code=1002)
    yield Case("3.6", (frame(PING, b"ping", rsv=6),), code=1002)
    yield Case("3.7", (frame(CLOSE, _code(1000), rsv=7),), code=1002)


def _opcodes() -> Iterator[Case]:
    text, ping = frame(TEXT, b"Hello"), frame(PING)
    for section, first in ((1, 3), (2, 11)):
        yield Case(f"4.{section}.1", (frame(first),), code=1002)
        yield Case(f"4.{section}.2", (frame(first + 1, b"reserved"),), code=1002)
        yield Case(f"4.{section}.3", (text, frame(first + 2), ping), ("Hello",), code=1002)
        yield Case(f"4.{section}.4", (text, frame(first + 3, b"reserved"), ping), ("Hello",), code=1002)
        yield Case(f"4.{section}.5", (text + frame(first + 4, b"reserved") + ping,), ("Hello",), code=1002, size=1)


def _fragmentation() -> Iterator[Case]:
    text, ping = frame(TEXT, b"Hello"), frame(PING, b"ping")
    first, second = _fragments(TEXT, (b"fragment1", b"fragment2"))
    whole = ("fragment1fragment2",)
    yield Case("5.1", _fragments(PING, (b"fragment1", b"fragment2")), code=1002)
    yield Case("5.2", _fragments(PONG, (b"fragment1", b"fragment2")), code=1002)
    yield Case("5.3", (first, second), whole)
    yield Case("5.4", (first + second,), whole)
    yield Case("5.5", (first + second,), whole, size=1)
    yield Case("5.6", (first, ping, second), whole, (b"ping",))
    yield Case("5.7", (first + ping + second,), whole, (b"ping",))
    yield Case("5.8", (first + ping + second,), whole, (b"ping",), size=1)
    for number, fin in ((9, True), (12, False)):
        stray = frame(CONTINUATION, b"nothing to continue", fin=fin)
        yield Case(f"5.{number}", (stray, text), code=1002)
        yield Case(f"5.{number + 1}", (stray + text,), code=1002)
        yield Case(f"5.{number + 2}", (stray + text,), code=1002, size=1)
    stray = frame(CONTINUATION, b"nothing to continue")
    yield Case("5.15", (first + second + stray + text,), whole, code=1002)
    yield Case("5.16", (frame(CONTINUATION, b"x", fin=False), first, second) * 2, code=1002, by=1)
    yield Case("5.17", (frame(CONTINUATION, b"x"), first, second) * 2, code=1002, by=1)
    yield Case("5.18", (first + frame(TEXT, b"fragment2"),), code=1002)
    parts = tuple(b"fragment%d" % number for number in range(1, 6))
    five, joined = _fragments(TEXT, parts), (b"".join(parts).decode(),)
    sends = (*five[:2], frame(PING, b"1"), five[2], five[3], frame(PING, b"2"), five[4])
    yield Case("5.19", sends, joined, (b"1", b"2"))
    yield Case("5.20", (b"".join(sends),), joined, (b"1", b"2"))


def _utf8() -> Iterator[Case]:
    yield Case("6.1.1", (frame(TEXT),), ("",))
    yield Case("6.1.2", _fragments(TEXT, (b"", b"", b"")), ("",))
    yield Case("6.1.3", _fragments(TEXT, (b"", b"middle frame payload", b"")), ("middle frame payload",))
    yield Case("6.2.1", (frame(TEXT, _TEXT),), (_TEXT.decode(),))
    yield Case("6.2.2", _fragments(TEXT, (_TEXT[:12], _TEXT[12:])), (_TEXT.decode(),))
    yield Case("6.2.3", _fragments(TEXT, _bytewise(_TEXT)), (_TEXT.decode(),))
    yield Case("6.2.4", _fragments(TEXT, _bytewise(_GREEK)), (_GREEK.decode(),))
    bad = _GREEK + b"\xed\xa0\x80edited"
    yield Case("6.3.1", (frame(TEXT, bad),), code=1007)
    yield Case("6.3.2", _fragments(TEXT, _bytewise(bad)), code=1007, by=len(_GREEK) + 2)
    for number, part in ((1, _BROKEN), (2, _BROKEN[:2])):
        rest = b"edited" if number == 1 else _BROKEN[2:] + b"edited"
        yield Case(f"6.4.{number}", _fragments(TEXT, (_GREEK, part, rest)), code=1007, by=2)
        whole, head = frame(TEXT, _GREEK + _BROKEN + b"edited"), 6 + len(_GREEK)
        cut = head + len(part)
        yield Case(f"6.4.{number + 2}", (whole[:head], whole[head:cut], whole[cut:]), code=1007, by=2)
    for number, data in enumerate((*_VALID, *_INVALID), 1):
        yield from _encoded(f"6.5-23.{number}", data)
    for size in range(1, len(_GREEK)):
        yield from _encoded(f"6.6.{size}", _GREEK[:size])


def _encoded(number: str, data: bytes) -> Iterator[Case]:
    """A payload whole, and in fragments of a byte each."""
    messages: tuple[str, ...] = ()
    code: int | None = 1007
    try:
        messages, code = (data.decode(),), None
    except UnicodeDecodeError:
        pass
    yield Case(number, (frame(TEXT, data),), messages, code=code)
    yield Case(number + ".fragments", _fragments(TEXT, _bytewise(data)), messages, code=code)


_VALID: tuple[bytes, ...] = (
    _GREEK,  # 6.5
    *(chr(point).encode() for point in (0x00, 0x80, 0x800, 0x10000)),  # 6.7: first of each length
    *(chr(point).encode() for point in (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)),  # 6.9: last of each length
    *(chr(point).encode() for point in (0xD7FF, 0xE000, 0xFFFD, 0x10FFFF)),  # 6.11: around the surrogates
    # 6.22: what is no character, and yet may be encoded
    *(chr(plane << 16 | end).encode() for plane in range(17) for end in (0xFFFE, 0xFFFF)),
    "\ufeff\u200b\ufffc\ufffd".encode(),  # 6.23
)

_INVALID: tuple[bytes, ...] = (
    b"\xf8\x88\x80\x80\x80",  # 6.8: five and six bytes
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xf7\xbf\xbf\xbf",  # 6.10: above U+10FFFF
    b"\xfb\xbf\xbf\xbf\xbf",
    b"\xfd\xbf\xbf\xbf\xbf\xbf",
    b"\xf4\x90\x80\x80",  # 6.11.5
    b"\x80",  # 6.12: nothing to continue
    b"\xbf",
    *(b"\x80\xbf" * count for count in (1, 2, 3)),
    bytes(range(0x80, 0xC0)),
    b"".join(bytes([first]) + b" " for first in range(0xC0, 0xE0)),  # 6.13: beginnings without an end
    b"".join(bytes([first]) + b" " for first in range(0xE0, 0xF0)),
    b"".join(bytes([first]) + b" " for first in range(0xF0, 0xF8)),
    b"\xf8 \xf9 \xfa \xfb ",
    b"\xfc \xfd ",
    *(b"\xc0 \xe0\x80 \xf0\x80\x80 \xdf \xef\xbf \xf7\xbf\xbf".split(b" ")),  # 6.14: the last byte is missing
    b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xdf\xef\xbf",  # 6.15
    b"\xfe",  # 6.16: bytes that are never used
    b"\xff",
    b"\xfe\xfe\xff\xff",
    *(b"\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf \xf8\x80\x80\x80\xaf".split(b" ")),  # 6.17: longer than need be
    *(b"\xc1\xbf \xe0\x9f\xbf \xf0\x8f\xbf\xbf \xf8\x87\xbf\xbf\xbf".split(b" ")),  # 6.18
    *(b"\xc0\x80 \xe0\x80\x80 \xf0\x80\x80\x80 \xf8\x80\x80\x80\x80".split(b" ")),  # 6.19
    *(b"\xed" + low for low in (b"\xa0\x80", b"\xad\xbf", b"\xae\x80", b"\xaf\xbf", b"\xb0\x80", b"\xbf\xbf")),  # 6.20
    *(high + low for high in (b"\xed\xa0\x80", b"\xed\xaf\xbf") for low in (b"\xed\xb0\x80", b"\xed\xbf\xbf")),  # 6.21
)

_GOOD_CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999)
_BAD_CODES = (0, 999, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65535)


def _closes() -> Iterator[Case]:
    text, good = frame(TEXT, b"Hello"), _closing(_code(1000))
    yield Case("7.1.1", (text, good), ("Hello",), code=1000)
    yield Case("7.1.2", (good, good), code=1000)
    yield Case("7.1.3", (good, frame(PING)), code=1000)
    yield Case("7.1.4", (good, text), code=1000)
    first, second = _fragments(TEXT, (b"fragment1", b"fragment2"))
    yield Case("7.1.5", (first, good, second), code=1000)
    large = "BAsd7&jh23" * 26_000
    yield Case("7.1.6", (frame(TEXT, large.encode()) + good + frame(PING),), (large,), code=1000)
    yield Case("7.3.1", (_closing(b""),), code=1000)
    yield Case("7.3.2", (_closing(b"a"),), code=1002)
    yield Case("7.3.3", (good,), code=1000)
    yield Case("7.3.4", (_closing(_code(1000, b"Hello World!")),), code=1000)
    yield Case("7.3.5", (_closing(_code(1000, b"*" * 123)),), code=1000)
    yield Case("7.3.6", (_closing(_code(1000, b"*" * 124)),), code=1002)
    yield Case("7.5.1", (_closing(_code(1000, b"\xce\xba\xed\xa0\x80edited")),), code=1007)
    for number, code in enumerate(_GOOD_CODES, 1):
        yield Case(f"7.7.{number}", (_closing(_code(code)),), code=code)
    for number, code in enumerate(_BAD_CODES, 1):
        yield Case(f"7.9.{number}", (_closing(_code(code)),), code=1002)
        yield Case(f"7.9.{number}.reason", (_closing(_code(code, b"why")),), code=1002)


def _sizes() -> Iterator[Case]:
    large = "*" * 131_072
    for section, opcode in ((1, TEXT), (2, BINARY)):
        content: str | bytes = large if opcode == TEXT else large.encode()
        yield Case(f"9.{section}.1", (frame(opcode, large.encode()),), (content,))
        yield Case(f"9.{section}.2", (frame(opcode, large.encode()),), (content,), size=4_096)
        for number, size in enumerate((256, 1_024, 65_536), 1):
            parts = [large[at : at + size].encode() for at in range(0, len(large), size)]
            yield Case(f"9.{section + 2}.{number}", (b"".join(_fragments(opcode, parts)),), (content,))
        many = tuple(f"{number}" for number in range(200))
        messages = many if opcode == TEXT else tuple(each.encode() for each in many)
        sends = b"".join(frame(opcode, each.encode()) for each in many)
        yield Case(f"9.{section + 6}", (sends,), messages)
        yield Case(f"9.{section + 6}.cut", (sends,), messages, size=7)


CASES = (
    *_framing(),
    *_pings(),
    *_reservedBits(),
    *_opcodes(),
    *_fragmentation(),
    *_utf8(),
    *_closes(),
    *_sizes(),
)
