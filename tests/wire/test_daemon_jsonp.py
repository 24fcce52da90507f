"""Answers that are scripts: off by default, and then for allowed pages alone, however they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.processes import Process
from tests.wire.rawhttp import Header, Response
from tests.wire.wire import SOCKETIO_PATH, Wire

OFF: dict[str, Any] = {}
ON: dict[str, Any] = {"socketio": {"jsonp": True}, "origins": ["https://app.example"]}
SAME_ORIGIN = [("Sec-Fetch-Site", "same-origin")]
SPELLINGS = ["j=0", "j=", "j", "%6a=0", "%6A", "j=0&j=1", "j=__eio", "x=1&j=0&y=2"]


@pytest.fixture
def wires(daemons: Callable[[Any], Process], wireTo: Callable[[Process], Wire]) -> Callable[[Any], Wire]:
    """`wires(config)`: opens clients to a server with this configuration."""
    return lambda config: wireTo(daemons(config))


def assertNoScript(answer: Response, status: int) -> None:
    """The answer says why in JSON, and no browser runs it."""
    assert answer.status == status
    assert answer.header("content-type") == "application/json"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("cross-origin-resource-policy") == "same-origin"
    assert "JSONP" in answer.json()["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_withoutTheSettingThereAreNone(
    wires: Callable[[Any], Wire], revision: int, method: str, spelling: str
) -> None:
    wire = wires(OFF)
    body = b"d=40" if method == "POST" else None
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport=polling&{spelling}"
    assertNoScript(wire.request(method, target, SAME_ORIGIN, body), 400)
    session = wire.polling(revision, path=SOCKETIO_PATH)
    assertNoScript(wire.request(method, f"{session.target}&{spelling}", SAME_ORIGIN, body), 400)
    session.post(b"1:1" if revision == 3 else b"1")


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Referer", "https://evil.example/")],
        [("Sec-Fetch-Site", "cross-site-of-some-kind")],
        [("Referer", "http://app.example/")],
    ],
)
def test_withItForeignPagesGetNone(
    wires: Callable[[Any], Wire], revision: int, spelling: str, headers: list[Header]
) -> None:
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport=polling&{spelling}"
    assertNoScript(wires(ON).request("GET", target, headers), 403)


@pytest.mark.parametrize(
    "headers",
    [
        SAME_ORIGIN,
        [("Sec-Fetch-Site", "none")],
        [("Referer", "https://app.example/page")],
        [("Sec-Fetch-Site", "cross-site"), ("Referer", "https://app.example/page")],
        [("Origin", "https://app.example")],
        [("Host", "signal.example"), ("Referer", "http://signal.example/page")],
    ],
)
def test_withItAllowedPagesGetThem(wires: Callable[[Any], Wire], revision: int, headers: list[Header]) -> None:
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport=polling&j=0"
    answer = wires(ON).request("GET", target, headers)
    assert answer.status == 200
    assert answer.header("content-type") == "text/javascript; charset=UTF-8"
    assert answer.body.startswith(b"___eio[0](")
