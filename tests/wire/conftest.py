"""The servers under test, each started once for all tests.

`wire` leads to the protocol fixture with time limits that nobody runs into, `hastyWire` to the protocol fixture as the
official suites want it, `daemon` to a real server. `RTCSIGNAL_WIRE_TARGET=host:port` puts a server that already runs,
and serves the same as tests/protocol_fixture.py, in the place of the first two. With `RTCSIGNAL_LANE=plain` all of them
do without the fast path.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.support.lanes import FAST, writeConfig
from tests.support.processes import ROOT, Process, startProcess, stopAll, twistdCommand
from tests.wire.payloads import REVISIONS
from tests.wire.wire import Wire

_TROUBLE = ("Traceback", "Unhandled")


_TARGET = os.environ.get("RTCSIGNAL_WIRE_TARGET")


@contextmanager
def _serving(*command: str) -> Iterator[Process | None]:
    """The process of a fixture, None when the target is elsewhere."""
    if _TARGET is not None:
        yield None
        return
    python = [sys.executable, *command, *([] if FAST else ["--plain"])]
    with startProcess(python, until=r"listening on 127\.0\.0\.1:(?P<port>\d+)") as process:
        yield process


@contextmanager
def _wireTo(process: Process | None) -> Iterator[Wire]:
    """Opens clients to a fixture, which must not have logged any trouble in the end."""
    if process is None:
        host, _, port = (_TARGET or "").rpartition(":")
        opener, before = Wire((host, int(port))), 0
    else:
        opener, before = Wire(("127.0.0.1", process.port)), len(process.output())
    yield opener
    opener.closeAll()
    if process is not None:
        logged = process.output()[before:]
        assert not any(word in logged for word in _TROUBLE), logged


@pytest.fixture(scope="session")
def hastyFixture() -> Iterator[Process | None]:
    """The protocol fixture as it is."""
    with _serving(str(ROOT / "tests" / "protocol_fixture.py"), "--port", "0") as process:
        yield process


@pytest.fixture(scope="session")
def patientFixture() -> Iterator[Process | None]:
    """The protocol fixture with the time limits of every day."""
    with _serving("-m", "tests.wire.patient_fixture") as process:
        yield process


@pytest.fixture
def hastyWire(hastyFixture: Process | None) -> Iterator[Wire]:
    """Opens clients to the protocol fixture as it is: for what is about its time limits."""
    with _wireTo(hastyFixture) as opener:
        yield opener


@pytest.fixture
def wire(patientFixture: Process | None) -> Iterator[Wire]:
    """Opens clients to the protocol fixture with the time limits of every day."""
    with _wireTo(patientFixture) as opener:
        yield opener


@pytest.fixture
def wireTo() -> Iterator[Callable[[Process], Wire]]:
    """Opens clients to a server."""
    openers: list[Wire] = []

    def opener(process: Process) -> Wire:
        openers.append(Wire(("127.0.0.1", process.port)))
        return openers[-1]

    yield opener
    for each in openers:
        each.closeAll()


DaemonFactory = Callable[[dict[str, Any]], Process]


@pytest.fixture(scope="session")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonFactory]:
    """`daemons(config)`: a real server with this configuration, the same one for all tests that want the same."""
    started: dict[str, Process] = {}
    with ExitStack() as stack:

        def start(config: dict[str, Any]) -> Process:
            text = json.dumps(config)
            if text not in started:
                path = tmp_path_factory.mktemp("daemon") / "server.conf"
                writeConfig(path, config)
                command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
                started[text] = stack.enter_context(startProcess(command, cwd=str(path.parent)))
            return started[text]

        yield start
        stopAll(started.values())


@pytest.fixture
def daemon(request: pytest.FixtureRequest, daemons: DaemonFactory) -> Iterator[Wire]:
    """Opens clients to a real server with the configuration in the module's CONFIG; it must log no trouble."""
    process = daemons(request.module.CONFIG)
    before = len(process.output())
    opener = Wire(("127.0.0.1", process.port))
    yield opener
    opener.endSessions()
    opener.closeAll()
    logged = process.output()[before:]
    assert not any(word in logged for word in _TROUBLE), logged


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
