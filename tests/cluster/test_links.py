"""Links between real nodes: what breaks, stalls or lies on them harms no one else, and leaves nothing."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.clients.loop_thread import LoopThread
from tests.cluster.nodes import Nodes, runNodes
from tests.support.patience import PATIENCE
from tests.support.processes import Process

FORGED = 1_000


@pytest.fixture
def two(pythonLoop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes, of which a test may break one."""
    with runNodes(tmp_path_factory.mktemp("links"), pythonLoop, 2) as nodes:
        yield nodes
        for process in nodes.processes:
            if process.running:
                process.signal(signal.SIGKILL)  # it would wait for the clients, which are gone


class Client:
    """A client on polling.

    Args:
        node: Where its session is.
    """

    def __init__(self, node: Process) -> None:
        self.sid = ""
        status, body = self.ask(node, "GET")
        assert status == 200
        self.sid = json.loads(body[1:])["sid"]
        assert self.ask(node, "POST", b"40") == (200, b"ok")

    def ask(self, node: Process, method: str, body: bytes | None = None) -> tuple[int, bytes]:
        """A request at a node."""
        sid = f"&sid={self.sid}" if self.sid else ""
        return ask(node, method, sid, body)


def ask(node: Process, method: str, sid: str, body: bytes | None = None) -> tuple[int, bytes]:
    """A request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=PATIENCE)
    try:
        connection.request(method, f"/socket.io/?EIO=4&transport=polling{sid}", body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def links(node: Process) -> int:
    """How many links a node has to others."""
    start = len(node.output())
    node.signal(signal.SIGUSR2)
    return int(node.waitOutput(r"holds .*, links (\d+)", start=start)[1])


def test_aNodeThatStandsStillIsAnswered503AndTheOthersGoOn(two: Nodes) -> None:
    owner, front = two[0], two[1]
    client, other = Client(owner), Client(front)
    assert client.ask(front, "GET")[0] == 200
    owner.signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(client.ask, front, method, body) for method, body in (("GET", None), ("POST", b"3"))]
        assert other.ask(front, "GET")[0] == 200
        assert other.ask(front, "POST", b"3") == (200, b"ok")
        assert not any(each.done() for each in waiting)
        assert [each.result()[0] for each in waiting] == [503, 503]
    assert front.waitOutput("no link to node")
    assert links(front) == 0
    owner.signal(signal.SIGCONT)
    # Both what waited and the link that carried it are gone there, too.
    assert client.ask(front, "POST", b"3")[0] in (200, 400)
    assert "Traceback" not in owner.output() + front.output()


def test_aNodeThatIsKilledIsAnswered503(two: Nodes) -> None:
    owner, front = two[0], two[1]
    client, other = Client(owner), Client(front)
    client.ask(front, "GET")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.ask, front, "GET")
        assert other.ask(front, "GET")[0] == 200
        owner.signal(signal.SIGKILL)
        assert waiting.result()[0] == 503
    assert client.ask(front, "POST", b"3")[0] == 503
    assert other.ask(front, "POST", b"3") == (200, b"ok")


def test_forgedSidsFloodNothing(two: Nodes) -> None:
    owner, front = two[0], two[1]
    client = Client(owner)
    client.ask(front, "GET")
    lines = owner.output().count("\n") + front.output().count("\n")
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=PATIENCE)
    for number in range(FORGED):
        node = client.sid[:6] if number % 2 else f"{number:06}"
        connection.request("GET", f"/socket.io/?EIO=4&transport=polling&sid={node}forged{number}")
        answer = connection.getresponse()
        assert (answer.status, b"Session ID unknown" in answer.read()) == (400, True)
    connection.close()
    assert client.ask(front, "POST", b"3") == (200, b"ok")
    assert owner.output().count("\n") + front.output().count("\n") - lines < FORGED


def test_whoDoesNotKnowTheTokenIsSentAway(two: Nodes) -> None:
    node = two[0]
    port = int(node.waitOutput(r"Reception starting on (\d+)")[1])
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x05\x93\0\x01\xa1x", os.urandom(1 << 20)):
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as visitor:
            try:
                visitor.sendall(data)
                assert visitor.recv(100) == b""
            except ConnectionError:
                pass  # it did not wait for the end of that
    assert node.waitOutput("refused a link from another node")
    assert "Traceback" not in node.output()
