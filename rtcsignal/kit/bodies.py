"""The strings in the body of a message, wherever they are: in objects, in arrays, in JSON that is itself a string.

Clients do not agree on where a description or a candidate is: in ``sdp``, in ``payload.sdp``, in an array called
``candidates``, or as ``JSON.stringify(description)``. A filter that looked at one place would miss the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

__all__ = ["GONE", "rewritten"]

_MOST_JSON_IN_JSON = 3
# An attempt to read JSON that is none costs microseconds, whatever its length.
_MOST_BROKEN = 200
# Neither a candidate nor a line of a description that anyone filters is shorter.
_SHORTEST = 8
_SCALARS = frozenset((int, float, bool, type(None), bytes))
_BEGIN_JSON = frozenset('{[" \t\r\n')
_decode = msgspec.json.Decoder().decode


class _Gone:
    def __repr__(self) -> str:
        return "GONE"


GONE: Final[Any] = _Gone()
"""In the place of a string: what holds it must not be sent."""


def rewritten(
    value: Any, concerns: Callable[[str], bool], change: Callable[[str], Any], levels: int = _MOST_JSON_IN_JSON
) -> Any:
    """A value with other strings in it.

    Args:
        value: JSON values and bytes. It is not changed itself. The keys of objects are left alone.
        concerns: Called with strings of at least 8 characters: whether it may have to be changed. Of a string that is
            JSON it must say so if it is true of any string in there that is written without escapes.
        change: Called with those; returns the string itself, another one, or `GONE`.
        levels: How often JSON in strings may be nested to be looked at.

    Returns:
        The same value if nothing is changed. `GONE` if a string is, and no array is around it; an array loses the item
        with the string. `GONE` as well if the value is too deep to be looked at, or has hundreds of strings that begin
        like JSON and are broken: no one writes this except to hide something in it.
    """
    try:
        return _Rewriting(concerns, change).of(value, levels)
    except (RecursionError, _TooBroken):
        return GONE


class _TooBroken(Exception):
    """There are more strings that look like JSON, and are not, than anyone writes by mistake."""


class _Rewriting:
    """One body that is rewritten: what it is asked for, and what it has cost."""

    __slots__ = ("_broken", "_change", "_concerns")

    def __init__(self, concerns: Callable[[str], bool], change: Callable[[str], Any]) -> None:
        self._concerns = concerns
        self._change = change
        self._broken = 0

    def of(self, value: Any, levels: int) -> Any:
        kind = value.__class__
        if kind is str:
            return self._text(value, levels)
        if kind is dict or kind is MappingProxyType:
            return self._object(value, levels)
        if kind is list:
            return self._array(value, levels)
        if isinstance(value, Mapping):
            return self._object(value, levels)
        return self._array(value, levels) if isinstance(value, tuple) else value

    def _object(self, value: Mapping[str, Any], levels: int) -> Any:
        changed: dict[str, Any] = {}
        for key, before in value.items():
            kind = before.__class__
            if kind in _SCALARS or (kind is str and len(before) < _SHORTEST):
                continue
            after = self.of(before, levels)
            if after is not before:
                if after is GONE:
                    return GONE
                changed[key] = after
        return {**value, **changed} if changed else value

    def _array(self, value: list[Any] | tuple[Any, ...], levels: int) -> Any:
        changed: dict[int, Any] = {}
        for index, before in enumerate(value):
            kind = before.__class__
            if kind in _SCALARS or (kind is str and len(before) < _SHORTEST):
                continue
            after = self.of(before, levels)
            if after is not before:
                changed[index] = after
        if not changed:
            return value
        items = (changed.get(index, before) for index, before in enumerate(value))
        return [item for item in items if item is not GONE]

    def _text(self, text: str, levels: int) -> Any:
        if levels and text[:1] in _BEGIN_JSON and text.lstrip()[:1] in _BEGIN_JSON:
            # What is written with escapes is not seen before it is read.
            return self._json(text, levels) if "\\u" in text or self._concerns(text) else text
        return self._change(text) if self._concerns(text) else text

    def _json(self, text: str, levels: int) -> Any:
        try:
            before = _loaded(text)
        except ValueError:
            self._broken += 1
            if self._broken > _MOST_BROKEN:
                raise _TooBroken from None
            return self._change(text) if self._concerns(text) else text
        after = self.of(before, levels - 1)
        if after is before:
            return text
        return GONE if after is GONE else json.dumps(after)


def _loaded(text: str) -> Any:
    """The value of a JSON text. Lone surrogates and thousands of digits are read too, as JavaScript does."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        pass
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python refuses integers of thousands of digits
        return json.loads(text, parse_int=float)
