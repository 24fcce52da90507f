"""The acknowledgement of a join: others may add to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rtcsignal.signaling.rooms.room import Seat
from tests.signaling.words import room
from tests.signaling.world import World


def test_aKeyMayBeAdded(world: World) -> None:
    def servers(seat: Seat) -> Mapping[str, Any]:
        return {"servers": [seat.userId, seat.room.name], "members": "none"}

    world.hub.joining.welcome.add(servers)
    world.hub.joining.welcome.add(lambda seat: {"taken": seat.isTaken, "ok": False})
    assert world.client().join("kitchen", "ann").value == {
        "ok": True,
        "roomName": "kitchen",
        "userId": "ann",
        "members": [{"userId": "ann"}],
        "servers": ["ann", "kitchen"],
        "taken": True,
    }


def test_itIsAddedAgainWhenSomeoneJoinsAgain(world: World) -> None:
    seats: list[Seat] = []
    world.hub.joining.welcome.add(lambda seat: {"n": seats.append(seat) or len(seats)})  # type: ignore[func-returns-value]
    ann = world.client()
    assert [ann.join("kitchen", "ann").value["n"] for _ in range(2)] == [1, 2]
    assert seats[0] is seats[1]


def test_nobodyIsAskedForItUnlessAnAcknowledgementIs(world: World) -> None:
    seats: list[Seat] = []
    world.hub.joining.welcome.add(lambda seat: {"n": seats.append(seat)})  # type: ignore[func-returns-value]
    world.client().emit("join-room", room("ann", "kitchen"))
    assert world.rosters() == {"kitchen": ["ann"]}
    assert seats == []
