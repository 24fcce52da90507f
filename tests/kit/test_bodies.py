"""Strings in the bodies of messages, wherever they stand."""

from __future__ import annotations

import json
from collections import Counter, UserDict
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.kit.bodies import GONE, rewritten

leaves = st.none() | st.booleans() | st.integers() | st.binary(max_size=9) | st.text(max_size=12)
bodies = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
)


def shouted(value: Any) -> Any:
    """A value whose long words are in capitals; those with a bang go."""

    def change(text: str) -> Any:
        return GONE if "!" in text else text.upper()

    return rewritten(value, lambda text: "long" in text, change)


@given(bodies)
def test_whatNothingChangesStaysTheSameObject(body: Any) -> None:
    assert rewritten(body, lambda text: True, lambda text: text) is body
    assert rewritten(body, lambda text: False, lambda text: GONE) is body


@given(bodies)
def test_noStringIsOverlooked(body: Any) -> None:
    seen: list[str] = []

    def look(text: str) -> str:
        seen.append(text)
        return text

    rewritten(body, lambda text: True, look, 0)
    assert not Counter(text for text in texts(body) if len(text) >= 8) - Counter(seen)


def texts(value: Any) -> list[str]:
    """All strings of a value, but for keys."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("long word", "LONG WORD"),
        ("long", "LONG"),
        ({"x": "long word", "y": 1}, {"x": "LONG WORD", "y": 1}),
        (MappingProxyType({"x": {"y": ["long word", b"long word"]}}), {"x": {"y": ["LONG WORD", b"long word"]}}),
        (UserDict({"x": "long word"}), {"x": "LONG WORD"}),
        (["long word", "long word!", 1], ["LONG WORD", 1]),
        (("long word", "word"), ["LONG WORD", "word"]),
        ([{"x": "long word!"}, {"x": "long word"}], [{"x": "LONG WORD"}]),
        ({"x": ["long word!"], "y": "long word"}, {"x": [], "y": "LONG WORD"}),
        ({"x": {"y": "long word!"}}, GONE),
        ("long word!", GONE),
        (b"long word", b"long word"),
    ],
    ids=repr,
)
def test_whatIsLeft(before: Any, after: Any) -> None:
    assert shouted(before) == after


class TestJsonInStrings:
    def test_isReadAndWrittenAnew(self) -> None:
        inner = json.dumps({"type": "offer", "sdp": "long word"})
        assert json.loads(shouted({"sdp": inner})["sdp"]) == {"type": "offer", "sdp": "LONG WORD"}
        assert shouted({"sdp": json.dumps({"sdp": "long word!"})}) is GONE
        assert shouted(text := f" {inner.replace('long', 'slow')}") is text

    def test_escapesHideNothing(self) -> None:
        assert json.loads(shouted(r'{"x":"\u006cong word\ud800"}')) == {"x": "LONG WORD\ud800"}
        assert shouted(text := r'{"x":"\u0061"}') is text

    def test_andJsonInThat(self) -> None:
        twice = json.dumps([json.dumps(["long word"])])
        assert json.loads(json.loads(shouted(twice))[0]) == ["LONG WORD"]

    def test_whatIsNotJsonIsAString(self) -> None:
        assert shouted("{long word") == "{LONG WORD"
        assert shouted(text := r"{\u006c") is text
        assert shouted(" long word") == " LONG WORD"

    def test_longNumbersDoNotHideIt(self) -> None:
        assert json.loads(shouted(f'[{"1" * 5_000},"long word"]'))[1] == "LONG WORD"

    def test_nestingThatNobodyWritesGoes(self) -> None:
        assert shouted("[" * 100_000 + '"long word"' + "]" * 100_000) is GONE
        assert shouted({"x": "[" * 100_000 + '"long word"' + "]" * 100_000}) is GONE

    def test_hundredsThatAreBrokenGo(self) -> None:
        broken = r'{"\u006c'
        assert shouted(body := [broken] * 200) is body
        assert shouted([broken] * 201) is GONE
