"""Strict JSON, both ways."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtcsignal.socketio.jsontext import MOST_DEPTH, JsonError, decode, encode, secondItem
from tests.engineio.growth import growsLinearly

plain = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\/\x00\x1f\u2028\N{GRINNING FACE}'))
values = st.recursive(
    plain | words, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4), max_leaves=20
)


class TestReading:
    @given(values, st.booleans(), st.sampled_from([None, 1]))
    def test_whatPythonWritesIsReadAndRelayedAsItIs(self, value: Any, ascii_: bool, indent: int | None) -> None:
        text = json.dumps(value, ensure_ascii=ascii_, indent=indent)
        assert decode(text) == (value, text)

    @pytest.mark.parametrize(
        "text",
        [
            "9007199254740993",
            "-170141183460469231731687303715884105728123",
            '{"b":1,"a":2,"B":3}',
            "1.0",
            "1e2",
            "-0",
            '"<>&\u2028\u2029"',
            '"\\ud83d\\ude00"',
            ' [ 1 , {"a" :\t2}\r\n] ',
            '"\\u0000\\b\\f\\n\\r\\t\\/"',
        ],
    )
    def test_theTextToRelayIsTheTextThatCame(self, text: str) -> None:
        value, relayed = decode(text)
        assert relayed == text
        assert value == json.loads(text)

    def test_theOrderOfKeysIsKept(self) -> None:
        assert list(decode('{"z":1,"a":2,"m":3}')[0]) == ["z", "a", "m"]

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            "NaN",
            "Infinity",
            "-Infinity",
            "[NaN]",
            "1e400",
            "-1e400",
            "01",
            "+1",
            ".5",
            "1.",
            "0x1",
            "1_0",
            "\uff11",
            "'a'",
            "{a:1}",
            '{"a":1,}',
            "[1,]",
            "[1 2]",
            "[",
            "]",
            '"',
            '"\\',
            '"\\x"',
            '"\\u12"',
            '"\n"',
            "nul",
            "True",
            "1 1",
            "[]x",
            "\ufeff[]",
            "[]\x00",
            "\u00a0[]",
            "// c\n1",
        ],
    )
    def test_whatIsNotStrictJsonIsRefused(self, text: str) -> None:
        with pytest.raises(JsonError):
            decode(text)

    def test_integersOfThousandsOfDigitsAreRefused(self) -> None:
        assert decode("1" * 300)[0] == int("1" * 300)
        with pytest.raises(JsonError):
            decode("1" * 10_000)
        with pytest.raises(JsonError):
            decode("[-" + "1" * 10_000 + "]")

    @given(st.text(max_size=30))
    def test_anyTextIsReadOrRefused(self, text: str) -> None:
        text = text.encode("utf-8", "replace").decode()
        try:
            value, relayed = decode(text)
        except JsonError:
            return
        assert json.loads(relayed) == value or isinstance(value, float)

    @given(st.text(st.sampled_from('[]{}":,\\ud8Dc0a1.e-+ \n'), max_size=20))
    def test_soIsAnythingThatLooksLikeJson(self, text: str) -> None:
        try:
            value, relayed = decode(text)
        except JsonError:
            return
        assert relayed.encode()
        assert encode(value)


class TestSurrogates:
    @pytest.mark.parametrize(
        ("text", "relayed"),
        [
            (r'"\ud800"', r'"\ufffd"'),
            (r'"\udc00"', r'"\ufffd"'),
            (r'"a\uD800b"', r'"a\ufffdb"'),
            (r'"\ud800\ud800"', r'"\ufffd\ufffd"'),
            (r'"\udc00\ud800"', r'"\ufffd\ufffd"'),
            (r'"\ud83d\ude00\ud83d"', r'"\ud83d\ude00\ufffd"'),
            (r'"\ud800\u0041"', r'"\ufffd\u0041"'),
            (r'"\\ud800"', r'"\\ud800"'),
            (r'"\\\ud800"', r'"\\\ufffd"'),
            (r'"\\\\ud800"', r'"\\\\ud800"'),
            (r'["\"\ud800"]', r'["\"\ufffd"]'),
            (r'{"\udfff":"\ud800"}', r'{"\ufffd":"\ufffd"}'),
        ],
    )
    def test_aLoneOneIsReplacedInTheTextToRelay(self, text: str, relayed: str) -> None:
        value, result = decode(text)
        assert result == relayed
        assert value == json.loads(relayed)

    def test_brokenJsonWithOneIsStillBroken(self) -> None:
        for text in (r'"\ud800', r'["\ud800",]', r'"\ud80"', r'{"\ud800"}'):
            with pytest.raises(JsonError):
                decode(text)

    @given(st.lists(st.sampled_from([r"\ud800", r"\udc00", r"\uD83D\uDE00", r"\\", r"\"", "a", r"\u0041", "u"])))
    def test_theResultIsWhatBrowsersWouldMakeOfIt(self, pieces: list[str]) -> None:
        text = '"' + "".join(pieces) + '"'
        value, relayed = decode(text)
        lenient: str = json.loads(text)
        assert value == lenient.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert json.loads(relayed) == value
        assert relayed.encode()

    @given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10))
    @example("\ud800")
    @example({"\ud800": ["\udc00"]})
    @example(("\ud800",))
    def test_whatIsWrittenNeverHasOne(self, value: Any) -> None:
        assert encode(value).encode()

    def test_theyAreReplacedOnTheWayOut(self) -> None:
        value = {"\ud800": ["a\udfff", ("\ud800", 1)], "ok": None}
        assert encode(value) == '{"\ufffd":["a\ufffd",["\ufffd",1]],"ok":null}'


class TestDepth:
    @pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
    def test_nestingIsLimited(self, opening: str, closing: str) -> None:
        levels = 2 if opening.startswith("[{") else 1

        def nested(depth: int) -> str:
            return opening * (depth // levels) + "1" + closing * (depth // levels)

        for depth in (2, 10, MOST_DEPTH):
            assert decode(nested(depth), depth)[1] == nested(depth)
            with pytest.raises(JsonError):
                decode(nested(depth + levels), depth)

    def test_manyBracketsAreNotDeep(self) -> None:
        flat = "[" + ",".join(["[]", "{}"] * 500) + "]"
        assert decode(flat)[1] == flat

    @pytest.mark.parametrize("text", ['"' + "[{" * 100 + '"', r'"\"' + "[" * 100 + '"', r'["\\",' + "[]," * 99 + "[]]"])
    def test_bracketsInTextsDoNotCount(self, text: str) -> None:
        assert decode(text)[1] == text

    @pytest.mark.parametrize("text", ["[" * 1_000_000, '{"a":' * 200_000, "[" * 100 + "]" * 200, '"' + "[" * 100])
    def test_brokenNestingIsRefused(self, text: str) -> None:
        with pytest.raises(JsonError):
            decode(text)

    def test_withoutALimitTheDecodersOwnHolds(self) -> None:
        assert decode("[" * 200 + "]" * 200, 0)[1]
        with pytest.raises(JsonError):
            decode("[" * 100_000 + "]" * 100_000, 0)

    @given(values)
    def test_theDepthOfAValueIsCounted(self, value: Any) -> None:
        depth = depthOf(value)
        text = json.dumps(value)
        assert decode(text, depth or 1)[1] == text
        if depth > 1:
            with pytest.raises(JsonError):
                decode(text, depth - 1)


def depthOf(value: Any) -> int:
    """How deeply arrays and objects are nested in a value."""
    if isinstance(value, list):
        return 1 + max(map(depthOf, value), default=0)
    if isinstance(value, dict):
        return 1 + max(map(depthOf, value.values()), default=0)
    return 0


class TestWriting:
    @given(values)
    def test_whatIsWrittenIsReadAgain(self, value: Any) -> None:
        assert json.loads(encode(value)) == value
        assert decode(encode(value))[0] == value

    def test_numbersThatAreNotFiniteBecomeNull(self) -> None:
        assert encode([math.nan, math.inf, -math.inf, 1.5]) == "[null,null,null,1.5]"

    def test_nothingIsWastedOnBlanks(self) -> None:
        assert encode({"a": [1, "€"], "b": True}) == '{"a":[1,"€"],"b":true}'

    @pytest.mark.parametrize("value", [object(), {"a": object()}, [print], {object(): 1}])
    def test_whatJsonDoesNotHaveIsATypeError(self, value: Any) -> None:
        with pytest.raises(TypeError):
            encode(value)


@given(st.lists(values, min_size=2, max_size=5))
def test_theSecondItemOfAnArrayAsItCame(items: list[Any]) -> None:
    texts = [json.dumps(item) for item in items]
    assert secondItem("[" + ", ".join(texts) + "]") == texts[1]


@pytest.mark.parametrize(
    ("before", "unit", "after"),
    [
        ("", "[", ""),
        ('"', "a", ""),
        ('"', r"\\", ""),
        ('"', r"\ud800", '"'),
        ('"', r"\u", ""),
        ("[", '"",', ""),
        ("[" * 65, '"\\', ""),
        ("[" * 65 + '"', r"\"", ""),
        ("[", "[],", "1]"),
    ],
)
def test_readingTakesLinearTime(before: str, unit: str, after: str) -> None:
    def read(text: str) -> None:
        try:
            decode(text)
        except JsonError:
            pass

    assert growsLinearly(read, lambda size: before + unit * size + after, 2_000)


@pytest.mark.parametrize("text", ['["\\ud800\0"]', '"\\u0041\0"', '\0["\\udfff"]'])
def test_aNulIsNoJsonWhateverEscapesAreBesideIt(text: str) -> None:
    with pytest.raises(JsonError):
        decode(text)
