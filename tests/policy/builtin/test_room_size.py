"""``room-size``: how many may be in a room."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.api import ConfigError, Identity
from rtcsignal.testing import InMemoryServer

HOST = Identity(roles=frozenset({"host"}))


def server(**options: Any) -> InMemoryServer:
    return InMemoryServer(use=[{"room-size": options}])


def codes(server: InMemoryServer, room: str, *users: str) -> list[str | None]:
    return [server.connect().join(room, user).code for user in users]


def test_aFullRoomIsFull() -> None:
    with server(most=2) as running:
        ann = running.connect()
        ann.join("kitchen", "ann")
        assert codes(running, "kitchen", "ben", "eve") == [None, "room-full"]
        assert running.connect().join("kitchen", "eve").value["error"]["most"] == 2
        ann.leave("kitchen", "ann")
        assert codes(running, "kitchen", "eve") == [None]


def test_byDefaultItHoldsEight() -> None:
    with InMemoryServer(use=["room-size"]) as running:
        assert codes(running, "kitchen", *"abcdefghi") == [None] * 8 + ["room-full"]


def test_patternsHaveLimitsOfTheirOwnAnd0IsNone() -> None:
    with server(most=1, rooms={"pair-*": 2, "hall": 0}) as running:
        assert codes(running, "pair-1", "ann", "ben", "eve") == [None, None, "room-full"]
        assert codes(running, "kitchen", "ann", "ben") == [None, "room-full"]
        assert codes(running, "hall", *"abcdefghijkl") == [None] * 12


def test_someRolesMayAlwaysJoinAndAreCounted() -> None:
    with server(most=2, except_for=["host"]) as running:
        assert codes(running, "kitchen", "ann", "ben") == [None, None]
        assert running.connect(HOST).join("kitchen", "cat").ok
        assert codes(running, "kitchen", "eve") == ["room-full"]


def test_whoIsThereAlreadyMayComeInAgainUpToANumber() -> None:
    with server(most=2, most_per_user=3) as running:
        assert codes(running, "kitchen", "ann", "ben", "ann", "ann", "ann") == [None] * 4 + ["too-many-sessions"]
        assert codes(running, "kitchen", "eve") == ["room-full"]


def test_eachConnectionMayCountInstead() -> None:
    with server(most=2, count="peers") as running:
        assert codes(running, "kitchen", "ann", "ann", "ann", "ben") == [None, None, "room-full", "room-full"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"most": -1}, "most: must be a whole number of at least 0, not -1"),
        ({"rooms": {"a": -1}}, "rooms: the limit of a must be at least 0"),
        ({"rooms": {"a": "2"}}, "rooms: must be a mapping of strings to whole numbers"),
        ({"count": "heads"}, "count: must be users or peers, not 'heads'"),
        ({"most_per_user": 0}, "most_per_user: must be a whole number of at least 1, not 0"),
    ],
)
def test_wrongOptionsEndTheStart(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem), server(**options):
        pass


class TestProof:
    """A guest is not the one who has signed in under the same name."""

    ANN = Identity("ann")

    def test_aGuestDoesNotComeIntoAFullRoomUnderTheNameOfAMember(self) -> None:
        with InMemoryServer(use=[{"room-size": {"most": 2}}]) as server:
            assert server.connect(self.ANN).join("kitchen", "ann").ok
            assert server.connect(Identity("ben")).join("kitchen", "ben").ok
            assert server.connect().join("kitchen", "ann").code == "room-full"
            assert server.connect(self.ANN).join("kitchen", "ann").ok

    def test_itIsCountedAsAUserOfItsOwn(self) -> None:
        with InMemoryServer(use=[{"room-size": {"most": 2}}]) as server:
            assert server.connect(self.ANN).join("kitchen", "ann").ok
            assert server.connect().join("kitchen", "ann").ok
            assert server.connect().join("kitchen", "ben").code == "room-full"

    def test_guestsDoNotUseUpTheSessionsOfWhoHasSignedIn(self) -> None:
        with InMemoryServer(use=[{"room-size": {"most": 4, "most_per_user": 1}}]) as server:
            assert server.connect().join("kitchen", "ann").ok
            assert server.connect().join("kitchen", "ann").code == "too-many-sessions"
            assert server.connect(self.ANN).join("kitchen", "ann").ok
            assert server.connect(self.ANN).join("kitchen", "ann").code == "too-many-sessions"
