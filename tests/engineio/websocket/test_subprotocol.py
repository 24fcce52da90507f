"""The subprotocols that a client asks for."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.websocket.subprotocol import areSubprotocols, chosenFrom
from tests.engineio.world import World
from tests.wire.rawws import upgradeBytes

BOTH_WAYS = True

TARGET = "/socket.io/?EIO=4&transport=websocket"


@pytest.mark.parametrize("value", ["", "chat", "chat, superchat", "a,b", " a\t,\tb ", ", a,", "!#$%&'*+-.^_`|~0aZ"])
def test_listsOfTokensAreKnown(value: str) -> None:
    assert areSubprotocols(value)


@pytest.mark.parametrize("value", ["a b", "a;b", "a, (b)", "caf\xe9", '"a"', "a=b", "a/b", "a\0", "a\r", "\x85", "a:b"])
def test_anythingElseIsNot(value: str) -> None:
    assert not areSubprotocols(value)


@pytest.mark.parametrize(
    ("names", "chosen"), [([], None), (["", ""], None), (["a", "b"], "a"), (["", "b", "c"], "b"), (["a"], "a")]
)
def test_theFirstIsChosen(names: list[str], chosen: str | None) -> None:
    assert chosenFrom(names) == chosen


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], b""),
        (["chat, superchat"], b"Sec-WebSocket-Protocol: chat\r\n"),
        (["one", "two"], b"Sec-WebSocket-Protocol: one\r\n"),
        ([""], b""),
    ],
)
def test_theAnswerNamesIt(world: World, fast: bool, values: list[str], line: bytes) -> None:
    visitor = world.visitor()
    visitor.send(upgradeBytes(TARGET, [("Sec-WebSocket-Protocol", value) for value in values]))
    answer = visitor.read()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.count(b"Sec-WebSocket-Protocol") == bool(line)
    assert line in answer


def test_badOnesAreRefusedBeforeAutobahnSeesThem(world: World, fast: bool) -> None:
    visitor = world.visitor()
    visitor.send(upgradeBytes(TARGET, [("Sec-WebSocket-Protocol", "a b")]))
    assert visitor.response()[0] == 400
    assert world.sids == []
