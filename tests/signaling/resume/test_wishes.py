"""The keys of ``join-room`` and the numbers of ``broadcast``, read."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.errors import Refused
from rtcsignal.signaling.resume.wishes import Wish, numberIn, wishIn
from rtcsignal.socketio.jsontext import Unread

KEY, OTHER = "k" * 22, "o" * 64


def test_whoWishesNothingIsLeftAlone() -> None:
    body = {"userId": "ann", "seen": 1}
    assert wishIn(body) == (None, body)


def test_theKeysAreTakenOut() -> None:
    wish, rest = wishIn({"userId": "ann", "resume": KEY, "seen": "x", "replaces": OTHER, "tab": "t"})
    assert wish == Wish(KEY, "x", OTHER)
    assert rest == {"userId": "ann", "tab": "t"}
    assert wishIn({"replaces": OTHER}) == (Wish(None, None, OTHER), {})


def test_aNumberIsReadHoweverItIsWritten() -> None:
    assert numberIn({"n": 7}) == 7
    assert numberIn({"n": 7.0, "x": 1}) == 7
    assert numberIn(Unread('{"n":7}', False)) == 7
    assert numberIn({}) is None


@pytest.mark.parametrize("options", [Unread('{"n":7}', True), Unread("[7]", False), [7], "7", None, {"n": None}])
def test_anythingElseIsRefused(options: Any) -> None:
    with pytest.raises(Refused) as refused:
        numberIn(options)
    assert refused.value.code == "bad-arguments"
