"""Servers to be attacked: one with the defaults, for all tests; others with a configuration of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.faults.target import Target, watched
from tests.support.lanes import writeConfig
from tests.support.processes import Process, startProcess, stopAll, twistdCommand
from tests.wire.payloads import REVISIONS
from tests.wire.wire import Wire

Servers = Callable[..., Process]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """`servers(config, wrapper=())`: a real server, the same one for all tests that want the same."""
    started: dict[str, Process] = {}
    with ExitStack() as stack:

        def start(config: dict[str, Any], *wrapper: str, listen: str = "tcp:0:interface=127.0.0.1") -> Process:
            key = json.dumps([config, wrapper, listen])
            if key not in started:
                path: Path = tmp_path_factory.mktemp("server") / "server.conf"
                writeConfig(path, config)
                command = [*wrapper, *twistdCommand("--config", str(path), "--listen", listen)]
                started[key] = stack.enter_context(startProcess(command, cwd=str(path.parent)))
            return started[key]

        yield start
        stopAll(started.values())


@pytest.fixture(scope="session")
def defaults(servers: Servers) -> Iterator[Target]:
    """A server with the default configuration, where two people talk all the time."""
    with watched(servers({})) as target:
        yield target


@pytest.fixture
def target(defaults: Target) -> Iterator[Target]:
    """The server with the defaults; in the end it must be as before, and nobody may have noticed anything."""
    defaults.begin()
    yield defaults
    defaults.end()


@pytest.fixture
def attacker(target: Target) -> Iterator[Wire]:
    """Opens connections to it, from an address of its own; they are closed before the server is looked at."""
    wire = Wire(target.address, target.newSource())
    yield wire
    wire.endSessions()
    wire.closeAll()


@pytest.fixture(params=REVISIONS, ids="EIO={}".format)
def revision(request: pytest.FixtureRequest) -> int:
    """Each revision of Engine.IO in turn."""
    chosen: int = request.param
    return chosen


@pytest.fixture(params=["websocket", "polling"])
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    chosen: str = request.param
    return chosen


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """The name of a room that no other test uses."""
    return str(request.node.nodeid)[-200:]
