"""Messages to the service manager."""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

import pytest

from rtcsignal.service.notify import notify, watchdogSeconds


def test_aMessageIsOneDatagramToTheSocketInTheFileSystem(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        manager.setblocking(False)
        assert manager.recv(100) == b"READY=1"


def test_aNameThatBeginsWithAnAtSignIsAbstract() -> None:
    name = f"rtcsignal-test-{uuid.uuid4().hex}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0{name}")
        notify("STOPPING=1", {"NOTIFY_SOCKET": f"@{name}"})
        manager.setblocking(False)
        assert manager.recv(100) == b"STOPPING=1"


def test_nothingHappensWithoutAManager(tmp_path: Path) -> None:
    notify("READY=1", {})
    notify("READY=1", {"NOTIFY_SOCKET": ""})
    notify("READY=1", {"NOTIFY_SOCKET": "relative"})


def test_aManagerThatDoesNotListenIsNoError(tmp_path: Path) -> None:
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
    ],
)
def test_theWatchdogIsTheOneOfThisProcess(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdogSeconds(environ) == seconds
