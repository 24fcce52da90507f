"""The real chain of plugins behind the signalling, with one plugin of each kind."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.api import (
    Handshake,
    IAuthenticator,
    Identity,
    IMessageFilter,
    IPeer,
    IRoom,
    IRoomObserver,
    IRoomPolicy,
    Message,
    Refused,
)
from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.packet import Revision
from rtcsignal.policy.chain import ActivePlugin, Chain
from rtcsignal.policy.counts import Counters
from rtcsignal.policy.guard import Guard, Treatment
from tests.signaling.words import joined, left, room
from tests.signaling.world import Client, World


@implementer(IAuthenticator)
class Tokens:
    """Knows who holds which token; a user of that name, of whom no other can be spoken."""

    name = "tokens"

    async def authenticate(self, handshake: Handshake) -> Identity | None:
        token = handshake.auth.get("token")
        if token == "forged":
            raise Refused("bad-token", "The token is not valid.")
        return Identity(str(token), frozenset({"member"})) if token else None


@implementer(IRoomPolicy)
class AtMost:
    """Counts, and takes its time over it."""

    name = "at-most"

    def __init__(self, most: int) -> None:
        self.waiting: list[Deferred[None]] = []
        self._most = most

    async def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        size = room.size
        answer: Deferred[None] = Deferred()
        self.waiting.append(answer)
        await answer
        if size >= self._most:
            raise Refused("room-full", "Come back later.", {"most": self._most})

    def answer(self) -> None:
        """The oldest question is answered."""
        self.waiting.pop(0).callback(None)


@implementer(IRoomPolicy)
class Welcoming:
    """A coroutine that never has to wait."""

    name = "welcoming"

    async def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        """Everybody may."""


@implementer(IMessageFilter)
class Censor:
    """Refuses, drops, changes, takes its time, or breaks, as the message says."""

    name = "censor"

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Any:
        do = message.body.get("do")
        if do == "refuse":
            raise Refused("censored", "Not that.")
        if do == "break":
            raise ZeroDivisionError("the plugin's own secret")
        if do == "nonsense":
            return "yes"
        if do == "unsendable":
            return message.replace(body=object())
        if do == "slow":
            return self._slow(message)
        return {"drop": None, "change": message.replace(body={"by": peer.userId})}.get(do, message)

    async def _slow(self, message: Message) -> Message:
        answer: Deferred[None] = Deferred()
        self.waiting.append(answer)
        await answer
        return message


@implementer(IRoomObserver)
class Diary:
    """Writes down who comes and goes, and breaks over it."""

    name = "diary"

    def __init__(self) -> None:
        self.lines: list[tuple[str, ...]] = []

    def joined(self, peer: IPeer, room: IRoom) -> None:
        self.lines.append(("joined", peer.userId, room.name))
        raise ZeroDivisionError

    async def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        self.lines.append(("left", peer.userId, room.name, reason))
        raise ZeroDivisionError


def use(world: World, *plugins: Any) -> None:
    """Put plugins to work in a server."""
    deadlines = Deadlines(world.clock)
    guards = [Guard(plugin.name, Treatment(), Counters(), deadlines) for plugin in plugins]
    world.hub.gates = Chain(map(ActivePlugin, plugins, guards))


class TestAuthenticator:
    @pytest.fixture(autouse=True)
    def tokens(self, world: World) -> None:
        use(world, Tokens())

    @staticmethod
    def _connect(world: World, revision: Revision, token: str) -> Client:
        """A client of ``/socket.io`` with a token; in protocol 4, ``/`` is refused to who has none there."""
        if revision == 3:
            return world.link(3).client(f"/socket.io?token={token}")
        return world.link(4).client("/socket.io", f'{{"token":"{token}"}}' if token else "")

    def test_whoHoldsATokenIsBoundToItsName(self, world: World, revision: Revision) -> None:
        client = self._connect(world, revision, "ann")
        assert [heard[0] for heard in client.take()] == ["<connect>"]
        assert client.ask("join-room", room("ben", "kitchen")).code == "not-your-user-id"
        client.join("kitchen", "ann")

    @pytest.mark.parametrize(("token", "code"), [("forged", "bad-token"), ("", "unauthorized")])
    def test_whoDoesNotIsToldWhy(self, world: World, revision: Revision, token: str, code: str) -> None:
        ((event, error),) = self._connect(world, revision, token).take()
        assert event == "<error>"
        assert error["message"]
        assert (error["data"]["code"] if revision == 4 else error["code"]) == code


class TestPolicy:
    def test_aCountIsNeverOvertaken(self, world: World) -> None:
        policy = AtMost(3)
        use(world, policy)
        answers = [world.client().ask("join-room", room(f"user {n}", "kitchen")) for n in range(10)]
        for _ in range(10):
            assert len(policy.waiting) == 1
            policy.answer()
        assert [answer.value["ok"] for answer in answers] == [True] * 3 + [False] * 7
        assert answers[9].value["error"] == {"code": "room-full", "message": "Come back later.", "most": 3}
        assert world.rosters() == {"kitchen": ["user 0", "user 1", "user 2"]}

    def test_severalPoliciesInARowAreOneAdmission(self, world: World) -> None:
        first, second = AtMost(3), AtMost(1)
        use(world, first, second)
        answers = [world.client().ask("join-room", room(f"user {n}", "kitchen")) for n in range(3)]
        for _ in answers:
            assert (len(first.waiting), len(second.waiting)) == (1, 0)
            first.answer()
            assert (len(first.waiting), len(second.waiting)) == (0, 1)
            second.answer()
        assert [answer.value["ok"] for answer in answers] == [True, False, False]

    def test_soAreACoroutineThatNeedsNoTimeAndASlowOne(self, world: World) -> None:
        slow = AtMost(3)
        use(world, Welcoming(), slow)
        answers = [world.client().ask("join-room", room(f"user {n}", "kitchen")) for n in range(10)]
        for _ in answers:
            assert len(slow.waiting) == 1
            slow.answer()
        assert [answer.value["ok"] for answer in answers] == [True] * 3 + [False] * 7

    def test_onesThatNeverAnswerRefuseInTheEndOneAfterTheOther(self, world: World) -> None:
        use(world, AtMost(3))
        answers = [world.client().ask("join-room", room(f"user {n}", "kitchen")) for n in range(2)]
        world.clock.pump([0.5] * 5)
        assert (answers[0].code, answers[1].given) == ("timeout", False)
        world.clock.pump([0.5] * 5)
        assert answers[1].code == "timeout"
        assert world.rosters() == {}

    def test_whoGoesMeanwhileIsNotAdmitted(self, world: World) -> None:
        policy = AtMost(3)
        use(world, policy)
        ann, ben = world.client(), world.client()
        ann.emit("join-room", room("ann", "kitchen"))
        ben.emit("join-room", room("ben", "kitchen"))
        ann.lose()
        while policy.waiting:
            policy.answer()
        assert world.rosters() == {"kitchen": ["ben"]}


class TestFilter:
    @pytest.fixture
    def censor(self, world: World) -> Censor:
        censor = Censor()
        use(world, censor)
        return censor

    @pytest.fixture
    def people(self, world: World, censor: Censor) -> list[Client]:
        return world.members("kitchen", "ann", "ben")

    def test_messagesPassAsTheyAre(self, people: list[Client]) -> None:
        ann, ben = people
        ann.transmit('["broadcast",{"z":1.0,"a":2}]')
        assert ben.takeTexts() == ['["broadcast",{"z":1.0,"a":2}]']

    def test_theyMayBeChanged(self, people: list[Client]) -> None:
        ann, ben = people
        assert ann.ask("broadcast", {"do": "change"}).value["delivered"] == 2
        assert ben.take() == [("broadcast", {"by": "ann"})]

    def test_theyMayBeDropped(self, people: list[Client]) -> None:
        ann, ben = people
        assert ann.ask("broadcast", {"do": "drop"}).value["delivered"] == 0
        assert ben.take() == []

    @pytest.mark.parametrize(
        ("do", "code"),
        [("refuse", "censored"), ("break", "internal"), ("nonsense", "internal"), ("unsendable", "internal")],
    )
    def test_theyMayBeRefusedAndABrokenPluginRefuses(self, people: list[Client], do: str, code: str) -> None:
        ann, ben = people
        answer = ann.ask("broadcast", {"do": do})
        assert answer.code == code
        assert "secret" not in str(answer.value)
        assert ben.take() == []
        assert ann.ask("broadcast", {}).ok

    def test_aSlowOneKeepsTheOrderOfItsSenderAndHoldsUpNobodyElse(self, people: list[Client], censor: Censor) -> None:
        ann, ben = people
        ann.emit("broadcast", {"do": "slow"})
        ann.emit("broadcast", {"n": 1})
        ben.emit("broadcast", {"n": 2})
        assert ann.take() == [("broadcast", {"n": 2})]
        censor.waiting.pop().callback(None)
        assert ann.take() == [("broadcast", {"do": "slow"}), ("broadcast", {"n": 1})]

    def test_oneThatNeverAnswersRefusesAndWhatWaitsGoesOn(self, world: World, people: list[Client]) -> None:
        ann, ben = people
        first, second = ann.ask("broadcast", {"do": "slow"}), ann.ask("broadcast", {"n": 1})
        world.clock.pump([0.5] * 5)
        assert (first.code, second.value["delivered"]) == ("timeout", 2)
        assert ben.take() == [("broadcast", {"n": 1})]


def test_anObserverThatBreaksHasSeenEverythingOnceAndChangesNothing(world: World) -> None:
    diary = Diary()
    use(world, diary)
    ann = world.member("kitchen", "ann")
    ann.take()
    ben = world.member("kitchen", "ben")
    ben.join("kitchen", "ben")
    ben.lose()
    assert ann.take() == [joined("ben", "kitchen"), left("ben", "kitchen", "disconnect")]
    assert diary.lines == [
        ("joined", "ann", "kitchen"),
        ("joined", "ben", "kitchen"),
        ("left", "ben", "kitchen", "disconnect"),
    ]


def test_onePluginOfEachKindTogether(world: World) -> None:
    policy, diary = AtMost(2), Diary()
    use(world, Tokens(), policy, Censor(), diary)
    ann, ben, cas = (world.link().client("/socket.io", f'{{"token":"{name}"}}') for name in ("ann", "ben", "cas"))
    answers = [
        client.ask("join-room", room(userId, "kitchen"))
        for client, userId in ((ann, "ann"), (ben, "ben"), (cas, "cas"))
    ]
    while policy.waiting:
        policy.answer()
    assert [answer.value["ok"] for answer in answers] == [True, True, False]
    ann.take(), ben.take()
    assert ann.ask("broadcast", {"do": "change", "targetUserId": "ben"}).value["delivered"] == 1
    assert ben.take() == [("broadcast", {"by": "ann"})]
    ann.lose()
    assert ben.take() == [left("ann", "kitchen", "disconnect")]
    assert [line[:2] for line in diary.lines] == [("joined", "ann"), ("joined", "ben"), ("left", "ann")]
