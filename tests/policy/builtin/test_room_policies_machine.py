"""The room policies together, whatever clients do and in whatever order: nothing fails, and what must hold, holds."""

from __future__ import annotations

import random
from typing import Any

import pytest

from rtcsignal.api import Identity
from rtcsignal.testing import InMemoryServer, MemoryClient

USE: list[dict[str, Any]] = [
    {"allow-rooms": {"rooms": {"open-*": [], "staff": ["host"]}}},
    {"room-password": {"attempts": 2, "pause": 5}},
    {"host": {"keep_out": 5}},
    {"one-session-per-user": {}},
    {"room-size": {"most": 4}},
    {"lobby": {"first": True, "again": 3, "most_per_address": 3}},
]
NAMES = [name for use in USE for name in use]
STEPS = 250


class Crowd:
    """Clients that do things at random.

    Attributes:
        codes: Every answer that came: codes of refusals, and None for those that said yes.
    """

    def __init__(self, server: InMemoryServer, chance: random.Random) -> None:
        self.codes: set[str | None] = set()
        self._server = server
        self._chance = chance
        self._clients: list[MemoryClient] = []
        self._passes: list[str] = []

    def step(self) -> None:
        """Something happens."""
        what = self._chance.choice((self._come, *(self._join,) * 5, self._ask, self._ask, self._leave, self._others))
        client = self._chance.choice(self._clients) if self._clients else None
        if client is None or what == self._come:
            self._come(client)
        elif client.connected:
            self._passes += [event[1]["pass"] for event in client.take() if event[0] in ("pass", "admitted")]
            what(client)
        else:
            self._clients.remove(client)

    def end(self) -> None:
        """Everybody goes."""
        for client in self._clients:
            client.lose()
        self._server.advance(1)

    def _come(self, client: MemoryClient | None) -> None:
        roles = frozenset({"host"} if self._chance.random() < 0.2 else ())
        address = f"192.0.2.{self._chance.randrange(3)}"
        self._clients.append(self._server.connect(Identity(roles=roles), address=address))

    def _join(self, client: MemoryClient) -> None:
        more: dict[str, str] = {"password": self._chance.choice(("sesame", "sesame", "sesame", "guess", ""))}
        if self._chance.random() < 0.4:
            more["tab"] = self._chance.choice("12")
        if self._passes and self._chance.random() < 0.3:
            more["pass"] = self._chance.choice(self._passes)
        self._answered(client.join(self._room(), self._user(), **more))

    def _ask(self, client: MemoryClient) -> None:
        event = self._chance.choice(("admit", "admit", "deny", "who-waits", "kick", "lock", "unlock", "close"))
        meant = {"targetUserId": self._user()} if self._chance.random() < 0.5 else {"all": True}
        self._answered(client.request(event, {"roomName": self._room(), **meant}))

    def _leave(self, client: MemoryClient) -> None:
        self._answered(client.leave(self._room(), self._user()))

    def _others(self, client: MemoryClient) -> None:
        what = self._chance.randrange(3)
        if what == 0:
            client.lose()
        elif what == 1:
            assert self._server.reload()
        else:
            self._server.advance(self._chance.random() * 3)

    def _answered(self, answer: Any) -> None:
        assert answer.given
        self.codes.add(answer.code)

    def _room(self) -> str:
        return self._chance.choice(("open-1", "open-2", "staff", "cellar"))

    def _user(self) -> str:
        return self._chance.choice(("ann", "ben", "cat", "dan"))


def check(server: InMemoryServer) -> None:
    """What must hold between two turns."""
    server.advance(0)
    for name, room in server.hub.rooms.items():
        users = [seat.userId for seat in room]
        assert len(users) == len(set(users)) <= 4, (name, users)
        assert room.view.shared["host"]["owner"] in {seat.view.sid for seat in room}, name


@pytest.mark.parametrize("seed", range(8))
def test_nothingFailsAndNothingIsLeft(seed: int) -> None:
    chance = random.Random(seed)
    with InMemoryServer(use=chance.sample(USE, len(USE))) as server:
        crowd = Crowd(server, chance)
        for _ in range(STEPS):
            crowd.step()
            check(server)
        crowd.end()
        assert (server.hub.rooms, len(server.hub.waiting)) == ({}, 0)
        assert {name: server.counters(name).errors for name in NAMES} == dict.fromkeys(NAMES, 0)
        assert len(crowd.codes) >= 8
