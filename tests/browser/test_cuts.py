"""The network goes from under pages in the middle of a call, for as long as it may; media go from page to page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.browser.person import OFFER, Person
from tests.browser.sound import Sound
from tests.browser.test_signalling_loss import call
from tests.clients.line import Line
from tests.conftest import ServerFactory
from tests.support.processes import Process

_LATER = "(seconds) => new Promise((resolve) => { setTimeout(resolve, 1000 * seconds); })"
_NOTE = """async () => {
    const { demo } = await import("./app.js");
    [window.delays, window.outcomes] = [[], []];
    demo.call.socket.on("retry", ({ delay }) => window.delays.push(delay));
    demo.call.room.on("joined", ({ outcome }) => window.outcomes.push(outcome));
}"""
_RETURNS = "(times) => window.outcomes.length === times"
_CUTS = ((2, False), (2, True), (20, True))
"""Seconds, and whether the server does not notice."""

_LONGEST = 55
"""Seconds."""

_LONGEST_DELAY = 5000
"""Milliseconds."""

_PRESENCE = ("user-joined", "user-left")
_WINDOW = 2
_SHORT = {"socketio": {"recovery": {"window": _WINDOW}}, "web": {"demo": True}}


@pytest.fixture
def lines(demoServer: Process) -> Iterator[tuple[Line, Line]]:
    """Two ways to the server."""
    with closing(Line(demoServer.port)) as one, closing(Line(demoServer.port)) as other:
        yield one, other


def callOfThree(person: PersonFactory, lines: tuple[Line, Line], room: str) -> tuple[Person, Person, Person]:
    """Alice, and Bob and Carol whose lines are going to be cut."""
    alice, bob, carol = person("Alice"), person("Bob", url=lines[0].url), person("Carol", url=lines[1].url)
    alice.enter(room)
    for each in (bob, carol):
        each.allow(r"WebSocket connection to .* failed|/favicon\.svg: Failed to load")
        each.enter(room)
    alice.expectCallWith("Bob", "Carol")
    bob.expectCallWith("Alice", "Carol")
    carol.expectCallWith("Alice", "Bob")
    for each, others in ((alice, ("Bob", "Carol")), (bob, ("Alice", "Carol")), (carol, ("Alice", "Bob"))):
        each.expectMedia(*others, kinds=("audio",))
    return alice, bob, carol


def test_aCutStopsNoSoundAndIsSeenAsAnAbsenceAtMost(person: PersonFactory, lines: tuple[Line, Line], room: str) -> None:
    """Bob's line is reset for as long as the others wait for him, Carol's meanwhile for short times; of some of her
    losses the server does not hear."""
    alice, bob, carol = callOfThree(person, lines, room)
    sounds = [(Sound(alice), ("Bob", "Carol")), (Sound(bob), ("Alice", "Carol")), (Sound(carol), ("Alice", "Bob"))]
    seen = alice.heard(*_PRESENCE)
    offers = [each.begun(OFFER) for each in (alice, bob, carol)]
    for each in (bob, carol):
        each.page.evaluate(_NOTE)
    over = bob.page.evaluate_handle(f"() => ({{ end: ({_LATER})({_LONGEST}) }})")
    lines[0].cut()
    for times, (seconds, silent) in enumerate(_CUTS, 1):
        (lines[1].swallow if silent else lines[1].cut)()
        carol.page.evaluate(_LATER, seconds)
        lines[1].mend()
        carol.page.wait_for_function(_RETURNS, arg=times)
    over.evaluate("({ end }) => end")
    lines[0].mend()
    bob.page.wait_for_function(_RETURNS, arg=1)
    alice.expectCallWith("Bob", "Carol")
    bob.expectCallWith("Alice", "Carol")
    carol.expectCallWith("Alice", "Bob")
    for each, times in ((bob, 1), (carol, len(_CUTS))):
        assert each.page.evaluate("window.outcomes") == ["resumed"] * times
        assert max(each.page.evaluate("window.delays")) <= _LONGEST_DELAY
    assert alice.heard(*_PRESENCE) == seen
    assert [each.begun(OFFER) for each in (alice, bob, carol)] == offers
    for sound, others in sounds:
        sound.expectSteady(*others)


def test_aCutThatIsLongerThanTheWindowBeginsTheCallAnew(
    person: PersonFactory, server: ServerFactory, room: str
) -> None:
    """The member has left for the others, who hear it until it is back."""
    process = server(_SHORT)
    with closing(Line(process.port)) as line:
        alice, bob = person("Alice", url=process.url), person("Bob", url=line.url)
        call(alice, bob, room)
        bob.expectMedia("Alice")
        sound = Sound(alice)
        line.cut()
        assert alice.hears("user-away")["window"] == _WINDOW
        assert alice.hears("user-left")["reason"] == "timeout"
        sound.expectSteady("Bob")
        line.mend()
        bob.page.wait_for_function("async () => (await import('./app.js')).demo.call.room.joined")
        alice.expectCallWith("Bob")
        bob.expectCallWith("Alice")
        alice.expectMedia("Bob")
        bob.expectMedia("Alice")
        assert bob.outcomes() == ["joined", "joined"]
        assert alice.heard("user-away", "user-back", *_PRESENCE)[-3:] == ["user-away", "user-left", "user-joined"]


def test_whoeverHangsUpWithoutTheServerIsGoneAsSoonAsItIsThere(person: PersonFactory, line: Line, room: str) -> None:
    alice, bob = person("Alice"), person("Bob", url=line.url)
    call(alice, bob, room)
    line.cut()
    expect(bob.status).to_contain_text("Server connection lost")
    bob.page.get_by_role("button", name="Hang up").click()
    expect(bob.status).to_have_text("You left the call")
    line.mend()
    bob.page.evaluate("dispatchEvent(new Event('online'))")
    assert alice.hears("user-left")["reason"] == "left"
    expect(alice.tiles).to_have_count(1)
    expect(bob.status).to_have_text("You left the call")


def test_aTabThatIsClosedWithoutTheServerIsGoneWithTheWindow(
    person: PersonFactory, server: ServerFactory, room: str
) -> None:
    process = server(_SHORT)
    with closing(Line(process.port)) as line:
        alice, bob = person("Alice", url=process.url), person("Bob", url=line.url)
        call(alice, bob, room)
        line.cut()
        expect(alice.tile("Bob")).to_contain_text("reconnecting")
        bob.page.close(run_before_unload=False)
        assert alice.hears("user-left")["reason"] == "timeout"
        expect(alice.tiles).to_have_count(1)
