"""The servers under test, each started once for all tests.

`fixtureWire` leads to the protocol fixture as the official suites want it. Its times are too short for a busy machine,
so the others lead to one with only those short that a test is about: `wire` with none, `hastyWire` with those for
clients that fall silent, `pulsingWire` with a short interval between pings and all the time for the answers, and little
time to upgrade and to connect. `daemon` leads to a real server. `RTCSIGNAL_WIRE_TARGET=host:port` puts a server that
already runs, and serves the same as tests/protocol_fixture.py, in the place of all the fixtures. With
`RTCSIGNAL_LANE=plain` all of them do without the fast path.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.lanes import FAST
from tests.support.processes import ROOT, Process, startProcess
from tests.support.sharedservers import SharedServers, sharedServers
from tests.wire.payloads import REVISIONS
from tests.wire.wire import Wire

_TROUBLE = ("Traceback", "Unhandled")


_UNHURRIED = {"upgrade_timeout": 60_000, "connect_timeout": 60_000}

_numbers = itertools.count()

_TARGET = os.environ.get("RTCSIGNAL_WIRE_TARGET")


def wireFrom(process: Process) -> Wire:
    """Opens clients to a server on this machine, from an address of their own: limits per address begin anew."""
    number = next(_numbers)
    return Wire(("127.0.0.1", process.port), f"127.3.{number // 250 % 250}.{1 + number % 250}")


@contextmanager
def _serving(**times: int) -> Iterator[Process | None]:
    """The process of a fixture with these times, None when the target is elsewhere."""
    if _TARGET is not None:
        yield None
        return
    options = [f"--{name.replace('_', '-')}={milliseconds}" for name, milliseconds in times.items()]
    fixture = str(ROOT / "tests" / "protocol_fixture.py")
    python = [sys.executable, fixture, "--port", "0", *options, *([] if FAST else ["--plain"])]
    with startProcess(python, until=r"listening on 127\.0\.0\.1:(?P<port>\d+)") as process:
        yield process


@contextmanager
def _wireTo(process: Process | None) -> Iterator[Wire]:
    """Opens clients to a fixture, which must not have logged any trouble in the end."""
    if process is None:
        host, _, port = (_TARGET or "").rpartition(":")
        opener, before = Wire((host, int(port))), 0
    else:
        opener, before = wireFrom(process), len(process.output())
    yield opener
    opener.closeAll()
    if process is not None:
        logged = process.output()[before:]
        assert not any(word in logged for word in _TROUBLE), logged


@pytest.fixture(scope="session")
def fixtures() -> Iterator[Callable[..., Process | None]]:
    """`fixtures(**times)`: the protocol fixture with these times, the same process for all who want the same."""
    started: dict[str, Process | None] = {}
    with ExitStack() as stack:

        def start(**times: int) -> Process | None:
            key = json.dumps(times)
            if key not in started:
                started[key] = stack.enter_context(_serving(**times))
            return started[key]

        yield start


@pytest.fixture
def fixtureWire(fixtures: Callable[..., Process | None]) -> Iterator[Wire]:
    """Opens clients to the protocol fixture as it is: for those who say nothing behind the handshake."""
    with _wireTo(fixtures()) as opener:
        yield opener


@pytest.fixture
def hastyWire(fixtures: Callable[..., Process | None]) -> Iterator[Wire]:
    """Opens clients to a fixture that soon gives silent clients up."""
    with _wireTo(fixtures(ping_interval=1_000, ping_timeout=2_000, **_UNHURRIED)) as opener:
        yield opener


@pytest.fixture
def pulsingWire(fixtures: Callable[..., Process | None]) -> Iterator[Wire]:
    """Opens clients to a fixture that pings often, waits long for the answers, and not long for anything else."""
    times = {"upgrade_timeout": 2_000, "connect_timeout": 2_000}
    with _wireTo(fixtures(ping_interval=300, ping_timeout=60_000, **times)) as opener:
        yield opener


@pytest.fixture
def unhurried(fixtures: Callable[..., Process | None]) -> Process | None:
    """The fixture with time limits that nobody runs into."""
    return fixtures(ping_interval=60_000, ping_timeout=60_000, **_UNHURRIED)


@pytest.fixture
def wire(unhurried: Process | None) -> Iterator[Wire]:
    """Opens clients to that fixture."""
    with _wireTo(unhurried) as opener:
        yield opener


@pytest.fixture
def wireTo() -> Iterator[Callable[[Process], Wire]]:
    """Opens clients to a server."""
    openers: list[Wire] = []

    def opener(process: Process) -> Wire:
        openers.append(wireFrom(process))
        return openers[-1]

    yield opener
    for each in openers:
        each.closeAll()


@pytest.fixture(scope="session")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServers]:
    """`daemons(config)`: a real server with this configuration, the same one for all tests that want the same."""
    with sharedServers(tmp_path_factory) as servers:
        yield servers


@pytest.fixture
def daemon(request: pytest.FixtureRequest, daemons: SharedServers) -> Iterator[Wire]:
    """Opens clients to a real server with the configuration in the module's CONFIG; it must log no trouble."""
    process = daemons(request.module.CONFIG)
    before = len(process.output())
    opener = wireFrom(process)
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
