"""The life of a node: it has one connection to Redis at a time, and each is an incarnation of its own.

There is one repair. Whatever has gone wrong, a connection that was lost, a lease that has run out, data that are no
longer there: the incarnation ends, and the next one enters the members of this node again, says that it is ready, and
removes what is left of those before it.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from rtcsignal.backplane.line import Connect, Line, Timing
from rtcsignal.backplane.nodes import Nodes, Record
from rtcsignal.backplane.nodescripts import BEAT, BURY, READY
from rtcsignal.backplane.sweeping import Sweeper
from rtcsignal.logtext import safe

__all__ = ["Crew", "Node"]

_log = Logger(namespace="rtcsignal.backplane")

_AT_ONCE = 300
"""Members that are entered at once."""

_DOWN = "down: "

class Crew(Protocol):
    """Who works with the line while there is one."""

    def began(self, line: Line, incarnation: str) -> None:
        """Another history begins."""

    def members(self) -> Iterator[Callable[[Callable[[], None]], bool]]:
        """What enters the members of this node again, one by one: each is called with what is to be called when it is
        done, and says whether it has anything to do."""

    def settled(self) -> None:
        """They are all there."""

    def beaten(self) -> None:
        """A beat was answered."""

    def swept(self, removed: Sequence[Sequence[Any]]) -> None:
        """Members of a node that is gone have been removed; see `SWEEP`."""

    def ended(self) -> None:
        """There is no line any more."""

    def pushed(self, frame: bytes) -> None:
        """A message has come."""


class _State(enum.Enum):
    AWAY = enum.auto()
    """Waits before it tries again, or has not begun."""
    CONNECTING = enum.auto()
    ENTERING = enum.auto()
    """It has a lease, and its members are being entered."""
    UP = enum.auto()
    ENDED = enum.auto()


class Node:
    """This node.

    Args:
        nodes: Which nodes there are; its own id is in it.
        record: What the others are told of it; the incarnation is added.
        connect: Connects to Redis.
        clock: The time.
        crew: Works with the line.
        timing: When things happen.

    Attributes:
        repairs: How often its members were entered again.
    """

    def __init__(
        self, nodes: Nodes, record: Record, connect: Connect, clock: IReactorTime, crew: Crew, timing: Timing
    ) -> None:
        self.record = record
        self.repairs = 0
        self._nodes = nodes
        self._connect = connect
        self._clock = clock
        self._crew = crew
        self._timing = timing
        self._state = _State.AWAY
        self._count = 0
        self._tries = 0
        self._line: Line | None = None
        self._giveUp: Callable[[str], None] | None = None
        self._timer: IDelayedCall | None = None
        self._unanswered = 0
        self._sweeper = Sweeper(crew.swept)
        self._burying: list[str] = []
        self._shown = ""
        self._closed: Deferred[None] | None = None

    @property
    def isUp(self) -> bool:
        """All members are entered, and those of the others known."""
        return self._state is _State.UP

    @property
    def incarnation(self) -> str:
        """The one that it is in, or was in last."""
        return f"{self._nodes.own}.{self._count}"

    def start(self) -> None:
        """Connect, and go on until `close`."""
        self._try()

    def bury(self, node: str) -> None:
        """Another node is known to have gone: its members are removed now, or as soon as Redis is there."""
        if self._line is None:
            self._burying.append(node)
        else:
            self._nodes.dead(node)
            self._line.run(BURY, (node, "timeout"), self._buried)

    def close(self) -> Deferred[None]:
        """Leave: the members of this node have gone, for reasons of this node.

        Returns:
            Fires when the others know, or cannot be told.
        """
        closed = self._closed = Deferred()
        line, isThere = self._line, self._state in (_State.ENTERING, _State.UP)
        self._state = _State.ENDED
        self._cancel()
        if line is None or not isThere:
            self._stop("the server stops")
        else:
            self._timer = self._clock.callLater(self._timing.beat, self._stop, "the server stops")
            line.run(BURY, (self._nodes.own, "shutdown"), self._leaving)
        return closed

    def _leaving(self, answer: Any) -> None:
        self._sweeper.sweep(_texts(answer) if isinstance(answer, list) else (), self._left)

    def _left(self) -> None:
        if self._line is not None:
            self._line.finish()

    def _stop(self, why: str) -> None:
        if self._line is not None:
            self._line.abort(why)
        elif self._giveUp is not None:
            self._giveUp(why)
        else:
            self._lost(why)

    def _try(self) -> None:
        self._timer = None
        self._state = _State.CONNECTING
        self._count += 1
        giveUp = self._connect(self.incarnation, self._crew.pushed, self._connected, self._lost)
        if self._state is _State.CONNECTING and self._line is None:
            self._giveUp = giveUp

    def _connected(self, line: Line) -> None:
        self._giveUp = None
        if self._state is not _State.CONNECTING:
            line.abort("the server stops")
            return
        self._line = line
        self._timer = self._clock.callLater(self._timing.beat * self._timing.missed, line.abort, "no answer")
        record = msgspec.structs.replace(self.record, incarnation=self.incarnation)
        line.run(BEAT, self._beatOf(msgspec.json.encode(record)), self._greeted)

    def _beatOf(self, record: bytes = b"") -> Sequence[bytes | str | int]:
        timing = self._timing
        return self._nodes.own, round(timing.lease * 1000), round(timing.gap * 1000), record

    def _greeted(self, answer: Any) -> None:
        if self._isWrong(answer):
            return
        _, _, _, tidied, alive, records, ready = answer
        self._nodes.reset(_texts(alive), _table(records), _table(ready))
        self._state = _State.ENTERING
        self._tries = self._unanswered = 0
        self._cancel()
        self._timer = self._clock.callLater(self._timing.beat, self._beat)
        line = self._line
        if line is None:
            return
        self._sweeper.use(line)
        self._crew.began(line, self.incarnation)
        burying, self._burying = self._burying, []
        for node in burying:
            self.bury(node)
        if not tidied:
            line.tidy(lambda: None)
        self._enterAll(self._crew.members())

    def _enterAll(self, members: Iterator[Callable[[Callable[[], None]], bool]]) -> None:
        """Enter the members again, some at a time: Redis does others' work between, and beats are in time."""
        line, left = self._line, 1

        def done() -> None:
            nonlocal left
            left -= 1
            if not left and self._line is line and line is not None:
                if isMore:
                    self._enterAll(members)
                else:
                    line.run(READY, (self._nodes.own,), self._ready)

        isMore = False
        for enter in islice(members, _AT_ONCE):
            isMore = True
            if enter(done):
                left += 1
        done()

    def _ready(self, answer: Any) -> None:
        if self._isWrong(answer) or self._state is not _State.ENTERING:
            return
        self._state = _State.UP
        self.repairs += 1
        self._nodes.ready(self.incarnation)
        self._crew.settled()
        self.show()
        self._sweeper.sweep(_texts(answer[1]))

    def show(self) -> None:
        """Write how things are, if that has changed."""
        if self._state is _State.UP:
            count = len(self._nodes)
            self._say(f"up, {count} node{'' if count == 1 else 's'}")

    def _say(self, how: str) -> None:
        isSame = how == self._shown or (how.startswith(_DOWN) and self._shown.startswith(_DOWN))
        if not isSame:
            self._shown = how
            _log.info("backplane {how}", how=how)

    def _beat(self) -> None:
        line = self._line
        if line is None:
            return
        self._timer = self._clock.callLater(self._timing.beat, self._beat)
        if self._unanswered >= self._timing.missed:
            self.silent()
            return
        self._unanswered += 1
        line.run(BEAT, self._beatOf(), self._beaten)

    def lookAround(self) -> None:
        """A node is gone: remove its members, now and not with the next beat."""
        self.show()
        if self._line is not None:
            self._line.run(BEAT, self._beatOf(), self._beaten)

    def _beaten(self, answer: Any) -> None:
        if self._isWrong(answer):
            return
        self._unanswered = 0
        for node in _texts(answer[3]):
            self._nodes.dead(node)
        self._sweeper.sweep(_texts(answer[2]))
        self._crew.beaten()
        self.show()

    def _buried(self, answer: Any) -> None:
        if isinstance(answer, list):
            self._sweeper.sweep(_texts(answer))

    def fenced(self) -> None:
        """The lease is gone, or the data are: this incarnation is over."""
        if self._line is not None:
            self._line.abort("the lease of this node is gone")

    def silent(self) -> None:
        """Redis does not answer in time: what it would say later is not waited for."""
        if self._line is not None:
            self._line.abort("Redis does not answer")

    def _isWrong(self, answer: Any) -> bool:
        """Whether an answer is none that can be worked with; then the incarnation is over."""
        if isinstance(answer, list) and answer[0]:
            return False
        if isinstance(answer, list):
            self.fenced()
        elif self._line is not None:
            self._line.abort(f"Redis refuses: {answer}")
        return True

    def _lost(self, why: str) -> None:
        hadLine, self._line, self._giveUp = self._line is not None, None, None
        self._cancel()
        self._unanswered = 0
        closed = self._closed
        if self._state is not _State.ENDED:
            self._state = _State.AWAY
            self._say(f"{_DOWN}{safe(why)}")
            wait = min(self._timing.retry * 2**self._tries, self._timing.most)
            self._tries = min(self._tries + 1, 10)
            self._timer = self._clock.callLater(wait * random.uniform(0.5, 1.0), self._try)  # noqa: S311 - no secret
        if hadLine:
            self._crew.ended()
        if closed is not None and not closed.called:
            closed.callback(None)

    def _cancel(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _texts(items: Sequence[bytes]) -> list[str]:
    return [item.decode("utf-8", "replace") for item in items]


def _table(items: Sequence[bytes]) -> dict[str, str]:
    texts = _texts(items)
    return dict(zip(texts[::2], texts[1::2], strict=True))
