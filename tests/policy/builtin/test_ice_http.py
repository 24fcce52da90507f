"""``ice-http``: servers from a web service, which no join waits for."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.api import ConfigError, IceServer, IceServers
from rtcsignal.policy.builtin.ice_http import iceHttp
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer

URL = "https://turn.example.org/v1/generate?key=k3y"
TURN = {"urls": ["turn:t.example:3478", "turn:t.example:53"], "username": "u", "credential": "c"}
FOUND = IceServer(("turn:t.example:3478",), "u", "c")


def started(services: FakeServices, **options: Any) -> Any:
    plugin = iceHttp.configured({"url": URL, **options})
    plugin.start(services)
    services.clock.advance(0)
    return plugin


def given(plugin: Any) -> IceServers | None:
    answer: IceServers | None = plugin.iceServers(FakePeer(), FakeRoom())
    return answer


@pytest.mark.parametrize(
    "answer",
    [
        {"iceServers": [TURN]},
        {"iceServers": TURN},
        {"ice_servers": [{**TURN, "url": "turn:t.example"}]},
        {"uris": TURN["urls"], "username": "u", "password": "c"},
        [{"uris": TURN["urls"], "username": "u", "password": "c"}],
        {"servers": [{"url": "turn:t.example:3478", "username": "u", "credential": "c"}, 7, {"urls": 1}]},
    ],
)
def test_whatServicesAnswerIsUnderstood(answer: Any) -> None:
    services = FakeServices("ice-http")
    plugin = started(services, ttl=100)
    assert given(plugin) is None
    services.http.answer(201, answer)
    assert given(plugin) == IceServers((FOUND,), 100)


@pytest.mark.parametrize(
    ("ttl", "seconds"), [(60, 60), ("86400", 86400), (True, 100), ("x", 100), (-1, 100), (None, 100)]
)
def test_theServiceSaysForHowLong(ttl: Any, seconds: float) -> None:
    services = FakeServices("ice-http")
    plugin = started(services, ttl=100)
    services.http.answer(200, {"iceServers": [TURN], "ttl": ttl})
    services.clock.advance(10)
    assert given(plugin) == IceServers((FOUND,), seconds - 10)


def test_itIsAskedAgainAtHalfTheLife() -> None:
    services = FakeServices("ice-http")
    plugin = started(services, ttl=100, secret="s3cret", body={"ttl": 100})
    services.http.answer(200, [TURN])
    services.clock.advance(49)
    assert len(services.http.requests) == 1
    services.clock.advance(2)
    method, url, more = services.http.requests[1]
    assert (method, url, more["headers"]["Authorization"]) == ("POST", URL, "Bearer s3cret")
    assert more["data"] == b'{"ttl": 100}'
    services.http.fail(RuntimeError("down"))
    assert given(plugin) is not None
    services.clock.advance(50)
    assert given(plugin) is None


def test_itIsAskedWithGet() -> None:
    services = FakeServices("ice-http")
    started(services, method="GET")
    method, _, more = services.http.requests[0]
    assert method == "GET"
    assert set(more["headers"]) == {"Accept"}
    assert "data" not in more


@pytest.mark.parametrize(
    ("code", "body"),
    [(500, "no"), (200, "no JSON"), (200, {"iceServers": []}), (200, [{"urls": "turn:t:53"}]), (200, "7")],
)
def test_whatFailsIsTriedAgain(code: int, body: Any) -> None:
    services = FakeServices("ice-http")
    plugin = started(services)
    for wait in (2, 4, 8):
        services.http.answer(code, body)
        services.clock.advance(wait - 0.5)
        assert services.http._waiting == []
        services.clock.advance(0.6)
        assert len(services.http._waiting) == 1
    services.http.answer(200, [TURN])
    assert given(plugin) is not None


def test_aReloadKeepsTheAnswer() -> None:
    services = FakeServices("ice-http")
    plugin = started(services, ttl=100)
    services.http.answer(200, [TURN])
    services.clock.advance(10)
    plugin.stop()
    assert given(plugin) is None
    again = started(services, ttl=100)
    assert given(again) == IceServers((FOUND,), 90)
    assert len(services.http.requests) == 1
    other = started(services, secret="another")
    assert given(other) is None
    assert len(services.http.requests) == 2


def test_aStoppedOneAsksNoMore() -> None:
    services = FakeServices("ice-http")
    plugin = iceHttp.configured({"url": URL})
    plugin.start(services)
    plugin.stop()
    services.clock.advance(1)
    assert services.http.requests == []


@pytest.mark.parametrize("url", ["turn:x", "https://", "http://[", ""])
def test_theUrlMustBeOneOfTheWeb(url: str) -> None:
    with pytest.raises(ConfigError, match="url: must be a URL"):
        iceHttp.configured({"url": url})


def test_treqIsNeeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtcsignal.policy.builtin.ice_http.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="treq"):
        iceHttp.configured({"url": URL})


def test_membersGetWhatItHas() -> None:
    with InMemoryServer(use=[{"ice-http": {"url": URL}}]) as server:
        server.advance(0.1)
        server.http.answer(200, [TURN])
        ice = server.connect().join("kitchen", "ann").value["ice"]
    assert ice["iceServers"] == [{"urls": ["turn:t.example:3478"], "username": "u", "credential": "c"}]
