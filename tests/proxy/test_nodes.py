"""Two nodes behind nginx, which asks one and the other in turn: clients of all generations notice nothing of it."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest

from tests.clients.client import Client
from tests.clients.kinds import NPM_CLIENTS, WAYS, Kind
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeProcess
from tests.clients.opener import Clients
from tests.cluster.nodes import Nodes, runNodes
from tests.proxy.nginx import Certificate, Proxy, runNginx

KINDS = tuple(Kind(library, way, "/") for library in NPM_CLIENTS for way in WAYS)
EVENTS = 100


@pytest.fixture(scope="module")
def nodes(pythonLoop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """The nodes."""
    with runNodes(tmp_path_factory.mktemp("nodes"), pythonLoop, 2, proxies=["127.0.0.1"]) as nodes:
        yield nodes


@pytest.fixture(scope="module")
def proxy(
    nginx: None, nodes: Nodes, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """nginx before them."""
    ports = [process.port for process in nodes.processes]
    with runNginx(tmp_path_factory.mktemp("nginx"), ports, certificate) as running:
        yield running


@pytest.fixture
def clients(nodeProcess: NodeProcess, pythonLoop: LoopThread, proxy: Proxy) -> Iterator[Clients]:
    """Opens clients to nginx."""
    opener = Clients(nodeProcess, pythonLoop, proxy.url)
    yield opener
    opener.closeAll()


def numbers(events: list[tuple[object, ...]], sender: Client) -> list[int]:
    """The numbers of this sender's broadcasts, as they came."""
    bodies = [event[1] for event in events if event[0] == "broadcast"]
    return [body["number"] for body in bodies if isinstance(body, dict) and body["userId"] == sender.name]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_everythingArrivesOnceAndInOrder(clients: Clients, nodes: Nodes, kind: Kind) -> None:
    room = f"room of {kind}"
    people = [clients.node(kind, name) for name in ("ann", "bob", "cleo")]
    for person in people:
        assert person.join(room)["ok"] is True
    for person in people:
        person.stream({"userId": person.name, "msgType": 3}, everyMs=5)
    heard = [person.settle() for person in people]
    for number in range(EVENTS // 10):
        answer = people[0].ask("broadcast", {"userId": people[0].name, "msgType": 3, "number": -number})
        assert answer["delivered"] == 3, answer  # it hears itself, as with one node
    sent = {person: person.unstream() for person in people}
    for person, events in zip(people, heard, strict=True):
        # What comes from the other node may come behind the answer of this one.
        while not all(number in numbers(events, each) for each, count in sent.items() for number in range(1, count)):
            events.append(person.next())
        for each in people:
            found = [number for number in numbers(events, each) if number > 0]
            assert found == list(range(1, sent[each])), f"{person.name} of {each.name}"
        assert person.transport() == kind.finalTransport
        assert {news for news, *_ in person.life.takeAll()} <= {"connect", "upgrade"}


def test_requestsWereBroughtFromOneToTheOther(nodes: Nodes, clients: Clients) -> None:
    clients.node(Kind("4.8", "polling", "/"), "dora").join("room")
    forwarded = 0
    for process in nodes.processes:
        start = len(process.output())
        process.signal(signal.SIGUSR2)
        line = process.waitOutput("holds .*", start=start)[0]
        forwarded += int(re.findall(r"forwarded requests (\d+)", line)[0])
        assert "not forwarded 0" in line
        assert "Traceback" not in process.output()
    assert forwarded > 0
