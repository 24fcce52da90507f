"""Where the log goes and how much of it; `test_daemon` has it with a real twistd."""

from __future__ import annotations

import sys
from io import StringIO

import pytest
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger
from twisted.python.syslog import SyslogObserver

from rtcsignal.service.logs import LEVELS, logObserver


def _reactor() -> MemoryReactorClock:
    return MemoryReactorClock()


FOREGROUND = {"logfile": None, "syslog": False, "prefix": "twisted", "nodaemon": True}


@pytest.mark.parametrize("level", LEVELS)
def test_eventsBelowTheLevelAreLeftOut(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    output = StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    log = Logger(namespace="test", observer=logObserver(FOREGROUND, level, 10, _reactor()))
    for each in LEVELS:
        getattr(log, each)("at {each}", each=each)
    lines = output.getvalue().splitlines()
    assert [line.split()[-1] for line in lines] == list(LEVELS[LEVELS.index(level) :])


def test_theSystemsLogIsUsedWhenTwistdIsToldSo(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(SyslogObserver, "syslog", staticmethod(lambda priority, line: sent.append(line)))
    options = {**FOREGROUND, "syslog": True, "nodaemon": False}
    log = Logger(namespace="test", observer=logObserver(options, "info", 10, _reactor()))
    log.debug("hidden")
    log.info("shown")
    assert [line.split()[-1] for line in sent] == ["shown"]


class Output:
    """What a server writes with its log in the foreground.

    Args:
        monkeypatch: Puts it in the place of the standard output; in the test itself, as pytest does so before each.
        level: See `logObserver`.
        lines: As well.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, level: str = "info", lines: float = 10) -> None:
        self._output = StringIO()
        self.reactor = MemoryReactorClock()
        monkeypatch.setattr(sys, "stdout", self._output)
        self.log = Logger(namespace="test", observer=logObserver(FOREGROUND, level, lines, self.reactor))

    def count(self, text: str = "") -> int:
        """How many lines hold the text."""
        return sum(text in line for line in self._output.getvalue().splitlines())


class TestRation:
    """Ten lines of a kind per second, a hundred at once."""

    def test_linesOfAKindAreLimitedAndOtherKindsGoOn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = Output(monkeypatch)
        for _ in range(2):
            for number in range(500):
                output.log.info("flood {number}", number=number)
            output.log.info("other")
            output.reactor.advance(1)
        assert (output.count("flood"), output.count("other")) == (110, 2)

    def test_whoMakesUpFormatsIsLimitedAsAWhole(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = Output(monkeypatch)
        for number in range(5_000):
            output.log.info(f"made up {number}")
        assert output.count() == 600

    def test_debugLinesAreNotLimited(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = Output(monkeypatch, "debug")
        for number in range(500):
            output.log.debug("detail {number}", number=number)
        assert output.count() == 500

    def test_withoutALimitThereIsNone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = Output(monkeypatch, lines=0)
        for number in range(500):
            output.log.info("flood {number}", number=number)
        assert output.count() == 500


class TestLinesOfTwisted:
    def test_thoseOnDescriptorsSayOnceAMinuteWhatToRaise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = Output(monkeypatch)
        for _ in range(2):
            for _ in range(50):
                output.log.info("EMFILE encountered; releasing reserved file descriptor.")
                output.log.info("EMFILE recovery: Closed socket from {address}", address="somewhere")
                output.log.info("Could not accept new connection ({acceptError})", acceptError="ENFILE")
            output.reactor.advance(60)
        assert (output.count(), output.count("LimitNOFILE="), output.count("fs.file-max")) == (4, 2, 2)

    def test_othersOnConnectionsStay(self, monkeypatch: pytest.MonkeyPatch) -> None:
        output = Output(monkeypatch)
        output.log.info("Could not accept new connection ({acceptError})", acceptError="ENOBUFS")
        assert output.count("Could not accept new connection (ENOBUFS)") == 1
