"""What reading JSON costs, whatever the text is; and that what makes it cheap changes nothing else."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtcsignal.errors import ProtocolError
from rtcsignal.socketio.jsonscan import MOST_DIGITS, depthOf, mayHaveHardNumbers, numbersOutside
from rtcsignal.socketio.jsontext import JsonError, Unread, decode, read
from rtcsignal.socketio.packet import Decoder, DecoderLimits
from tests.socketio.hostile import TEXTS
from tests.socketio.oldjson import plainly
from tests.support.yardstick import iterationSeconds, leastSeconds

# What reading a byte may take, in iterations of the shortest loop there is. That is about 20 ns long on the machines
# on which reading a byte may take 30, and longer where all else is.
_MOST_ITERATIONS = 2.5
_SIZE = 100_000

_DENSE = "[" + "[]," * 70
_PIECES = [
    *("[", "]", "{", "}", ",", ":", " ", '"', '""', '"a"', '"":', '"[{"', '"1e999"', "true", "false", "null"),
    *("\\", "\\\\", '\\"', "\\n", "\\u", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\udc00", "\\uDBFF", "d800"),
    *("0", "-1", "1.5", "1e5", "1E+308", "1e309", "-1.8e308", "17e307", "179e306", "180e306", "0e999", "1e-999"),
    *("-12e+307", "1e0308", "1e0309", "9.9e-308", "9.99e307"),
    *("0.1e309", "1" * 21, "9" * 310, "1" * 310 + ".5", "1" * 300 + "e9", "9" * 4301, "e", "+"),
    *("\x00", "\x1f", "é", "\N{GRINNING FACE}"),
]
_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)


def agree(text: str, depth: int = 64) -> None:
    """Both ways have the same result."""
    expected = plainly(text, depth)
    if expected is None:
        with pytest.raises(JsonError):
            decode(text, depth)
        return
    assert decode(text, depth)[1] == expected[1]
    assert repr(decode(text, depth)[0]) == repr(expected[0])


class TestSameResults:
    @given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join))
    def test_ofAnyText(self, text: str) -> None:
        agree(text)

    @given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join), st.integers(0, 3))
    def test_ofAnyTextBehindManyBrackets(self, text: str, depth: int) -> None:
        agree(f"{_DENSE}{text}]", depth)
        agree(f'{_DENSE}"{text}"]', depth)

    @given(st.lists(_numbers, max_size=6), st.booleans())
    @example(["1e308", "1.7976931348623157e308", "1.7976931348623158e308"], False)
    @example(["1.7976931348623159e308"], False)
    @example(["-1e309", "1e-5"], False)
    @example(["9007199254740993.0", "5e-324", "2.4703282292062327e-324"], True)
    def test_ofNumbers(self, numbers: list[str], isDense: bool) -> None:
        text = ",".join(numbers)
        agree(f"{_DENSE}[{text}]]" if isDense else f"[{text}]")
        agree(f'["{text}",{{"{text}":[{text}]}}]')

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=200,
        ),
        st.booleans(),
    )
    def test_ofWhatPythonWrites(self, value: Any, isAscii: bool) -> None:
        agree(json.dumps(value, ensure_ascii=isAscii))

    @pytest.mark.parametrize("name", TEXTS)
    def test_ofTextsThatTakeLong(self, name: str) -> None:
        agree(TEXTS[name](5_000))

    def test_ofIntegersThatAreAsLongAsMayBe(self) -> None:
        for before in ("[1.5,", _DENSE):
            agree(before + "9" * MOST_DIGITS + "]")
            agree(before + "-" + "9" * (MOST_DIGITS - 1) + "]")
            agree(before + "-" + "9" * MOST_DIGITS + "]")
            agree(before + "9" * (MOST_DIGITS + 1) + "]")


class TestDepth:
    @given(st.recursive(st.just([]), lambda inner: st.lists(inner, max_size=6), max_leaves=60))
    def test_isCountedInEights(self, value: list[Any]) -> None:
        assert depthOf(json.dumps(value)) == _depthOf(value)

    def test_ofWhatIsNoArrayIsZero(self) -> None:
        assert depthOf('"[[{"') == depthOf("1") == 0


def _depthOf(value: list[Any]) -> int:
    return 1 + max(map(_depthOf, value), default=0)


class TestNumbers:
    def test_inStringsAreNotHard(self) -> None:
        text = '["1e999","\\"1e999",{"123456789012345678901":true}]'
        assert mayHaveHardNumbers(text)
        assert numbersOutside(text) is False

    def test_manyThatNobodyWritesSoAreRefused(self) -> None:
        written = "[" + ",".join(f"1.{number}e300" for number in range(1000, 2000)) + "]"
        assert isinstance(read(written)[0], Unread)
        with pytest.raises(JsonError):
            read("[" + ",".join(f"{number}e300" for number in range(1000, 2000)) + "]")


class TestUnread:
    @pytest.mark.parametrize("unit", ["[],", "{},", '{"":[]},', "[[[]]],"])
    def test_whatIsDenseIsNotBuilt(self, unit: str) -> None:
        text = "[" + unit * 1000 + "0]"
        value, relayed = read(text)
        assert isinstance(value, Unread)
        assert value.isDense
        assert value.isArray
        assert relayed == text
        assert value.value() == json.loads(text)

    def test_itsStartCanBeLookedAt(self) -> None:
        dense = "[" + "[]," * 1000 + "0]"
        assert Unread("[]", True).start() == []
        assert Unread('["a"]', True).start() == ["a"]
        assert Unread('[["a"]]', True).start() == [None]
        name, body, more = Unread(f' [ "a" , {dense} , 1, 2 ]', True).start()
        assert (name, body.text, more.text) == ("a", dense, "1")


def readOrRefused(message: str) -> None:
    with suppress(ProtocolError):
        Decoder(DecoderLimits()).text(message)


@pytest.mark.parametrize("name", TEXTS)
def test_noTextTakesLongToRead(name: str) -> None:
    message = "2" + TEXTS[name](_SIZE)
    count, ratios = len(message.encode()), []
    for _ in range(3):
        ratios.append(leastSeconds(lambda: readOrRefused(message)) / count / iterationSeconds())
        if ratios[-1] < _MOST_ITERATIONS:
            return
    pytest.fail(f"reading a byte takes as long as {min(ratios):.1f} iterations of a loop")
