"""Two namespaces on one connection: two members, and what is for one of them is not for the other."""

from __future__ import annotations

import pytest

from tests.clients.kinds import NAMESPACES, NPM_CLIENTS, WAYS, Kind
from tests.clients.node_client import NodeClient
from tests.clients.opener import Clients

ROOT, OTHER = NAMESPACES
KINDS = tuple(Kind(library, way, ROOT) for library in NPM_CLIENTS for way in WAYS)


@pytest.fixture(params=KINDS, ids=str)
def ann(request: pytest.FixtureRequest, clients: Clients) -> NodeClient:
    """Whose connection it is; each kind of client in turn."""
    return clients.node(request.param, "ann")


@pytest.fixture
def bob(clients: Clients, ann: NodeClient) -> NodeClient:
    """Who comes along on it, in the other namespace."""
    return clients.beside(ann, OTHER, "bob")


def test_roomsAreSharedByNamespacesAndMembershipsAreNot(ann: NodeClient, bob: NodeClient, room: str) -> None:
    bob.join(room)
    bob.expect("user-joined", "bob", {"roomName": room})
    refusal = ann.ask("broadcast", {"userId": "ann", "msgType": 9, "roomName": room})
    assert refusal["error"]["code"] == "not-in-room"
    ann.hearsNothing()

    assert {"userId": "bob"} in ann.join(room)["members"]
    for number, sender in enumerate((ann, bob)):
        body = {"userId": sender.name, "msgType": 9, "number": number}
        assert sender.ask("broadcast", body) == {"ok": True, "delivered": 2}

    bob.expect("user-joined", "ann", {"roomName": room})
    ann.expect("user-joined", "ann", {"roomName": room})
    for member in (ann, bob):
        for number, sender in enumerate((ann, bob)):
            member.expect("broadcast", {"userId": sender.name, "msgType": 9, "number": number})
        member.hearsNothing()


@pytest.mark.parametrize("leaving", NAMESPACES)
def test_whoLeavesItsNamespaceLeavesTheOtherWhereItIs(
    ann: NodeClient, bob: NodeClient, room: str, leaving: str
) -> None:
    leaver, stayer = (ann, bob) if leaving == ROOT else (bob, ann)
    for member in (leaver, stayer):
        member.join(room)
    stayer.everything()

    leaver.close()

    stayer.expect("user-left", leaver.name, {"roomName": room, "reason": "disconnect"})
    assert stayer.ask("broadcast", {"userId": stayer.name, "msgType": 9}) == {"ok": True, "delivered": 1}
    stayer.expect("broadcast", {"userId": stayer.name, "msgType": 9})
    stayer.hearsNothing()
