"""The demo calls and is called by pages that were written for the original server, with its client library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PersonFactory
from tests.browser.person import PATIENCE
from tests.browser.site import served
from tests.conftest import ServerFactory
from tests.support.processes import ROOT, Process
from tests.support.tools import missing

OldPage = Callable[..., Page]

_LIBRARY = ROOT / "tests" / "clients" / "node_modules" / "client-2.2.0" / "dist" / "socket.io.js"
_SCRIPT = Path(__file__).parent / "old_page.js"
_HTML = b"<!doctype html><title>old</title><script src=library.js></script><script src=page.js></script>"
_RECEIVES = f"""() => new Promise((resolve, reject) => {{
    const end = performance.now() + {PATIENCE};
    const look = async () => {{
        if (await window.received() > 2000) resolve();
        else if (performance.now() > end) reject(new Error(`nothing came; ${{window.refused}}`));
        else setTimeout(look, 100);
    }};
    look();
}})"""


@pytest.fixture(scope="module")
def oldSite() -> Iterator[str]:
    """The address of a site that serves the old page: as the original's, it is another than the signalling server."""
    if not _LIBRARY.is_file():
        missing("the npm clients are not installed: run `npm ci` in tests/clients")
    with served(_HTML, {"/library.js": _LIBRARY.read_bytes(), "/page.js": _SCRIPT.read_bytes()}) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def signalling(server: ServerFactory, oldSite: str) -> Process:
    """A server with the demo that also lets the old site in."""
    return server({"web": {"demo": True}, "origins": [oldSite]})


@pytest.fixture
def oldPage(browser: Browser, signalling: Process, oldSite: str, room: str) -> Iterator[OldPage]:
    """``oldPage(user, kind)`` opens an old page in the room; kind "many" or "pair"."""
    with ExitStack() as stack:

        def openPage(user: str, kind: str) -> Page:
            page = browser.new_page()
            stack.callback(page.close)
            query = urlencode({"server": signalling.url, "user": user, "room": room, "kind": kind})
            page.goto(f"{oldSite}/?{query}")
            page.wait_for_function("socket.connected")
            return page

        yield openPage


@pytest.mark.parametrize("user", ["0-before-all-random-ids", "~after-all-of-them"])
def test_anOldPageCallsWhoeverJoins(
    person: PersonFactory, signalling: Process, oldPage: OldPage, room: str, user: str
) -> None:
    """It and the newcomer both offer at once; the newcomer gives way, however the ids compare."""
    old = oldPage(user, "many")
    alice = person("Alice", url=signalling.url).enter(room)
    expect(alice.tile("Someone")).to_have_attribute("data-state", "connected")
    old.evaluate(_RECEIVES)
    expect(alice.tile("Someone").locator("video")).to_be_visible()
    assert old.evaluate("window.received()") > 2000


def test_anOldPageThatWaitsForTheOlderMemberIsCalled(
    person: PersonFactory, signalling: Process, oldPage: OldPage, room: str
) -> None:
    """When no offer of the newcomer comes the demo makes one; an old page's hang-up ends the call."""
    alice = person("Alice", url=signalling.url).enter(room)
    expect(alice.status).to_have_text("Waiting for others")
    old = oldPage("old", "many")
    expect(alice.tile("Someone")).to_have_attribute("data-state", "connected")
    old.evaluate(_RECEIVES)
    old.evaluate("window.hangUpButton()")
    expect(alice.tiles).to_have_count(1)


def test_anOldPageForTwoCallsTheDemo(
    person: PersonFactory, signalling: Process, oldPage: OldPage, room: str
) -> None:
    """Its offer and candidates name no target, and still mean the one who is there."""
    alice = person("Alice", url=signalling.url).enter(room)
    expect(alice.status).to_have_text("Waiting for others")
    old = oldPage("old", "pair")
    expect(alice.tiles).to_have_count(2)
    old.evaluate("window.callButton()")
    expect(alice.tile("Someone")).to_have_attribute("data-state", "connected")
