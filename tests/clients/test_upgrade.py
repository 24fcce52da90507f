"""What goes to and from a client while it moves from polling to WebSocket arrives once and in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.clients.client import Client
from tests.clients.kinds import EVERY_NPM_KIND, NAMESPACES, NPM_CLIENTS, Kind
from tests.clients.line import Line
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeClient, NodeProcess
from tests.clients.opener import Clients
from tests.support.processes import Process

UPGRADING = tuple(kind for kind in EVERY_NPM_KIND if kind.way == "upgrade")
ROUNDS = 3


@pytest.fixture(scope="module")
def unlimitedServer(serverFor: Callable[..., AbstractContextManager[Process]]) -> Iterator[Process]:
    """A server that lets one client send as many events as it can."""
    with serverFor({"limits": {"events_per_second": 0, "events_burst": 0}}) as process:
        yield process


@pytest.fixture(scope="module", params=[0.0, 0.02], ids=["quick", "slow"])
def line(request: pytest.FixtureRequest, unlimitedServer: Process) -> Iterator[Line]:
    """A line to it on which an upgrade takes its ordinary time, or three times 20 ms more."""
    made = Line(unlimitedServer.port, websocketDelay=request.param)
    yield made
    made.close()


@pytest.fixture
def clients(nodeProcess: NodeProcess, pythonLoop: LoopThread, line: Line) -> Iterator[Clients]:
    """Opens clients over that line."""
    opener = Clients(nodeProcess, pythonLoop, line.url)
    yield opener
    opener.closeAll()


@pytest.fixture(params=UPGRADING, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of client that upgrades, in turn."""
    chosen: Kind = request.param
    return chosen


def comeAndJoin(clients: Clients, kind: Kind, name: str, room: str) -> NodeClient:
    """A client that is in the room as soon as it can be, so that it has most of its upgrade before it."""
    client = clients.node(kind, name)
    client.emit("join-room", {"userId": name, "roomName": room})
    return client


def numbers(events: list[tuple[object, ...]], sender: Client) -> list[int]:
    """The numbers of this sender's broadcasts, as they came."""
    bodies = [event[1] for event in events if event[0] == "broadcast"]
    return [body["number"] for body in bodies if isinstance(body, dict) and body["userId"] == sender.name]


def test_whatIsSentToAClientWhileItUpgradesArrives(clients: Clients, kind: Kind, room: str) -> None:
    bob = clients.node(kind.other, "bob")
    bob.join(room)
    bob.stream({"userId": "bob", "msgType": 3}, everyMs=1)

    for attempt in range(ROUNDS):
        ann = comeAndJoin(clients, kind, f"ann {attempt}", room)
        heard = numbers([*ann.settle(), ann.next()], bob)
        assert heard == list(range(heard[0], heard[0] + len(heard)))

    sent = bob.unstream()
    assert numbers(bob.everything(), bob) == list(range(sent))


def test_whatAClientSendsWhileItUpgradesArrives(clients: Clients, kind: Kind, room: str) -> None:
    bob = clients.node(kind.other, "bob")
    bob.join(room)

    for attempt in range(ROUNDS):
        ann = comeAndJoin(clients, kind, f"ann {attempt}", room)
        ann.stream({"userId": ann.name, "msgType": 3}, everyMs=1)
        heard = ann.settle()
        sent = ann.unstream()
        heard += ann.everything()
        assert numbers(heard, ann) == list(range(sent))
        assert numbers(bob.everything(), ann) == list(range(sent))


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_whatManySayWhoAllUpgradeAtOnceArrives(clients: Clients, room: str, namespace: str) -> None:
    """Each hears everybody who is there, itself too."""
    kinds = [Kind(library, "upgrade", namespace) for library in NPM_CLIENTS for _ in range(2)]
    members = [comeAndJoin(clients, kind, f"user {number}", room) for number, kind in enumerate(kinds)]
    told: dict[str, list[tuple[object, ...]]] = {}
    for member in members:
        told[member.name] = member.everything()
    for member in members:
        member.stream({"userId": member.name, "msgType": 3}, everyMs=2)
    for member in members:
        told[member.name] += member.settle()
    sent = {member.name: member.unstream() for member in members}
    # Each sender's last word is at the server before anybody looks at what has come.
    for member in members:
        told[member.name] += member.everything()

    for member in members:
        told[member.name] += member.everything()
        for sender in members:
            assert numbers(told[member.name], sender) == list(range(sent[sender.name]))
