"""Plugins that raise, never answer, answer nonsense or block: requests are refused, and others go on."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Servers
from tests.faults.target import Bystanders, Target, joined
from tests.wire.socketio import Peer, event
from tests.wire.wire import Wire

ROGUE = '''
import time
from twisted.internet.defer import Deferred
from zope.interface import implementer
from rtcsignal.api import IMessageFilter, IRoomPolicy

@implementer(IRoomPolicy, IMessageFilter)
class Rogue:
    name = "rogue"

    def mayJoin(self, peer, room):
        return self.do(room.name)

    def filterMessage(self, peer, room, message):
        what = message.body.get("do") if hasattr(message.body, "get") else None
        return message if what is None else self.do(what)

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
def process(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("plugins")
    (folder / "rogue.py").write_text(ROGUE, encoding="utf-8")
    plugins = {"folders": [str(folder)], "use": [{"rogue": {"timeout": 0.5}}, "broken"]}
    return servers({"plugins": plugins, "limits": {"connections_per_address": 0}})


@pytest.fixture
def target(process: Any) -> Iterator[Target]:
    bystanders = Bystanders(process.port)
    target = Target(process, bystanders)
    target.begin()
    yield target
    report = bystanders.report()
    bystanders.stop()
    assert report["worst"] < 1, report
    assert process.running
    assert TROUBLE.search(target.logged()) is None, target.logged()


def answer(peer: Peer, *arguments: Any) -> Any:
    """The acknowledgement of an event."""
    peer.send(event(*arguments, ack="7"))
    while not (packet := str(peer.receive())).startswith("437"):
        pass
    return json.loads(packet[3:])[0]


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("raise", "internal"),
        ("exit", "internal"),
        ("recurse", "internal"),
        ("nonsense", "internal"),
        ("hang", "timeout"),
    ],
)
def test_the_request_is_refused_in_time_and_the_log_names_the_plugin(
    target: Target, attacker: Wire, revision: int, what: str, code: str
) -> None:
    peer = attacker.namespacePeer(revision)
    started = time.monotonic()
    refused = answer(peer, "join-room", {"userId": "u", "roomName": what})
    assert (refused["ok"], refused["error"]["code"]) == (False, code)
    assert time.monotonic() - started < 2
    joined(peer, "u", f"fine {what}")
    refused = answer(peer, "broadcast", {"userId": "u", "do": what})
    assert (refused["ok"], refused["error"]["code"]) == (False, code)
    assert "plugin rogue" in target.process.output() or "plugin.rogue" in target.process.output()


def test_one_that_blocks_delays_everybody_only_as_long_and_is_named(
    target: Target, attacker: Wire, revision: int
) -> None:
    peer = attacker.namespacePeer(revision)
    assert answer(peer, "join-room", {"userId": "u", "roomName": "block"})["ok"]
    target.waitUntil(lambda: re.search(r"rogue.*block|block.*rogue", target.process.output()) is not None)


def test_one_that_hangs_holds_up_neither_other_rooms_nor_the_end(
    target: Target, attacker: Wire, revision: int
) -> None:
    peers = [attacker.namespacePeer(revision) for _ in range(10)]
    for peer in peers:
        peer.send(event("join-room", {"userId": "u", "roomName": "hang"}, ack="1"))
    other = attacker.namespacePeer(revision)
    started = time.monotonic()
    joined(other, "u", "elsewhere")
    assert time.monotonic() - started < 0.4


def test_a_plugin_that_fails_again_and_again_is_not_asked_for_a_while(target: Target, attacker: Wire) -> None:
    """The last test: afterwards nobody can join for half a minute."""
    peer = attacker.namespacePeer(4)
    for _ in range(12):
        assert not answer(peer, "join-room", {"userId": "u", "roomName": "broken"})["ok"]
    assert answer(peer, "join-room", {"userId": "u", "roomName": "fine"})["error"]["code"] == "unavailable"
    assert target.logged().count("\n") < 40
