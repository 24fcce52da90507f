"""Strict JSON, both ways: what goes out can be read by every client, whatever came in.

Not accepted: NaN and Infinity, numbers out of the range of a double, integers of thousands of digits, nesting beyond
a given depth, text after the value. A lone surrogate, which JavaScript can escape but UTF-8 cannot hold, is replaced
by U+FFFD. Integers beyond 64 bits and the order of keys are kept. Source: RFC 8259.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from rtcsignal.errors import ProtocolError

__all__ = ["MOST_DEPTH", "JsonError", "decode", "encode", "rawItems"]

MOST_DEPTH = 64

_decoder = msgspec.json.Decoder()
_rawDecoder = msgspec.json.Decoder(list[msgspec.Raw])
_encoder = msgspec.json.Encoder()

_REPLACEMENT = r"\ufffd"
# One escape sequence: a surrogate pair, a surrogate alone, or anything else. Taking every escape as a unit keeps
# the second backslash of "\\" from being read as the start of another escape.
_ESCAPE = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|.)",
    re.DOTALL,
)
# Possessive quantifiers: the expression never goes back, so an unterminated string costs linear time.
_NESTING = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


class JsonError(ProtocolError):
    """The text is not JSON that we accept."""


def decode(text: str, depth: int = MOST_DEPTH) -> tuple[Any, str]:
    """Read one JSON value.

    Args:
        text: The whole text.
        depth: The deepest nesting of arrays and objects allowed; 0 for no limit but the decoder's own.

    Returns:
        The value, and the text to relay for it: `text` itself unless lone surrogates had to be replaced.

    Raises:
        JsonError: The text is not JSON that we accept.
    """
    # Most texts are an array with a flat object in it, which a few searches tell sooner than counting brackets.
    if depth and (depth < 2 or text.find("[", 1) >= 0 or text.find("{", text.find("{") + 1) > 0):
        _checkDepth(text, depth)
    try:
        return _decoder.decode(text), text
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        repaired = _ESCAPE.sub(_repair, text) if r"\u" in text else text
        if repaired == text:
            raise JsonError("payload is not strict JSON") from error
    try:
        return _decoder.decode(repaired), repaired
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        raise JsonError("payload is not strict JSON") from error


def rawItems(text: str) -> list[str]:
    """The JSON texts of the items of a JSON array.

    Args:
        text: A text that `decode` accepted, and that is an array.
    """
    return [bytes(item).decode() for item in _rawDecoder.decode(text)]


def encode(value: Any) -> str:
    """Write a value as JSON text that can be encoded as UTF-8. Numbers that are not finite become ``null``.

    Raises:
        TypeError: A value of a type that JSON does not have.
    """
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        return _encoder.encode(_withoutSurrogates(value)).decode()


def _repair(escape: re.Match[str]) -> str:
    return _REPLACEMENT if escape["lone"] else escape[0]


def _checkDepth(text: str, most: int) -> None:
    if text.count("[") + text.count("{") <= most:
        return
    depth = 0
    for token in _NESTING.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > most:
                raise JsonError("payload is nested too deeply")
        elif first in "]}":
            depth -= 1


def _withoutSurrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_withoutSurrogates(key): _withoutSurrogates(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_withoutSurrogates(item) for item in value]
    return value
