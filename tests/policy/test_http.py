"""The HTTP client of plugins, against a real HTTP server."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as twistedReactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import provider

from rtcsignal.clocks import wallClock
from rtcsignal.policy.http import HttpClient
from rtcsignal.policy.services import Services
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub, SignalingOptions
from tests.policy.bench import Bench
from tests.policy.test_services import Plugin

reactor: Any = twistedReactor


class Service(Resource):
    """Says what it was asked; below /never it does not answer."""

    isLeaf = True

    def render(self, request: Any) -> Any:
        if request.path == b"/never":
            return NOT_DONE_YET
        request.setResponseCode(203)
        query = request.args.get(b"q", [b""])[0]
        return b" ".join([request.method, request.path, query, request.content.read()])


@contextmanager
def serving() -> Generator[tuple[str, HttpClient]]:
    port = reactor.listenTCP(0, Site(Service()), interface="127.0.0.1")
    client = HttpClient(reactor)
    yield f"http://127.0.0.1:{port.getHost().port}", client
    client.close()
    port.stopListening()


def pause(seconds: float) -> Deferred[None]:
    waiting: Deferred[None] = Deferred()
    reactor.callLater(seconds, waiting.callback, None)
    return waiting


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_every_method_gives_a_response() -> None:
    with serving() as (url, http):
        for method in ("get", "post", "put", "patch", "delete"):
            response = await getattr(http, method)(f"{url}/a", params={"q": "1"})
            assert response.code == 203
            assert (await response.text()).strip() == f"{method.upper()} /a 1"
        response = await http.post(f"{url}/a", data=b"body")
        assert await response.content() == b"POST /a  body"
        response = await http.head(f"{url}/a")
        assert response.code == 203
        await response.content()
    await pause(0.05)


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_connections_are_no_news() -> None:
    lines: list[str | None] = []

    @provider(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    with serving() as (url, http):
        globalLogPublisher.addObserver(observe)
        await (await http.get(f"{url}/a")).content()
        globalLogPublisher.removeObserver(observe)
        assert [line for line in lines if line and "HTTP11ClientFactory" in line] == []
    await pause(0.05)


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_a_request_has_a_time_limit() -> None:
    with serving() as (url, http):
        with pytest.raises(TimeoutError, match=r"no response within 0\.05 s"):
            await http.get(f"{url}/never", timeout=0.05)
        await pause(0.05)
    await pause(0.05)


def test_without_treq_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "treq.client", None)
    with pytest.raises(ImportError, match=r"services\.http needs treq: pip install 'rtcsignal\[http\]'"):
        HttpClient(Clock())


def test_plugins_share_nothing_and_close_theirs_when_they_stop() -> None:
    closed: list[str] = []

    class Client:
        def close(self) -> None:
            closed.append("closed")

    guard = Bench().link(Plugin()).guard
    clock = Clock()
    hub = Hub(SignalingOptions(), OpenGates(), clock, clock.seconds)
    services: Any = Services(guard, hub, clock, clock.seconds, lambda reactor: Client())
    http = services.http
    assert services.http is http
    services.close()
    assert closed == ["closed"]


def test_it_is_made_when_it_is_first_used() -> None:
    """A server without plugins that use it needs no treq."""
    guard = Bench().link(Plugin()).guard
    hub = Hub(SignalingOptions(), OpenGates(), reactor, wallClock)
    services = Services(guard, hub, reactor, wallClock, HttpClient)
    services.close()
    assert isinstance(Services(guard, hub, reactor, wallClock).http, HttpClient)
