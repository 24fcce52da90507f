"""Where the log goes and how much of it; `test_daemon` has it with a real twistd."""

from __future__ import annotations

import sys
from io import StringIO
from typing import cast

import pytest
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger
from twisted.python.syslog import SyslogObserver

from rtcsignal.service.logs import LEVELS, logObserver


def _reactor() -> IReactorFromThreads:
    return cast(IReactorFromThreads, MemoryReactorClock())


FOREGROUND = {"logfile": None, "syslog": False, "prefix": "twisted", "nodaemon": True}


@pytest.mark.parametrize("level", LEVELS)
def test_eventsBelowTheLevelAreLeftOut(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    output = StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    log = Logger(namespace="test", observer=logObserver(FOREGROUND, level, _reactor()))
    for each in LEVELS:
        getattr(log, each)("at {each}", each=each)
    lines = output.getvalue().splitlines()
    assert [line.split()[-1] for line in lines] == list(LEVELS[LEVELS.index(level) :])


def test_theSystemsLogIsUsedWhenTwistdIsToldSo(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(SyslogObserver, "syslog", staticmethod(lambda priority, line: sent.append(line)))
    options = {**FOREGROUND, "syslog": True, "nodaemon": False}
    log = Logger(namespace="test", observer=logObserver(options, "info", _reactor()))
    log.debug("hidden")
    log.info("shown")
    assert [line.split()[-1] for line in sent] == ["shown"]
