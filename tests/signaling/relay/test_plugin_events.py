"""Events of the plugins' own: members send them, plugins take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import succeed

from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Desk, Plugins, Seen
from tests.signaling.words import room
from tests.signaling.world import World


@pytest.fixture
def taken() -> list[Seen]:
    """What the plugin has been given."""
    return []


@pytest.fixture
def world(makeWorld: WorldFactory, taken: list[Seen]) -> World:
    """A server whose plugin takes ``knock`` and ``lock``, and answers with the number of people there."""

    def handleEvent(peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        taken.append((peer.userId, room.name, event, dict(body)))
        return {"size": room.size}

    return makeWorld(gates=Plugins(handleEvent=handleEvent, events=("knock", "lock")))


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_aMemberSendsAnEventAndIsAnswered(world: World, taken: list[Seen], namespace: str, revision: Revision) -> None:
    ann = world.member("kitchen", "ann", namespace, revision)
    assert ann.ask("knock", {"n": 1, "roomName": "kitchen"}).value == {"ok": True, "size": 1}
    assert taken == [("ann", "kitchen", "knock", {"n": 1, "roomName": "kitchen"})]


def test_whoAskedForNoAcknowledgementGetsNone(world: World, taken: list[Seen]) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.emit("lock")
    assert taken == [("ann", "kitchen", "lock", {})]
    assert ann.take() == ben.take() == []


def test_onlyItsOwnEventsAreThePlugins(world: World, taken: list[Seen]) -> None:
    ann = world.member("kitchen", "ann")
    for name in ("Knock", "unlock", ""):
        assert not ann.ask(name, {}).given
    ann.leave("kitchen", "ann")
    assert taken == []


def test_whoIsInSeveralRoomsMustSayWhichOneIsMeant(world: World, taken: list[Seen]) -> None:
    ann = world.member("kitchen", "ann")
    ann.join("garden", "anna")
    assert ann.ask("knock").code == "bad-arguments"
    assert ann.ask("knock", {"roomName": None}).code == "bad-arguments"
    assert ann.ask("knock", {"roomName": "garden"}).ok
    assert taken == [("anna", "garden", "knock", {"roomName": "garden"})]


@pytest.mark.parametrize("roomName", ["garden", "", 7, True, {}, ["kitchen"]], ids=repr)
def test_aRoomOnesNotInCannotBeMeant(world: World, taken: list[Seen], roomName: Any) -> None:
    ann = world.member("kitchen", "ann")
    world.member("garden", "ben")
    assert ann.ask("knock", {"roomName": roomName}).code in ("not-in-room", "bad-arguments")
    assert taken == []


def test_whoIsInNoRoomIsRefused(world: World, taken: list[Seen]) -> None:
    client = world.client()
    assert client.ask("knock", {}).code == "not-in-room"
    client.emit("knock", {"roomName": "kitchen"})
    ((event, refusal),) = client.take()[1:]
    assert (event, refusal["event"], refusal["roomName"]) == ("refused", "knock", "kitchen")
    assert taken == []


@pytest.mark.parametrize("body", [None, 7, "text", [], '{"roomName":"kitchen"}'], ids=repr)
def test_theArgumentIsAnObject(world: World, taken: list[Seen], body: Any) -> None:
    assert world.member("kitchen", "ann").ask("knock", body).code == "bad-arguments"
    assert taken == []


def test_bytesMayBeInIt(world: World, taken: list[Seen]) -> None:
    ann = world.member("kitchen", "ann")
    assert ann.askText('["knock",{"b":{"_placeholder":true,"num":0}}]', b"data").ok
    assert taken[0][3] == {"b": b"data"}


def test_theBodyCannotBeWrittenTo(makeWorld: WorldFactory) -> None:
    def handleEvent(peer: IPeer, room: IRoom, event: str, body: Any) -> None:
        with pytest.raises(TypeError):
            body["n"] = 2

    ann = makeWorld(gates=Plugins(handleEvent=handleEvent, events=["knock"])).member("kitchen", "ann")
    assert ann.ask("knock", {"n": 1}).value == {"ok": True}


@pytest.mark.parametrize("late", [False, True], ids=["plain", "Deferred"])
@pytest.mark.parametrize(
    ("answer", "value"),
    [(None, {}), ({}, {}), ({"a": [1, {"b": b"bytes"}]}, {"a": [1, {"b": b"bytes"}]}), ({"ok": False}, {})],
    ids=repr,
)
def test_whatThePluginAnswersIsAddedToTheAcknowledgement(
    makeWorld: WorldFactory, late: bool, answer: Any, value: dict[str, Any]
) -> None:
    def handleEvent(peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Any:
        return succeed(answer) if late else answer

    ann = makeWorld(gates=Plugins(handleEvent=handleEvent, events=["knock"])).member("kitchen", "ann")
    assert ann.ask("knock").value == {"ok": True, **value}


def test_aPluginMayRefuse(makeWorld: WorldFactory) -> None:
    def handleEvent(peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> None:
        raise Refused("nobody-home", "Come back later.")

    ann = makeWorld(gates=Plugins(handleEvent=handleEvent, events=["knock"])).member("kitchen", "ann")
    assert ann.ask("knock").code == "nobody-home"
    ann.emit("knock", {"roomName": "kitchen"})
    refusal = {"event": "knock", "roomName": "kitchen", "code": "nobody-home", "message": "Come back later."}
    assert ann.take()[-1] == ("refused", refusal)


class TestSlow:
    """A plugin that thinks: one peer's requests keep their order."""

    @pytest.fixture
    def desk(self) -> Desk:
        return Desk()

    @pytest.fixture
    def world(self, makeWorld: WorldFactory, desk: Desk) -> World:
        return makeWorld(gates=Plugins(handleEvent=desk.handleEvent, events=["knock"]))

    def test_whatIsSentBehindItWaits(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        first, second = ann.ask("knock"), ann.ask("broadcast", {"n": 1})
        assert ben.ask("broadcast", {"n": 2}).ok
        assert [first.given, second.given] == [False, False]
        desk.say({"by": "me"})
        assert first.value == {"ok": True, "by": "me"}
        assert [heard[1]["n"] for heard in ben.take() if heard[0] == "broadcast"] == [2, 1]
        assert second.ok

    def test_itMayRefuseInTheEnd(self, world: World, desk: Desk) -> None:
        ann = world.member("kitchen", "ann")
        answer = ann.ask("knock")
        desk.no("nobody-home")
        assert answer.code == "nobody-home"

    def test_whoHasGoneIsNotAnswered(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.ask("knock")
        ann.disconnect()
        desk.yes()
        assert ann.take() == []
        assert len(ben.take()) == 1

    def test_anEventThatWaitedUntilItsPluginWasNotInUseAnyMoreHurtsNobody(self, world: World, desk: Desk) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.emit("knock")
        ann.emit("knock")
        ann.emit("broadcast", {"n": 1})
        world.hub.gates = Plugins(handleEvent=_unknown)
        desk.yes()
        assert ben.take() == [("broadcast", {"n": 1})]
        assert ann.ask("leave-room", room("ann", "kitchen")).ok


def _unknown(peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> None:
    """As any gates may, when they are asked for an event that is not theirs."""
    raise KeyError(event)
