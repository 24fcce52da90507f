"""Plugins that raise, never answer, answer nonsense or block: requests are refused, and others go on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.target import Target, joined, watched
from tests.support.sharedservers import SharedServers
from tests.wire.engine import EngineSocket
from tests.wire.socketio import Peer, event
from tests.wire.wire import Wire

ROGUE = '''
import time
from twisted.internet.defer import Deferred
from zope.interface import implementer
from rtcsignal.api import IAuthenticator, IMessageFilter, IRoomObserver, IRoomPolicy

@implementer(IAuthenticator, IRoomPolicy, IMessageFilter, IRoomObserver)
class Rogue:
    name = "rogue"

    def authenticate(self, handshake):
        return self.do(handshake.query.get("do"))

    def mayJoin(self, peer, room):
        return self.do(room.name)

    def filterMessage(self, peer, room, message):
        what = message.body.get("do") if hasattr(message.body, "get") else None
        return message if what is None else self.do(what)

    def joined(self, peer, room):
        return self.do(room.name.removeprefix("seen "))

    def left(self, peer, room, reason):
        return self.do(room.name.removeprefix("seen "))

    def do(self, what):
        if what == "raise":
            raise RuntimeError("no \\n2026 [-] forged")
        if what == "exit":
            raise SystemExit(3)
        if what == "recurse":
            return self.do(what)
        if what == "hang":
            return Deferred()
        if what == "nonsense":
            return 42
        if what == "block":
            time.sleep(0.3)
        return None

rogue = Rogue()

@implementer(IRoomPolicy)
class Stuck:
    """Thinks for longer than anybody waits."""

    name = "stuck"

    def mayJoin(self, peer, room):
        return Deferred() if room.name == "stuck" else None

stuck = Stuck()

@implementer(IRoomPolicy)
class Broken:
    """Is asked by those who join alone, so that nobody's messages come in between."""

    name = "broken"

    def mayJoin(self, peer, room):
        if room.name == "broken":
            raise RuntimeError

broken = Broken()
'''

TROUBLE = re.compile(r"Traceback|Unhandled|^2026 \[-\] forged", re.MULTILINE)


@pytest.fixture(scope="module")
def mixed(servers: SharedServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server with plugins of that kind, where two people talk all the time."""
    folder: Path = tmp_path_factory.mktemp("plugins")
    (folder / "rogue.py").write_text(ROGUE, encoding="utf-8")
    use = [{"rogue": {"timeout": 0.5}}, {"stuck": {"timeout": 600}}, "anonymous", "broken"]
    plugins = {"folders": [str(folder)], "use": use}
    process = servers({"plugins": plugins, "limits": {"connections_per_address": 0}})
    with watched(process) as target:
        yield target


@pytest.fixture
def target(mixed: Target) -> Iterator[Target]:
    mixed.begin()
    yield mixed
    mixed.assertNobodyNoticed()
    assert TROUBLE.search(mixed.logged()) is None, mixed.logged()


def answer(peer: Peer, *arguments: Any) -> Any:
    """The acknowledgement of an event."""
    peer.send(event(*arguments, ack="7"))
    while not (packet := str(peer.receive())).startswith("437"):
        pass
    return json.loads(packet[3:])[0]


FAILURES = {"raise": "internal", "exit": "internal", "recurse": "internal", "nonsense": "internal", "hang": "timeout"}


@pytest.mark.parametrize(("what", "code"), FAILURES.items())
def test_theRequestIsRefusedInTimeAndTheLogNamesThePlugin(
    target: Target, attacker: Wire, revision: int, what: str, code: str
) -> None:
    peer = attacker.namespacePeer(revision)
    refused = answer(peer, "join-room", {"userId": "u", "roomName": what})
    assert (refused["ok"], refused["error"]["code"]) == (False, code)
    joined(peer, "u", f"fine {what}")
    refused = answer(peer, "broadcast", {"userId": "u", "do": what})
    assert (refused["ok"], refused["error"]["code"]) == (False, code)
    target.waitUntil(lambda: re.search("plugin[ .]rogue", target.process.output()) is not None)


@pytest.mark.parametrize(("what", "code"), FAILURES.items())
def test_whoCannotBeJudgedIsNotLetIn(
    target: Target, attacker: Wire, revision: int, what: str, code: str
) -> None:
    peer = attacker.peer(revision, "websocket", f"&do={what}")
    if revision == 4:
        peer.send("40")
    packet = str(peer.receive())
    assert packet.startswith("44")
    assert f'"code":"{code}"' in packet
    assert attacker.namespacePeer(revision), "others are"


@pytest.mark.parametrize("what", FAILURES)
def test_whoOnlyLooksOnChangesNothingByItsFailures(
    target: Target, attacker: Wire, revision: int, what: str
) -> None:
    listener = joined(attacker.namespacePeer(4), "listener", f"seen {what}")
    peer = joined(attacker.namespacePeer(revision), "peer", f"seen {what}")
    peer.send("41")
    news = [json.loads(str(listener.receive())[2:])[:2] for _ in range(2)]
    assert news == [["user-joined", "peer"], ["user-left", "peer"]]


def test_oneThatBlocksDelaysEverybodyOnlyAsLongAndIsNamed(
    target: Target, attacker: Wire, revision: int
) -> None:
    peer = attacker.namespacePeer(revision)
    assert answer(peer, "join-room", {"userId": "u", "roomName": "block"})["ok"]
    target.waitUntil(lambda: re.search(r"rogue.*block|block.*rogue", target.process.output()) is not None)


def test_oneThatHangsHoldsUpNeitherOtherRoomsNorTheEnd(
    target: Target, attacker: Wire, revision: int
) -> None:
    peers = [attacker.namespacePeer(revision) for _ in range(10)]
    for peer in peers:
        peer.send(event("join-room", {"userId": "u", "roomName": "stuck"}, ack="1"))
    joined(attacker.namespacePeer(revision), "u", "elsewhere")
    for peer in peers:
        assert isinstance(peer, EngineSocket)
        assert peer.socket.connection.isQuiet(0), "it is still thought about"


def test_aPluginThatFailsAgainAndAgainIsNotAskedForAWhile(target: Target, attacker: Wire) -> None:
    """The last test: afterwards nobody can join for half a minute."""
    peer = attacker.namespacePeer(4)
    for _ in range(12):
        assert not answer(peer, "join-room", {"userId": "u", "roomName": "broken"})["ok"]
    assert answer(peer, "join-room", {"userId": "u", "roomName": "fine"})["error"]["code"] == "unavailable"
    assert target.logged().count("\n") < 40
