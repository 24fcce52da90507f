"""Requests and answers as values."""

from __future__ import annotations

import gc
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.engineio.http import exchange
from rtcsignal.engineio.http.exchange import (
    Request,
    RequestError,
    Response,
    forbidden,
    parseQuery,
)
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Answer


def request(**headers: str) -> Request:
    """A request with headers, whose names are written with underscores."""
    return Request("GET", {}, {name.replace("_", "-"): value for name, value in headers.items()})


def headersOf(response: Response) -> dict[str, str]:
    assert len({name for name, _ in response.headers}) == len(response.headers)
    return dict(response.headers)


class TestQueries:
    def test_fieldsAreDecoded(self) -> None:
        assert parseQuery("EIO=4&transport=polling&a=%20b+c&%C3%A4=%F0%9F%98%80") == {
            "EIO": "4",
            "transport": "polling",
            "a": " b c",
            "\xe4": "\N{GRINNING FACE}",
        }

    def test_emptyFieldsCount(self) -> None:
        assert parseQuery("sid=&b64&a=1") == {"sid": "", "b64": "", "a": "1"}

    def test_ofARepeatedFieldTheFirstCounts(self) -> None:
        assert parseQuery("sid=1&sid=2") == {"sid": "1"}

    def test_aSemicolonSeparatesNothing(self) -> None:
        assert parseQuery("a=1;b=2") == {"a": "1;b=2"}

    def test_whatIsNotUtf8IsReplaced(self) -> None:
        assert parseQuery("sid=%FF%ED%A0%80") == {"sid": "\N{REPLACEMENT CHARACTER}" * 4}

    def test_massesOfFieldsAreNotRead(self) -> None:
        assert len(parseQuery("&".join(f"{number}=" for number in range(100)))) == 100
        assert parseQuery("&".join(f"{number}=" for number in range(101))) == {}

    def test_theResultCannotBeChanged(self) -> None:
        fields: object = parseQuery("a=1")
        with pytest.raises(TypeError):
            fields["a"] = "2"  # type: ignore[index]

    @given(st.lists(st.sampled_from(["sid=", "t=1", "a", "=", "&", "&&", "%41", "+", ";", "a=b", "\xe4"])).map("".join))
    def test_theyAreReadAsTheStandardLibraryDoes(self, text: str) -> None:
        expected: dict[str, str] = {}
        for name, value in parse_qsl(text, keep_blank_values=True):
            expected.setdefault(name, value)
        assert parseQuery(text) == expected

    @given(st.text())
    def test_anythingIsAQueryWithoutLoneSurrogates(self, text: str) -> None:
        for name, value in parseQuery(text.encode("utf-8", "replace").decode()).items():
            assert (name + value).encode().decode() == name + value


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "status", "code", "message"),
        [
            (exchange.unknownTransport(), 400, 0, "Transport unknown"),
            (exchange.unknownSid(), 400, 1, "Session ID unknown"),
            (exchange.badMethod(), 400, 2, "Bad handshake method"),
            (exchange.badRequest(), 400, 3, "Bad request"),
            (forbidden(), 403, 4, "Forbidden"),
            (forbidden("Not today", 503), 503, 4, "Not today"),
            (exchange.unsupportedRevision(), 400, 5, "Unsupported protocol version"),
        ],
    )
    def test_theyAreJsonForPollsAndTextForUpgrades(
        self, error: RequestError, status: int, code: int, message: str
    ) -> None:
        response = error.response()
        assert (response.status, json.loads(response.body)) == (status, {"code": code, "message": message})
        assert response.headers == (("Content-Type", "application/json"),)
        upgrade = error.upgradeResponse()
        assert (upgrade.status, upgrade.body) == (status, message.encode())
        assert upgrade.headers == (("Content-Type", "text/html"),)


    def test_theyAreMadeAnewSoThatNoneKeepsWhereItHasBeen(self, makeWorld: WorldFactory) -> None:
        world = makeWorld()
        for query in ({"transport": "x"}, {"transport": "polling", "sid": "x"}, {"transport": "polling", "EIO": "9"}):
            before = Witness.alive
            for _ in range(10):
                assert Answer(world.engine.handle(Witness("GET", query, {}))).status == 400
            gc.collect()
            assert Witness.alive == before


class Witness(exchange.Request):
    """A request that is counted as long as it is alive."""

    alive = 0

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        Witness.alive += 1

    def __del__(self) -> None:
        Witness.alive -= 1


_PIECES = ["%", "4", "%c3%a9", "%ff", "&", "=", "+", "a", "é", "\n", "%3D", "%26", "\x00"]


@given(st.lists(st.sampled_from(_PIECES)).map("".join))
def test_formsAreDecodedAsTheStandardLibraryDoes(query: str) -> None:
    expected: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        expected.setdefault(name, value)
    assert parseQuery(query) == expected


def test_whatHasHundredsOfPercentSignsForNothingIsLeft() -> None:
    assert parseQuery("a=%2x+" + "%" * 10) == {"a": "%2x " + "%" * 10}
    assert parseQuery("a=%20" + "%" * 200) == {"a": "%20" + "%" * 200}
