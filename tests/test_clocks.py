"""The two clocks: what a reactor measures with, and that nobody asks for the time of day in another way."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock

from rtcsignal import clocks
from rtcsignal.clocks import measureSteadily, steadySeconds, wallClock
from rtcsignal.socketio.port import portFor
from tests.support.processes import ROOT


class Hands:
    """Both clocks of the machine, in the hands of a test: instead of the functions that `rtcsignal.clocks` asks."""

    def __init__(self) -> None:
        self.passed = 50.0

    def monotonic(self) -> float:
        return self.passed


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clock that nobody can set stands still, unless the test turns it."""
    hands = Hands()
    monkeypatch.setattr(clocks, "_monotonic", hands.monotonic)
    return hands


@pytest.fixture(params=[EPollReactor, PollReactor, SelectReactor, AsyncioSelectorReactor])
def reactor(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A reactor of each kind that a server may run on; it is not the one that is installed, and never runs."""
    made = request.param()
    yield made
    for call in made.getDelayedCalls():
        call.cancel()
    made.removeAll()
    for reader in made._internalReaders:
        reader.connectionLost(None)
    if hasattr(made, "_poller"):
        getattr(made._poller, "close", lambda: None)()
    if hasattr(made, "_asyncioEventloop"):
        made._asyncioEventloop.close()


class TestMeasuring:
    """The contract with Twisted: its timers go by `seconds` of their reactor, and by nothing else."""

    def test_theTimeGoesOnFromTheTimeOfDay(self) -> None:
        before = time.monotonic() + clocks._START
        assert before <= steadySeconds() <= time.monotonic() + clocks._START

    def test_timersComeByIt(self, reactor: Any, hands: Hands) -> None:
        called: list[str] = []
        assert measureSteadily(reactor)
        reactor.callLater(10, called.append, "later")
        assert reactor.timeout() == pytest.approx(10)
        hands.passed += 9.5
        reactor.runUntilCurrent()
        assert reactor.timeout() == pytest.approx(0.5)
        assert called == []
        hands.passed += 0.5
        reactor.runUntilCurrent()
        assert called == ["later"]

    def test_timersAreMovedByIt(self, reactor: Any, hands: Hands) -> None:
        measureSteadily(reactor)
        call = reactor.callLater(10, list)
        hands.passed += 5
        call.reset(7)
        assert call.getTime() == pytest.approx(steadySeconds() + 7)
        call.reset(2)
        assert reactor.timeout() == pytest.approx(2)

    def test_timersThatRunAlreadyKeepWhatIsLeftOfThem(self, reactor: Any, hands: Hands) -> None:
        called: list[str] = []
        reactor.callLater(10, called.append, "first")
        second = reactor.callLater(20, called.append, "second")
        reactor.timeout()  # now they are in its heap
        reactor.callLater(15, called.append, "between")
        hands.passed = 5_000
        assert measureSteadily(reactor)
        assert reactor.timeout() == pytest.approx(10, abs=5)
        second.reset(1)
        for _ in range(2):
            hands.passed += 10
            reactor.runUntilCurrent()
        assert called == ["second", "first", "between"]

    def test_twiceIsOnce(self, reactor: Any) -> None:
        assert measureSteadily(reactor)
        call = reactor.callLater(10, list)
        due = call.getTime()
        assert measureSteadily(reactor)
        assert call.getTime() == due

    def test_theClockOfATestIsLeftAsItIs(self) -> None:
        clock = Clock()
        assert not measureSteadily(clock)
        clock.advance(3)
        assert clock.seconds() == 3

    def test_whatHasNoTimeIsLeftAsItIs(self) -> None:
        assert not measureSteadily(object())

    def test_anEmbeddersReactorMeasuresSo(self, reactor: Any) -> None:
        portFor({}, reactor)
        assert reactor.seconds is steadySeconds


_TELLERS = {
    "time.time",
    "time.time_ns",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "datetime.date.today",
    "twisted.python.runtime.seconds",
}
_TELLERS_BY_DEFAULT = {
    "time.localtime": 1,
    "time.gmtime": 1,
    "time.ctime": 1,
    "time.strftime": 2,
    "email.utils.formatdate": 1,
    "email.utils.localtime": 1,
    "twisted.web.http.datetimeToString": 1,
    "uuid.uuid1": 99,
}
"""These tell the time of day if they get fewer arguments than so many."""


def tellers(source: str) -> list[str]:
    """Whatever in a module asks for the time of day."""
    tree = ast.parse(source)
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                names |= {alias.asname: alias.name} if alias.asname else {root: root}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}

    def fullName(node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return names.get(node.id, "")
        return f"{fullName(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""

    found = [fullName(node) for node in ast.walk(tree) if isinstance(node, (ast.Name, ast.Attribute))]
    asked = [name for name in found if name in _TELLERS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and fullName(node.func) in _TELLERS_BY_DEFAULT:
            name = fullName(node.func)
            if len(node.args) < _TELLERS_BY_DEFAULT[name]:
                asked.append(name)
    return asked


MODULES = [*sorted((ROOT / "rtcsignal").rglob("*.py")), *sorted((ROOT / "plugins").glob("*.py"))]


class TestTheTimeOfDay:
    def test_itIsTheSystems(self) -> None:
        before = time.time()
        assert before <= wallClock() <= time.time()

    @pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_nobodyAsksForItButTheModuleThatHandsItOut(self, path: Path) -> None:
        asked = tellers(path.read_text("utf-8"))
        assert bool(asked) == (path.name == "clocks.py"), asked

    @pytest.mark.parametrize(
        "source",
        [
            "import time\nnow = time.time()",
            "import time as clock\nseconds = clock.time",
            "from time import time\nnow = time()",
            "from time import time as seconds\nnow = seconds()",
            "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
            "import datetime\nnow = datetime.datetime.utcnow()",
            "from time import localtime\nhour = localtime().tm_hour",
            "from email.utils import formatdate\ndate = formatdate(usegmt=True)",
            "from twisted.python.runtime import seconds\nnow = seconds()",
        ],
    )
    def test_whoeverAsksIsFound(self, source: str) -> None:
        assert tellers(source)

    @pytest.mark.parametrize(
        "source",
        [
            "import time\nnow = time.monotonic()",
            "from time import localtime\nhour = localtime(5).tm_hour",
            "from datetime import datetime, UTC\nthen = datetime.fromtimestamp(5, UTC)",
            "def time(): ...\nnow = time()",
        ],
    )
    def test_whoeverOnlyReckonsIsNot(self, source: str) -> None:
        assert not tellers(source)
