"""Polls that wait, overlap or break, and posts that do."""

from __future__ import annotations

import pytest

from tests.wire.engine import Polling
from tests.wire.payloads import decode, encode
from tests.wire.rawhttp import ConnectionEnded, requestBytes
from tests.wire.wire import Wire


def test_aPollWaitsUntilThereIsSomethingToSay(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    assert session.pollIsHeld(0.1)
    session.send("4hello")
    assert session.finishPoll() == ["4hello"]


def test_onePollFetchesAllThatIsBuffered(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.send("4a", b"\x01")
    session.send("4b")
    assert session.receive() == ["4a", b"\x01", "4b"]


def test_nothingIsSaidTwice(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.send("4a")
    assert session.receive() == ["4a"]
    session.startPoll()
    assert session.pollIsHeld(0.05)


def test_aSecondPollIsRefusedAndEndsTheFirstAndTheSession(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    second = wire.request("GET", session.target)
    assert (second.status, second.body) == (400, b"")
    assert session.finish().text == ("1" if revision == 4 else "1:1")
    assert session.gone()


def test_aSecondPollOfASessionLeavesOthersAlone(wire: Wire, revision: int) -> None:
    session, bystander = wire.polling(revision), wire.polling(revision)
    bystander.startPoll()
    session.startPoll()
    assert wire.request("GET", session.target).status == 400
    assert bystander.pollIsHeld()
    bystander.send("4fine")
    assert bystander.finishPoll() == ["4fine"]


def test_aSecondPostDuringTheFirstIsRefusedAndEndsTheSession(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    first = wire.connection()
    whole = requestBytes("POST", session.target, body=encode(revision, "4hello"))
    first.send(whole[:-3])
    session.sync()

    assert wire.request("POST", session.target, body=encode(revision, "4b")).status == 400
    assert session.gone()
    try:
        first.send(whole[-3:])
        assert first.readResponse().status == 400
    except ConnectionEnded:
        pass


def test_aPostAndAPollGoTogether(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    for text in ("4a", "4b", "4c"):
        session.send(text)
    packets = session.finishPoll()
    while len(packets) < 3:
        packets += session.receive()
    assert packets == ["4a", "4b", "4c"]


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_aPollThatBreaksEndsTheSession(wire: Wire, revision: int, reset: bool) -> None:
    session = wire.polling(revision)
    session.startPoll()
    session.breakPoll(reset=reset)
    assert session.gone()


def test_aConnectionThatBreaksWithoutAPollMattersToNobody(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.breakPoll()
    session.send("4a")
    answer = wire.request("GET", session.target)
    assert decode(revision, answer.body) == ["4a"]


def test_aPostWhoseConnectionBreaksDeliversNothing(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    broken = wire.connection()
    broken.send(requestBytes("POST", session.target, body=encode(revision, "4a", "4b"))[:-1])
    session.sync()
    broken.reset()
    session.sync()
    session.transmit(requestBytes("POST", session.target, body=encode(revision, "4c")))
    if session.postAnswer().status == 200:
        assert session.receive() == ["4c"]
    else:
        assert session.gone()


def test_manySessionsWaitAtOnceAndEachGetsItsOwn(wire: Wire, revision: int) -> None:
    sessions = [wire.polling(revision) for _ in range(20)]
    for session in sessions:
        session.startPoll()
    for number, session in enumerate(sessions):
        session.send(f"4{number}")
    received = [session.finishPoll() for session in sessions]
    assert received == [[f"4{number}"] for number in range(20)]


def test_severalRequestsInOneWriteAreAnsweredInOrder(wire: Wire, revision: int) -> None:
    """A waiting poll holds up what was sent behind it on its connection, and only that."""
    session = wire.polling(revision)
    connection = wire.connection()
    unknown = session.target.replace(session.sid, "unknown")
    connection.send(
        requestBytes("GET", unknown)
        + requestBytes("GET", session.target)
        + requestBytes("POST", unknown, body=b"4x")
        + requestBytes("GET", unknown)
    )
    assert connection.readResponse().status == 400
    assert connection.isQuiet(0.05)
    session.send("4hello")
    assert decode(revision, connection.readResponse().body) == ["4hello"]
    assert connection.readResponse("POST").status == 400
    assert connection.readResponse().status == 400


def test_aPostAndTheNextPollMayShareAWrite(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    connection = wire.connection()
    body = encode(revision, "4hello")
    connection.send(requestBytes("POST", session.target, body=body) + requestBytes("GET", session.target))
    assert connection.readResponse("POST").body == b"ok"
    assert decode(revision, connection.readResponse().body) == ["4hello"]


def polls(session: Polling, count: int) -> list[list[object]]:
    """The packets of so many polls."""
    return [list(session.receive()) for _ in range(count)]


def test_aConnectionServesManyRequests(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    for number in range(50):
        session.send(f"4{number}")
        assert polls(session, 1) == [[f"4{number}"]]
        session.keepAlive([])
        if revision == 3:
            assert polls(session, 1) == [["3"]]
