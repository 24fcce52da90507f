"""Messages that would take long to build: relayed without it, and with the same rules as all others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.events import PLAIN, membersOf, readEnvelope
from rtcsignal.socketio.jsontext import Unread
from rtcsignal.values import Message
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.world import World

DENSE = "[" + "[]," * 1000 + "0]"


def test_theyAreRelayedAsTheyCame(world: World) -> None:
    ann, ben, cas = world.members("kitchen", "ann", "ben", "cas")
    bodies = (DENSE, f'{{"b":{DENSE},"a":1.0,"userId":"ann"}}', "1e300")
    for text in [f'["broadcast",{body}]' for body in bodies]:
        ann.transmit(text)
        assert ann.takeTexts() == ben.takeTexts() == cas.takeTexts() == [text]


def test_theyGoToTheirTargetOnly(world: World) -> None:
    ann, ben, cas = world.members("kitchen", "ann", "ben", "cas")
    text = f'["broadcast",{{"a":{DENSE},"target\\u0055serId":"ben"}}]'
    ann.transmit(text)
    assert ben.takeTexts() == [text]
    assert ann.takeTexts() == cas.takeTexts() == []


def test_furtherArgumentsAreLeftOut(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.transmit(f'["broadcast",{{"a":{DENSE}}},2,3]')
    assert ben.takeTexts() == [f'["broadcast",{{"a":{DENSE}}}]']


@pytest.mark.parametrize("members", ['"userId":"eve"', '"userId":[1]', '"targetUserId":{}', '"roomName":1e300'])
def test_theyAreRefusedForTheSameReasons(world: World, members: str) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.transmit(f'["broadcast",{{"a":{DENSE},"roomName":"kitchen",{members}}}]')
    ((_, refusal),) = ann.take()
    assert refusal["code"] in ("not-your-user-id", "bad-arguments")
    assert ben.takeTexts() == []


def test_aRefusalNamesTheRoom(world: World) -> None:
    (ann,) = world.members("kitchen", "ann")
    for room, named in (('"cellar"', "cellar"), ("7", None)):
        ann.transmit(f'["broadcast",{{"a":{DENSE},"roomName":{room}}}]')
        ((_, refusal),) = ann.take()
        assert refusal["roomName"] == named


def test_filtersGetThemBuilt(makeWorld: WorldFactory) -> None:
    seen = []

    def look(peer: IPeer, room: IRoom, message: Message) -> Message:
        seen.append(message.body)
        return message

    world = makeWorld(gates=Plugins(filterMessage=look))
    ann, ben = world.members("kitchen", "ann", "ben")
    text = f'["broadcast",{{"a":{DENSE}}}]'
    ann.transmit(text)
    assert ben.takeTexts() == [text]
    assert [dict(body) for body in seen] == [{"a": json.loads(DENSE)}]


def test_theEventsOfPluginsAreSmaller(makeWorld: WorldFactory) -> None:
    def take(peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"got": body["a"]}

    (ann,) = makeWorld(gates=Plugins(handleEvent=take, events=("knock",))).members("kitchen", "ann")
    ann.transmit(f'["knock",{{"a":{DENSE}}}]')
    ((_, refusal),) = ann.take()
    assert refusal["code"] == "bad-arguments"
    assert ann.ask("knock", {"a": 1e300}).value == {"ok": True, "got": 1e300}


def test_soAreTheArgumentsOfAJoin(world: World) -> None:
    (ann,) = world.members("kitchen", "ann")
    ann.transmit(f'["join-room",{{"userId":"ann","roomName":"cellar","a":{DENSE}}}]')
    ((_, refusal),) = ann.take()
    assert (refusal["code"], refusal["roomName"]) == ("bad-arguments", "cellar")


names = st.sampled_from(["userId", "msgType", "targetUserId", "roomName", "x"])
numbers = st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False)
values = st.none() | st.booleans() | numbers | st.text(max_size=3)


@given(st.dictionaries(names, values | st.lists(values) | st.dictionaries(names, values)), st.booleans())
def test_theirEnvelopeIsThatOfTheSameMessageBuilt(body: dict[str, Any], routed: bool) -> None:
    found: list[Any] = []
    for form in (body, Unread(json.dumps(body, indent=1), True)):
        try:
            found.append(readEnvelope(form, routed))
        except Refused as refused:
            found.append(refused.message)
    assert found[0] == found[1]


@pytest.mark.parametrize("text", ["[]", '["userId"]', '"userId"', "1e300", "{}"])
def test_othersHaveNoEnvelope(text: str) -> None:
    assert membersOf(Unread(text, True)) == {}
    assert readEnvelope(Unread(text, True)) == PLAIN
