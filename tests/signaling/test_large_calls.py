"""Calls in large rooms: with the defaults nobody in them is ever slowed down, wherever all of them are."""

from __future__ import annotations

import json

import pytest

from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.server import SocketOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.world import Client, Link

_PEOPLE = 50
_CANDIDATES = 10
_TURN = 0.02


@pytest.mark.parametrize("exact", [False, True], ids=["to one", "to everybody"])
def test_fiftyFromOneAddressSetUpAllTheirCallsAtOnce(
    makeWorld: WorldFactory, monkeypatch: pytest.MonkeyPatch, exact: bool
) -> None:
    """They join within a second; each pair has an offer, an answer and ten candidates from each side in two more."""
    pauses: list[float] = []
    monkeypatch.setattr(Link, "pauseReading", lambda link, seconds: pauses.append(seconds))
    world = makeWorld(SignalingOptions(exact=exact), sockets=SocketOptions(turn=0))
    clients: list[Client] = []
    for number in range(_PEOPLE):
        client = world.link(address="192.0.2.1").client()
        client.transmit(json.dumps(["join-room", {"userId": f"user {number}", "roomName": "hall"}]))
        clients.append(client)
        world.clock.advance(_TURN)
    others = [[each for each in range(_PEOPLE) if each != number] for number in range(_PEOPLE)]
    steps = [2] + [3] * _CANDIDATES
    for step, kind in enumerate(steps):
        for number, client in enumerate(clients):
            for other in others[number]:
                msgType = kind if step or other > number else 1
                body = {"userId": f"user {number}", "targetUserId": f"user {other}", "msgType": msgType}
                client.transmit(json.dumps(["broadcast", body]))
        world.clock.advance(2 / len(steps))
    assert pauses == []
    assert all(client.link.session.isOpen for client in clients)
    heard = sum(text.startswith('["broadcast"') for text in clients[0].takeTexts())
    sent = (_PEOPLE - 1) * len(steps)
    assert heard == (sent * _PEOPLE if exact else sent)
