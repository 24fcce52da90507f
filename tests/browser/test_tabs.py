"""A page that is reloaded takes the place of its earlier self; a tab that is duplicated takes nobody's."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.browser.person import Person

_READY = "async () => { await (await import('./app.js')).demo.tabKey.ready; }"


def test_aReloadedPageReplacesItsEarlierSelf(person: PersonFactory, room: str) -> None:
    alice, bob = person("Alice"), person("Bob")
    alice.enter(room)
    bob.enter(room)
    alice.page.reload()
    alice.expectCallWith("Bob")
    bob.expectCallWith("Alice")
    bob.expectMedia("Alice")
    first, second = alice.joins()
    assert "replaces" not in first
    assert second["replaces"] == first["resume"]
    assert second["resume"] != first["resume"]


def test_aDuplicatedTabLeavesItsTwinInPeace(person: PersonFactory, room: str) -> None:
    """Its memory is a copy of the twin's, whose page holds the lock of the key."""
    alice = person("Alice").enter(room)
    with alice.page.context.expect_page() as opened:
        alice.page.evaluate("() => { window.open(location.href); }")
    copy = Person(opened.value, alice.page.url.partition("/#")[0], "Copy")
    assert copy.page.evaluate("sessionStorage.getItem('rtcsignal-key')") == alice.joins()[0]["resume"]
    copy.page.evaluate(_READY)
    copy.page.get_by_label("Your name").fill("Copy")
    copy.page.get_by_role("button", name="Join the room").click()
    copy.expectCallWith("Alice")
    alice.expectCallWith("Copy")
    alice.expectMedia("Copy")
    copy.expectMedia("Alice")
    (join,) = copy.joins()
    assert "replaces" not in join
    assert join["resume"] != alice.joins()[0]["resume"]
    copy.page.get_by_role("button", name="Hang up").click()
    expect(alice.tiles).to_have_count(1)
    assert not list(copy.troubles())
