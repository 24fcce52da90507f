"""``allow-rooms``: rooms of certain names, for certain roles."""

from __future__ import annotations

import pytest

from rtcsignal.api import ConfigError, Identity
from rtcsignal.testing import InMemoryServer

ROOMS = {"open-*": [], "staff-*": ["staff", "guard"], "staff-x": []}


@pytest.mark.parametrize(
    ("roles", "room", "code"),
    [
        ("", "open-1", None),
        ("", "kitchen", "room-not-allowed"),
        ("staff", "kitchen", "room-not-allowed"),
        ("", "staff-1", "role-needed"),
        ("guest", "staff-1", "role-needed"),
        ("staff", "staff-1", None),
        ("guard", "staff-1", None),
        ("", "staff-x", "role-needed"),
        ("admin", "kitchen", None),
        ("admin", "staff-1", None),
    ],
)
def test_theFirstPatternThatFitsSaysWhoMayJoin(roles: str, room: str, code: str | None) -> None:
    with InMemoryServer(use=[{"allow-rooms": {"rooms": ROOMS, "except_for": ["admin"]}}]) as server:
        client = server.connect(Identity(roles=frozenset(roles.split())))
        assert client.join(room, "ann").code == code


def test_whoHasNotTheRoleIsToldWhichAreAskedFor() -> None:
    with InMemoryServer(use=[{"allow-rooms": {"rooms": ROOMS}}]) as server:
        answer = server.connect().join("staff-1", "ann")
        assert answer.value["error"]["roles"] == ["staff", "guard"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({}, "rooms: is required"),
        ({"rooms": {"a": "staff"}}, "rooms: must be a mapping of strings to a list of strings, not {'a': 'staff'}"),
    ],
)
def test_wrongOptionsEndTheStart(options: dict[str, object], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem.replace("{", r"\{")), InMemoryServer(use=[{"allow-rooms": options}]):
        pass
