"""A server for all tests of this folder that only load it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.processes import Process, startProcess, twistdCommand


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server that lets one address do what it likes, and wants a heartbeat each second."""
    path = tmp_path_factory.mktemp("loaded") / "server.conf"
    limits = {"connections_per_address": 0, "events_per_second": 0}
    path.write_text(json.dumps({"limits": limits, "socketio": {"ping_interval": 1}}))
    command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=str(path.parent)) as process:
        yield process
    assert "Traceback" not in process.output()
