"""What browsers of other origins are told on HTTP, by a server that allows every origin."""

from __future__ import annotations

import pytest

from tests.wire.rawhttp import Response
from tests.wire.wire import ENGINE_PATH, Wire

ORIGIN = "https://page.example:8443"


def assertMirrors(answer: Response) -> None:
    """The answer allows the origin by its name, with credentials, and says that it depends on it."""
    assert answer.all("access-control-allow-origin") == [ORIGIN]
    assert answer.all("access-control-allow-credentials") == ["true"]
    vary = ",".join(answer.all("vary")).lower()
    assert "origin" in [name.strip() for name in vary.split(",")]


def test_everyAnswerOfASessionMirrorsTheOrigin(wire: Wire, revision: int) -> None:
    headers = [("Origin", ORIGIN)]
    session = wire.polling(revision, headers=headers)
    assertMirrors(session.opening)
    assertMirrors(session.post(b"4a" if revision == 4 else b"2:4a", headers))
    assertMirrors(session.poll(headers))


@pytest.mark.parametrize(
    "query", ["", "transport=abc", "transport=polling&sid=abc", "transport=websocket", "transport=polling&EIO=9"]
)
def test_soDoRefusals(wire: Wire, query: str) -> None:
    answer = wire.request("GET", f"{ENGINE_PATH}?{query}", [("Origin", ORIGIN)])
    assert answer.status == 400
    assertMirrors(answer)


def test_soDoesTheAnswerToABadPayload(wire: Wire, revision: int) -> None:
    answer = wire.polling(revision).post(b"abc", [("Origin", ORIGIN)])
    assert answer.status == 400
    assertMirrors(answer)


def test_soDoesTheAnswerToABodyThatIsTooLarge(wire: Wire, revision: int) -> None:
    answer = wire.polling(revision).post(b"4" * 1_000_001, [("Origin", ORIGIN)])
    assert answer.status == 413
    assertMirrors(answer)


@pytest.mark.parametrize("query", ["?EIO={}&transport=polling", "?EIO={}&transport=polling&sid=unknown", ""])
def test_aPreflightIsAnsweredBeforeAnythingIsChecked(wire: Wire, revision: int, query: str) -> None:
    answer = wire.request(
        "OPTIONS",
        ENGINE_PATH + query.format(revision),
        [
            ("Origin", ORIGIN),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "x-token, content-type"),
        ],
    )
    assert answer.status in {200, 204}
    assertMirrors(answer)
    methods = {name.strip() for name in (answer.header("access-control-allow-methods") or "").split(",")}
    assert methods >= {"GET", "POST"}
    allowed = (answer.header("access-control-allow-headers") or "").lower()
    assert {name.strip() for name in allowed.split(",")} >= {"x-token", "content-type"}


def test_aPreflightOpensNoSession(wire: Wire, revision: int) -> None:
    answer = wire.connection().request("OPTIONS", f"{ENGINE_PATH}?EIO={revision}&transport=polling")
    assert answer.status in {200, 204}
    assert b"sid" not in answer.body


def test_thePreflightOfASessionLeavesItAlone(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    assert wire.request("OPTIONS", session.target, [("Origin", ORIGIN)]).status in {200, 204}
    assert session.pollIsHeld()


@pytest.mark.parametrize("origin", ["null", ORIGIN])
def test_credentialsAreNeverAllowedForAStar(wire: Wire, revision: int, origin: str) -> None:
    answer = wire.request("GET", f"{ENGINE_PATH}?EIO={revision}&transport=polling", [("Origin", origin)])
    if answer.all("access-control-allow-credentials"):
        assert answer.all("access-control-allow-origin") == [origin]
