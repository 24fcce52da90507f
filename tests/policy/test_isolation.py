"""A plugin that is slow for one peer: neither the others nor other rooms notice, and that peer's order is kept."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater
from zope.interface import implementer

from rtcsignal.api import IMessageFilter, IRoomPolicy, Message, Refused
from rtcsignal.testing import InMemoryServer


@implementer(IRoomPolicy, IMessageFilter)
class SlowFor:
    """Thinks for a second about everything that some users want."""

    name = "slow-for"

    def __init__(self, *users: str) -> None:
        self._users = users

    def start(self, services: Any) -> None:
        self._clock = services.clock

    async def mayJoin(self, peer: Any, room: Any) -> None:
        await self._think(peer)

    async def filterMessage(self, peer: Any, room: Any, message: Message) -> Message:
        await self._think(peer)
        if message.body == "refuse me":
            raise Refused("not-this")
        return message

    async def _think(self, peer: Any) -> None:
        if peer.userId in self._users:
            await deferLater(self._clock, 1)


def heard(client: Any) -> list[Any]:
    return [event[1] for event in client.take("broadcast")]


def test_messagesOfOthersAreNotDelayed() -> None:
    with InMemoryServer(SlowFor("slow")) as server:
        slow, quick = server.connect(), server.connect()
        slow.join("kitchen", "slow")
        server.advance(1.1)
        quick.join("kitchen", "quick")
        slow.emit("broadcast", "slow")
        quick.emit("broadcast", "quick")
        assert heard(slow) == heard(quick) == ["quick"]
        server.advance(1.1)
        assert heard(slow) == heard(quick) == ["slow"]


def test_joinsOfOtherRoomsAreNotDelayed() -> None:
    with InMemoryServer(SlowFor("slow")) as server:
        waiting = server.connect().join("kitchen", "slow")
        assert server.connect().join("cellar", "quick").ok
        assert not waiting.given


def test_theOrderOfOnePeersRequestsIsKept() -> None:
    with InMemoryServer(SlowFor("slow")) as server:
        slow, quick = server.connect(), server.connect()
        quick.join("kitchen", "quick")
        joining = slow.join("kitchen", "slow")
        answers = [slow.broadcast(body) for body in ("first", "refuse me", "third")]
        leaving = slow.leave("kitchen", "slow")
        server.advance(4.5)
        assert heard(quick) == ["first", "third"]
        assert [joining.ok, *(answer.code for answer in answers), leaving.ok] == [True, None, "not-this", None, True]


def test_joinsOfOneRoomAreJudgedOneAfterTheOther() -> None:
    """So that a policy which counts is never overtaken."""

    @implementer(IRoomPolicy)
    class Pair(SlowFor):
        name = "pair"

        async def mayJoin(self, peer: Any, room: Any) -> None:
            size = room.size
            await self._think(peer)
            if size >= 2:
                raise Refused("full")

    users = ["a", "b", "c", "d"]
    with InMemoryServer(Pair(*users)) as server:
        answers = [server.connect().join("kitchen", user) for user in users]
        server.advance(4.5)
        assert [answer.code for answer in answers] == [None, None, "full", "full"]


def test_whoGoesWhileAPolicyThinksIsNotLetIn() -> None:
    with InMemoryServer(SlowFor("slow")) as server:
        slow = server.connect()
        slow.join("kitchen", "slow")
        slow.lose()
        server.advance(1.1)
        assert server.members("kitchen") == []
