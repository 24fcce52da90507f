"""The HTTP client of plugins, against a real HTTP server."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as twistedReactor
from twisted.internet.task import Clock, deferLater
from twisted.internet.tcp import Connection
from twisted.logger import LogEvent, formatEvent
from twisted.web.client import ResponseFailed
from twisted.web.error import SchemeNotSupported
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from rtcsignal.clocks import wallClock
from rtcsignal.policy.httpbounds import ResponseTooLong
from rtcsignal.policy.httpclient import HttpClient
from rtcsignal.policy.services import Services
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.options import SignalingOptions
from tests.faults.service import Answer, Service, answer
from tests.policy.bench import Bench
from tests.policy.test_services import Plugin
from tests.support.logs import observed
from tests.support.patience import PATIENCE

reactor: Any = twistedReactor


class Echo(Resource):
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
    port = reactor.listenTCP(0, Site(Echo()), interface="127.0.0.1")
    client = HttpClient(reactor)
    yield f"http://127.0.0.1:{port.getHost().port}", client
    client.close()
    port.stopListening()


async def allClosed() -> None:
    """Wait until our ends of all connections have heard that they are over, and what was left for later is done."""
    end = time.monotonic() + PATIENCE
    while any(isinstance(reader, Connection) for reader in reactor.getReaders()):
        assert time.monotonic() < end
        await deferLater(reactor, 0.01)
    for _ in range(3):
        await deferLater(reactor, 0.01)


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_everyMethodGivesAResponse() -> None:
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
    await allClosed()


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_connectionsAreNoNews() -> None:
    lines: list[str | None] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    with serving() as (url, http):
        with observed(observe):
            await (await http.get(f"{url}/a")).content()
        assert [line for line in lines if line and "HTTP11ClientFactory" in line] == []
    await allClosed()


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_aRequestHasATimeLimit() -> None:
    with serving() as (url, http):
        with pytest.raises(TimeoutError, match=r"no response within 0\.05 s"):
            await http.get(f"{url}/never", timeout=0.05)
        await allClosed()
    await allClosed()


def packed(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


GZIP = "Content-Encoding: gzip"
OK = b"HTTP/1.1 200 OK\r\n"


def endless(*pieces: bytes) -> Iterator[bytes]:
    """First these, then the last one again and again, 64 MiB at most."""
    yield from pieces
    for _ in range(2**26 // len(pieces[-1])):
        yield pieces[-1]


ANSWERS: dict[str, Answer] = {
    "/short": lambda head: [answer(b"0123456789")],
    "/packed": lambda head: [answer(packed(b"0123456789"), GZIP)],
    "/x-gzip": lambda head: [answer(b"0123456789", "Content-Encoding: identity")],
    "/bomb": lambda head: [answer(packed(b" " * 10_000_000), GZIP)],
    "/twice": lambda head: [answer(packed(packed(b"0123456789")), GZIP, GZIP)],
    "/broken": lambda head: [answer(b"0123456789", GZIP)],
    "/endless": lambda head: endless(OK + b"\r\n", b"x" * 65536),
    "/head": lambda head: endless(OK, b"X-More: " + b"x" * 1000 + b"\r\n"),
    "/around": lambda head: [answer(b"", "Location: /around", "Set-Cookie: a=b", status="302 Found")],
    "/file": lambda head: [answer(b"", "Location: file:///etc/passwd", status="302 Found")],
    "/cookie": lambda head: [answer(b"", "Set-Cookie: a=b; Path=/")],
}


@contextmanager
def asking(answers: Mapping[str, Answer] = ANSWERS) -> Generator[tuple[Service, HttpClient]]:
    client = HttpClient(reactor)
    with Service(answers) as service:
        yield service, client
        client.close()


async def hasEnded(service: Service, path: str) -> None:
    """Wait until an answer has come to its end."""
    end = time.monotonic() + PATIENCE
    while not service.ended[path].is_set():
        assert time.monotonic() < end, f"{path} goes on"
        await deferLater(reactor, 0.02)


class TestBounds:
    @pytest.mark.parametrize(("path", "bytes_"), [("/short", 10), ("/packed", 10), ("/x-gzip", 10)])
    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_anAnswerMayBeSoLong(self, path: str, bytes_: int) -> None:
        with asking() as (service, http):
            response = await http.get(service.url(path), mostBytes=bytes_)
            assert await response.content() == b"0123456789"
            response = await http.get(service.url(path), mostBytes=bytes_ - 1)
            with pytest.raises(ResponseTooLong, match="the answer is too long"):
                await response.content()
            await allClosed()

    @pytest.mark.parametrize("path", ["/bomb", "/endless"])
    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_whateverWayItIsLong(self, path: str) -> None:
        with asking() as (service, http):
            response = await http.get(service.url(path))
            with pytest.raises(ResponseTooLong):
                await response.content()
            await hasEnded(service, path)
            await allClosed()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_itsHeadToo(self) -> None:
        with asking() as (service, http):
            with pytest.raises(ResponseTooLong, match="the head of the answer has more than 65536 bytes"):
                await http.get(service.url("/head"))
            await allClosed()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_whatIsPackedMoreThanOnceIsNotUnpacked(self) -> None:
        with asking() as (service, http):
            with pytest.raises(ValueError, match="the answer is packed more than once"):
                await http.get(service.url("/twice"))
            await allClosed()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_whatCannotBeUnpackedFails(self) -> None:
        with asking() as (service, http):
            response = await http.get(service.url("/broken"))
            with pytest.raises(zlib.error):
                await response.content()
            await allClosed()

    @pytest.mark.parametrize("path", ["/around", "/file"])
    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_nobodyIsLedAroundOrElsewhere(self, path: str) -> None:
        with asking() as (service, http):
            with pytest.raises((ResponseFailed, SchemeNotSupported)):
                await http.get(service.url(path))
            assert len(service.heads) <= 21
            await allClosed()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_aBodyHasATimeLimit(self) -> None:
        def slow(head: str) -> Iterator[bytes]:
            yield OK + b"Content-Length: 100\r\n\r\n"
            yield from service.drip(b"x")

        with asking({"/": slow}) as (service, http):
            response = await http.get(service.url("/"), timeout=3)
            with pytest.raises(TimeoutError, match="the answer took longer than 3 s"):
                await response.content()
            await hasEnded(service, "/")
            await allClosed()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_oneThatNobodyReadsToo(self) -> None:
        with asking() as (service, http):
            response = await http.get(service.url("/endless"), timeout=3)
            await hasEnded(service, "/endless")
            with pytest.raises(TimeoutError):
                await response.content()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_theLimitOfOneEndsNoOtherOnTheSameConnection(self) -> None:
        with serving() as (url, http):
            await http.get(f"{url}/a", timeout=2)
            response = http.get(f"{url}/never", timeout=4)
            with pytest.raises(TimeoutError, match="no response within 4 s"):
                await response
        await allClosed()


class TestCookies:
    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_thoseOfAnswersAreNotKept(self) -> None:
        with asking() as (service, http):
            for _ in range(2):
                response = await http.get(service.url("/cookie"))
                assert response.headers.getRawHeaders("set-cookie") == ["a=b; Path=/"]
            with pytest.raises(ResponseFailed):
                await http.get(service.url("/around"))
            assert not any("cookie:" in head.lower() for head in service.heads)
            await allClosed()

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_thoseOfARequestGoOutWithItAlone(self) -> None:
        with asking() as (service, http):
            for more in ({"cookies": {"of": "ann"}}, {}):
                await (await http.get(service.url("/short"), **more)).content()
            assert ["of=ann" in head for head in service.heads] == [True, False]
            await allClosed()


def test_withoutTreqItSaysWhatToInstall(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "treq.client", None)
    with pytest.raises(ImportError, match=r"services\.http needs treq: pip install 'rtcsignal\[http\]'"):
        HttpClient(Clock())


def test_pluginsShareNothingAndCloseTheirsWhenTheyStop() -> None:
    closed: list[str] = []

    class Client:
        def close(self) -> None:
            closed.append("closed")

    guard = Bench().active(Plugin()).guard
    clock = Clock()
    hub = Hub(SignalingOptions(), OpenGates(), clock, clock.seconds)
    services: Any = Services(guard, hub, clock, clock.seconds, lambda reactor: Client())
    http = services.http
    assert services.http is http
    services.close()
    assert closed == ["closed"]


def test_itIsMadeWhenItIsFirstUsed() -> None:
    """A server without plugins that use it needs no treq."""
    guard = Bench().active(Plugin()).guard
    hub = Hub(SignalingOptions(), OpenGates(), reactor, wallClock)
    services = Services(guard, hub, reactor, wallClock, HttpClient)
    services.close()
    assert isinstance(Services(guard, hub, reactor, wallClock).http, HttpClient)
