"""Offsets: numbers of events as clients keep them, and what is read from those that they send."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.socketio.offsets import STEP, Numbers


def test_numbersRise() -> None:
    numbers = Numbers()
    assert [numbers.next() for _ in range(3)] == [STEP, 2 * STEP, 3 * STEP]
    assert numbers.last == 3 * STEP


def test_anOffsetIsReadAsTheNumberThatItWasMadeOf() -> None:
    numbers = Numbers()
    for number in (numbers.next(), numbers.next()):
        assert numbers.read(numbers.write(number)) == number


def test_aNumberThatWasNeverGivenIsUnknown() -> None:
    numbers = Numbers()
    assert numbers.read(numbers.write(numbers.next() + 1)) is None


def test_anOffsetOfAnotherServerIsOlderThanAll() -> None:
    numbers, others = Numbers(), Numbers()
    numbers.next()
    assert numbers.read(others.write(others.next())) == 0


@pytest.mark.parametrize("offset", ["", "1", "0123abcd", "0123abcd.", "0123ABCD.1", "0123abcd.1.1", 1, None, [], {}])
def test_anythingElseIsUnknown(offset: Any) -> None:
    assert Numbers().read(offset) is None
