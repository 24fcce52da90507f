"""What a POST costs that comes in at another node, beside one at its own: ``python -m tests.cluster.forwarding``.

Processor seconds of both nodes, for each of a number of posts of 250 bytes over connections that are kept open.
"""

from __future__ import annotations

import argparse
import http.client
import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.lanes import writeConfig
from tests.support.processes import Process, startProcess, twistdCommand
from tests.support.redis_server import runRedis

_BODY = b'42["x","' + b"a" * 240 + b'"]'


@contextmanager
def _nodes(folder: Path) -> Iterator[list[Process]]:
    limits = {"connections_per_address": 0, "events_per_second": 0, "log_lines_per_second": 0}
    with runRedis(folder) as redis:
        config = {"backplane": {"url": f"redis://127.0.0.1:{redis.port}"}, "limits": limits}
        writeConfig(folder / "server.conf", config)
        command = twistdCommand("--config", "server.conf", "--listen", "tcp:0:interface=127.0.0.1")
        with startProcess(command, cwd=str(folder)) as one, startProcess(command, cwd=str(folder)) as other:
            for process in (one, other):
                process.waitOutput("backplane up, 2 nodes")
            yield [one, other]


def _client(owner: int, port: int, posts: int) -> None:
    opening = http.client.HTTPConnection("127.0.0.1", owner)
    opening.request("GET", "/socket.io/?EIO=4&transport=polling")
    sid = json.loads(opening.getresponse().read()[1:])["sid"]
    target = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
    opening.request("POST", target, b"40")
    opening.getresponse().read()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(posts):
        connection.request("POST", target, _BODY, {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        if answer.read() != b"ok":
            raise AssertionError(answer.status)
    for each in (opening, connection):
        each.close()


def _cost(nodes: list[Process], port: int, clients: int, posts: int) -> float:
    before = sum(node.processorSeconds() for node in nodes)
    threads = [threading.Thread(target=_client, args=(nodes[0].port, port, posts)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (sum(node.processorSeconds() for node in nodes) - before) / (clients * posts) * 1e6


def main() -> None:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--posts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, _nodes(Path(folder)) as nodes:
        for _ in range(options.rounds):
            own, other = (_cost(nodes, node.port, options.clients, options.posts) for node in nodes)
            print(f"own node {own:.0f} us, other node {other:.0f} us: x {other / own:.2f}", flush=True)


if __name__ == "__main__":
    main()
