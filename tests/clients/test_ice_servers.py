"""ICE servers with real clients of both generations, a real server and a real coturn."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.ice.trial import tryUrl
from tests.clients.client import Client
from tests.clients.kinds import Kind
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeProcess
from tests.clients.opener import Clients
from tests.support.coturn import Coturn, runCoturn
from tests.support.processes import Process

KINDS = [Kind("2.2.0", "websocket", "/"), Kind("4.8", "websocket", "/")]
TTL = 5


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with runCoturn(tmp_path_factory.mktemp("turn"), secrets=("north", "south")) as running:
        yield running


@pytest.fixture(scope="module")
def secretFile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "turn.secret"
    path.write_text("north\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def server(
    serverFor: Callable[..., AbstractContextManager[Process]], coturn: Coturn, secretFile: Path
) -> Iterator[Process]:
    ice = {"servers": [{"urls": coturn.urls, "secret_file": str(secretFile)}], "ttl": TTL}
    with serverFor({"ice": ice}) as process:
        yield process


@pytest.fixture
def opener(nodeProcess: NodeProcess, pythonLoop: LoopThread, server: Process) -> Iterator[Clients]:
    clients = Clients(nodeProcess, pythonLoop, server.url)
    yield clients
    clients.closeAll()


def isGood(shape: dict[str, Any]) -> bool:
    (entry,) = shape["iceServers"]
    return tryUrl(entry["urls"][0], entry["username"], entry["credential"], isShared=True).isGood


def nextShape(client: Client) -> dict[str, Any]:
    """What the client is given next."""
    while (heard := client.next())[0] != "ice-servers":
        pass
    shape: dict[str, Any] = heard[1]
    return shape


def tagIn(shape: dict[str, Any]) -> str:
    return str(shape["iceServers"][0]["username"]).partition(":")[2]


def test_idleClientsAreRenewedOverThreePeriods(opener: Clients) -> None:
    clients = [opener.connect(kind, f"ann {kind}") for kind in KINDS]
    names = {client.join("kitchen")["ice"]["iceServers"][0]["username"] for client in clients}
    for _ in range(3):
        for client in clients:
            shape = nextShape(client)
            assert isGood(shape)
            names.add(shape["iceServers"][0]["username"])
    assert len(names) == 4 * len(clients)


def test_theSecretRollsOver(opener: Clients, server: Process, secretFile: Path) -> None:
    client = opener.connect(KINDS[1], "bob")
    tag = tagIn(client.join("hall")["ice"])
    start = len(server.output())
    secretFile.write_text("")
    server.signal(signal.SIGHUP)
    server.waitOutput("not reloaded: .*secret_file: .* is empty", start=start)
    assert tagIn(nextShape(client)) == tag
    secretFile.write_text("south\n")
    server.signal(signal.SIGHUP)
    server.waitOutput("reloaded, plugins", start=start)
    while tagIn(shape := nextShape(client)) == tag:
        pass
    assert isGood(shape)
    assert client.ask("ice-servers", {})["ok"]
    assert client.life.takeAll() == []
    assert not any(secret in server.output() for secret in ("north", "south"))
