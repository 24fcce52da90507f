"""Message filters: what a room gets of what was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Message
from tests.signaling.conftest import Log, WorldFactory
from tests.signaling.plugins import FilterMessage, Plugins
from tests.signaling.words import left, room
from tests.signaling.world import Client, World

Judge = Callable[[Message], Message | None]


def _at(late: bool, judge: Judge) -> FilterMessage:
    """A filter that judges by the message alone, plainly or with a Deferred."""

    def plain(peer: IPeer, room: IRoom, message: Message) -> Message | None:
        return judge(message)

    def deferred(peer: IPeer, room: IRoom, message: Message) -> Deferred[Message | None]:
        return Deferred.fromCoroutine(_awaiting(judge, message))

    return deferred if late else plain


async def _awaiting(judge: Judge, message: Message) -> Message | None:
    await succeed(None)
    return judge(message)


def _no(message: Message) -> None:
    raise Refused("too-loud", "Not so loud.")


@pytest.fixture(params=[False, True], ids=["plain", "async"])
def late(request: pytest.FixtureRequest) -> bool:
    """Whether the filter is an asynchronous one."""
    late: bool = request.param
    return late


Filtered = Callable[[Judge], World]


@pytest.fixture
def filtered(makeWorld: WorldFactory, late: bool) -> Filtered:
    """``filtered(judge)``: a server with that filter."""
    return lambda judge: makeWorld(gates=Plugins(filterMessage=_at(late, judge)))


class TestVerdicts:
    """What a filter may say."""

    def test_aMessageLetThroughIsRelayedByteForByte(self, filtered: Filtered) -> None:
        ann, ben = filtered(lambda message: message).members("kitchen", "ann", "ben")
        text = '[ "broadcast",{"z":1.0,"a":18446744073709551616}]'
        assert ann.askText(text).value["delivered"] == 2
        assert ann.takeTexts()[0] == text
        assert ben.takeTexts() == [text]

    def test_aMessageMayBeDroppedWithoutAWord(self, filtered: Filtered) -> None:
        ann, ben = filtered(lambda message: None).members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {"msgType": 1}).value == {"ok": True, "delivered": 0}
        ann.emit("broadcast", {"msgType": 1})
        assert [heard[0] for heard in ann.take()] == ["<ack>"]
        assert ben.take() == []

    def test_aMessageMayBeRefused(self, filtered: Filtered) -> None:
        ann, ben = filtered(_no).members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {"msgType": 1}).code == "too-loud"
        assert ben.take() == []

    def test_aRefusalReachesWhoAskedForNoAcknowledgement(self, filtered: Filtered) -> None:
        ann, _ = filtered(_no).members("kitchen", "ann", "ben")
        ann.emit("broadcast", {"msgType": 1, "roomName": "kitchen"})
        refusal = {"event": "broadcast", "roomName": "kitchen", "code": "too-loud", "message": "Not so loud."}
        assert ann.take() == [("refused", refusal)]

    def test_itsBodyMayBeChanged(self, filtered: Filtered) -> None:
        def judge(message: Message) -> Message:
            return message.replace(body={**message.body, "stamp": 7})

        ann, ben = filtered(judge).members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {"msgType": 1}).value["delivered"] == 2
        assert ann.take()[0] == ("broadcast", {"msgType": 1, "stamp": 7})
        assert ben.take() == [("broadcast", {"msgType": 1, "stamp": 7})]

    @pytest.mark.parametrize(
        "body", ["text", 7, None, True, [1, {"a": b"bytes"}], b"bytes", {"b": b""}, {}, {"n": 2**70}], ids=repr
    )
    def test_itMayBecomeAnything(self, filtered: Filtered, body: Any) -> None:
        ann, ben = filtered(lambda message: message.replace(body=body)).members("kitchen", "ann", "ben")
        ann.emit("broadcast", {"msgType": 1})
        assert ben.take() == [("broadcast", body)]

    def test_aBodyPutInPlaceOfAnEqualOneIsAChange(self, filtered: Filtered) -> None:
        ann, ben = filtered(lambda message: message.replace(body=dict(message.body))).members("k", "ann", "ben")
        ann.transmit('["broadcast", { "a" : 1 } ]')
        assert ben.takeTexts() == ['["broadcast",{"a":1}]']

    def test_aViewOfAnotherBodyMayBeGiven(self, filtered: Filtered) -> None:
        kept: list[Message] = []

        def judge(message: Message) -> Message:
            kept.append(message)
            return message.replace(body=kept[0].body)

        ann, ben = filtered(judge).members("kitchen", "ann", "ben")
        ann.emit("broadcast", {"n": 1})
        ann.emit("broadcast", {"n": 2})
        assert ben.take() == [("broadcast", {"n": 1}), ("broadcast", {"n": 1})]

    def test_itMayBeGivenATarget(self, filtered: Filtered) -> None:
        ann, ben, cas = filtered(lambda message: message.replace(targetUserId="cas")).members(
            "kitchen", "ann", "ben", "cas"
        )
        assert ann.ask("broadcast", {"msgType": 1}).value["delivered"] == 1
        assert [heard[0] for heard in ann.take()] == ["<ack>"]
        assert ben.take() == []
        assert cas.take() == [("broadcast", {"msgType": 1})]

    def test_itMayLoseItsTarget(self, filtered: Filtered) -> None:
        ann, ben, cas = filtered(lambda message: message.replace(targetUserId=None)).members(
            "kitchen", "ann", "ben", "cas"
        )
        message = {"msgType": 1, "targetUserId": "cas"}
        assert ann.ask("broadcast", message).value["delivered"] == 3
        assert ben.take() == cas.take() == [("broadcast", message)]

    def test_itMayBeSentBackToItsSendersOtherConnectionsOnly(self, filtered: Filtered) -> None:
        phone, laptop, ben = filtered(lambda message: message.replace(targetUserId="ann")).members(
            "kitchen", "ann", "ann", "ben"
        )
        assert phone.ask("broadcast", {"msgType": 1}).value["delivered"] == 1
        assert [len(phone.take()), len(laptop.take()), len(ben.take())] == [1, 1, 0]

    def test_bytesAreLetThrough(self, filtered: Filtered) -> None:
        ann, ben = filtered(lambda message: message).members("kitchen", "ann", "ben")
        ann.transmit('["broadcast",{"z":1.0,"b":{"_placeholder":true,"num":0}}]', b"data")
        assert ben.take() == [("broadcast", {"z": 1.0, "b": b"data"})]

    def test_furtherArgumentsAreNotRelayed(self, filtered: Filtered) -> None:
        ann, ben = filtered(lambda message: message).members("kitchen", "ann", "ben")
        ann.transmit('["broadcast",{"n":1.0},"secret"]')
        assert ben.takeTexts() == ['["broadcast",{"n":1.0}]']


@pytest.mark.parametrize("echo", [True, False])
def test_theEchoIsUpToTheSetting(makeWorld: WorldFactory, late: bool, echo: bool) -> None:
    plugins = Plugins(filterMessage=_at(late, lambda message: message))
    ann, ben = makeWorld(SignalingOptions(echo=echo), plugins).members("kitchen", "ann", "ben")
    assert ann.ask("broadcast", {"msgType": 1}).value["delivered"] == 1 + echo
    assert [len(ann.take()), len(ben.take())] == [1 + echo, 1]


class TestWhatItIsGiven:
    @pytest.fixture
    def seen(self) -> list[Message]:
        return []

    @pytest.fixture
    def world(self, makeWorld: WorldFactory, seen: list[Message]) -> World:
        def look(message: Message) -> Message:
            seen.append(message)
            return message

        return makeWorld(gates=Plugins(filterMessage=_at(False, look)))

    @pytest.mark.parametrize(
        ("kind", "msgType"),
        [
            ("offer", 1),
            ("answer", 2),
            ("candidate", 3),
            ("hangup", 4),
            ("other", 0),
            ("other", 5),
            ("other", -1),
            ("offer", 1.0),
            ("offer", "1"),
            ("other", 1.5),
            ("other", "one"),
            ("other", ""),
            ("other", True),
            ("other", None),
            ("other", [1]),
            ("other", {"1": 1}),
        ],
    )
    def test_theKind(self, world: World, seen: list[Message], kind: str, msgType: Any) -> None:
        world.member("kitchen", "ann").emit("broadcast", {"msgType": msgType})
        assert seen[0].kind == kind

    def test_aMessageWithoutATypeIsAnother(self, world: World, seen: list[Message]) -> None:
        world.member("kitchen", "ann").emit("broadcast", {"sdp": "v=0"})
        assert seen[0].kind == "other"

    @pytest.mark.parametrize("body", ["text", 7, None, [1, 2]], ids=repr)
    def test_aValueThatIsNoObjectIsAnotherForEverybody(self, world: World, seen: list[Message], body: Any) -> None:
        world.member("kitchen", "ann").emit("broadcast", body)
        assert (seen[0].kind, seen[0].userId, seen[0].targetUserId, seen[0].body) == ("other", "ann", None, body)

    def test_bytesInTheirPlaces(self, world: World, seen: list[Message]) -> None:
        text = '["broadcast",{"b":{"_placeholder":true,"num":0}}]'
        world.member("kitchen", "ann").transmit(text, b"12345")
        assert seen[0].body == {"b": b"12345"}
        assert seen[0].size == len(text) + 5

    def test_theSenderAsBoundAtItsJoin(self, world: World, seen: list[Message]) -> None:
        ann = world.member("kitchen", "ann")
        ann.join("garden", "anna")
        ann.emit("broadcast", {"msgType": 1})
        assert [message.userId for message in seen] == ["ann", "anna"]

    def test_theTargetIfThereIsOne(self, world: World, seen: list[Message]) -> None:
        ann = world.member("kitchen", "ann")
        ann.emit("broadcast", {"targetUserId": "ben"})
        ann.emit("broadcast", {})
        assert [message.targetUserId for message in seen] == ["ben", None]

    def test_theSizeInBytesOfWhatWasSent(self, world: World, seen: list[Message]) -> None:
        text = '["broadcast",{"s":"\N{GRINNING FACE}"}]'
        world.member("kitchen", "ann").transmit(text)
        assert seen[0].size == len(text.encode())

    def test_aBodyThatCannotBeWrittenTo(self, world: World, seen: list[Message]) -> None:
        world.member("kitchen", "ann").emit("broadcast", {"msgType": 1})
        with pytest.raises(TypeError):
            seen[0].body["msgType"] = 2
        with pytest.raises(AttributeError):
            seen[0].body = {}  # type: ignore[misc]  # that is what cannot be done

    def test_whoSpeaksAndWhere(self, makeWorld: WorldFactory) -> None:
        asked: list[tuple[str, str, int]] = []

        def look(peer: IPeer, room: IRoom, message: Message) -> Message:
            asked.append((peer.userId, room.name, room.size))
            return message

        world = makeWorld(gates=Plugins(filterMessage=look))
        ann, _ = world.members("kitchen", "ann", "ben")
        ann.join("garden", "anna")
        ann.emit("broadcast", {"msgType": 1})
        ann.emit("broadcast", {"roomName": "garden"})
        assert asked == [("ann", "kitchen", 2), ("anna", "garden", 1), ("anna", "garden", 1)]

    def test_itIsNotAskedAboutWhatTheRulesRefuse(self, world: World, seen: list[Message]) -> None:
        ann = world.member("kitchen", "ann")
        ann.emit("broadcast")
        ann.emit("broadcast", {"userId": "ben"})
        ann.emit("broadcast", {"roomName": "garden"})
        ann.emit("broadcast", {"targetUserId": 7})
        world.client().emit("broadcast", {})
        assert seen == []


class TestSeveralRooms:
    """Once for each room of the sender."""

    @staticmethod
    def _world(makeWorld: WorldFactory, late: bool, judge: Callable[[str, Message], Message | None]) -> World:
        async def slow(roomName: str, message: Message) -> Message | None:
            await succeed(None)
            return judge(roomName, message)

        def filterMessage(peer: IPeer, room: IRoom, message: Message) -> Any:
            return Deferred.fromCoroutine(slow(room.name, message)) if late else judge(room.name, message)

        return makeWorld(gates=Plugins(filterMessage=filterMessage))

    @staticmethod
    def _members(world: World) -> list[Client]:
        """Ann in both rooms; ben in the kitchen, cas in the garden, dan in both."""
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "ann")
        cas, dan = world.members("garden", "cas", "dan")
        dan.join("kitchen", "dan")
        clients = [ann, ben, cas, dan]
        for client in clients:
            client.take()
        return clients

    def test_eachRoomGetsWhatIsMadeForIt(self, makeWorld: WorldFactory, late: bool) -> None:
        world = self._world(makeWorld, late, lambda roomName, message: message.replace(body=roomName))
        ann, ben, cas, _ = self._members(world)
        assert ann.ask("broadcast", {}).value["delivered"] == 4
        assert ben.take() == [("broadcast", "kitchen")]
        assert cas.take() == [("broadcast", "garden")]

    def test_whoSharesTwoRoomsGetsTheFirstRoomsVersionOnce(self, makeWorld: WorldFactory, late: bool) -> None:
        world = self._world(makeWorld, late, lambda roomName, message: message.replace(body=roomName))
        ann, _, _, dan = self._members(world)
        ann.emit("broadcast", {})
        assert ann.take() == dan.take() == [("broadcast", "kitchen")]

    @pytest.mark.parametrize("dropped", ["kitchen", "garden"])
    def test_aRoomMayGetNothingWhileAnotherDoes(self, makeWorld: WorldFactory, late: bool, dropped: str) -> None:
        world = self._world(makeWorld, late, lambda name, message: None if name == dropped else message)
        ann, ben, cas, dan = self._members(world)
        assert ann.ask("broadcast", {}).value["delivered"] == 3
        assert (ben.take() == []) is (dropped == "kitchen")
        assert (cas.take() == []) is (dropped == "garden")
        assert [heard[0] for heard in dan.take()] == ["broadcast"]

    @pytest.mark.parametrize("refused", ["kitchen", "garden"])
    def test_aRefusalForOneRoomMeansNobodyGetsIt(self, makeWorld: WorldFactory, late: bool, refused: str) -> None:
        def judge(roomName: str, message: Message) -> Message:
            if roomName == refused:
                raise Refused("too-loud")
            return message

        ann, ben, cas, dan = self._members(self._world(makeWorld, late, judge))
        assert ann.ask("broadcast", {}).code == "too-loud"
        assert ben.take() == cas.take() == dan.take() == []

    @pytest.mark.parametrize("slowRoom", ["kitchen", "garden"])
    def test_plainAndSlowAnswersMayBeMixed(self, makeWorld: WorldFactory, slowRoom: str) -> None:
        def filterMessage(peer: IPeer, room: IRoom, message: Message) -> Any:
            return succeed(message) if room.name == slowRoom else message

        ann, ben, cas, dan = self._members(makeWorld(gates=Plugins(filterMessage=filterMessage)))
        assert ann.ask("broadcast", {"n": 1}).value["delivered"] == 4
        assert ben.take() == cas.take() == dan.take() == [("broadcast", {"n": 1})]


class TestWhatAFilterMayDo:
    """Besides its verdict: put people out, while it judges."""

    def test_whoIsPutOutByTheFilterIsNotHeard(self, makeWorld: WorldFactory) -> None:
        def ban(peer: IPeer, room: IRoom, message: Message) -> Message:
            peer.disconnect("banned")
            return message

        ann, ben = makeWorld(gates=Plugins(filterMessage=ban)).members("kitchen", "ann", "ben")
        ann.ask("broadcast", {"msgType": 1})
        assert ben.take() == [left("ann", "kitchen", "banned")]

    def test_whoElseIsPutOutDoesNotHearIt(self, makeWorld: WorldFactory) -> None:
        def clear(peer: IPeer, room: IRoom, message: Message) -> Message:
            for other in room.peers():
                if other.userId == "ben":
                    other.disconnect("banned")
            return message

        ann, ben = makeWorld(gates=Plugins(filterMessage=clear)).members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {"msgType": 1}).value["delivered"] == 1
        assert ("broadcast", {"msgType": 1}) not in ben.take()

    def test_itMayAnswerTheSenderItself(self, makeWorld: WorldFactory) -> None:
        def whisper(peer: IPeer, room: IRoom, message: Message) -> None:
            peer.emit("hint", {"for": peer.userId}, b"data")

        ann, ben = makeWorld(gates=Plugins(filterMessage=whisper)).members("kitchen", "ann", "ben")
        ann.emit("broadcast", {})
        assert ann.take() == [("hint", {"for": "ann"}, b"data")]
        assert ben.take() == []


@pytest.mark.parametrize("broken", ["raises", "fails"])
def test_gatesThatBreakCostTheConnectionAndALogLine(makeWorld: WorldFactory, log: Log, broken: str) -> None:
    def filterMessage(peer: IPeer, room: IRoom, message: Message) -> Any:
        if broken == "raises":
            raise ZeroDivisionError
        return fail(ZeroDivisionError())

    ann, ben = makeWorld(gates=Plugins(filterMessage=filterMessage)).members("kitchen", "ann", "ben")
    answer = ann.ask("broadcast", {})
    assert not answer.given
    assert ben.take() == [left("ann", "kitchen", "disconnect")]
    assert len(log.takeFailures()) == 1
    ben.leave("kitchen", "ben")
    assert ben.ask("leave-room", room("ben", "kitchen")).code == "not-in-room"
