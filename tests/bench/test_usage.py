"""What processes use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench import usage
from bench.usage import usageOf
from tests.support.processes import startProcess

_WORKS = """
import subprocess, sys, time
child = len(sys.argv) > 1 and subprocess.Popen([sys.executable, "-c", "x = bytearray(50 << 20); input()"], stdin=-1)
end = time.process_time() + 0.2
while time.process_time() < end: pass
print("worked", flush=True)
time.sleep(60)
"""


def test_processorTimeIsWhatTheProcessUsed() -> None:
    before = usageOf(-1)
    with startProcess([sys.executable, "-c", _WORKS], until="worked") as process:
        assert 0.2 <= usageOf(process.pid).since(before) < 2.0


def test_whereThreadsAreNotCountedPreciselyTheProcessIs(monkeypatch: pytest.MonkeyPatch) -> None:
    with startProcess([sys.executable, "-c", _WORKS], until="worked") as process:
        monkeypatch.setattr(usage, "_threadTimes", lambda _: {})
        assert 0.15 <= usageOf(process.pid).since(usageOf(-1)) < 2.0


def test_childrenCountToo() -> None:
    with startProcess([sys.executable, "-c", _WORKS, "child"], until="worked") as process:
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
        (child,) = map(int, children.stdout.split())
        whole, part = usageOf(process.pid), usageOf(child)
        assert {pid for pid, _ in whole.times} == {process.pid, child}
        assert whole.resident > part.resident > 0


def test_aProcessThatHasEndedUsesNothing() -> None:
    assert (usageOf(-1).times, usageOf(-1).resident) == ({}, 0)
