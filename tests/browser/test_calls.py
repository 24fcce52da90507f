"""Calls between pages of the demo, with real media."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.browser.person import ANSWER, OFFER


def test_twoPeopleSeeAndHearEachOther(person: PersonFactory, room: str) -> None:
    """Media flow both ways; each tile says who it is and that it is connected, and the line tells of the call."""
    alice, bob = person("Alice"), person("Bob")
    alice.enter(room)
    expect(alice.status).to_have_text("Waiting for others")
    bob.enter(room)
    alice.expectCallWith("Bob")
    bob.expectCallWith("Alice")
    alice.expectMedia("Bob")
    bob.expectMedia("Alice")
    expect(alice.tile("Bob")).to_contain_text("connected")
    expect(alice.tile("Alice")).to_contain_text("you")
    expect(bob.status).to_have_text("In a call with Alice")
    alice.screenshot("call-of-two")


def test_threePeopleSeeAndHearEachOther(person: PersonFactory, room: str) -> None:
    """Media flow between each two of them."""
    everyone = {name: person(name) for name in ("Alice", "Bob", "Carol")}
    for each in everyone.values():
        each.enter(room)
    for name, each in everyone.items():
        others = [other for other in everyone if other != name]
        each.expectCallWith(*others)
        each.expectMedia(*others)
    everyone["Carol"].screenshot("call-of-three")


def test_eachPairNegotiatesOnceAndTheNewcomerStarts(person: PersonFactory, room: str) -> None:
    """One offer and one answer per pair: older members wait for the newer one, so that two offers never meet."""
    alice, bob, carol = (person(name).enter(room, testPicture=True) for name in ("Alice", "Bob", "Carol"))
    for each, others in ((alice, ("Bob", "Carol")), (bob, ("Alice", "Carol")), (carol, ("Alice", "Bob"))):
        each.expectCallWith(*others)
        each.expectMedia(*others)
    assert [each.begun(OFFER) for each in (alice, bob, carol)] == [0, 1, 2]
    assert [each.begun(ANSWER) for each in (alice, bob, carol)] == [2, 1, 0]


def test_aHangUpIsSeenAtOnce(person: PersonFactory, room: str) -> None:
    """The tile of the one who hangs up goes, the line says who it was, and that page is back in its lobby."""
    alice, bob = person("Alice").enter(room), person("Bob").enter(room)
    alice.expectCallWith("Bob")
    bob.page.get_by_role("button", name="Hang up").click()
    alice.expectSaid("Bob left.")
    expect(alice.tiles).to_have_count(1)
    expect(alice.page.get_by_text("No one else is here yet")).to_be_visible()
    expect(bob.status).to_have_text("You left the call")
    expect(bob.page.get_by_role("button", name="Join the room")).to_be_focused()


def test_aClosedPageIsGoneAtOnce(person: PersonFactory, room: str) -> None:
    """Closing the page is told like a hang-up; nobody has to wait until the connection is missed."""
    alice, bob = person("Alice").enter(room), person("Bob").enter(room)
    alice.expectCallWith("Bob")
    with bob.page.expect_event("close"):  # with its handlers, closing goes on after the call
        bob.page.close(run_before_unload=True)
    alice.expectSaid("Bob left.")
    expect(alice.tiles).to_have_count(1)


def test_aReloadedPageComesBackByItself(person: PersonFactory, room: str) -> None:
    """After a reload the page is in the same room again, under the same name, and the call goes on."""
    alice, bob = person("Alice").enter(room), person("Bob").enter(room)
    alice.expectCallWith("Bob")
    bob.page.reload()
    alice.expectSaid("Bob left.")
    alice.expectCallWith("Bob")
    bob.expectCallWith("Alice")
    alice.expectMedia("Bob")
    bob.expectMedia("Alice")


def test_muteAndCameraOffAreSeenByTheOthers(person: PersonFactory, room: str) -> None:
    """Without a negotiation; the buttons say what they would do next."""
    alice, bob = person("Alice").enter(room), person("Bob").enter(room)
    alice.expectCallWith("Bob")
    bob.page.get_by_role("button", name="Mute").click()
    expect(alice.tile("Bob")).to_have_attribute("aria-label", "Bob, connected, microphone off")
    bob.page.get_by_role("button", name="Camera off").click()
    expect(alice.tile("Bob").locator(".avatar")).to_be_visible()
    expect(alice.tile("Bob").locator("video")).to_be_hidden()
    alice.screenshot("muted-without-picture")
    bob.page.get_by_role("button", name="Unmute").click()
    bob.page.get_by_role("button", name="Camera on").click()
    expect(alice.tile("Bob")).to_have_attribute("aria-label", "Bob, connected")
    expect(alice.tile("Bob").locator("video")).to_be_visible()
    assert (alice.begun(OFFER), bob.begun(OFFER)) == (0, 1)


def test_detailsShowWhatEachConnectionDoes(person: PersonFactory, room: str) -> None:
    """The way, the delay and the rates; hidden until someone asks."""
    alice, bob = person("Alice").enter(room), person("Bob").enter(room)
    alice.expectCallWith("Bob")
    bob.expectMedia("Alice")
    figures = alice.tile("Bob").locator(".figures")
    expect(figures).to_be_hidden()
    alice.page.get_by_role("button", name="Details").click()
    expect(figures).to_have_text(re.compile(r"^direct UDP · \d+ ms · ↓ [\d.]+ ↑ [\d.]+ Mbit/s"))
