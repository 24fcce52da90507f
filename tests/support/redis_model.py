"""The scripts of `rtcsignal.backplane.scripts` in Python, and a Redis that knows nothing else: one list of steps.

Real Redis passes the same tests (`tests/backplane/test_scripts.py`), so what holds over this holds over that. Each line
to it has what was sent and not yet executed, and what came back and was not yet applied: a test decides which goes on.
"""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from rtcsignal.backplane.scripts import Script

__all__ = ["ModelConnector", "ModelLine", "RedisModel"]

Answered = Callable[[Any], None]


class RedisModel:
    """What is in a Redis, and who listens.

    Attributes:
        generation: How its keys begin.
        now: Its clock, in microseconds.
        published: How many messages nodes have published, by scripts or by themselves.
    """

    def __init__(self) -> None:
        self.lines: list[ModelLine] = []
        self.now = 1_700_000_000_000_000
        self.published = 0
        self._lives = itertools.count(1)
        self.flush()
        self.generation = f"model:{next(self._lives)}:"

    def flush(self) -> None:
        """FLUSHALL."""
        self.leases: dict[str, int] = {}
        self.clock: dict[str, Any] = {}
        self.over: dict[str, str] = {}
        self.records: dict[str, str] = {}
        self.readies: dict[str, str] = {}
        self.rooms: dict[str, dict[str, tuple[str, int, str]]] = {}
        self.counts: dict[str, dict[str, int]] = {}
        self.versions: dict[str, int] = {}
        self.values: dict[str, dict[str, str]] = {}
        self.index: dict[str, dict[tuple[str, str], None]] = {}

    def restart(self) -> None:
        """It ends, with all connections and data, and is there again."""
        for line in list(self.lines):
            line.cut("Redis closed the connection")
        self.flush()
        self.generation = f"model:{next(self._lives)}:"

    def settle(self) -> None:
        """Go on until there is nothing more to execute and to apply."""
        while any(line.step() for line in list(self.lines)):
            self.now += 10

    def publish(self, incarnation: str, frame: bytes) -> int:
        """Publish to the channel of an incarnation; to how many connections."""
        self.published += 1
        found = [line for line in self.lines if line.incarnation == incarnation]
        for line in found:
            line.inbox.append((line.pushed, frame))
        return len(found)

    def run(self, script: Script, me: str, *arguments: Any) -> Any:
        """Run a script; the answer is as hiredis reads it."""
        return getattr(self, f"_{script.name}")(me, *map(_argument, arguments))

    def _tell(self, incarnations: Sequence[str], me: str, kind: str, *fields: Any) -> None:
        frame = msgspec.msgpack.encode([1, kind, me, *fields])
        for incarnation in incarnations:
            if incarnation != me:
                self.publish(incarnation, frame)

    def _nodes(self, room: str) -> list[str]:
        return list(self.counts.get(room, {}))

    def _less(self, room: str, incarnation: str) -> None:
        counts = self.counts[room]
        counts[incarnation] = counts.get(incarnation, 0) - 1
        if counts[incarnation] <= 0:
            del counts[incarnation]

    def _unlist(self, incarnation: str, room: str, memberId: str) -> None:
        entries = self.index.get(incarnation, {})
        entries.pop((room, memberId), None)
        if not entries:
            self.index.pop(incarnation, None)

    def _remove(self, me: str, room: str, memberId: str, incarnation: str, reason: str, flags: str) -> int:
        others = self._nodes(room)
        del self.rooms[room][memberId]
        self._unlist(incarnation, room, memberId)
        self._less(room, incarnation)
        version = 0
        if self.rooms[room]:
            version = self._raise(room)
        else:
            tables: tuple[dict[str, Any], ...] = (self.rooms, self.counts, self.versions, self.values)
            for table in tables:
                table.pop(room, None)
        self._tell(others, me, "L", room, version, memberId, reason, flags)
        return version

    def _raise(self, room: str) -> int:
        self.versions[room] += 1
        return self.versions[room]

    def _snapshot(self, room: str) -> list[list[bytes]]:
        members = {key: f"{inc} {at} {data}" for key, (inc, at, data) in self.rooms.get(room, {}).items()}
        if members:
            members = {"": "the head", **members}
        return [_flat(members), _flat(self.values.get(room, {}))]

    def _look(self, me: str, room: str) -> Any:
        return [self.versions.get(room, 0), *self._snapshot(room)]

    def _enter(
        self, me: str, room: str, memberId: str, data: str, seen: Any, at: Any, ends: int, shares: int, *rest: Any
    ) -> Any:
        if me not in self.leases:
            return [0]
        follows = me in self.counts.get(room, {})
        version = self.versions.get(room, 0)
        isWrong = seen != "" and int(seen) != version
        if seen == -1:
            user, *_, key = [*json.loads(data), *[""] * 6][:7]
            known = [json.loads(facts) for _, _, facts in self.rooms.get(room, {}).values()]
            isWrong = any(each[0] == user or (key and key in each) for each in known)
        if isWrong:
            return [1, version, *([None, None] if follows else self._snapshot(room))]
        joined = int(at) if at != "" else self.now
        self.versions.setdefault(room, self.now)
        members = self.rooms.setdefault(room, {})
        counts = self.counts.setdefault(room, {})
        former = members[memberId][0] if memberId in members else None
        if former is not None and former != me:
            self._less(room, former)
            self._unlist(former, room, memberId)
        if former != me:
            counts[me] = counts.get(me, 0) + 1
            self.index.setdefault(me, {})[room, memberId] = None
        members[memberId] = (me, joined, data)
        for number in range(ends):
            other, reason, flags, frame = rest[4 * number : 4 * number + 4]
            if other in members and other != memberId:
                incarnation = members[other][0]
                if frame and incarnation != me:
                    self.publish(incarnation, frame)
                self._remove(me, room, other, incarnation, reason, flags)
        others = self._nodes(room)
        for number in range(shares):
            at3 = 4 * ends + 3 * number
            key, value, how = rest[at3 : at3 + 3]
            if self._shareOne(room, key, value, how):
                self._tell(others, me, "S", room, self._raise(room), key, value)
        version = self._raise(room)
        self._tell(others, me, "J", room, version, memberId, joined, data)
        return [2, version, joined, *([None, None] if follows else self._snapshot(room))]

    def _shareOne(self, room: str, key: str, value: str, how: str) -> bool:
        values = self.values.setdefault(room, {})
        isNew = key not in values
        if value == "":
            values.pop(key, None)
            return not isNew
        if how == "=" or isNew:
            values[key] = value
            return True
        return False

    def _update(self, me: str, room: str, memberId: str, data: str) -> Any:
        found = self.rooms.get(room, {}).get(memberId)
        if found is None or found[0] != me:
            return 0
        self.rooms[room][memberId] = (me, found[1], data)
        version = self._raise(room)
        self._tell(self._nodes(room), me, "J", room, version, memberId, found[1], data)
        return version

    def _leave(self, me: str, room: str, memberId: str, reason: str) -> Any:
        found = self.rooms.get(room, {}).get(memberId)
        if found is None or _nodeOf(found[0]) != _nodeOf(me) or _countOf(found[0]) > _countOf(me):
            return -1
        return self._remove(me, room, memberId, found[0], reason, "")

    def _end(self, me: str, room: str, memberId: str, at: Any, reason: str, flags: str) -> Any:
        if me not in self.leases:
            return -2
        found = self.rooms.get(room, {}).get(memberId)
        if found is None or found[1] != int(at):
            return -1
        return self._remove(me, room, memberId, found[0], reason, flags)

    def _share(self, me: str, room: str, key: str, value: str) -> Any:
        if me not in self.leases:
            return -2
        if room not in self.rooms:
            return -1
        self._shareOne(room, key, value, "=")
        version = self._raise(room)
        self._tell(self._nodes(room), me, "S", room, version, key, value)
        return version

    def _finish(self, incarnation: str, reason: str) -> None:
        self.leases.pop(incarnation, None)
        if incarnation in self.index:
            self.over[incarnation] = reason

    def _beat(self, me: str, node: str, lease: int, cap: int, record: str) -> Any:
        if record == "" and me not in self.leases:
            return [0]
        now = self.now // 1000
        passed = min(max(now - self.clock.get("t", now), 0), cap)
        logical = self.clock.get("l", 1) + passed
        self.clock.update(l=logical, t=now)
        if record != "":
            for incarnation in list(self.leases):
                if _nodeOf(incarnation) == node:
                    self._finish(incarnation, "timeout")
            self.records[node] = record
            self.readies.pop(node, None)
        self.leases[me] = logical + lease
        found: list[bytes] = []
        for incarnation in sorted(self.leases, key=lambda each: (self.leases[each], each)):
            if self.leases[incarnation] < logical:
                self._finish(incarnation, "timeout")
                gone = _nodeOf(incarnation)
                found.append(gone.encode())
                self.records.pop(gone, None)
                self.readies.pop(gone, None)
                self._tell(list(self.leases), me, "D", gone)
        alive = sorted(self.leases, key=lambda each: (self.leases[each], each))
        working = {_nodeOf(each) for each in alive if self.readies.get(_nodeOf(each)) != each}
        dead = [each.encode() for each in self.over if _nodeOf(each) not in working]
        tidied = self.clock.get("g", "").encode()
        if record == "":
            return [1, len(alive), dead, found]
        self._tell(alive, me, "N", record)
        return [
            1, len(alive), dead, tidied, [each.encode() for each in alive], _flat(self.records), _flat(self.readies)
        ]  # fmt: skip

    def _ready(self, me: str, node: str) -> Any:
        if me not in self.leases:
            return [0]
        self.readies[node] = me
        self._tell(list(self.leases), me, "R")
        return [1, [each.encode() for each in self.over if _nodeOf(each) == node]]

    def _sweep(self, me: str, dead: str, most: int) -> Any:
        removed: list[Any] = []
        if dead not in self.over or dead in self.leases:
            return [0, removed]
        reason = self.over[dead]
        flags = "o" if reason == "timeout" and _nodeOf(dead) != _nodeOf(me) else ""
        listed = list(self.index.get(dead, {}))
        rooms = list(dict.fromkeys(room for room, _ in listed))
        for room, memberId in sorted(listed, key=lambda each: rooms.index(each[0]))[:most]:
            incarnation, at, data = self.rooms[room][memberId]
            version = self._remove(me, room, memberId, dead, reason, flags)
            value = f"{incarnation} {at} {data}"
            removed.append([room.encode(), version, memberId.encode(), value.encode(), reason.encode()])
        left = len({room for room, _ in self.index.get(dead, {})})
        if not left:
            del self.over[dead]
        return [left, removed]

    def _bury(self, me: str, node: str, reason: str) -> Any:
        for incarnation in list(self.leases):
            if _nodeOf(incarnation) == node:
                self._finish(incarnation, reason)
        self.records.pop(node, None)
        self.readies.pop(node, None)
        self._tell(list(self.leases), me, "D", node)
        return [each.encode() for each in self.over if _nodeOf(each) == node]


class ModelLine:
    """A connection to it.

    Args:
        redis: To what.
        incarnation: Who has it, and listens to its channel.
        pushed: Called with each message.
        lost: Called with the reason when it is over.
    """

    def __init__(
        self, redis: RedisModel, incarnation: str, pushed: Callable[[bytes], None], lost: Callable[[str], None]
    ) -> None:
        self.redis = redis
        self.incarnation = incarnation
        self.pushed = pushed
        self.lost = lost
        self.outstanding = 0
        self.sent: deque[Callable[[], Any]] = deque()
        self.inbox: deque[tuple[Callable[[Any], None] | None, Any]] = deque()
        self.isOpen = True
        redis.lines.append(self)

    def run(self, script: Script, arguments: Sequence[Any], answered: Answered | None = None) -> None:
        """Run a script, with the incarnation as its first argument."""
        if self.isOpen:
            self.sent.append(lambda: (answered, self.redis.run(script, self.incarnation, *arguments)))

    def publish(self, incarnation: str, frame: bytes) -> None:
        """Publish to a node."""
        if self.isOpen:
            self.outstanding += len(frame)
            self.sent.append(lambda: (self._published(len(frame)), self.redis.publish(incarnation, frame)))

    def _published(self, size: int) -> Answered:
        def answered(count: int) -> None:
            self.outstanding -= size

        return answered

    def execute(self) -> bool:
        """Redis executes one command; False if there is none."""
        if not self.sent:
            return False
        self.inbox.append(self.sent.popleft()())
        return True

    def apply(self) -> bool:
        """The node applies one answer or message; False if there is none."""
        if not self.inbox:
            return False
        apply, item = self.inbox.popleft()
        if apply is not None:
            apply(item)
        return True

    def step(self) -> bool:
        """Execute and apply one thing each."""
        done = [self.execute(), self.apply()]
        return any(done)

    def cut(self, why: str = "cut", executed: int | None = None) -> None:
        """The connection is lost; what was sent may have been executed, in part.

        Args:
            why: The reason.
            executed: How many of the commands that were sent; None: none.
        """
        for _ in range(executed or 0):
            self.execute()
        self.abort(why)

    def abort(self, why: str) -> None:
        """End it; nothing more is applied."""
        if self.isOpen:
            self.isOpen = False
            self.sent.clear()
            self.inbox.clear()
            self.redis.lines.remove(self)
            self.lost(why)

    def finish(self) -> None:
        """End it when what was sent has been executed."""
        while self.execute():
            pass
        self.abort("finished")

    def tidy(self, answered: Callable[[], None]) -> None:
        """There are no older generations."""
        answered()


class ModelConnector:
    """Connects a node to the model; calling it is a `rtcsignal.backplane.line.Connect`.

    Args:
        redis: To what.

    Attributes:
        isAway: The node does not reach it.
        line: The line that it has, or had last.
    """

    def __init__(self, redis: RedisModel) -> None:
        self.isAway = False
        self.line: ModelLine | None = None
        self._redis = redis

    def __call__(
        self,
        incarnation: str,
        pushed: Callable[[bytes], None],
        connected: Callable[[ModelLine], None],
        lost: Callable[[str], None],
    ) -> Callable[[str], None]:
        if self.isAway:
            lost("it cannot be reached")
            return lost
        self.line = ModelLine(self._redis, incarnation, pushed, lost)
        connected(self.line)
        return self.line.abort

    def cut(self, executed: int | None = None) -> None:
        """The connection is lost; see `ModelLine.cut`."""
        if self.line is not None:
            self.line.cut(executed=executed)


def _argument(value: Any) -> Any:
    """As Lua has it: text, but for frames of MessagePack, and numbers that the model uses as numbers."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value
    return value


def _flat(table: dict[str, str]) -> list[bytes]:
    return [each.encode() for pair in table.items() for each in pair]


def _nodeOf(incarnation: str) -> str:
    return incarnation.partition(".")[0]


def _countOf(incarnation: str) -> int:
    return int(incarnation.partition(".")[2])
