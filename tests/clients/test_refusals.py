"""What clients of each generation hear when a plugin says no: as they connect, join or speak, and when it is over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.policy.builtin.shared_secret import makeTicket
from tests.clients.kinds import NPM_CLIENTS, Kind
from tests.clients.node_client import NodeClient
from tests.clients.opener import Clients
from tests.support.processes import Process

SECRET = "s" * 32
FOREVER = 4e9
MOMENTS = 8.0
"""Seconds that a ticket lasts with which somebody connects, joins and waits for its end."""
WAYS = (("websocket", "/"), ("polling", "/socket.io"))
KINDS = tuple(Kind(library, way, namespace) for library in NPM_CLIENTS for way, namespace in WAYS)

FILTER = '''
from zope.interface import implementer
from rtcsignal.api import IMessageFilter, Refused


@implementer(IMessageFilter)
class NoOffers:
    name = "no-offers"

    def filterMessage(self, peer, room, message):
        if message.kind == "offer":
            raise Refused("no-offers", "Offers are not for you.", {"until": "noon"})
        return message


noOffers = NoOffers()
'''


@pytest.fixture(scope="module")
def server(
    serverFor: Callable[..., AbstractContextManager[Process]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """A server that lets in who has a ticket, and passes no offers."""
    folder: Path = tmp_path_factory.mktemp("plugins")
    (folder / "no_offers.py").write_text(FILTER, encoding="utf-8")
    use = [{"shared-secret": {"secret": SECRET}}, "no-offers"]
    with serverFor({"plugins": {"folders": [str(folder)], "use": use}}) as process:
        yield process


@pytest.fixture(params=KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each generation in both namespaces and on both transports, but not in all combinations."""
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def come(clients: Clients, server: Process, kind: Kind) -> Callable[..., NodeClient]:
    """``come(token, name)``: somebody begins to connect with a token."""

    def begin(token: str | None, name: str = "ann") -> NodeClient:
        return clients.guest(kind, name, server.url, token)

    return begin


def ticket(until: float = FOREVER, userId: str = "ann", **more: Any) -> str:
    return makeTicket(SECRET, until, userId, **more)


@pytest.mark.parametrize(
    ("token", "code", "message"),
    [
        (None, "unauthorized", "Sign in first."),
        ("t1.no.ticket", "bad-token", "The ticket is not valid."),
        (ticket(1), "expired", "The ticket has expired."),
    ],
    ids=["nothing", "bad", "old"],
)
def test_whoIsNotLetInHearsWhy(
    come: Callable[..., NodeClient], kind: Kind, token: str | None, code: str, message: str
) -> None:
    client = come(token)
    if kind.credentials == "query":
        assert client.expectLife("error") == (message, {"code": code, "message": message})
    else:
        assert client.expectLife("connect_error") == (message, {"code": code})
    assert client.heard.takeAll() == []


def test_whoMayNotJoinHearsWhy(come: Callable[..., NodeClient], room: str) -> None:
    client = come(ticket(rooms=[room]))
    client.expectLife("connect")
    elsewhere = {"userId": "ann", "roomName": f"not {room}"}
    refusal = {"code": "not-your-room", "message": "Your ticket is for other rooms."}

    assert client.ask("join-room", elsewhere) == {"ok": False, "error": refusal}
    client.emit("join-room", elsewhere)
    client.expect("refused", {"event": "join-room", "roomName": f"not {room}", **refusal})

    assert client.ask("join-room", {"roomName": room})["userId"] == "ann"
    client.expect("user-joined", "ann", {"roomName": room})
    client.hearsNothing()


def test_whoMayNotSayItHearsWhy(come: Callable[..., NodeClient], room: str) -> None:
    client = come(ticket())
    client.expectLife("connect")
    client.join(room)
    client.next()
    offer = {"userId": "ann", "msgType": 1, "roomName": room}
    refusal = {"code": "no-offers", "message": "Offers are not for you.", "until": "noon"}

    assert client.ask("broadcast", offer) == {"ok": False, "error": refusal}
    client.emit("broadcast", offer)
    client.expect("refused", {"event": "broadcast", "roomName": room, **refusal})
    client.hearsNothing()


def test_whoseTicketEndsIsToldAndStaysAway(clients: Clients, server: Process, room: str) -> None:
    """All kinds, one shortly after the other."""
    bob = clients.guest(KINDS[0].other, "bob", server.url, ticket(userId="bob"))
    bob.expectLife("connect")
    bob.join(room)
    everybody = []
    for kind in KINDS:
        name = str(kind)
        everybody.append(client := clients.guest(kind, name, server.url, ticket(time.time() + MOMENTS, name)))
        client.expectLife("connect")
        client.join(room)

    for client in everybody:
        while (heard := client.next())[0] != "refused":
            pass
        assert (heard[1]["event"], heard[1]["code"]) == ("connect", "expired")
        assert client.expectLife("disconnect") == ("io server disconnect",)
    left = [event[1:] for event in bob.everything() if event[0] == "user-left"]
    assert sorted(left) == sorted((str(kind), {"roomName": room, "reason": "expired"}) for kind in KINDS)
