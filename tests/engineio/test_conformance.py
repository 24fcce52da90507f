"""RFC 6455, case by case, on the factory that listens: with the fast path and without, however the stream is cut."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import pytest

from tests.engineio.conformance import CASES, Case
from tests.engineio.echo import Visit
from tests.engineio.frames import Frame, framesOf
from tests.engineio.memory import SelectingClock
from tests.wire.rawws import BINARY, CLOSE, PING, PONG, TEXT, frame

Visiting = Callable[..., Visit]

LANES = {"fast": True, "plain": False}


@pytest.fixture
def visit(clock: SelectingClock) -> Visiting:
    """``visit(fast, real)``: an open WebSocket to an echo."""
    return lambda fast, real: Visit(clock, fast, real)


def pieces(case: Case, size: int) -> list[tuple[bytes, bool]]:
    """What is written, and whether the server must have closed by then."""
    edges = list(accumulate(map(len, case.sends)))
    closed = edges[(case.by or len(case.sends)) - 1]
    writes, at = [], 0
    for edge in edges:
        step = size or case.size or max(edge - at, 1)
        for start in range(at, edge, step):
            end = min(start + step, edge)
            writes.append((end - start, case.code is not None and end >= closed))
        at = edge
    stream, result = b"".join(case.sends), []
    for length, due in writes:
        result.append((stream[:length], due))
        stream = stream[length:]
    return result


def check(case: Case, visit: Visit, size: int = 0) -> None:
    """Send what a case sends, in writes of `size` bytes or as it says, and look at what comes."""
    received = b""
    for piece, isDue in pieces(case, size):
        if not visit.connected:
            break
        visit.send(piece)
        received += visit.read()
        if isDue:
            assert framesOf(received)[-1].opcode == CLOSE
    frames = framesOf(received)
    messages = [each.text if each.opcode == TEXT else each.payload for each in frames if each.opcode in (TEXT, BINARY)]
    assert messages == list(case.messages)
    assert [each.payload for each in frames if each.opcode == PONG] == list(case.pongs)
    closes = [each for each in frames if each.opcode == CLOSE]
    if case.code is None:
        assert closes == []
        goesOn(visit)
        closes = [leave(visit)]
        assert closes[0].code == 1000
    else:
        assert [each.code if each.payload else 1000 for each in closes] == [case.code]
        assert frames[-1] is closes[0]
        hangsUp(visit, closes[0])
    visit.end()


def goesOn(visit: Visit) -> None:
    """A connection on which all was well is alive."""
    visit.send(frame(PING, b"alive?"))
    assert framesOf(visit.read()) == [Frame(PONG, b"alive?")]


def leave(visit: Visit) -> Frame:
    """The client closes; what the server answers."""
    visit.send(frame(CLOSE, b"\x03\xe8"))
    (answer,) = framesOf(visit.read())
    assert not visit.connected, "the server is the one that ends the connection"
    return answer


def hangsUp(visit: Visit, closing: Frame) -> None:
    """After a close frame of the server it ends the connection, at once or when the client has answered."""
    if visit.connected:
        visit.send(frame(CLOSE, closing.payload))
        assert visit.read() == b""
        visit.clock.pump([0.5] * 5)
        visit.link.turn()
    assert not visit.connected


@pytest.mark.parametrize("fast", LANES.values(), ids=LANES)
@pytest.mark.parametrize("case", CASES, ids=[case.number for case in CASES])
def test_aCaseOfTheList(case: Case, fast: bool, visit: Visiting) -> None:
    check(case, visit(fast, False))


@pytest.mark.parametrize("fast", LANES.values(), ids=LANES)
@pytest.mark.parametrize("case", [case for case in CASES if not case.isLarge], ids=lambda case: case.number)
def test_theSameByteByByte(case: Case, fast: bool, visit: Visiting) -> None:
    check(case, visit(fast, False), 1)


@pytest.mark.parametrize("fast", LANES.values(), ids=LANES)
@pytest.mark.parametrize("case", CASES, ids=[case.number for case in CASES])
def test_theSameOnARealSocket(case: Case, fast: bool, visit: Visiting) -> None:
    check(case, visit(fast, True))


def test_theListIsWhole() -> None:
    numbers = [case.number for case in CASES]
    assert len(set(numbers)) == len(numbers)
    assert {number.partition(".")[0] for number in numbers} == {"1", "2", "3", "4", "5", "6", "7", "9"}


def test_whatIsValidIsKnownFromElsewhere() -> None:
    """The expectations on UTF-8 come from Python's decoder; these are the suite's own."""
    expected = {case.number: case.code for case in CASES if case.number.startswith("6.")}
    whole = {size for size in range(1, 11) if expected[f"6.6.{size}"] is None}
    assert whole == {2, 5, 7, 9}
    assert list(expected.values()).count(1007) > 100
