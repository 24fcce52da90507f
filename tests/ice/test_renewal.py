"""Renewals: when, and for whom."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock

from rtcsignal.ice.renewal import Renewal, Renewals


class Book:
    """Renewals on a clock, and when each of them came."""

    def __init__(self, uniform: Callable[[float, float], float] | None = None) -> None:
        self.clock = Clock()
        self.came: list[tuple[float, str]] = []
        more = {} if uniform is None else {"uniform": uniform}
        self.renewals = Renewals(self.clock, self._renewed, **more)

    def _renewed(self, renewal: Renewal) -> None:
        self.came.append((self.clock.seconds(), renewal.whom))

    def pump(self, seconds: float, steps: int = 100) -> None:
        self.clock.pump([seconds / steps] * steps)


def middle(least: float, most: float) -> float:
    return (least + most) / 2


def test_theyComeAtThreeQuarters() -> None:
    book = Book(middle)
    book.renewals.given(Renewal("ann"), 100)
    book.pump(100)
    assert [(round(at), whom) for at, whom in book.came] == [(75, "ann")]
    assert book.clock.getDelayedCalls() == []


def test_aCrowdIsNotRenewedAtOnce() -> None:
    book = Book()
    for number in range(200):
        book.renewals.given(Renewal(str(number)), 100)
    book.pump(90, 9000)
    times = [at for at, _ in book.came]
    assert len(times) == 200
    assert min(times) >= 65
    assert max(times) <= 85.1
    assert max(times) - min(times) > 15


def test_theLastOneCounts() -> None:
    book, renewal = Book(middle), Renewal("ann")
    book.renewals.given(renewal, 100)
    book.pump(50)
    book.renewals.given(renewal, 100)
    book.pump(74)
    assert book.came == []
    book.pump(2)
    assert [whom for _, whom in book.came] == ["ann"]


def test_oneMayComeEarlierThanItWasDue() -> None:
    book, renewal = Book(middle), Renewal("ann")
    book.renewals.given(renewal, 1000)
    book.renewals.soon(renewal)
    book.pump(3)
    assert [(round(at, 1), whom) for at, whom in book.came] in ([(2.5, "ann")], [(2.6, "ann")])
    book.pump(1000)
    assert len(book.came) == 1


def test_nothingComesForThoseWhoAreForgotten() -> None:
    book = Book(middle)
    all_ = [Renewal(str(number)) for number in range(300)]
    for renewal in all_:
        book.renewals.given(renewal, 100)
    for renewal in all_[:-1]:
        book.renewals.forget(renewal)
    assert len(book.renewals) == 1
    assert len(book.renewals._queue) < 130
    book.renewals.forget(Renewal("never"))
    book.pump(100)
    assert [whom for _, whom in book.came] == ["299"]
    assert len(book.renewals) == 0


def test_noTimerRunsForNobody() -> None:
    book, renewal = Book(middle), Renewal("ann")
    book.renewals.given(renewal, 100)
    book.renewals.forget(renewal)
    assert book.clock.getDelayedCalls() == []
    book.renewals.given(renewal, 100)
    book.renewals.stop()
    assert book.clock.getDelayedCalls() == []
