"""What may be asked for: the arguments of join and leave, the names of rooms and users."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.words import joined, room
from tests.signaling.world import World

_EVENTS = ["join-room", "leave-room"]

_GOOD_NAMES = [
    "a",
    " ",
    "0",
    "null",
    "undefined",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "<b>bold</b>",
    "\"'`\\",
    "../../etc/passwd",
    "a,b",
    "/socket.io",
    "\N{GRINNING FACE}\N{FAMILY}",
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{PERSONAL COMPUTER}",
    "\N{RIGHT-TO-LEFT OVERRIDE}abc",
    "\N{LINE SEPARATOR}",
    "\xa0",
    "e\N{COMBINING ACUTE ACCENT}",
    "x" * 256,
    "\N{GRINNING FACE}" * 256,
]

_BAD_NAMES = [
    "",
    "x" * 257,
    "\x00",
    "a\nb",
    "tab\t",
    "\r",
    "\x1b[2J",
    "\x1f",
    "\x7f",
    "\x80",
    "\x9f",
    0,
    7,
    1.5,
    True,
    False,
    None,
    [],
    ["a"],
    {},
    {"a": "b"},
]

_BAD_ARGUMENTS: list[tuple[Any, ...]] = [
    (),
    (None,),
    (7,),
    (True,),
    ([],),
    ([{"userId": "ann", "roomName": "kitchen"}],),
    ({},),
    ({"userId": "ann"},),
    ({"roomName": "kitchen"},),
    ({"userid": "ann", "roomname": "kitchen"},),
    ("ann", "kitchen"),
    ("",),
    ("kitchen",),
    ("{}",),
    ("[]",),
    ("7",),
    ("null",),
    ('{"userId":"ann","roomName":"kitchen"',),
    ("{'userId':'ann','roomName':'kitchen'}",),
    ('{"userId":"ann","roomName":"kitchen"} ...',),
    ('{"userId":"ann","roomName":"kitchen","n":NaN}',),
    ('{"userId":"ann","roomName":"kitchen","n":1e999}',),
    ('{"userId":"ann","roomName":"kitchen","deep":' + "[" * 64 + "]" * 64 + "}",),
    (json.dumps('{"userId":"ann","roomName":"kitchen"}'),),
]


@pytest.mark.parametrize("name", _GOOD_NAMES, ids=ascii)
@pytest.mark.parametrize("asText", [False, True], ids=["object", "text"])
def test_anyTextOf1To256CharactersWithoutControlCharactersIsAName(world: World, name: str, asText: bool) -> None:
    (ann,) = world.members(name, "ann")
    argument = room(name, name)
    newcomer = world.client()
    answer = newcomer.ask("join-room", json.dumps(argument) if asText else argument)
    assert (answer.value["roomName"], answer.value["userId"]) == (name, name)
    assert world.rosters() == {name: ["ann", name]}
    assert ann.take() == [joined(name, name)]
    newcomer.leave(name, name)
    assert world.rosters() == {name: ["ann"]}


def test_roomsWhoseNamesLookAlikeAreNotTheSame(world: World) -> None:
    names = ["kitchen", "Kitchen", "kitchen ", "kitche\N{COMBINING DIAERESIS}n", "kitchën", "__proto__"]
    for name in names:
        world.member(name, "ann")
    assert set(world.rosters()) == set(names)


@pytest.mark.parametrize("event", _EVENTS)
@pytest.mark.parametrize("asText", [False, True], ids=["object", "text"])
@pytest.mark.parametrize("key", ["userId", "roomName"])
@pytest.mark.parametrize("name", _BAD_NAMES, ids=ascii)
def test_anythingElseIsNot(world: World, event: str, asText: bool, key: str, name: Any) -> None:
    client = world.client()
    argument = {**room("ann", "kitchen"), key: name}
    answer = client.ask(event, json.dumps(argument) if asText else argument)
    assert answer.code == "bad-arguments"
    assert key in answer.value["error"]["message"]
    assert world.rosters() == {}


@pytest.mark.parametrize("event", _EVENTS)
@pytest.mark.parametrize("arguments", _BAD_ARGUMENTS, ids=repr)
def test_argumentsWithoutAUserAndARoomAreRefusedAndMakeNoRoom(
    world: World, event: str, arguments: tuple[Any, ...]
) -> None:
    client = world.client()
    assert client.ask(event, *arguments).code == "bad-arguments"
    assert world.rosters() == {}
    client.join("kitchen", "ann")


@pytest.mark.parametrize("event", _EVENTS)
@pytest.mark.parametrize("key", ["userId", "roomName"])
def test_bytesAreNoName(world: World, event: str, key: str) -> None:
    argument = {**room("ann", "kitchen"), key: {"_placeholder": True, "num": 0}}
    answer = world.client().askText(json.dumps([event, argument]), b"ann")
    assert answer.code == "bad-arguments"
    assert world.rosters() == {}


@pytest.mark.parametrize("event", _EVENTS)
def test_bytesAreNoArgument(world: World, event: str) -> None:
    data = json.dumps(room("ann", "kitchen")).encode()
    assert world.client().askText(f'["{event}",{{"_placeholder":true,"num":0}}]', data).code == "bad-arguments"


def test_aMemberWhoseNextJoinIsBadStaysWhereItIs(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    assert ann.ask("join-room", room("ann", "")).code == "bad-arguments"
    assert world.rosters() == {"kitchen": ["ann", "ben"]}
    assert ben.take() == []


def test_aLoneSurrogateInANameIsReplaced(world: World) -> None:
    answer = world.client().askText('["join-room",{"userId":"a\\ud800","roomName":"\\udc00"}]')
    assert (answer.value["userId"], answer.value["roomName"]) == ("a\ufffd", "\ufffd")


@pytest.mark.parametrize("event", _EVENTS)
@pytest.mark.parametrize("key", ["userId", "roomName"])
def test_theLengthOfNamesIsASetting(makeWorld: WorldFactory, event: str, key: str) -> None:
    world = makeWorld(SignalingOptions(nameCharacters=3))
    client = world.client()
    client.join("xyz", "abc")
    answer = client.ask(event, {**room("abc", "xyz"), key: "abcd"})
    assert answer.code == "bad-arguments"
    assert "3" in answer.value["error"]["message"]


def test_namesMayBeOfAnyLengthIfTheSettingSaysSo(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(nameCharacters=0, joinBytes=0))
    name = "x" * 100_000
    world.member(name, name)
    assert world.rosters() == {name: [name]}


def test_namesMustHaveACharacterAllTheSame(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(nameCharacters=0))
    answer = world.client().ask("join-room", room("", "kitchen"))
    assert answer.code == "bad-arguments"
    assert "0" not in answer.value["error"]["message"]
