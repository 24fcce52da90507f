"""Many deadlines, one timer for each duration."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from rtcsignal.deadlines import Deadline, DeadlineQueue, Deadlines
from tests.conftest import LoggedFailures


class Diary:
    """Writes down what came when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.entries: list[tuple[float, Any]] = []

    def note(self, what: Any) -> None:
        self.entries.append((round(self._clock.seconds(), 6), what))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def diary(clock: Clock) -> Diary:
    return Diary(clock)


@pytest.fixture
def queue(clock: Clock) -> DeadlineQueue:
    """Deadlines of ten seconds, exact."""
    return DeadlineQueue(clock, 10)


class TestOneDuration:
    def test_aDeadlineComesWhenTheDurationIsOverAndNotBefore(
        self, clock: Clock, queue: DeadlineQueue, diary: Diary
    ) -> None:
        queue.start(diary.note, "a")
        clock.advance(9.999)
        assert diary.entries == []
        clock.advance(0.001)
        assert diary.entries == [(10, "a")]
        clock.advance(100)
        assert diary.entries == [(10, "a")]

    def test_eachComesAtItsOwnTime(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        for number in range(5):
            queue.start(diary.note, number)
            clock.advance(1)
        clock.pump([0.5] * 40)
        assert diary.entries == [(10 + number, number) for number in range(5)]

    def test_allOfThemNeedOneTimer(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        for number in range(1_000):
            queue.start(diary.note, number)
            clock.advance(0.001)
        assert len(clock.getDelayedCalls()) == 1
        assert len(queue) == 1_000

    def test_thoseThatAreDueTogetherComeInTheOrderInWhichTheyBegan(
        self, clock: Clock, queue: DeadlineQueue, diary: Diary
    ) -> None:
        for number in range(3):
            queue.start(diary.note, number)
        clock.advance(10)
        assert [what for _, what in diary.entries] == [0, 1, 2]

    def test_noTimerIsLeftWhenNothingIs(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        queue.start(diary.note, "a")
        clock.advance(10)
        assert clock.getDelayedCalls() == []
        assert len(queue) == 0

    def test_oneThatWasCancelledDoesNotCome(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        kept, cancelled = queue.start(diary.note, "a"), queue.start(diary.note, "b")
        assert cancelled.cancel()
        assert len(queue) == 1
        clock.advance(10)
        assert diary.entries == [(10, "a")]
        assert kept.at == 10

    def test_cancellingTwiceOrTooLateDoesNothing(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        first, second = queue.start(diary.note, "a"), queue.start(diary.note, "b")
        assert first.cancel()
        assert not first.cancel()
        assert len(queue) == 1
        clock.advance(10)
        assert not second.cancel()
        assert len(queue) == 0

    def test_cancellingTheLastOneFreesTheTimer(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        deadlines = [queue.start(diary.note, number) for number in range(3)]
        for deadline in deadlines:
            deadline.cancel()
        assert clock.getDelayedCalls() == []
        assert len(queue) == 0

    def test_cancelledOnesDoNotPileUp(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        first = queue.start(diary.note, "first")
        for _ in range(10_000):
            queue.start(diary.note, "never").cancel()
        last = queue.start(diary.note, "last")
        assert len(queue) == 2
        assert len(queue._queue) < 200
        clock.advance(10)
        assert [what for _, what in diary.entries] == ["first", "last"]
        assert not first.cancel()
        assert not last.cancel()

    def test_anActionMayStartTheNext(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        def again(count: int) -> None:
            diary.note(count)
            if count < 3:
                queue.start(again, count + 1)

        queue.start(again, 1)
        clock.pump([1] * 50)
        assert diary.entries == [(10, 1), (20, 2), (30, 3)]
        assert clock.getDelayedCalls() == []

    def test_anActionMayCancelOthersThatAreDue(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        others: list[Deadline] = []

        def cancelOther(_: None) -> None:
            others[0].cancel()

        queue.start(cancelOther, None)
        others.append(queue.start(diary.note, "never"))
        queue.start(diary.note, "still")
        clock.advance(10)
        assert diary.entries == [(10, "still")]

    def test_anActionMayCancelAllOthersAndStartAnew(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        others: list[Deadline] = []

        def replace(_: None) -> None:
            for other in others:
                other.cancel()
            queue.start(diary.note, "new")

        queue.start(replace, None)
        others.extend(queue.start(diary.note, "never") for _ in range(3))
        clock.advance(10)
        assert len(clock.getDelayedCalls()) == 1
        clock.advance(10)
        assert diary.entries == [(20, "new")]

    def test_anActionThatFailsIsLoggedAndTheOthersCome(
        self, clock: Clock, queue: DeadlineQueue, diary: Diary, loggedFailures: LoggedFailures
    ) -> None:
        def fail(_: None) -> None:
            raise ZeroDivisionError

        queue.start(fail, None)
        queue.start(diary.note, "still")
        clock.advance(10)
        assert diary.entries == [(10, "still")]
        assert len(loggedFailures.expect(ZeroDivisionError)) == 1

    def test_oneMayBeginWhenAnotherWasDueInsteadOfNow(self, clock: Clock, diary: Diary) -> None:
        queue = DeadlineQueue(clock, 10, granularity=0.5)
        first = queue.start(diary.note, "first")
        clock.advance(10.5)
        second = queue.start(diary.note, "second", after=first)
        assert second.at == 20
        clock.advance(10)
        assert diary.entries == [(10.5, "first"), (20.5, "second")]

    def test_granularityLetsManyComeTogetherButNoneEarly(self, clock: Clock, diary: Diary) -> None:
        queue = DeadlineQueue(clock, 10, granularity=0.25)
        for number in range(5):
            queue.start(diary.note, number)
            clock.advance(0.125)
        clock.pump([0.0625] * 200)
        assert diary.entries == [(10.25, 0), (10.25, 1), (10.25, 2), (10.625, 3), (10.625, 4)]

    def test_stoppingForgetsAll(self, clock: Clock, queue: DeadlineQueue, diary: Diary) -> None:
        deadline = queue.start(diary.note, "never")
        queue.stop()
        assert (len(queue), clock.getDelayedCalls()) == (0, [])
        assert not deadline.cancel()
        queue.start(diary.note, "later")
        clock.advance(10)
        assert diary.entries == [(10, "later")]

    def test_catchingUpLetsComeWhatIsDueAndNothingElse(self, diary: Diary, clock: Clock) -> None:
        queue = DeadlineQueue(clock, 10, granularity=0.5)
        queue.start(diary.note, "due")
        clock.advance(1)
        queue.start(diary.note, "not due")
        queue.catchUp()
        assert diary.entries == []
        clock.advance(9)
        queue.catchUp()
        assert diary.entries == [(10, "due")]
        assert len(clock.getDelayedCalls()) == 1
        clock.advance(1.5)
        assert diary.entries == [(10, "due"), (11.5, "not due")]

    def test_whoCatchesUpMayStartAnother(self, clock: Clock, diary: Diary) -> None:
        queue = DeadlineQueue(clock, 10, granularity=0.5)

        def startNext(_: None) -> None:
            queue.start(diary.note, "next")

        queue.start(startNext, None)
        clock.advance(10)
        queue.catchUp()
        assert len(clock.getDelayedCalls()) == 1
        clock.advance(10.5)
        assert diary.entries == [(20.5, "next")]

    def test_catchingUpWithNothingToDoDoesNothing(self, queue: DeadlineQueue) -> None:
        queue.catchUp()
        assert len(queue) == 0


@given(st.lists(st.one_of(st.floats(0, 3), st.integers(0, 20)), max_size=60))
def test_whateverIsStartedAndCancelledComesInTimeOrNotAtAll(steps: list[float | int]) -> None:
    """A float lets so much time pass and starts one, an integer cancels one of those started."""
    clock = Clock()
    queue = DeadlineQueue(clock, 10)
    diary = Diary(clock)
    started: list[tuple[float, Deadline]] = []
    expected: dict[int, float] = {}
    for step in steps:
        if isinstance(step, float):
            clock.advance(step)
            expected[len(started)] = clock.seconds() + 10
            started.append((clock.seconds(), queue.start(diary.note, len(started))))
        elif step < len(started) and started[step][1].cancel():
            del expected[step]
        assert len(queue) == sum(at > clock.seconds() for at in expected.values())
        assert len(clock.getDelayedCalls()) == bool(len(queue))
    clock.pump([0.25] * 60)
    came = {what: at for at, what in diary.entries}
    assert came.keys() == expected.keys()
    assert all(-1e-6 <= came[number] - expected[number] <= 3 + 1e-6 for number in expected)


class TestAllDurations:
    def test_thereIsOneQueueForADuration(self, clock: Clock) -> None:
        deadlines = Deadlines(clock)
        assert deadlines.after(10) is deadlines.after(10.0)
        assert deadlines.after(10) is not deadlines.after(11)

    @pytest.mark.parametrize(
        ("seconds", "latest"), [(0.3, 0.3), (0.999, 0.999), (1, 1.01), (10, 10.1), (25, 25.25), (75, 75.25)]
    )
    def test_longOnesComeALittleLateAndShortOnesExactly(
        self, clock: Clock, diary: Diary, seconds: float, latest: float
    ) -> None:
        deadlines = Deadlines(clock)
        deadlines.after(seconds).start(diary.note, "a")
        clock.advance(seconds - 0.0005)
        assert diary.entries == []
        clock.advance(latest - seconds + 0.0005)
        assert diary.entries == [(round(latest, 6), "a")]

    def test_theyAreCountedCaughtUpAndStoppedTogether(self, clock: Clock, diary: Diary) -> None:
        deadlines = Deadlines(clock)
        deadlines.after(10).start(diary.note, "ten")
        deadlines.after(20).start(diary.note, "twenty")
        assert len(deadlines) == 2
        clock.advance(10)
        deadlines.catchUp()
        assert diary.entries == [(10, "ten")]
        deadlines.stop()
        assert (len(deadlines), clock.getDelayedCalls()) == (0, [])

    def test_whatComesWhileCatchingUpMayOpenAQueue(self, clock: Clock, diary: Diary) -> None:
        deadlines = Deadlines(clock)

        def openQueue(_: None) -> None:
            deadlines.after(5).start(diary.note, "new")

        deadlines.after(10).start(openQueue, None)
        clock.advance(10)
        deadlines.catchUp()
        assert len(deadlines) == 1
        clock.advance(5.05)
        assert diary.entries == [(15.05, "new")]
