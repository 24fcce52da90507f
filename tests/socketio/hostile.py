"""Texts that take long to read, for servers that read them in the way that comes to mind first."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Final

__all__ = ["TEXTS"]


def _items(unit: str) -> Callable[[int], str]:
    """An event whose arguments are the same again and again."""

    def make(size: int) -> str:
        return '["e",' + ",".join([unit] * ((size - 6) // (len(unit.encode()) + 1))) + "]"

    return make


def _filled(before: str, unit: str, after: str) -> Callable[[int], str]:
    """The same unit again and again between a beginning and an end."""

    def make(size: int) -> str:
        return before + unit * ((size - len(before) - len(after)) // len(unit.encode())) + after

    return make


def _numbers(form: str) -> Callable[[int], str]:
    """An event whose arguments are different numbers."""

    def make(size: int) -> str:
        random = Random(1)
        count = (size - 6) // (len(form.format(1000)) + 1)
        return '["e",' + ",".join(form.format(random.randrange(1000, 10_000)) for _ in range(count)) + "]"

    return make


def _keys(size: int) -> str:
    return json.dumps(["e", {str(number): 1 for number in range(size // 10)}], separators=(",", ":"))


def _garbage(size: int) -> str:
    random = Random(1)
    return '["e",' + "".join(random.choice('[]{},:"\\u1e ') for _ in range(size - 5))


TEXTS: Final[dict[str, Callable[[int], str]]] = {
    "brackets": _items("[]"),
    "braces": _items("{}"),
    "brackets in objects": _items('{"":[]}'),
    "deep": _items("[" * 62 + "]" * 62),
    "deep objects": _items('{"":' * 62 + "1" + "}" * 62),
    "too deep": _filled('["e",', "[", ""),
    "closed too often": _filled('["e"', "]", ""),
    "wide": _items("1"),
    "wide objects": _items('{"a":1}'),
    "many keys": _keys,
    "quotes": _items('""'),
    "strings": _items('"a"'),
    "brackets in strings": _items('"["'),
    "brackets around strings": _items('["["]'),
    "open string": _filled('["e","', '\\"', ""),
    "escapes": _filled('["e",[],"', "\\n", '"]'),
    "backslashes": _filled('["e",[],"', "\\\\", '"]'),
    "surrogates": _filled('["e","', "\\ud83d\\ude00", '"]'),
    "lone surrogates": _filled('["e",[],"', "\\ud800", '"]'),
    "escapes, then a lone surrogate": _filled('["e",[],"', "\\n", '\\udc00"]'),
    "backslashes, then a lone surrogate": _filled('["e",[],"', "\\\\", '\\udc00"]'),
    "strings, then a lone surrogate": lambda size: _items('"a"')(size - 9)[:-1] + ',"\\ud800"]',
    "broken escape": _filled('["e","\\u', "\\", ""),
    "digits": _filled('["e",', "9", "]"),
    "long integers": _items("9" * 800),
    "fractions": _items("1.5"),
    "long fractions": _items("0." + "1" * 800),
    "halfway between two doubles": _items("9007199254740993.0000000001"),
    "large exponents": _items("1e308"),
    "different large exponents": _numbers("1.{}e300"),
    "exponents": _numbers("{}e30"),
    "small exponents": _numbers("2.{}250738585072011e-308"),
    "exponents of many digits": _items("1e-99999"),
    "exponents of a few digits less": _items("1e-" + "9" * 190),
    "different exponents beyond all numbers": _numbers("{}7e307"),
    "different exponents, then a large one": lambda size: _numbers("{}e99")(size - 7)[:-1] + ",1e308]",
    "integers, then a large exponent": lambda size: _items("1")(size - 7)[:-1] + ",1e308]",
    "long string": _filled('["e","', "a", '"]'),
    "blanks": _filled('["e",', " ", "1]"),
    "two bytes": _filled('["e","', "é", '"]'),
    "four bytes": _filled('["e",[],"', "\N{GRINNING FACE}", '"]'),
    "commas": _filled('["e"', ",", "]"),
    "colons": _filled('["e"', ":", "]"),
    "garbage": _garbage,
}
"""By name; each is called with about how many bytes the text shall have in UTF-8."""
