"""The line to the server breaks, and the server keeps the membership until the page is back."""

from __future__ import annotations

from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.browser.person import ANSWER, OFFER, Person
from tests.browser.test_signalling_loss import REFUSED, call
from tests.clients.line import Line
from tests.conftest import ServerFactory

_LOSE_THE_FIRST_ANSWER = """
let isLost = false;
const isAnswer = (data) => typeof data === "string" && data.startsWith("43");
window.WebSocket = class extends WebSocket {
    set onmessage(listener) {
        super.onmessage = (event) => {
            if (isLost || !isAnswer(event.data)) return listener(event);
            isLost = true;
            return this.close();
        };
    }
};
"""


def expectUntouched(alice: Person, bob: Person) -> None:
    """The call is whole, and one offer and one answer were enough for it."""
    expect(bob.status).to_have_text("In a call with Alice")
    alice.expectCallWith("Bob")
    bob.expectCallWith("Alice")
    alice.expectMedia("Bob")
    bob.expectMedia("Alice")
    assert (alice.begun(OFFER), bob.begun(OFFER)) == (0, 1)
    assert (alice.begun(ANSWER), bob.begun(ANSWER)) == (1, 0)


def test_othersSeeThatAMemberIsAwayAndBack(person: PersonFactory, line: Line, room: str) -> None:
    """It neither left nor joined, and nothing is negotiated."""
    alice, bob = person("Alice"), person("Bob", url=line.url)
    call(alice, bob, room)
    alice.expectMedia("Bob")
    line.cut()
    expect(alice.tile("Bob")).to_contain_text("reconnecting")
    expect(bob.status).to_have_text("Server connection lost. Your call goes on; reconnecting…")
    alice.expectMedia("Bob")
    line.mend()
    bob.page.evaluate("dispatchEvent(new Event('online'))")
    expectUntouched(alice, bob)
    assert bob.outcomes() == ["joined", "resumed"]
    assert alice.heard("user-away", "user-back", "user-left", "user-joined")[-2:] == ["user-away", "user-back"]


def test_aSilentChangeOfTheNetworkIsSeenByNobody(person: PersonFactory, line: Line, room: str) -> None:
    """The server takes the old connection for alive until the page is back on a new one."""
    alice, bob = person("Alice"), person("Bob", url=line.url)
    call(alice, bob, room)
    before = alice.heard("user-away", "user-back", "user-left", "user-joined")
    line.swallow()
    line.mend()
    bob.page.wait_for_function("async () => (await import('./app.js')).demo.call.room.joined === false")
    bob.page.evaluate("dispatchEvent(new Event('online'))")
    expectUntouched(alice, bob)
    assert bob.outcomes() == ["joined", "resumed"]
    assert alice.heard("user-away", "user-back", "user-left", "user-joined") == before


def test_whatWasSaidMeanwhileArrives(person: PersonFactory, line: Line, room: str) -> None:
    """In both directions: Bob mutes, and Alice turns her camera off."""
    alice, bob = person("Alice"), person("Bob", url=line.url)
    call(alice, bob, room)
    line.cut()
    expect(bob.status).to_contain_text("Server connection lost")
    bob.page.get_by_role("button", name="Mute").click()
    alice.page.get_by_role("button", name="Camera off").click()
    line.mend()
    bob.page.evaluate("dispatchEvent(new Event('online'))")
    heard = "async ([kind]) => [...(await import('./app.js')).demo.call.mesh.peers.values()][0].info[kind] === false"
    alice.page.wait_for_function(heard, arg=["audio"])
    bob.page.wait_for_function(heard, arg=["video"])


@pytest.mark.parametrize("silent", [False, True])
def test_aReloadEndsAMembershipThatTheServerKeeps(
    person: PersonFactory, server: ServerFactory, room: str, silent: bool
) -> None:
    """The page could not say that it left, and yet its ghost is gone as soon as it is back."""
    process = server({"web": {"demo": True}})
    with closing(Line(process.port)) as line:
        alice, bob = person("Alice", url=process.url), person("Bob", url=line.url)
        call(alice, bob, room)
        (line.swallow if silent else line.cut)()
        expect(bob.status).to_contain_text("Server connection lost")
        line.mend()
        bob.page.reload()
        bob.expectCallWith("Alice")
        alice.expectCallWith("Bob")
        assert alice.hears("user-left")["reason"] in ("replaced", "left")
        alice.expectMedia("Bob")


def test_aNewcomerDoesNotWaitForThoseWhoAreGoneWithoutAWord(
    person: PersonFactory, server: ServerFactory, room: str
) -> None:
    """The heartbeat of this server would take minutes."""
    socketio = {"ping_interval": 300, "ping_timeout": 300, "recovery": {"window": 600}}
    process = server({"web": {"demo": True}, "socketio": socketio})
    with closing(Line(process.port)) as line:
        alice, bob = (person(name, url=line.url) for name in ("Alice", "Bob"))
        alice.allow(REFUSED)
        call(alice, bob, room)
        line.swallow()
        for each in (alice, bob):
            expect(each.status).to_contain_text("Server connection lost")
        carol = person("Carol", url=process.url)
        carol.enter(room)
        absent = carol.page.get_by_role("listitem", name="Someone, reconnecting")  # who has not said its name
        expect(absent).to_have_count(2)
        assert carol.heard("user-away", "user-left") == ["user-away"] * 2
        line.mend()
        for each in (alice, bob):
            each.page.evaluate("dispatchEvent(new Event('online'))")
        for each, others in ((carol, ("Alice", "Bob")), (alice, ("Bob", "Carol")), (bob, ("Alice", "Carol"))):
            each.expectCallWith(*others)
            each.expectMedia(*others)
        assert alice.outcomes() == bob.outcomes() == ["joined", "resumed"]


def test_thePageWhoseFirstAnswerIsLostIsInTheRoomOnce(person: PersonFactory, room: str) -> None:
    """It asks where what it missed ends, and counts nobody twice; the others see one page, away for a moment."""
    alice, bob, carol = person("Alice"), person("Bob"), person("Carol")
    alice.enter(room)
    bob.page.add_init_script(_LOSE_THE_FIRST_ANSWER)
    bob.enter(room)
    alice.expectCallWith("Bob")
    bob.expectCallWith("Alice")
    assert alice.heard("user-joined", "user-left") == ["user-joined", "user-joined"]
    assert bob.outcomes() == ["joined", "joined", "resumed"]
    carol.enter(room)
    bob.expectCallWith("Alice", "Carol")
    alice.page.close(run_before_unload=True)
    bob.expectCallWith("Carol")
    carol.expectCallWith("Bob")
