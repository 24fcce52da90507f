"""The pages and the application of the original server work unchanged, as `seed_pages.js` tells them anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.clients.client import Client
from tests.clients.kinds import EVERY_NPM_KIND, Kind
from tests.clients.node_client import SeedPage
from tests.clients.opener import Clients

OFFER, ANSWER, CANDIDATE, HANGUP = 1, 2, 3, 4
CANDIDATES = 3

# The original's own client, and today's: over each transport, in the pages' namespace and in Android's.
SEED_KINDS = tuple(kind for kind in EVERY_NPM_KIND if kind.library in ("2.2.0", "4.8"))


@pytest.fixture(params=SEED_KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of client that a page of the original may come with, in turn."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def witness(clients: Clients, kind: Kind, room: str) -> Client:
    """A silent member who is in the room before everybody else and hears what the room hears."""
    member = clients.connect(kind.other, "witness")
    member.join(room)
    member.expect("user-joined", "witness", {"roomName": room})
    return member


def load(clients: Clients, witness: Client, page: str, kind: Kind, name: str, room: str) -> SeedPage:
    """Loads a page and waits until the room knows of it."""
    loaded = clients.page(page, kind, name, room)
    witness.expect("user-joined", name, {"roomName": room})
    return loaded


def news(page: SeedPage, count: int) -> list[tuple[Any, ...]]:
    """The next so many things that a page says it was told."""
    return [page.next() for _ in range(count)]


def callFrom(other: str, description: str) -> list[tuple[Any, ...]]:
    """What a page is told when that other side describes its end of a call, and in what order."""
    return [
        (description, other, f"v=0\r\no={other} 1 1 IN IP4 127.0.0.1\r\ns={description}\r\n"),
        *(("candidate", other, f"candidate:{n} 1 udp 1 192.0.2.{n + 1} 9 typ host {other}") for n in range(CANDIDATES)),
    ]


def fromOne(sender: str, told: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What of this came from one sender."""
    return [item for item in told if item[1] == sender]


def test_twoPeopleCallEachOtherAndHangUp(clients: Clients, witness: Client, kind: Kind, room: str) -> None:
    ann = load(clients, witness, "one-to-one", kind, "ann", room)
    bob = load(clients, witness, "one-to-one", kind.other, "bob", room)
    ann.expect("joined", "bob")

    ann.press("call")

    assert news(bob, 1 + CANDIDATES) == callFrom("ann", "offer")
    assert news(ann, 1 + CANDIDATES) == callFrom("bob", "answer")
    ann.press("hangUp")
    bob.expect("hangup", "ann")
    bodies = [args[0] for event, *args in witness.everything() if event == "broadcast"]
    assert Counter((body["userId"], body["msgType"]) for body in bodies) == {
        ("ann", OFFER): 1,
        ("ann", CANDIDATE): CANDIDATES,
        ("ann", HANGUP): 1,
        ("bob", ANSWER): 1,
        ("bob", CANDIDATE): CANDIDATES,
    }
    bob.press("call")
    assert news(ann, 1 + CANDIDATES) == callFrom("bob", "offer")


def test_whoComesToManyIsCalledByEachOfThem(clients: Clients, witness: Client, kind: Kind, room: str) -> None:
    """And nobody is sent what is meant for another, which the pages would drop."""
    ann = load(clients, witness, "many-party", kind, "ann", room)
    bob = load(clients, witness, "many-party", kind.other, "bob", room)
    ann.expect("joined", "bob")
    assert news(ann, 1 + CANDIDATES) == callFrom("bob", "answer")
    assert news(bob, 1 + CANDIDATES) == callFrom("ann", "offer")

    eve = load(clients, witness, "many-party", kind, "eve", room)

    for member in (ann, bob):
        member.expect("joined", "eve")
        assert news(member, 1 + CANDIDATES) == callFrom("eve", "answer")
    told = news(eve, 2 * (1 + CANDIDATES))
    for other in ("ann", "bob"):
        assert fromOne(other, told) == callFrom(other, "offer")
    eve.close()
    for member in (ann, bob):
        member.expect("left", "eve")
    witness.expect("user-left", "eve", {"roomName": room, "reason": "disconnect"})
    witness.hearsNothing()


def test_anAppThatLeavesAndClosesInOneBreathHasLeftOnce(
    clients: Clients, witness: Client, kind: Kind, room: str
) -> None:
    """Also when it does so while it is still moving to WebSocket."""
    for _ in range(5):
        app = load(clients, witness, "android", kind, "ann", room)
        app.press("leave")
        witness.expect("user-left", "ann", {"roomName": room, "reason": "left"})
    witness.hearsNothing()
