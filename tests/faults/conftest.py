"""Servers to be attacked: one with the defaults, for all tests; others with a configuration of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.target import Target, watched
from tests.support.sharedservers import SharedServers, sharedServers
from tests.wire.conftest import revision, transport
from tests.wire.wire import Wire

__all__ = ["revision", "transport"]


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedServers]:
    """`servers(config, *wrapper, listen=...)`: a real server, the same one for all tests that want the same."""
    with sharedServers(tmp_path_factory) as servers:
        yield servers


@pytest.fixture(scope="session")
def defaults(servers: SharedServers) -> Iterator[Target]:
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


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """The name of a room that no other test uses."""
    return str(request.node.nodeid)[-200:]
