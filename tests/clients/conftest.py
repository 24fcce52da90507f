"""What the client tests share: a server, a Node process, an asyncio loop, and clients that get closed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.kinds import EVERY_KIND, Kind
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeProcess
from tests.clients.opener import Clients
from tests.support.lanes import writeConfig
from tests.support.processes import Process, startProcess, twistdCommand
from tests.support.tools import missing

_INSTALLED = Path(__file__).parent / "node_modules" / ".package-lock.json"
_rooms = itertools.count(1)


@pytest.fixture(scope="session")
def npmClients() -> None:
    """The npm packages must be there: an error in CI, a skip elsewhere."""
    if not _INSTALLED.exists():
        missing("the npm clients are not installed: run `npm ci` in tests/clients")


@pytest.fixture(scope="session")
def nodeProcess(npmClients: None) -> Iterator[NodeProcess]:
    """The Node process that most npm clients live in."""
    process = NodeProcess()
    yield process
    process.stop()


@pytest.fixture
def newNodeProcess(npmClients: None) -> Iterator[Callable[[], NodeProcess]]:
    """Starts further Node processes, for tests that freeze or kill one; the test ends them itself."""
    started: list[NodeProcess] = []

    def start() -> NodeProcess:
        started.append(NodeProcess())
        return started[-1]

    yield start
    for process in started:
        process.kill()


@pytest.fixture(scope="session")
def pythonLoop() -> Iterator[LoopThread]:
    """The loop that the Python clients live on."""
    loop = LoopThread("python clients")
    yield loop
    loop.stop()


@pytest.fixture(scope="session")
def serverFor(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AbstractContextManager[Process]]:
    """`serverFor(config)` runs a server for as long as a block lasts; it must not log a traceback."""

    @contextmanager
    def run(config: dict[str, Any]) -> Iterator[Process]:
        folder = tmp_path_factory.mktemp("server")
        path = folder / "server.conf"
        writeConfig(path, config)
        command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
        with startProcess(command, cwd=str(folder)) as process:
            yield process
        assert "Traceback" not in process.output(), process.output()

    return run


@pytest.fixture(scope="session")
def sharedServer(serverFor: Callable[..., AbstractContextManager[Process]]) -> Iterator[Process]:
    """One server as it is by default, for all tests that do not stop it or need a setting of their own.

    All clients of all tests have one address, and what the first ones have joined is charged to those that follow.
    """
    with serverFor({"limits": {"joins_per_second": 0}}) as process:
        yield process


@pytest.fixture
def clients(nodeProcess: NodeProcess, pythonLoop: LoopThread, sharedServer: Process) -> Iterator[Clients]:
    """Opens clients to the shared server."""
    opener = Clients(nodeProcess, pythonLoop, sharedServer.url)
    yield opener
    opener.closeAll()


@pytest.fixture
def room() -> str:
    """The name of a room that no other test uses."""
    return f"room {next(_rooms)}"


@pytest.fixture(params=EVERY_KIND, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of client in turn."""
    chosen: Kind = request.param
    return chosen
