"""The scripts, and the model of them that other tests use: one set of rules, which a real Redis has to pass too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtcsignal.backplane import scripts
from rtcsignal.backplane.scripts import BEAT, BURY, END, ENTER, LEAVE, LOOK, READY, SHARE, SWEEP, UPDATE
from tests.support.redis_model import ModelLine, RedisModel
from tests.support.redis_server import Redis, RedisClient

Run = Callable[..., Any]
ALICE, BOB = "aaaaaa.1", "bbbbbb.1"


class ModelStore:
    """The model."""

    def __init__(self) -> None:
        self.model = RedisModel()
        self.frames: dict[str, list[Any]] = {}

    def listen(self, incarnation: str) -> None:
        """Keep what is published for an incarnation."""
        frames = self.frames.setdefault(incarnation, [])
        ModelLine(self.model, incarnation, frames.append, lambda why: None)

    def run(self, script: scripts.Script, *arguments: Any) -> Any:
        """Run a script."""
        self.model.now += 1000
        return self.model.run(script, *arguments)

    def heard(self, incarnation: str) -> list[Any]:
        """What was published for an incarnation since the last time."""
        for line in self.model.lines:
            while line.apply():
                pass
        frames, self.frames[incarnation][:] = list(self.frames[incarnation]), []
        return [msgspec.msgpack.decode(frame) for frame in frames]

    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        self.model.now += 1000 * milliseconds

    def isEmpty(self) -> bool:
        """There is nothing about members."""
        model = self.model
        return not (model.rooms or model.counts or model.versions or model.values or model.index or model.over)


class RealStore:
    """A real Redis."""

    def __init__(self, redis: Redis) -> None:
        self._client = redis.client()
        self._client("FLUSHALL")
        for script in scripts.SCRIPTS:
            self._client("SCRIPT", "LOAD", script.text)
        self._listeners: dict[str, RedisClient] = {}
        self._redis = redis

    def listen(self, incarnation: str) -> None:
        client = self._redis.client()
        client("HELLO", 3)
        client("SUBSCRIBE", f"test:@{incarnation}")
        self._listeners[incarnation] = client

    def run(self, script: scripts.Script, *arguments: Any) -> Any:
        return self._client("EVALSHA", script.digest, 1, "test:", *arguments)

    def heard(self, incarnation: str) -> list[Any]:
        client = self._listeners[incarnation]
        self._client("PUBLISH", f"test:@{incarnation}", "end")
        found: list[Any] = []
        while (item := client.next()[2]) != b"end":
            found.append(msgspec.msgpack.decode(item))
        return found

    def wait(self, milliseconds: int) -> None:
        """The last beat was so much earlier."""
        self._client("HINCRBY", "test:c", "t", -milliseconds)

    def isEmpty(self) -> bool:
        return {key.decode()[5:6] for key in self._client("KEYS", "test:*")} <= set("ncay")

    def close(self) -> None:
        """End its connections."""
        for client in (self._client, *self._listeners.values()):
            client.close()


Store = ModelStore | RealStore


@pytest.fixture(params=["model", "redis"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Either of them, empty, with two nodes that are there and listen."""
    made: Store = ModelStore() if request.param == "model" else RealStore(request.getfixturevalue("redis"))
    begin(made)
    yield made
    if isinstance(made, RealStore):
        made.close()


def begin(store: Store) -> None:
    """Two nodes are there, and listen."""
    for incarnation in (ALICE, BOB):
        hello(store, incarnation)
    for incarnation in (ALICE, BOB):
        store.listen(incarnation)


def hello(store: Store, incarnation: str) -> Any:
    """An incarnation begins."""
    return store.run(BEAT, incarnation, incarnation[:6], 8000, 3000, f'["{incarnation}"]')


def beat(store: Store, incarnation: str) -> Any:
    """A beat of it."""
    return store.run(BEAT, incarnation, incarnation[:6], 8000, 3000, "")


def enter(store: Store, incarnation: str, room: str, who: str, seen: Any = "", at: Any = "", *rest: Any) -> Any:
    """Enter a member."""
    ends, shares = rest[:2] if rest else (0, 0)
    return store.run(ENTER, incarnation, room, who, json.dumps([who]), seen, at, ends, shares, *rest[2:])


def members(store: Store, room: str) -> dict[str, str]:
    """Who is in a room, each with the incarnation."""
    return {key: value.split(" ")[0] for key, value in written(store.run(LOOK, ALICE, room)[1]).items()}


def written(flat: list[bytes]) -> dict[str, str]:
    """What is written of the members in a snapshot."""
    texts = [item.decode() for item in flat]
    return {key: value for key, value in zip(texts[::2], texts[1::2], strict=True) if key}


class TestEnter:
    def test_theFirstMakesTheRoom(self, store: Store) -> None:
        outcome, state, at, others, shared = enter(store, ALICE, "r", "a")
        assert (outcome, shared) == (2, [])
        assert written(others) == {"a": f'{ALICE} {at} ["a"]'}
        assert state > 10**15
        assert members(store, "r") == {"a": ALICE}

    def test_theOthersHear(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        _, state, at, others, _ = enter(store, BOB, "r", "b")
        assert store.heard(ALICE) == [[1, "J", BOB, "r", state, "b", at, '["b"]']]
        assert store.heard(BOB) == []
        assert set(written(others)) == {"a", "b"}

    def test_whoHearsOfTheRoomGetsNoSnapshot(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        assert enter(store, ALICE, "r", "c")[3:] == [None, None]

    def test_eachChangeMakesTheStateOneMore(self, store: Store) -> None:
        first = enter(store, ALICE, "r", "a")[1]
        assert enter(store, ALICE, "r", "b")[1] == first + 1
        assert store.run(LEAVE, ALICE, "r", "a", "left") == first + 2

    def test_aRoomThatHasChangedIsNotEntered(self, store: Store) -> None:
        state = enter(store, ALICE, "r", "a")[1]
        assert enter(store, BOB, "r", "b", seen=0)[:2] == [1, state]
        assert members(store, "r") == {"a": ALICE}
        assert enter(store, BOB, "r", "b", seen=state)[0] == 2
        assert enter(store, ALICE, "r", "c", seen=state) == [1, state + 1, None, None]

    def test_aRoomThatWasNotSeenIsEnteredUnlessItsUserIsThere(self, store: Store) -> None:
        enter(store, ALICE, "r", 'a",b', seen=-1)
        assert enter(store, BOB, "r", "a", seen=-1)[0] == 2
        assert enter(store, BOB, "r", "b", seen=-1)[0] == 2
        other = store.run(ENTER, "aaaaaa.1", "s", "x", '["c",1]', -1, "", 0, 0)
        assert store.run(ENTER, BOB, "s", "y", '["c"]', -1, "", 0, 0)[:2] == [1, other[1]]
        assert store.run(ENTER, BOB, "s", "y", '["cc"]', -1, "", 0, 0)[0] == 2
        assert store.run(ENTER, BOB, "t", "y", '["d",0,"","/",false,[],"a2V5"]', -1, "", 0, 0)[0] == 2
        assert store.run(ENTER, ALICE, "t", "z", '["e",0,"","/",false,[],"a2V5"]', -1, "", 0, 0)[0] == 1

    def test_anEmptyRoomIsInStateZero(self, store: Store) -> None:
        assert store.run(LOOK, ALICE, "r") == [0, [], []]
        assert enter(store, ALICE, "r", "a", seen=0)[0] == 2

    def test_aRoomOfTheSameNameIsAnotherOne(self, store: Store) -> None:
        state = enter(store, ALICE, "r", "a")[1]
        assert store.run(LEAVE, ALICE, "r", "a", "left") == 0
        assert enter(store, ALICE, "r", "a")[1] > state

    def test_anIncarnationWithoutALeaseEntersNobody(self, store: Store) -> None:
        assert enter(store, "aaaaaa.2", "r", "a") == [0]
        assert store.isEmpty()

    def test_endsAreToldBeforeTheMember(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        enter(store, BOB, "r", "b")
        store.heard(ALICE)
        frame = msgspec.msgpack.encode([1, "T", BOB, "a", []])
        enter(store, ALICE, "r", "d")
        assert enter(store, BOB, "r", "c", "", "", 2, 0, "a", "replaced", "c", frame, "nobody", "x", "", b"")[0] == 2
        told, left, joined = store.heard(ALICE)
        assert (told[1], left[1], joined[1]) == ("T", "L", "J")
        assert left[5:] == ["a", "replaced", "c"]
        assert members(store, "r") == {"b": BOB, "c": BOB, "d": ALICE}

    def test_theRoomStaysTheSameIfItsOnlyMemberIsReplaced(self, store: Store) -> None:
        enter(store, ALICE, "r", "a", "", "", 0, 1, "k", "1", "=")
        enter(store, BOB, "r", "b", "", "", 1, 0, "a", "replaced", "", b"")
        assert store.run(LOOK, ALICE, "r")[2] == [b"k", b"1"]
        assert [frame[1] for frame in store.heard(ALICE)] == ["L"]

    def test_itsTimeIsKept(self, store: Store) -> None:
        at = enter(store, ALICE, "r", "a")[2]
        enter(store, BOB, "r", "b")
        hello(store, "aaaaaa.2")
        assert enter(store, "aaaaaa.2", "r", "a", at=at)[2] == at
        assert members(store, "r") == {"a": "aaaaaa.2", "b": BOB}
        state = int(store.run(LOOK, ALICE, "r")[0])
        assert store.heard(BOB)[-1] == [1, "J", "aaaaaa.2", "r", state, "a", at, '["a"]']

    def test_againItIsTheSameMember(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        enter(store, ALICE, "r", "a")
        assert store.run(LEAVE, ALICE, "r", "a", "left") == 0
        assert store.isEmpty()

    def test_whatIsSharedIsToldBeforeTheMember(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        enter(store, BOB, "r", "b", "", "", 0, 3, "k", "1", "=", "k", "2", "x", "none", "", "=")
        kinds = [(frame[1], frame[5]) for frame in store.heard(ALICE)]
        assert kinds == [("S", "k"), ("J", "b")]
        assert store.run(LOOK, ALICE, "r")[2] == [b"k", b"1"]


class TestOtherChanges:
    def test_factsChange(self, store: Store) -> None:
        _, state, at, _, _ = enter(store, ALICE, "r", "a")
        enter(store, BOB, "r", "b")
        assert store.run(UPDATE, ALICE, "r", "a", '["new"]') == state + 2
        assert store.heard(BOB) == [[1, "J", ALICE, "r", state + 2, "a", at, '["new"]']]
        assert store.run(UPDATE, BOB, "r", "a", '["no"]') == 0
        assert store.run(UPDATE, ALICE, "r", "x", '["no"]') == 0

    def test_onlyItsOwnNodeMakesOneLeave(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        assert store.run(LEAVE, BOB, "r", "a", "left") == -1
        assert store.run(LEAVE, ALICE, "r", "x", "left") == -1

    def test_anEarlierIncarnationMakesNoneLeave(self, store: Store) -> None:
        hello(store, "aaaaaa.2")
        enter(store, "aaaaaa.2", "r", "a")
        assert store.run(LEAVE, ALICE, "r", "a", "left") == -1
        assert store.run(LEAVE, "aaaaaa.10", "r", "a", "left") == 0

    def test_whoLeavesIsTold(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        state = enter(store, BOB, "r", "b")[1]
        store.run(LEAVE, ALICE, "r", "a", "left")
        assert store.heard(BOB) == [[1, "L", ALICE, "r", state + 1, "a", "left", ""]]

    def test_othersCanEndAMembership(self, store: Store) -> None:
        at = enter(store, ALICE, "r", "a")[2]
        state = enter(store, BOB, "r", "b")[1]
        store.heard(ALICE)
        assert store.run(END, BOB, "r", "a", at + 1, "kicked", "c") == -1
        assert store.run(END, BOB, "r", "x", at, "kicked", "c") == -1
        assert store.run(END, "cccccc.1", "r", "a", at, "kicked", "c") == -2
        assert store.run(END, BOB, "r", "a", at, "kicked", "c") == state + 1
        assert store.heard(ALICE) == [[1, "L", BOB, "r", state + 1, "a", "kicked", "c"]]

    def test_sharedValuesGoWithTheRoom(self, store: Store) -> None:
        enter(store, ALICE, "r", "a")
        state = enter(store, BOB, "r", "b")[1]
        assert store.run(SHARE, ALICE, "r", "k", "1") == state + 1
        assert store.run(SHARE, ALICE, "none", "k", "1") == -1
        assert store.run(SHARE, "cccccc.1", "r", "k", "1") == -2
        assert store.heard(BOB) == [[1, "S", ALICE, "r", state + 1, "k", "1"]]
        assert store.run(SHARE, BOB, "r", "k", "") == state + 2
        assert store.run(LOOK, ALICE, "r")[2] == []
        store.run(SHARE, BOB, "r", "k", "2")
        store.run(LEAVE, ALICE, "r", "a", "left")
        store.run(LEAVE, BOB, "r", "b", "left")
        assert store.isEmpty()


class TestTheLifeOfANode:
    def test_aNewOneHearsOfTheOthers(self, store: Store) -> None:
        store.run(READY, BOB, "bbbbbb")
        _, count, dead, tidied, alive, records, ready = hello(store, "cccccc.1")
        assert (count, dead, tidied) == (3, [], b"")
        assert set(alive) == {ALICE.encode(), BOB.encode(), b"cccccc.1"}
        assert set(records[::2]) == {b"aaaaaa", b"bbbbbb", b"cccccc"}
        assert ready == [b"bbbbbb", BOB.encode()]
        assert [frame[1:3] for frame in store.heard(ALICE)] == [["R", BOB], ["N", "cccccc.1"]]

    def test_aBeatKeepsTheLease(self, store: Store) -> None:
        for _ in range(5):
            store.wait(2500)
            assert beat(store, ALICE)[0] == 1
        assert beat(store, BOB) == [0]
        assert store.heard(ALICE) == store.heard(BOB) == []

    def test_theOthersHearOfItsEnd(self, store: Store) -> None:
        for _ in range(3):
            store.wait(2500)
            beat(store, ALICE)
        hello(store, "cccccc.1")
        store.heard(ALICE)
        store.wait(2500)
        beat(store, "cccccc.1")
        assert store.heard(ALICE) == [[1, "D", "cccccc.1", "bbbbbb"]]

    def test_aRedisThatHungDeclaresNoOneDead(self, store: Store) -> None:
        store.wait(3_600_000)
        assert beat(store, ALICE)[:2] == [1, 2]
        store.wait(3_600_000)
        assert beat(store, BOB)[:2] == [1, 2]

    def test_whoseLeaseHasRunOutIsSwept(self, store: Store) -> None:
        for number in range(120):
            enter(store, BOB, f"r{number % 7}", f"b{number}")
        enter(store, ALICE, "r0", "a")
        for _ in range(4):
            store.wait(2500)
            _, count, dead, _ = beat(store, ALICE)
        assert (count, dead) == (1, [BOB.encode()])
        store.heard(BOB)
        left, removed = store.run(SWEEP, ALICE, BOB, 50)
        assert (left > 0, len(removed)) == (True, 50)
        removed += store.run(SWEEP, ALICE, BOB, 50)[1]
        left, last = store.run(SWEEP, ALICE, BOB, 50)
        assert (left, len(last)) == (0, 20)
        assert store.run(SWEEP, ALICE, BOB, 50) == [0, []]
        removed += last
        assert {row[2] for row in removed} == {f"b{number}".encode() for number in range(120)}
        assert all(row[4] == b"timeout" for row in removed)
        assert members(store, "r0") == {"a": ALICE}
        assert beat(store, ALICE)[2] == []

    def test_whoComesBackIsNotSweptUntilItIsReady(self, store: Store) -> None:
        enter(store, BOB, "r", "b")
        enter(store, BOB, "r", "gone")
        hello(store, "bbbbbb.2")
        assert beat(store, ALICE)[2] == []
        enter(store, "bbbbbb.2", "r", "b")
        assert store.run(READY, "bbbbbb.2", "bbbbbb") == [1, [BOB.encode()]]
        assert beat(store, ALICE)[2] == [BOB.encode()]
        enter(store, ALICE, "r", "a")
        left, removed = store.run(SWEEP, "bbbbbb.2", BOB, 50)
        assert (left, [row[2] for row in removed]) == (0, [b"gone"])
        assert store.heard(ALICE)[-1][5:] == ["gone", "timeout", ""]
        assert members(store, "r") == {"a": ALICE, "b": "bbbbbb.2"}
        assert store.run(READY, BOB, "bbbbbb") == [0]

    def test_whoIsThereIsNotSwept(self, store: Store) -> None:
        enter(store, BOB, "r", "b")
        assert store.run(SWEEP, ALICE, BOB, 50) == [0, []]

    def test_whoIsBuriedIsSweptAtOnce(self, store: Store) -> None:
        enter(store, BOB, "r", "b")
        enter(store, ALICE, "r", "a")
        store.heard(BOB)
        assert store.run(BURY, ALICE, "bbbbbb", "timeout") == [BOB.encode()]
        store.run(SWEEP, ALICE, BOB, 50)
        assert [frame[1] for frame in store.heard(BOB)] == ["L"]
        assert enter(store, BOB, "r", "b") == [0]
        assert members(store, "r") == {"a": ALICE}
        assert set(hello(store, "cccccc.1")[5][::2]) == {b"aaaaaa", b"cccccc"}

    def test_whoLeavesForGoodSaysWhy(self, store: Store) -> None:
        enter(store, BOB, "r", "b")
        enter(store, ALICE, "r", "a")
        store.run(BURY, BOB, "bbbbbb", "shutdown")
        store.run(SWEEP, BOB, BOB, 50)
        assert store.heard(ALICE)[-1][5:] == ["b", "shutdown", ""]


_WHO = st.sampled_from("abcd")
_ROOM = st.sampled_from(["r", "s s"])
_NODE = st.sampled_from([ALICE, BOB, "aaaaaa.2", "cccccc.1"])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), _NODE, _ROOM, _WHO, st.sampled_from([None, 0, 1, -1]), st.lists(_WHO, max_size=2)),
        st.tuples(st.just("leave"), _NODE, _ROOM, _WHO),
        st.tuples(st.just("update"), _NODE, _ROOM, _WHO),
        st.tuples(st.just("share"), _NODE, _ROOM, st.sampled_from(["k", "l"]), st.sampled_from(["1", ""])),
        st.tuples(st.just("hello"), _NODE),
        st.tuples(st.just("beat"), _NODE),
        st.tuples(st.just("ready"), _NODE),
        st.tuples(st.just("wait"), st.sampled_from([1500, 2900, 9000])),
        st.tuples(st.just("sweep"), _NODE, _NODE),
        st.tuples(st.just("bury"), _NODE, _NODE),
        st.tuples(st.just("look"), _ROOM),
    ),
    max_size=30,
)


class _Player:
    """Takes steps on one of the two, and writes down what both have to agree on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.numbers: dict[int, int] = {}
        self.last: dict[str, int] = {}
        begin(store)

    def take(self, step: tuple[Any, ...]) -> Any:
        """Take one, and say what came of it."""
        kind, *rest = step
        store = self.store
        if kind == "wait":
            return store.wait(rest[0])
        answer = getattr(self, f"_{kind}")(*rest)
        return kind, self.plain(answer), [[self.plain(frame) for frame in store.heard(each)] for each in (ALICE, BOB)]

    def plain(self, value: Any) -> Any:
        """Without what depends on the clock: states and times are counted in the order in which they come up."""
        if isinstance(value, bytes):
            text = value.decode()
            parts = [str(self.plain(int(part))) if part.isdecimal() else part for part in text.split(" ")]
            return " ".join(parts)
        if isinstance(value, int) and value > 10**14:
            return None
        if isinstance(value, list):
            items = [self.plain(item) for item in value]
            return sorted(items, key=repr) if value and isinstance(value[0], bytes) else items
        return value

    def _enter(self, node: str, room: str, who: str, seen: int | None, ends: list[str]) -> Any:
        state = self.store.run(LOOK, node, room)[0] if seen is not None else ""
        wrong = 1 if seen else 0
        rest = [part for end in ends for part in (end, "replaced", "", b"")]
        seenState = state if state == "" else -1 if seen == -1 else int(state) + wrong
        answer = enter(self.store, node, room, who, seenState, "", len(ends), 0, *rest)
        members = [written(item) for item in answer if isinstance(item, list)][:1]
        return [*answer[:2], [{key: self.plain(value.encode()) for key, value in each.items()} for each in members]]

    def _leave(self, node: str, room: str, who: str) -> Any:
        return self.store.run(LEAVE, node, room, who, "left")

    def _update(self, node: str, room: str, who: str) -> Any:
        return self.store.run(UPDATE, node, room, who, '["new"]')

    def _share(self, node: str, room: str, key: str, value: str) -> Any:
        return self.store.run(SHARE, node, room, key, value)

    def _hello(self, node: str) -> Any:
        return hello(self.store, node)

    def _beat(self, node: str) -> Any:
        return beat(self.store, node)

    def _ready(self, node: str) -> Any:
        return self.store.run(READY, node, node[:6])

    def _sweep(self, node: str, other: str) -> Any:
        left, removed = self.store.run(SWEEP, node, other, 100)
        return left, sorted([row[0], row[2], self.plain(row[3]), row[4]] for row in removed)

    def _bury(self, node: str, other: str) -> Any:
        return self.store.run(BURY, node, other[:6], "timeout")

    def _look(self, room: str) -> Any:
        state, found, shared = self.store.run(LOOK, ALICE, room)
        pairs = {key: self.plain(value.encode()) for key, value in written(found).items()}
        return state != 0, pairs, sorted(zip(shared[::2], shared[1::2], strict=True))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_theModelDoesWhatRedisDoes(redis: Redis, steps: list[tuple[Any, ...]]) -> None:
    real = RealStore(redis)
    try:
        players = _Player(ModelStore()), _Player(real)
        for step in steps:
            model, redisDid = (player.take(step) for player in players)
            assert model == redisDid, step
    finally:
        real.close()
