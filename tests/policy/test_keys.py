"""Keys with which clients come back: no plugin sees one, nor does anyone whom a plugin tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from zope.interface import implementer

from rtcsignal.api import (
    Handshake,
    IAuthenticator,
    Identity,
    IDoorObserver,
    IEventHandler,
    IMessageFilter,
    IRoomObserver,
    IRoomPolicy,
    Message,
)
from rtcsignal.testing import InMemoryServer, MemoryClient
from tests.policy.conftest import LogLines

KEY, FORMER = "k" * 22, "f" * 64
SECRET = "a secret of some length"


@implementer(IAuthenticator, IRoomPolicy, IMessageFilter, IDoorObserver, IRoomObserver, IEventHandler)
class Spy:
    """Writes down all that a plugin is shown."""

    name = "spy"
    events = ("wave",)

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.shown = ""

    def authenticate(self, handshake: Handshake) -> Identity:
        self._note("authenticate", handshake)
        return Identity()

    def mayJoin(self, peer: Any, room: Any) -> None:
        self._note("mayJoin", *self._of(peer, room))

    def filterMessage(self, peer: Any, room: Any, message: Message) -> Message:
        self._note("filterMessage", *self._of(peer, room), message)
        return message

    def entering(self, peer: Any, room: Any) -> None:
        self._note("entering", *self._of(peer, room))

    def withdrew(self, peer: Any, room: Any, reason: str) -> None:
        self._note("withdrew", *self._of(peer, room), reason)

    def joined(self, peer: Any, room: Any) -> None:
        self._note("joined", *self._of(peer, room))

    def left(self, peer: Any, room: Any, reason: str) -> None:
        self._note("left", *self._of(peer, room), reason)

    def handleEvent(self, peer: Any, room: Any, event: str, body: Any) -> None:
        self._note("handleEvent", *self._of(peer, room), event, dict(body))

    def _note(self, method: str, *shown: Any) -> None:
        self.calls.append(method)
        self.shown += repr(shown)

    @staticmethod
    def _of(*views: Any) -> Iterator[Any]:
        """Everything that is public of them."""
        for view in views:
            yield {name: repr(getattr(view, name)) for name in dir(view) if not name.startswith("_")}


def life(server: InMemoryServer) -> None:
    """A client joins, is heard, is lost, comes back in both ways, and is replaced by its next page."""
    first = server.connect(auth={"resume": KEY, "token": "t"})
    answer = first.join("kitchen", "ann", resume=KEY, tab="one")
    assert answer.value["outcome"] == "joined"
    seen = answer.value["at"]
    assert first.request("broadcast", {"msgType": 1}, {"n": 1}).ok
    first.emit("wave")
    first.lose()
    back = server.connect(auth={"resume": KEY, "seen": seen, "token": "t"})
    assert next(heard[0] for heard in back.take()) == "resumed"
    again: MemoryClient = server.connect()
    assert again.join("kitchen", "ann", resume=KEY, seen=seen).value["outcome"] == "resumed"
    assert server.connect().join("kitchen", "ann", resume="not a key").code == "bad-resume-key"
    assert server.connect().join("kitchen", "ann", resume=FORMER, replaces=KEY).ok
    assert server.members("kitchen") == ["ann"]


def test_noPluginSeesOne(log: LogLines) -> None:
    spy = Spy()
    with InMemoryServer(spy) as server:
        life(server)
    join = ["mayJoin", "entering", "joined"]
    assert [call for call in spy.calls if call != "authenticate"] == [
        *(*join, "filterMessage", "handleEvent", "left"),
        *(*join, "left"),
    ], "a return is not judged, and nobody is told"
    assert "'tab': 'one'" in spy.shown
    for kept in (spy.shown, "\n".join(log.lines)):
        assert KEY not in kept
        assert FORMER not in kept


def test_norAnyoneWhomAPluginTells(tmp_path: Path, log: LogLines) -> None:
    file = tmp_path / "audit.jsonl"
    webhook = {"url": "https://hooks.example.org/", "secret": SECRET}
    with InMemoryServer(use=[{"audit": {"file": str(file)}}, {"webhook": webhook}]) as server:
        life(server)
        for _ in range(20):
            if server.http._waiting:
                server.http.answer(204)
        requests = server.http.requests
    told = [json.loads(more["data"])["event"] for _, _, more in requests]
    written = [json.loads(line)["event"] for line in file.read_text("ascii").splitlines()]
    assert [event for event in written if event in ("joined", "left")] == ["joined", "left", "joined", "left"]
    assert sum("joined" in event for event in told) == 2, "a return is no join"
    for kept in (file.read_text("ascii"), repr(requests), "\n".join(log.lines)):
        assert KEY not in kept
        assert FORMER not in kept


@pytest.mark.parametrize("revision", [3, 4])
def test_norDoesItAppearInAnyQuery(revision: Any) -> None:
    spy = Spy()
    with InMemoryServer(spy) as server:
        client = server.connect(revision=revision, query={"resume": KEY, "seen": "1.2", "token": "t"})
        assert client.join("kitchen", "ann").ok
    assert "'token': 't'" in spy.shown
    assert KEY not in spy.shown
