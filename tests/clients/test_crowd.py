"""Rooms full of clients of every kind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.clients.client import Client
from tests.clients.kinds import EVERY_KIND, Kind
from tests.clients.opener import Clients


def fill(clients: Clients, kinds: Sequence[Kind], room: str) -> list[Client]:
    """Connects one client of each of these kinds and lets them join, one after the other."""
    members = [clients.connect(kind, f"user {number}") for number, kind in enumerate(kinds)]
    for member in members:
        assert member.join(room)["ok"]
    return members


def test_clientsOfEveryKindHearEachOtherInOneRoom(clients: Clients, room: str) -> None:
    """Everybody broadcasts once, text and bytes, and everybody hears each of it once and in order."""
    members = fill(clients, EVERY_KIND, room)
    for number, member in enumerate(members):
        arrivals = [("user-joined", later.name, {"roomName": room}) for later in members[number:]]
        assert member.everything() == arrivals

    said = []
    for member in members:
        for body in ({"userId": member.name, "msgType": 1, "sdp": "v=0 \U0001f600"}, member.name.encode()):
            assert member.ask("broadcast", body) == {"ok": True, "delivered": len(members)}
            said.append(("broadcast", body))

    for member in members:
        assert member.everything() == said


@pytest.mark.parametrize("kind", [each for each in EVERY_KIND if each.finalTransport == "polling"], ids=str)
def test_aFloodOfCandidatesComesBackOnPolling(clients: Clients, room: str, kind: Kind) -> None:
    """No client gives up its connection because much has come together between two polls."""
    [member] = fill(clients, [kind], room)
    assert member.everything() == [("user-joined", member.name, {"roomName": room})]
    candidates = [{"userId": member.name, "msgType": 3, "candidate": f"candidate:{number}"} for number in range(200)]
    for candidate in candidates:
        member.emit("broadcast", candidate)
    last = {"userId": member.name, "msgType": 4}
    assert member.ask("broadcast", last) == {"ok": True, "delivered": 1}
    assert member.everything() == [("broadcast", each) for each in (*candidates, last)]


def test_fiftyClientsShareARoom(clients: Clients, room: str) -> None:
    """Each hears those who come after it, what one says to all, what one says to it alone, and who leaves."""
    kinds = [EVERY_KIND[number % len(EVERY_KIND)] for number in range(50)]
    members = fill(clients, kinds, room)
    names = [member.name for member in members]
    first, last = members[0], members[-1]
    for number, member in enumerate(members):
        assert [heard[1] for heard in member.everything()] == names[number:]

    news = {"userId": first.name, "msgType": 9}
    assert first.ask("broadcast", news) == {"ok": True, "delivered": 50}
    for member in members[1:]:
        offer = {"userId": first.name, "msgType": 1, "targetUserId": member.name}
        assert first.ask("broadcast", offer) == {"ok": True, "delivered": 1}
    last.close()

    first.expect("broadcast", news)
    first.expect("user-left", last.name, {"roomName": room, "reason": "disconnect"})
    for member in members[1:-1]:
        member.expect("broadcast", news)
        member.expect("broadcast", {"userId": first.name, "msgType": 1, "targetUserId": member.name})
        member.expect("user-left", last.name, {"roomName": room, "reason": "disconnect"})
    for member in members[:-1]:
        member.hearsNothing()
