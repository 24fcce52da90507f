"""The other nodes, for signalling: what happens here goes to Redis, and what comes from there is told to the hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from rtcsignal.backplane.bus import Bus, Counts, Mistaken
from rtcsignal.backplane.entering import PATIENCE, Entering, Entry
from rtcsignal.backplane.facts import writeFacts
from rtcsignal.backplane.frames import Claimed, Dead, Frame, Joined, Left, New, Ready, Shared
from rtcsignal.backplane.line import Connect, Line, Timing
from rtcsignal.backplane.node import Node
from rtcsignal.backplane.nodes import Nodes, Record, nodeOf
from rtcsignal.backplane.rosters import Rosters
from rtcsignal.backplane.scripts import END, LEAVE, LOOK, SHARE, UPDATE
from rtcsignal.clocks import WallClock
from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.forwarding.directory import NodeAddress
from rtcsignal.signaling.cluster import Audience, Ear, End, Entered, Facts, Member
from rtcsignal.socketio.fanout import OutgoingEvent

__all__ = ["Backplane", "BackplaneOptions"]

_encode = msgspec.json.Encoder().encode


class BackplaneOptions(msgspec.Struct, frozen=True):
    """Settings.

    Attributes:
        node: What people call this node.
        isLocal: While Redis is away, joins are taken on this node; if not, they are refused.
        outstanding: Bytes that Redis may leave unanswered before messages to others are dropped; 0 for no limit.
        timing: When things happen.
    """

    node: str
    isLocal: bool = True
    outstanding: int = 1_048_576
    timing: Timing = Timing()


class Backplane:
    """The other nodes. It provides `Cluster`, and `Crew` for its node.

    Args:
        nodeId: The id of this node.
        options: Settings.
        connect: Connects to Redis.
        clock: The time.
        wall: The time of day.
        announce: Called with each incarnation of this node as it begins.

    Attributes:
        node: What people call this node.
        nodes: Which nodes there are.
        rosters: The rooms.
        life: The life of this node.
        claimed: Called with the pid of a client that has come to another node.
    """

    def __init__(
        self,
        nodeId: str,
        options: BackplaneOptions,
        connect: Connect,
        clock: IReactorTime,
        wall: WallClock,
        announce: Callable[[str], object] = lambda incarnation: None,
    ) -> None:
        self._announce = announce
        self.claimed: Callable[[str], object] = _ignore
        self.node = options.node
        self.nodes = Nodes(nodeId)
        self.rosters = Rosters(self.nodes)
        self._options = options
        self._clock = clock
        self._deadlines = Deadlines(clock)
        self._bus = Bus(self.nodes, options.outstanding, clock.seconds, self._apply)
        self.life = Node(self.nodes, Record("", options.node), connect, clock, self, options.timing)
        self._entering = Entering(
            self.rosters, self._deadlines, options.isLocal, wall, self.life.fenced, self.life.silent
        )
        self._ear: Ear | None = None
        self._line: Line | None = None
        self._isClosing = False
        self._began = 0.0
        self._pending: set[Deferred[None]] = set()
        self._doubtful: set[tuple[str, str]] = set()
        self._leaving: dict[tuple[str, str], str] = {}
        self._unsent: dict[tuple[str, str], str] = {}
        self._unshared: set[tuple[str, str]] = set()
        self._sharing: dict[tuple[str, str], Any] = {}

    @property
    def counts(self) -> Counts:
        """What has gone over the bus."""
        return self._bus.counts

    @property
    def isQuiet(self) -> bool:
        """It is up, and nothing is on its way or in doubt: the hub and Redis know the same of this node."""
        return self.life.isUp and not (self._pending or self._leaving or self.rosters.stale or len(self._entering))

    def listen(self, ear: Ear) -> None:
        """Say who is told of the others; before anything else."""
        self._ear = self.rosters.ear = self._bus.ear = ear

    # What signalling asks for: see `Cluster`.

    def look(self, roomName: str) -> Deferred[None] | None:
        if self._line is None or roomName in self.rosters or roomName == self._entering.shown:
            return None
        done, deadline = self._waiting()

        def answered(answer: Any) -> None:
            if isinstance(answer, list):
                self.rosters.looked(roomName, int(answer[0]), answer[1], answer[2])
            self._fire(done, deadline)

        self._line.run(LOOK, (roomName,), answered)
        return done

    def seen(self, roomName: str) -> int:
        return self.rosters.seen(roomName)

    def enter(
        self, roomName: str, facts: Facts, seen: int | None, ends: Sequence[End], shares: Mapping[str, Any]
    ) -> Deferred[Entered]:
        self._unsent.pop((roomName, facts.id), None)
        if self._line is None:
            self._unshared.update((roomName, key) for key in shares)
            return succeed(self._entering.alone(roomName, facts.id))
        values = [part for key, value in shares.items() for part in (key, _jsonOf(value), "=")]
        endings = [part for end in ends for part in self._bus.endOf(end)]
        rest = (len(ends), len(shares), *endings, *values)
        entry = Entry(roomName, facts, rest, ends=[end.id for end in ends], keys=tuple(shares))
        return self._entering.enter(entry, seen)

    def wait(self, roomName: str, facts: Facts) -> Deferred[Entered]:
        return self.enter(roomName, facts, None, (), {})

    def changed(self, roomName: str, facts: Facts) -> None:
        if self._line is not None:
            self._change(self._line, UPDATE, roomName, (facts.id, writeFacts(facts)))

    def leave(self, roomName: str, memberId: str, reason: str) -> Deferred[None] | None:
        key = (roomName, memberId)
        if self._line is None:
            if self.rosters.gave(roomName, memberId) or key in self._doubtful:
                self._unsent[key] = reason
            return None
        done: Deferred[None] = Deferred()
        self._pending.add(done)

        self._leaving[key] = reason

        def answered(state: int) -> None:
            self._leaving.pop(key, None)
            self._fire(done)
            self.rosters.gave(roomName, memberId)

        self._change(self._line, LEAVE, roomName, (memberId, reason), answered)
        return done

    def end(self, roomName: str, member: Member, reason: str, connection: bool) -> Deferred[None] | None:
        if self._line is None or self.nodes.incarnationOf(member.home) is None:
            return None
        done: Deferred[None] = Deferred()
        self._pending.add(done)
        memberId, flags = member.facts.id, "c" if connection else ""

        def answered(state: int) -> None:
            if state >= 0:
                self.rosters.left(roomName, state, memberId, reason, flags)
            self._fire(done)

        self._change(self._line, END, roomName, (memberId, member.at, reason, flags), answered)
        return done

    def say(self, audience: Audience, event: OutgoingEvent, sender: str = "") -> int:
        return self._bus.say(audience, event, sender)

    def tell(self, member: Member, event: OutgoingEvent) -> None:
        self._bus.tell(member, event)

    def share(self, roomName: str, key: str, value: Any) -> None:
        if self._line is None:
            self._unshared.add((roomName, key))
            self._hub.shared(roomName, key, value)
            return
        self._sharing[roomName, key] = value

        def answered(state: int) -> None:
            self._sharing.pop((roomName, key), None)
            self._hub.shared(roomName, key, value)

        self._change(self._line, SHARE, roomName, (key, _jsonOf(value)), answered)

    def reachableAt(self, address: NodeAddress) -> None:
        """Say where other nodes can bring requests; before `start`."""
        host, port, token = address
        self.life.record = msgspec.structs.replace(self.life.record, host=host, port=port, token=token)

    def start(self) -> None:
        """Join the cluster, as soon as Redis is there."""
        self.life.start()

    def close(self) -> Deferred[None]:
        """Leave the cluster; see `Node.close`. From now on nothing is told to the others but that."""
        self._isClosing = True
        self.ended()
        return self.life.close().addCallback(lambda _: self._deadlines.stop())

    def claim(self, pid: str) -> None:
        """A client is here whose peer is on the node whose id its pid begins with: that one is to give it up."""
        self._bus.claim(pid[: len(self.nodes.own)], pid)

    # How it is done.

    def _change(
        self,
        line: Line,
        script: Any,
        roomName: str,
        arguments: tuple[Any, ...],
        then: Callable[[int], None] | None = None,
    ) -> None:
        """Run a script that changes the state of a room, whose answer is that state."""
        self.rosters.pending(roomName, 1)

        def answered(state: Any) -> None:
            if not isinstance(state, int) or state == -2:
                self.life.fenced()
                return
            self.rosters.pending(roomName, -1)
            self.rosters.state(roomName, state)
            if then is not None:
                then(state)

        line.run(script, (roomName, *arguments), answered)

    def _waiting(self) -> tuple[Deferred[None], Deadline]:
        done: Deferred[None] = Deferred()
        self._pending.add(done)
        return done, self._deadlines.after(PATIENCE).start(self._isLate, done)

    def _isLate(self, done: Deferred[None]) -> None:
        self.life.silent()

    def _fire(self, done: Deferred[None], deadline: Deadline | None = None) -> None:
        if deadline is not None:
            deadline.cancel()
        if done in self._pending:
            self._pending.discard(done)
            done.callback(None)

    # What the node says: see `Crew`.

    def began(self, line: Line, incarnation: str) -> None:
        self._announce(incarnation)
        self._line = line
        self._entering.use(line)
        self._began = self._clock.seconds()
        self._bus.use(line, incarnation)
        self.rosters.begin()
        unsent, self._unsent = self._unsent, {}
        self._doubtful.clear()
        for (roomName, memberId), reason in unsent.items():
            line.run(LEAVE, (roomName, memberId, reason))

    def members(self) -> Iterator[Callable[[Callable[[], None]], bool]]:
        rooms: set[str] = set()
        for roomName, memberId, at in list(self._hub.seats()):
            isFirst = roomName not in rooms
            rooms.add(roomName)
            yield partial(self._enterAgain, roomName, memberId, at, isFirst)

    def _enterAgain(self, roomName: str, memberId: str, at: int, isFirst: bool, done: Callable[[], None]) -> bool:
        facts = self._hub.factsOf(roomName, memberId)
        if facts is None:
            return False
        values: list[str] = []
        if isFirst:
            for key, value in self._hub.sharedIn(roomName).items():
                isNew = (roomName, key) in self._unshared
                values += (key, _jsonOf(value), "=" if isNew else "x")
        self._entering.enterAgain(Entry(roomName, facts, (0, len(values) // 3, *values)), at, done)
        return True

    def settled(self) -> None:
        self._unshared.clear()

    def beaten(self) -> None:
        isLate = self._clock.seconds() - self._began >= self._options.timing.doubt
        for roomName in self.rosters.inDoubt():
            self.rosters.judge(roomName, isLate)

    def swept(self, removed: Sequence[Sequence[Any]]) -> None:
        for room, state, memberId, value, reason in removed:
            self.rosters.swept(room.decode(), state, memberId.decode(), value, reason.decode())

    def ended(self) -> None:
        self._line = None
        self._bus.use(None, "")
        # First those that come: with the last seat of a room goes what is known of it.
        entries = self._entering.end()
        coming = {(entry.roomName, entry.id) for entry in entries}
        self._doubtful |= coming
        self._unshared.update((entry.roomName, key) for entry in entries for key in entry.keys)
        self._entering.giveUp(entries)
        leaving, self._leaving = self._leaving, {}
        for seat, reason in leaving.items():
            if seat not in coming:
                self.rosters.gave(*seat)
                self._unsent[seat] = reason
        sharing, self._sharing = self._sharing, {}
        for (roomName, key), value in sharing.items():
            self.share(roomName, key, value)
        for done in tuple(self._pending):
            self._fire(done)

    def pushed(self, frame: bytes) -> None:
        if not self._isClosing:
            self._bus.take(frame)

    def _apply(self, frame: Frame) -> None:
        """What Redis tells of members, rooms and nodes."""
        if isinstance(frame, Joined):
            if not self.nodes.isCurrent(frame.incarnation):
                raise Mistaken("a member of a node that is not known")
            home = nodeOf(frame.incarnation)
            self.rosters.joined(frame.room, frame.state, frame.id, home, frame.at, frame.facts)
        elif isinstance(frame, Left):
            self.rosters.left(frame.room, frame.state, frame.id, frame.reason, frame.flags)
        elif isinstance(frame, Shared):
            self.rosters.shares(frame.room, frame.state, frame.key, frame.value)
        elif isinstance(frame, Claimed):
            if not self.nodes.isCurrent(frame.incarnation):
                raise Mistaken("from a node that is not known")
            self.claimed(frame.pid)
        elif isinstance(frame, New):
            self.nodes.born(frame.incarnation, frame.record)
            self.life.show()
        elif isinstance(frame, Ready):
            if not self.nodes.ready(frame.incarnation):
                raise Mistaken("a node that is not known is ready")
            for roomName in self.rosters.inDoubt():
                self.rosters.judge(roomName)
        elif isinstance(frame, Dead):
            self.nodes.dead(frame.node)
            self.life.lookAround()

    @property
    def _hub(self) -> Ear:
        if self._ear is None:
            raise RuntimeError("the cluster has no one to tell")
        return self._ear


def _ignore(pid: str) -> None:
    """No client of this node can come back."""


def _jsonOf(value: Any) -> str:
    return "" if value is None else _encode(value).decode()
