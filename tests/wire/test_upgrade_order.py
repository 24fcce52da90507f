"""Nothing is lost, doubled or reordered by an upgrade, wherever in it a message falls."""

from __future__ import annotations

import threading

import pytest

from tests.wire.engine import Polling
from tests.wire.payloads import Packet, encode
from tests.wire.socketio import binaryEvent, placeholder
from tests.wire.wire import SOCKETIO_PATH, Wire

BURST = 20


@pytest.fixture
def session(wire: Wire, revision: int) -> Polling:
    """A poller that is in `/` and has read what it is told there."""
    session = wire.polling(revision, path=SOCKETIO_PATH)
    if revision == 4:
        session.send("40")
    greetings = list(session.rest)
    while len(greetings) < 2:
        greetings += session.receive()
    return session


def burst() -> str:
    """Asks the server to send so many events."""
    return f'42["burst",{BURST}]'


def expected(count: int = 1) -> list[Packet]:
    """What so many bursts bring."""
    return [f'42["b",{number}]' for _ in range(count) for number in range(BURST)]


def messages(packets: list[Packet]) -> list[Packet]:
    """The packets without heartbeats and noops."""
    return [packet for packet in packets if packet not in ("2", "3", "6")]


def test_messagesOfEveryPhaseArriveOnceAndInOrder(wire: Wire, session: Polling) -> None:
    session.send(burst())
    socket = wire.upgrade(session)
    session.send(burst())
    socket.send("2probe")
    session.send(burst())
    assert socket.next() == "3probe"
    session.send(burst())
    received = messages(session.receive())
    session.send(burst())
    socket.send("5", burst())
    while len(received) < 6 * BURST:
        received.append(socket.receive())
    assert received == expected(6)
    assert socket.hears(0.05) == []


def test_messagesThatNoPollFetchesArriveAfterTheUpgrade(wire: Wire, session: Polling) -> None:
    socket = wire.upgrade(session)
    socket.send("2probe")
    assert socket.next() == "3probe"
    for _ in range(3):
        session.send(burst())
    socket.send("5")
    assert socket.receiveAll(3 * BURST) == expected(3)


def test_aPollThatWaitsGetsEitherTheMessagesOrANoopAndTheWebSocketTheRest(wire: Wire, session: Polling) -> None:
    session.startPoll()
    socket = wire.upgrade(session)
    socket.send("2probe")
    session.send(burst())
    assert socket.next() == "3probe"
    received = messages(session.finishPoll())
    session.send(burst())
    socket.send("5")
    received += socket.receiveAll(2 * BURST - len(received))
    assert received == expected(2)


def test_aHeaderAndItsAttachmentsStayTogether(wire: Wire, session: Polling) -> None:
    attachments = [bytes([number]) * 40 for number in range(5)]
    sent = [*binaryEvent(["message", *map(placeholder, range(5))], *attachments), '42["message",0]']
    back = [*binaryEvent(["message-back", *map(placeholder, range(5))], *attachments), '42["message-back",0]']
    socket = wire.probed(session)
    session.send(*sent)
    received = messages(session.receive())
    session.send(*sent)
    socket.send("5", *sent)
    received += socket.receiveAll(3 * len(back) - len(received))
    assert received == back * 3


def test_attachmentsMayArriveAcrossTheSwitch(wire: Wire, session: Polling) -> None:
    header, first, second = binaryEvent(["message", placeholder(0), placeholder(1)], b"one", b"two")
    socket = wire.probed(session)
    session.send(header, first)
    assert session.receive() == ["6"]
    socket.send("5", second)
    assert socket.receiveAll(3) == list(binaryEvent(["message-back", placeholder(0), placeholder(1)], b"one", b"two"))


@pytest.mark.parametrize("attempt", range(4))
def test_aTalkerAndAnUpgradeAtTheSameTime(wire: Wire, session: Polling, attempt: int) -> None:
    """Another thread goes on posting while the upgrade runs; all echoes arrive, in the order of the posts."""
    accepted: list[str] = []
    stop = threading.Event()

    def talk() -> None:
        number = 0
        while not stop.is_set():
            answer = session.post(encode(session.revision, f'42["message",{number}]'))
            if answer.status != 200:
                return
            accepted.append(f'42["message-back",{number}]')
            number += 1

    talker = threading.Thread(target=talk)
    talker.start()
    try:
        socket = wire.upgrade(session)
        socket.send("2probe")
        assert socket.next() == "3probe"
        packets = session.receive()
        socket.send("5", *["3"] * packets.count("2"))
    finally:
        talker.join(0.05)
        stop.set()
        talker.join()
    heard = messages(packets)
    heard += socket.receiveAll(len(accepted) - len(heard))
    assert heard == accepted
    assert socket.hears(0.03) == []
