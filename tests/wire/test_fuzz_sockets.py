"""Random streams over the network, with the fast path and without it: some of what `fuzz_sockets` does by hand."""

from __future__ import annotations

import sys

import pytest

from tests.support.processes import startProcess


@pytest.mark.parametrize("options", [["--streams", "300"], ["--streams", "150", "--tls"]], ids=["TCP", "TLS"])
def test_bothWaysReceiveTheSame(options: list[str]) -> None:
    command = [sys.executable, "-W", "error", "-m", "tests.engineio.fuzz_sockets", *options]
    with startProcess(command, until="no difference", timeout=600) as process:
        assert process.waitExit() == 0
        assert "Traceback" not in process.output()
