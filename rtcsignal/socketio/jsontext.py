"""Strict JSON, both ways: what goes out can be read by every client, whatever came in.

Not accepted: NaN and Infinity, numbers out of the range of a double, integers of thousands of digits, nesting beyond
a given depth, text after the value. A lone surrogate, which JavaScript can escape but UTF-8 cannot encode, is replaced
by U+FFFD. Integers beyond 64 bits and the order of keys are kept. Source: RFC 8259.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec

from rtcsignal.errors import ProtocolError
from rtcsignal.socketio.jsonscan import depthOf, mayHaveHardNumbers, numbersOutside

__all__ = ["MOST_DEPTH", "JsonError", "Unread", "decode", "encode", "leave", "read", "secondItem"]

MOST_DEPTH = 64

# Arrays and objects that are built without asking what they cost.
_FEW = 64
# From so many characters for each array or object, building them costs no more than reading the rest.
_SPARSE = 16
_SMALL = 1_024


class JsonError(ProtocolError):
    """The text is not JSON that the server accepts."""


class _HasFraction(ValueError):
    """There is a number that is not an integer."""


def _stop(number: str) -> float:
    raise _HasFraction


class _Start(msgspec.Struct, array_like=True, gc=False):
    """The first items of an array; the others are looked at, and left."""

    first: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    second: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    third: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


# Hardly any message has a fraction. So they are looked at only where there are any: some take a thousand times as long
# as others to be read.
_integersDecoder = msgspec.json.Decoder(float_hook=_stop)
_decoder = msgspec.json.Decoder()
_patientDecoder = msgspec.json.Decoder(float_hook=float)
_syntaxDecoder = msgspec.json.Decoder(msgspec.Raw)
_startDecoder = msgspec.json.Decoder(_Start)
_encoder = msgspec.json.Encoder()
_BROKEN = (msgspec.DecodeError, RecursionError, UnicodeEncodeError)

_REPLACEMENT = r"\\ufffd"
# A high surrogate without a low one behind it, or a low one without a high one before it.
_LONE = re.compile(
    r"\\u[dD](?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Unread:
    """A JSON value whose text is valid, and that would take longer to build than its length suggests.

    What is only relayed need not be built: `read` leaves that to the code that uses the value.

    Attributes:
        text: Its text.
        isDense: There is not much in it but arrays and objects.
    """

    __slots__ = ("isDense", "text")

    def __init__(self, text: str, isDense: bool) -> None:
        self.text = text
        self.isDense = isDense

    @property
    def isArray(self) -> bool:
        return self.text.lstrip().startswith("[")

    @property
    def isObject(self) -> bool:
        return self.text.lstrip().startswith("{")

    def value(self) -> Any:
        """The value, however long it takes to build."""
        return _patientDecoder.decode(self.text)

    def start(self) -> list[Any]:
        """Of an array the first item, and unread the second and the third.

        What is behind them is left out. So is a first item that is an array or an object: it is None.
        """
        start = _startDecoder.decode(self.text)
        texts = [bytes(item).decode() for item in (start.first, start.second, start.third) if item is not msgspec.UNSET]
        if not texts:
            return []
        first = None if texts[0][0] in "[{" else _decoder.decode(texts[0])
        return [first, *(Unread(text, self.isDense) for text in texts[1:])]


def decode(text: str, depth: int = MOST_DEPTH) -> tuple[Any, str]:
    """Read one JSON value.

    Args:
        text: The whole text.
        depth: The deepest nesting of arrays and objects allowed; 0 for no limit but the decoder's own.

    Returns:
        The value, and the text to relay for it: `text` itself unless lone surrogates had to be replaced.

    Raises:
        JsonError: The text is not JSON that the server accepts.
    """
    value, relayed = read(text, depth)
    return (value.value() if value.__class__ is Unread else value), relayed


def read(text: str, depth: int = MOST_DEPTH) -> tuple[Any, str]:
    """As `decode`, in at most some 30 nanoseconds for each byte, whatever the text is.

    Returns:
        The value, or an `Unread` in its place; and the text to relay.
    """
    # Most texts are an array with a flat object in it, which searches tell sooner than counting.
    isFlat = text.find("[", 1) < 0 and text.find("{", text.find("{") + 1) <= 0 and depth != 1
    if isFlat or text.count("[") + text.count("{") <= (depth if 0 < depth < _FEW else _FEW):
        try:
            return _integersDecoder.decode(text), text
        except _BROKEN:
            pass  # or not: what is only rare is looked at more closely
    return _readWithCare(text, depth)


def leave(text: str) -> tuple[Unread, str]:
    """As `read`, for what is only to be refused: the value is not built, and how deep it is does not matter."""
    relayed = _checkedSyntax(text)
    return Unread(relayed, False), relayed


def _readWithCare(text: str, depth: int) -> tuple[Any, str]:
    relayed = _checkedSyntax(text)
    nested = relayed.count("[") + relayed.count("{")
    if depth and nested > depth and depthOf(relayed) > depth:
        raise JsonError("payload is nested too deeply")
    isHard = mayHaveHardNumbers(relayed) and numbersOutside(relayed)
    if isHard is None:
        raise JsonError("payload has a number that is too large")
    isDense = nested > _FEW and nested * _SPARSE > len(relayed)
    if isDense or isHard or (relayed is not text and len(relayed) > _SMALL):
        return Unread(relayed, isDense), relayed
    return _decoder.decode(relayed), relayed


def _checkedSyntax(text: str) -> str:
    """The text to relay, whose strings and nesting are right; its numbers have the right form."""
    try:
        _syntaxDecoder.decode(text)
        return text
    except _BROKEN as error:
        repaired = _withoutLoneSurrogates(text) if r"\u" in text else text
        if repaired == text:
            raise JsonError("payload is not strict JSON") from error
    try:
        _syntaxDecoder.decode(repaired)
        return repaired
    except _BROKEN as error:
        raise JsonError("payload is not strict JSON") from error


def _withoutLoneSurrogates(text: str) -> str:
    if "\0" in text:
        return text  # which no JSON has; it stands for an escaped backslash here, so that what is left begins an escape
    return _LONE.sub(_REPLACEMENT, text.replace(r"\\", "\0")).replace("\0", r"\\")


def secondItem(text: str) -> str:
    """The JSON text of the second item of a JSON array.

    Args:
        text: A text that `read` accepted, and that is an array of two items or more.
    """
    return bytes(cast("msgspec.Raw", _startDecoder.decode(text).second)).decode()


def encode(value: Any) -> str:
    """Write a value as JSON text that can be encoded as UTF-8. Numbers that are not finite become ``null``.

    Raises:
        TypeError: A value of a type that JSON does not have.
    """
    try:
        return _encoder.encode(value).decode()
    except UnicodeEncodeError:
        return _encoder.encode(_withoutSurrogates(value)).decode()


def _withoutSurrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_withoutSurrogates(key): _withoutSurrogates(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_withoutSurrogates(item) for item in value]
    return value
