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


def test_a_full_room_is_full() -> None:
    with server(most=2) as running:
        ann = running.connect()
        ann.join("kitchen", "ann")
        assert codes(running, "kitchen", "ben", "eve") == [None, "room-full"]
        assert running.connect().join("kitchen", "eve").value["error"]["most"] == 2
        ann.leave("kitchen", "ann")
        assert codes(running, "kitchen", "eve") == [None]


def test_by_default_it_holds_eight() -> None:
    with InMemoryServer(use=["room-size"]) as running:
        assert codes(running, "kitchen", *"abcdefghi") == [None] * 8 + ["room-full"]


def test_patterns_have_limits_of_their_own_and_0_is_none() -> None:
    with server(most=1, rooms={"pair-*": 2, "hall": 0}) as running:
        assert codes(running, "pair-1", "ann", "ben", "eve") == [None, None, "room-full"]
        assert codes(running, "kitchen", "ann", "ben") == [None, "room-full"]
        assert codes(running, "hall", *"abcdefghijkl") == [None] * 12


def test_some_roles_may_always_join_and_are_counted() -> None:
    with server(most=2, except_for=["host"]) as running:
        assert codes(running, "kitchen", "ann", "ben") == [None, None]
        assert running.connect(HOST).join("kitchen", "cat").ok
        assert codes(running, "kitchen", "eve") == ["room-full"]


def test_who_is_there_already_may_come_in_again_up_to_a_number() -> None:
    with server(most=2, most_per_user=3) as running:
        assert codes(running, "kitchen", "ann", "ben", "ann", "ann", "ann") == [None] * 4 + ["too-many-sessions"]
        assert codes(running, "kitchen", "eve") == ["room-full"]


def test_each_connection_may_count_instead() -> None:
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
def test_wrong_options_end_the_start(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem), server(**options):
        pass


class TestProof:
    """A guest is not the one who has signed in under the same name."""

    ANN = Identity("ann")

    def test_a_guest_does_not_come_into_a_full_room_under_the_name_of_a_member(self) -> None:
        with InMemoryServer(use=[{"room-size": {"most": 2}}]) as server:
            assert server.connect(self.ANN).join("kitchen", "ann").ok
            assert server.connect(Identity("ben")).join("kitchen", "ben").ok
            assert server.connect().join("kitchen", "ann").code == "room-full"
            assert server.connect(self.ANN).join("kitchen", "ann").ok

    def test_it_is_counted_as_a_user_of_its_own(self) -> None:
        with InMemoryServer(use=[{"room-size": {"most": 2}}]) as server:
            assert server.connect(self.ANN).join("kitchen", "ann").ok
            assert server.connect().join("kitchen", "ann").ok
            assert server.connect().join("kitchen", "ben").code == "room-full"

    def test_guests_do_not_use_up_the_sessions_of_who_has_signed_in(self) -> None:
        with InMemoryServer(use=[{"room-size": {"most": 4, "most_per_user": 1}}]) as server:
            assert server.connect().join("kitchen", "ann").ok
            assert server.connect().join("kitchen", "ann").code == "too-many-sessions"
            assert server.connect(self.ANN).join("kitchen", "ann").ok
            assert server.connect(self.ANN).join("kitchen", "ann").code == "too-many-sessions"
