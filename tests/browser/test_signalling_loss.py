"""The line to the server breaks, but the call between the browsers does not."""

from __future__ import annotations

from contextlib import closing

from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.browser.person import OFFER, Person
from tests.clients.line import Line
from tests.conftest import ServerFactory

REFUSED = r"WebSocket connection to .* failed|/favicon\.svg: Failed to load"
"""What the browser's console says when a line is cut; the icon is loaded only when nothing else is left to do."""


def call(alice: Person, bob: Person, room: str) -> None:
    """Alice and Bob, whose line is going to be cut, call each other."""
    bob.allow(REFUSED)
    alice.enter(room)
    bob.enter(room)
    alice.expectCallWith("Bob")


def test_aCallGoesOnWithoutSignallingAndHeals(person: PersonFactory, line: Line, room: str) -> None:
    """Media flow while the server is out of reach; then the room is as before, and nothing has been negotiated."""
    alice, bob = person("Alice"), person("Bob", url=line.url)
    call(alice, bob, room)
    alice.expectMedia("Bob")
    line.cut()
    expect(bob.status).to_have_text("Server connection lost. Your call goes on; reconnecting…")
    expect(alice.tile("Bob")).to_contain_text("reconnecting")
    bob.screenshot("signalling-lost")
    bob.expectMedia("Alice")
    alice.expectMedia("Bob")
    line.mend()
    expect(bob.status).to_have_text("In a call with Alice")
    alice.expectCallWith("Bob")
    alice.expectMedia("Bob")
    assert (alice.begun(OFFER), bob.begun(OFFER)) == (0, 1)


def test_thoseWhoCameAndWentMeanwhileArePutRight(person: PersonFactory, line: Line, room: str) -> None:
    """When Bob is back, the members who left meanwhile are gone, and those who came are called."""
    alice, carol, bob = person("Alice"), person("Carol"), person("Bob", url=line.url)
    bob.allow(REFUSED)
    alice.enter(room)
    bob.enter(room, testPicture=True)
    bob.expectCallWith("Alice")
    line.cut()
    expect(bob.status).to_contain_text("Server connection lost")
    alice.page.get_by_role("button", name="Hang up").click()
    carol.enter(room, testPicture=True)
    line.mend()
    bob.page.evaluate("dispatchEvent(new Event('online'))")
    expect(bob.tile("Alice")).to_have_count(0)
    bob.expectCallWith("Carol")
    carol.expectCallWith("Bob")
    carol.expectMedia("Bob")


def test_thePageWaitsForAServerOutOfReach(person: PersonFactory, line: Line, room: str) -> None:
    """Joining goes on by itself as soon as the server is there."""
    alice = person("Alice", url=line.url).open(room)
    alice.allow(REFUSED)
    expect(alice.page.locator("#media-hint")).not_to_contain_text("Asking")
    line.cut()
    alice.page.get_by_role("button", name="Join the room").click()
    expect(alice.status).to_have_text("The server cannot be reached. Trying again…")
    line.mend()
    expect(alice.status).to_have_text("Waiting for others")


def test_aSilentChangeOfTheNetworkDoesNotEndTheCall(
    person: PersonFactory, server: ServerFactory, room: str
) -> None:
    """The page has a new membership, and is not gone when the server finds the connection of the old one lost."""
    heartbeat = {"ping_interval": 2, "ping_timeout": 8}
    process = server({"web": {"demo": True}, "socketio": {**heartbeat, "recovery": {"window": 0}}})
    with closing(Line(process.port)) as line:
        alice, bob = person("Alice", url=process.url), person("Bob", url=line.url)
        call(alice, bob, room)
        line.swallow()
        line.mend()
        expect(bob.status).to_have_text("In a call with Alice")
        carol = person("Carol", url=process.url)
        carol.enter(room, testPicture=True)
        assert alice.hears("user-left")["reason"] == "timeout"
        for each, others in ((alice, ("Bob", "Carol")), (bob, ("Alice", "Carol")), (carol, ("Alice", "Bob"))):
            each.expectCallWith(*others)
            each.expectMedia(*others)
        assert (alice.begun(OFFER), bob.begun(OFFER)) == (0, 1)
