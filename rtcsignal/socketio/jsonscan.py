"""What a JSON text contains, found without building it: how deep it is, and whether every client can read its numbers.

Each step is a search or a translation over the whole text, which C does at some nanoseconds for each byte. Nothing
here loops over characters, and nothing costs more because of what the text says.

All functions expect the text of one JSON value whose syntax has been found to be right.
"""

from __future__ import annotations

import re
from array import array
from itertools import accumulate
from math import inf
from operator import add
from typing import Final, cast

__all__ = ["MOST_DIGITS", "depthOf", "mayHaveHardNumbers", "numbersOutside"]

_MOST_HUGE = 64
MOST_DIGITS: Final = 4_300
"""Most characters of an integer: as many as Python reads."""

_BYTES = frozenset(range(256))
_BRACKETS = bytes(_BYTES - frozenset(b'[]{}"'))  # what is deleted to keep them
_AS_BITS = bytes.maketrans(b"[{]}", b"1100")

# The tables below are for eight brackets at a time: one byte, whose ones open and whose zeros close.
_NET = bytes((2 * byte.bit_count() - 8) & 0xFF for byte in range(256))
_PEAK = bytes(
    max(accumulate((1 if byte >> bit & 1 else -1 for bit in range(7, -1, -1)), initial=0)) for byte in range(256)
)

_IN_NUMBERS = frozenset(b"0123456789.eE+-")
_APART = bytes(byte if byte in _IN_NUMBERS or byte == ord('"') else ord(" ") for byte in range(256)).replace(b"E", b"e")
_SHAPE = bytes.maketrans(b"123456789.E", b"0000000000e")
_SIGNS = b"+-"
_LONG = b"0" * 20
_EXPONENT = b"0e000"
_HALF_OF_VERY_LONG = b"0" * 90
# From one blank to the next, so that nothing is looked at twice.
_VERY_LONG = re.compile(" ([^ ]{200,}+)")
# Of the others only one with a positive exponent of three digits can be too large, and hardly one with a single digit
# before its point, as all languages write them: that one only beyond 307.
_PERHAPS_TOO_LARGE = re.compile(
    r" ([0-9](?:[0-9][0-9.]*+e[0-9]{3}|(?:\.[0-9]*+)?e(?:30[89]|3[1-9][0-9]|[4-9][0-9]{2}|[0-9]{4}))[0-9]*+)"
)


def depthOf(text: str) -> int:
    """How deeply arrays and objects are nested."""
    brackets = _outside(_unescaped(text.encode()).translate(None, _BRACKETS))
    bits = brackets.translate(_AS_BITS) + b"0" * (-len(brackets) % 8)
    if not bits:
        return 0
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    before = accumulate(array("b", packed.translate(_NET)), initial=0)
    return cast("int", max(map(add, before, packed.translate(_PEAK))))


def mayHaveHardNumbers(text: str) -> bool:
    """Whether there may be numbers with more than 19 digits, or with exponents of three and more.

    Those of them that are not integers take some microseconds each to be read, and some are too large for anyone.
    All other numbers are fine. Whatever looks like such a number in a string counts as well.
    """
    return _isHard(_shapeOf(text.encode()))


def numbersOutside(text: str) -> bool | None:
    """Look at the numbers of a text for which `mayHaveHardNumbers` is true, those in strings left out.

    Returns:
        Whether any are hard; None if one is beyond the range of a double, an integer has more than `MOST_DIGITS`
        characters, or there are many different ones beyond 1e100 that no language writes so.
    """
    words = _unescaped(text.replace("true", "").replace("false", "").encode())
    outside = _outside(words.translate(_APART).replace(b'" "', b""))
    shape = _shapeOf(outside)
    if not _isHard(shape):
        return False
    numbers = f" {outside.decode('ascii')} "
    if _HALF_OF_VERY_LONG in shape and any(map(_isTooLarge, _VERY_LONG.findall(numbers))):
        return None
    huge = set(_PERHAPS_TOO_LARGE.findall(numbers.replace("e+", "e").replace("-", " ")))
    return None if len(huge) > _MOST_HUGE + len(text) // 100 or any(map(_isTooLarge, huge)) else True


def _shapeOf(text: bytes) -> bytes:
    """All digits and points the same, and no signs."""
    return text.translate(_SHAPE, _SIGNS)


def _isHard(shape: bytes) -> bool:
    return _LONG in shape or _EXPONENT in shape


def _isTooLarge(number: str) -> bool:
    if "." in number or "e" in number:
        return abs(float(number)) == inf
    return len(number) > MOST_DIGITS


def _unescaped(text: bytes) -> bytes:
    """Without the escapes that matter to where strings end: first those of backslashes, which come in pairs."""
    return text.replace(b"\\\\", b"").replace(b'\\"', b"")


def _outside(text: bytes) -> bytes:
    """What is not in strings. `text` has no escapes any more."""
    # Two quotes side by side end one string and begin another, or are an empty one: all the same without them.
    text = text.replace(b'""', b"")
    return b"".join(text.split(b'"')[::2]) if b'"' in text else text
