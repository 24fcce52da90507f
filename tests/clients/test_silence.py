"""Connections that only look alive: real clients, and lines on which one side is gone without a word.

The heartbeat of these servers takes minutes, so whatever is found out is found out by a ping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.clients.client import Client
from tests.clients.kinds import NPM_CLIENTS, PYTHON, Kind
from tests.clients.line import Line
from tests.clients.opener import Clients
from tests.support.processes import Process

ServerFactory = Callable[[dict[str, Any]], AbstractContextManager[Process]]

LIBRARIES = (*NPM_CLIENTS, PYTHON)
WITNESS = Kind("2.2.0", "websocket", "/")
NEW = Kind("4.8", "websocket", "/")
KEY = "k" * 30
HEARTBEAT = {"ping_interval": 300, "ping_timeout": 300, "recovery": {"window": 400}}


@pytest.fixture(scope="module")
def server(serverFor: ServerFactory) -> Iterator[Process]:
    plugins = {"use": [{"one-session-per-user": {"rooms": {"*": "refuse"}}}]}
    with serverFor({"socketio": HEARTBEAT, "limits": {"joins_per_second": 0}, "plugins": plugins}) as process:
        yield process


@pytest.fixture
def line(server: Process) -> Iterator[Line]:
    made = Line(server.port)
    yield made
    made.close()


@pytest.fixture
def witness(clients: Clients, server: Process, room: str) -> Client:
    """Somebody who is in the room all the time."""
    client = clients.connect(WITNESS, "witness", url=server.url)
    client.join(room)
    client.everything()
    return client


def left(name: str, room: str) -> tuple[Any, ...]:
    return "user-left", name, {"roomName": room, "reason": "timeout"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_aClientOfEveryGenerationAnswersAPing(
    clients: Clients, server: Process, witness: Client, room: str, library: str
) -> None:
    kind = Kind(library, "websocket", "/")
    ann = clients.connect(kind, "ann", url=server.url)
    assert ann.join(room)["ok"]
    other = clients.connect(kind, "ann", url=server.url)
    assert other.join(room)["error"]["code"] == "already-here"
    assert ann.ask("broadcast", "still here") == {"ok": True, "delivered": 2}


@pytest.mark.parametrize("library", NPM_CLIENTS)
def test_oneThatIsGoneMakesRoom(
    clients: Clients, server: Process, line: Line, witness: Client, room: str, library: str
) -> None:
    ann = clients.connect(Kind(library, "upgrade", "/"), "ann", url=line.url)
    ann.settle()
    assert ann.join(room)["ok"]
    line.settle(1)
    line.swallow()
    again = clients.connect(NEW, "ann", url=server.url)
    answer = again.join(room)
    assert (answer["ok"], [member["userId"] for member in answer["members"]]) == (True, ["witness", "ann"])
    joined = ("user-joined", "ann", {"roomName": room})
    assert witness.everything() == [joined, left("ann", room), joined]


def test_onPollingTheHeartbeatDecides(
    clients: Clients, server: Process, line: Line, witness: Client, room: str
) -> None:
    ann = clients.connect(Kind("4.8", "polling", "/"), "ann", url=line.url)
    assert ann.join(room)["ok"]
    line.settle(1)
    line.swallow()
    again = clients.connect(NEW, "ann", url=server.url)
    assert again.join(room)["error"]["code"] == "already-here"


def test_oneWithAKeyIsWaitedForAndSaysHowLong(
    clients: Clients, server: Process, line: Line, witness: Client, room: str
) -> None:
    ann = clients.connect(NEW, "ann", url=line.url)
    seen = ann.join(room, resume=KEY)["at"]
    line.settle(1)
    line.swallow()
    refused = clients.connect(NEW, "ann", url=server.url).join(room)["error"]
    assert (refused["code"], 300 < refused["retry_after"] <= 400) == ("already-here", True)
    assert [heard[0] for heard in witness.everything()] == ["user-joined"]
    own = clients.connect(WITNESS, "ann", url=server.url).join(room, resume=KEY, seen=seen)
    assert (own["ok"], own["outcome"]) == (True, "resumed")


@pytest.mark.parametrize("libraries", [("2.2.0", "4.8"), ("2.5.0", "3.1.3")], ids=str)
def test_aNewcomerDoesNotWaitForThoseWhoAreGone(
    clients: Clients, server: Process, line: Line, room: str, libraries: tuple[str, str]
) -> None:
    names = ("ann", "ben")
    for name, library in zip(names, libraries, strict=True):
        assert clients.connect(Kind(library, "websocket", "/"), name, url=line.url).join(room)["ok"]
    keyed = clients.connect(NEW, "cas", url=line.url)
    assert keyed.join(room, resume=KEY)["ok"]
    line.settle(3)
    line.swallow()
    there = clients.connect(WITNESS, "dan", url=server.url)
    there.join(room)
    newcomer = clients.connect(NEW, "newcomer", url=server.url)
    assert [member["userId"] for member in newcomer.join(room)["members"]] == [*names, "cas", "dan", "newcomer"]
    newcomer.everything()
    for name in (*names, "cas", "dan"):
        newcomer.emit("broadcast", {"userId": "newcomer", "msgType": 1, "targetUserId": name, "sdp": "v=0"})
    assert sorted(newcomer.next() for _ in names) == [left(name, room) for name in names]
    there.expect("user-joined", "dan", {"roomName": room})
    there.expect("user-joined", "newcomer", {"roomName": room})
    last = clients.connect(NEW, "last", url=server.url)
    assert last.join(room)["members"] == [
        {"userId": name} for name in ("cas", "dan", "newcomer", "last")
    ], "who has not asked is not told who is away"
    own = clients.connect(NEW, "eve", url=server.url).join(room, resume=KEY.upper())
    assert own["members"][0] == {"userId": "cas", "away": True}
