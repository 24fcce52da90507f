"""A page of another origin reads nothing of a server, and cannot use it, whatever it tries in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.site import served
from tests.conftest import ServerFactory
from tests.wire.payloads import decode
from tests.wire.wire import SOCKETIO_PATH, Wire

_SCRIPT = (Path(__file__).parent / "foreign_page.js").read_bytes()
_HTML = b"<!doctype html><meta charset=utf-8><title>foreign</title><body><script src=page.js></script>"
_LOADED = "document.readyState === 'complete'"
_JSONP = """(address) => new Promise((resolve) => {
    const script = Object.assign(document.createElement("script"), { src: address });
    window.___eio = [resolve];
    script.onerror = () => resolve("");
    document.body.append(script);
})"""


@pytest.fixture(scope="module")
def foreignSite() -> Iterator[str]:
    """The address of a site that is not the server's."""
    with served(_HTML, {"/page.js": _SCRIPT}) as port:
        yield f"http://localhost:{port}"


@pytest.fixture
def foreign(browser: Browser, foreignSite: str) -> Iterator[Callable[..., Page]]:
    """`foreign()` opens a page of that site; its options are those of a browser context."""
    with ExitStack() as stack:

        def openPage(**options: Any) -> Page:
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.goto(foreignSite)
            page.wait_for_function(_LOADED)
            return page

        yield openPage


@pytest.fixture
def foreignPage(foreign: Callable[..., Page]) -> Page:
    """A page of that site."""
    return foreign()


@pytest.mark.parametrize(
    ("host", "jsonp"),
    [
        pytest.param("127.0.0.1", False, id="another site"),
        pytest.param("127.0.0.1", True, id="another site, with JSONP"),
        pytest.param("localhost", False, id="another port"),
        pytest.param("signal.test", False, id="a host of which the browser does not say whose page asks"),
        pytest.param("signal.test", True, id="such a host, with JSONP"),
    ],
)
def test_itGetsNothing(server: ServerFactory, foreign: Callable[..., Page], host: str, jsonp: bool) -> None:
    told = host != "signal.test"
    process = server({"web": {"demo": True}, "socketio": {"jsonp": jsonp}}, "--log-level", "debug")
    wire = Wire(("127.0.0.1", process.port))
    session = wire.polling(4, path=SOCKETIO_PATH)
    session.post(b"40")
    session.poll()
    before = len(process.output())
    attack = "([server, session, all]) => attack(server, session, all)"
    # A host that is not on this machine, as far as the browser knows: the server is its proxy.
    page = foreign() if told else foreign(proxy={"server": process.url, "bypass": "localhost"})
    assert page.evaluate(attack, [f"http://{host}:{process.port}", session.target, told]) == []
    assert ("session opened" in process.output()[before:]) != told
    session.post(b'420["leave-room",{"userId":"ann","roomName":"r"}]')
    (answer,) = [packet for packet in decode(4, session.poll().body) if packet != "2"]
    assert isinstance(answer, str)
    assert answer.startswith("430"), "the page has spoken for the session"
    assert "not-in-room" in answer
    wire.closeAll()


def test_whatIsOpenWouldBeFoundOut(server: ServerFactory, foreignPage: Page) -> None:
    process = server({"socketio": {"jsonp": True}, "origins": ["*"]})
    got = foreignPage.evaluate("(server) => attack(server, '/socket.io/', true)", process.url)
    ways = {how for how, _, _ in got}
    assert ways >= {"script, called", "fetch GET cors", "XMLHttpRequest GET", "WebSocket"}


def test_scriptsAreForAllowedPages(
    server: ServerFactory, browser: Browser, foreignPage: Page, foreignSite: str
) -> None:
    process = server({"web": {"demo": True}, "socketio": {"jsonp": True}, "origins": [foreignSite]})
    path = f"{SOCKETIO_PATH}?EIO=4&transport=polling&j=0"
    assert foreignPage.evaluate(_JSONP, process.url + path).startswith('0{"sid"')
    own = browser.new_page()
    own.goto(process.url)
    assert own.evaluate(_JSONP, path).startswith('0{"sid"')
    own.close()


def test_anAllowedPageUsesTheServer(server: ServerFactory, foreignPage: Page, foreignSite: str) -> None:
    process = server({"origins": [foreignSite]})
    fetched = foreignPage.evaluate(
        "async (address) => (await fetch(address, { credentials: 'include' })).text()",
        f"{process.url}{SOCKETIO_PATH}?EIO=4&transport=polling",
    )
    assert fetched.startswith('0{"sid"')
