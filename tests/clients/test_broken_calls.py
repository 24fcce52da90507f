"""Calls whose lines are cut at any byte, in four ways and more than once: nobody loses anything, nobody else notices.

For longer, and with others: ``RTCSIGNAL_CALLS=300 RTCSIGNAL_SEED=7 pytest tests/clients/test_broken_calls.py``.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import pytest

from tests.clients.client import Client
from tests.clients.cutter import WAYS, Cut, Cutter
from tests.clients.kinds import EVERY_NPM_KIND, Kind
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import ResumingPage
from tests.clients.opener import Clients
from tests.faults.soak import holds
from tests.support.processes import Process

SAID = 13
"""An offer, and its candidates."""

OFFER_BYTES, EVERY_MS, TOGETHER = 1500, 2, 12
CALLS, SEED = (int(os.environ.get(f"RTCSIGNAL_{name}", default)) for name, default in (("CALLS", 72), ("SEED", 13)))
WITNESS = Kind("3.1.3", "websocket", "/")


@pytest.fixture(scope="module")
def server(serverFor: Callable[..., AbstractContextManager[Process]]) -> Iterator[Process]:
    """It waits for those who ask, as it does by default, and soon misses the others."""
    socketio = {"ping_interval": 3, "ping_timeout": 5, "connect_timeout": 5, "upgrade_timeout": 5}
    with serverFor({"limits": {"joins_per_second": 0}, "socketio": socketio}) as process:
        yield process


class Party(NamedTuple):
    """A page, its line, and all that it has heard."""

    page: ResumingPage
    line: Cutter
    heard: list[tuple[Any, ...]]

    def hears(self, count: int, *events: str) -> None:
        """Waits until it has heard so many of these events."""
        while sum(event[0] in events for event in self.heard) < count:
            self.heard.append(self.page.next())

    def __str__(self) -> str:
        return f"{self.page.name}, {self.page.kind}, after {self.line.cuts}"


class Call(NamedTuple):
    """Two pages that talk to each other, and a third client that watches them."""

    room: str
    witness: Client
    parties: list[Party]

    def check(self) -> None:
        """All of it came, once and in the order in which it was said; nobody came or went but at first."""
        for party in self.parties:
            party.hears(len(self.parties) * SAID, "broadcast")
            assert [event for event in party.heard if event[0] in ("trouble", "user-left")] == [], str(party)
            lost = [event for event in party.heard if event[0] == "outcome" and event[1:] != ("joined", False)]
            assert set(lost) <= {("outcome", "resumed", True)}, str(party)
            self._inOrder(str(party), party.heard)
        watched = self.witness.everything()
        came = sorted(event for event in watched if event[0] != "broadcast")
        assert came == [("user-joined", name, {"roomName": self.room}) for name in ("callee", "caller")], self.room
        self._inOrder(f"witness of {', '.join(map(str, self.parties))}", watched)

    def end(self) -> None:
        """They leave, each when it is certain that it is there."""
        for party in self.parties:
            party.hears(len(self.parties) * (SAID + 1), "broadcast")
        self.witness.everything()
        for party in self.parties:
            party.page.close()
            self.witness.expect("user-left", party.page.name, {"roomName": self.room, "reason": "disconnect"})
        self.witness.leave(self.room)
        self.witness.close()
        for party in self.parties:
            party.line.close()

    def _inOrder(self, who: str, heard: list[tuple[Any, ...]]) -> None:
        for party in self.parties:
            name = party.page.name
            numbers = [event[1]["said"] for event in heard if event[0] == "broadcast" and event[1]["userId"] == name]
            assert numbers == list(range(1, SAID + 1)), f"{who} heard of {name}"


class Breaker:
    """Makes calls, and breaks them."""

    def __init__(self, clients: Clients, loop: LoopThread, server: Process, seed: int) -> None:
        self._clients = clients
        self._loop = loop
        self._server = server
        self._random = random.Random(seed)
        self.cuts = 0

    def call(self, number: int) -> Call:
        """A call whose pages have begun to connect."""
        room = f"call {number}"
        witness = self._clients.connect(WITNESS, "witness", url=self._server.url)
        witness.join(room)
        witness.everything()
        kinds = [EVERY_NPM_KIND[number % len(EVERY_NPM_KIND)], self._random.choice(EVERY_NPM_KIND)]
        lines = [Cutter(self._loop, self._server.port, self._cuts(isCut)) for isCut in (True, number % 3 == 0)]
        parties = [
            Party(self._open(kind, name, room, line, number), line, [])
            for kind, name, line in zip(kinds, ("callee", "caller"), lines, strict=True)
        ]
        return Call(room, witness, parties)

    def _open(self, kind: Kind, name: str, room: str, line: Cutter, number: int) -> ResumingPage:
        key, atHandshake = f"{name}-{self._random.getrandbits(128):032x}", number % 2 == 1
        return self._clients.resumingPage(kind, name, room, line.url, key=key, atHandshake=atHandshake)

    def _cuts(self, isCut: bool) -> list[Cut]:
        chosen = self._random
        cuts = [Cut(chosen.randint(1, 16_000), chosen.choice(WAYS))] if isCut else []
        while cuts and chosen.random() < 0.4:
            cuts.append(Cut(chosen.randint(1, 1_500), chosen.choice(WAYS)))
        return cuts

    def finish(self, calls: list[Call]) -> None:
        """What is said in them arrives, and they end."""
        parties = [party for call in calls for party in call.parties]
        for party in parties:
            party.hears(1, "outcome")
        for party in parties:
            party.page.say(SAID, EVERY_MS, OFFER_BYTES)
        for call in calls:
            call.check()
        for party in parties:
            self.cuts += party.line.done
            party.line.spare()
            party.page.say(1, 0, 0)
        for call in calls:
            call.end()


def test_callsHealWhereverTheyAreCut(clients: Clients, pythonLoop: LoopThread, server: Process) -> None:
    breaker = Breaker(clients, pythonLoop, server, SEED)
    for first in range(0, CALLS, TOGETHER):
        breaker.finish([breaker.call(number) for number in range(first, min(first + TOGETHER, CALLS))])
    assert breaker.cuts >= CALLS / 2
    held, problems = holds(server)  # some of the connections that were cut may still be there, but nobody on them
    assert (problems, [held[name] for name in ("rooms", "members", "waiting", "away")]) == ([], [0, 0, 0, 0])
