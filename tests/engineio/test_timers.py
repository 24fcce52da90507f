"""Whatever comes due while a client is in the middle of something: nothing of it is lost, and nothing of it is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.reasons import CloseReason
from tests.engineio.world import AFTER_HANDSHAKE, Recorder, Socket, Visitor, World
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, TEXT, frame, textFrame, upgradeBytes

BOTH_WAYS = True

OPTIONS = EngineOptions()
LARGE = "é€😀" * 20_000
TARGET = "/socket.io/?EIO=4&transport="


class Halfway(NamedTuple):
    """Where a client is when something comes due.

    Attributes:
        sent: What has come of it.
        rest: What comes later.
        messages: What the application gets of both.
    """

    sent: bytes
    rest: bytes
    messages: list[str | bytes]


def cut(stream: bytes, at: int, *messages: str | bytes) -> Halfway:
    return Halfway(stream[:at], stream[at:], list(messages))


FRAGMENTS = frame(TEXT, b"4a\xe2\x82", fin=False) + frame(CONTINUATION, b"\xac\xc3", fin=False)
END = frame(CONTINUATION, b"\xa9")
PINGED = FRAGMENTS + frame(PING, b"ping") + END

HALFWAY = {
    "nothing": cut(textFrame("4a"), 0, "a"),
    "half a header": cut(textFrame("4a"), 1, "a"),
    "half a length": cut(textFrame("4" + "a" * 200), 3, "a" * 200),
    "half a mask": cut(textFrame("4a"), 4, "a"),
    "half a text": cut(textFrame("4aé€"), 9, "aé€"),
    "half a character": cut(textFrame("4aé€"), 10, "aé€"),
    "half a text of many reads": cut(textFrame("4" + LARGE), 70_000, LARGE),
    "half a character of it": cut(textFrame("4" + LARGE), 70_001, LARGE),
    "half a binary": cut(frame(BINARY, b"abcdef"), 9, b"abcdef"),
    "half a ping": cut(frame(PING, b"ping") + textFrame("4a"), 8, "a"),
    "a ping": cut(frame(PING, b"ping") + textFrame("4a"), 10, "a"),
    "a fragment": cut(FRAGMENTS + END, 10, "a€é"),
    "half a fragment": cut(FRAGMENTS + END, 9, "a€é"),
    "two fragments": cut(FRAGMENTS + END, len(FRAGMENTS), "a€é"),
    "two fragments and half a header": cut(FRAGMENTS + END, len(FRAGMENTS) + 3, "a€é"),
    "half a ping between fragments": cut(PINGED, len(FRAGMENTS) + 8, "a€é"),
    "a ping between fragments": cut(PINGED, len(FRAGMENTS) + 10, "a€é"),
    "a message and half another": cut(textFrame("4a") + textFrame("4é"), 15, "a", "é"),
    "a message and half a fragment": cut(textFrame("4a") + FRAGMENTS + END, 18, "a", "a€é"),
}


def pause(socket: Socket) -> None:
    """The client is not read for a while; what it sends meanwhile waits."""
    socket.session.transport.pauseReading(0.5)
    socket.world.clock.advance(0.25)
    socket.session.transport.pauseReading(0.5)
    socket.world.clock.advance(0.5)


def stall(socket: Socket) -> None:
    """The client does not read, and then it does."""
    socket.visitor.link.stalled = True
    socket.session.send(EncodedMessage("x" * 100_000))
    socket.world.clock.advance(OPTIONS.sendSeconds - 1)
    socket.visitor.link.stalled = False
    socket.visitor.link.turn()
    socket.world.clock.advance(5)


def say(socket: Socket) -> None:
    """The server sends at the end of the turn."""
    socket.session.send(EncodedMessage("x"))
    socket.world.turn()


TIMERS: dict[str, Callable[[Socket], object]] = {
    "the first moments end": lambda socket: socket.world.clock.advance(AFTER_HANDSHAKE),
    "the turn ends": say,
    "the heartbeat": lambda socket: socket.world.clock.advance(OPTIONS.pingInterval + 1),
    "a pause": pause,
    "a client that does not read for a while": stall,
}


def visit(world: World) -> tuple[Socket, Recorder]:
    """A session on a WebSocket in its first moments."""
    socket = world.openSocket("EIO=4&transport=websocket")
    (socket.sid,) = world.sids
    return socket, socket.application


@pytest.mark.parametrize("timer", TIMERS.values(), ids=TIMERS)
@pytest.mark.parametrize("halfway", HALFWAY.values(), ids=HALFWAY)
def test_whatIsComingArrives(world: World, fast: bool, halfway: Halfway, timer: Callable[[Socket], object]) -> None:
    socket, application = visit(world)
    socket.visitor.send(halfway.sent)
    timer(socket)
    socket.visitor.send(halfway.rest)
    world.clock.advance(AFTER_HANDSHAKE)
    assert application.received == halfway.messages
    socket.visitor.send(textFrame("4b") + frame(TEXT, b"4c\xe2", fin=False) + frame(CONTINUATION, b"\xff"))
    socket.take()
    assert application.received == [*halfway.messages, "b"]
    assert (socket.code, application.closed) == (1007, [CloseReason.TRANSPORT_CLOSE])


def unread(socket: Socket) -> None:
    """The client reads nothing for longer than it may."""
    socket.visitor.link.stalled = True
    socket.session.send(EncodedMessage("x" * 100_000))
    socket.world.clock.pump([AFTER_HANDSHAKE, OPTIONS.sendSeconds + 1])


def closed(socket: Socket) -> None:
    """The server closes, and its client does not answer."""
    socket.session.close(CloseReason.SHUTDOWN)
    socket.world.clock.advance(AFTER_HANDSHAKE)
    socket.world.clock.pump([0.5] * 6)


def cutOff(socket: Socket) -> None:
    """The server cuts the connection, and its first moments end before it is gone."""
    socket.session.abort(CloseReason.PING_TIMEOUT)
    socket.world.clock.advance(AFTER_HANDSHAKE)


def gone(socket: Socket) -> None:
    """The client goes, and then its first moments end."""
    socket.hangUp()
    socket.world.clock.advance(AFTER_HANDSHAKE)


ENDS: dict[str, tuple[Callable[[Socket], object], CloseReason]] = {
    "a client that does not read": (unread, CloseReason.SLOW_CONSUMER),
    "a closing handshake that is not answered": (closed, CloseReason.SHUTDOWN),
    "a client that has said nothing": (lambda socket: socket.world.clock.pump([20] * 4), CloseReason.PING_TIMEOUT),
    "a client that was cut off": (cutOff, CloseReason.PING_TIMEOUT),
    "a client that has gone": (gone, CloseReason.TRANSPORT_CLOSE),
}


@pytest.mark.parametrize("pausing", [False, True], ids=["read", "paused"])
@pytest.mark.parametrize(("end", "reason"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("halfway", HALFWAY.values(), ids=HALFWAY)
def test_connectionsEndOnceAndWhole(
    world: World, fast: bool, halfway: Halfway, end: Callable[[Socket], object], reason: CloseReason, pausing: bool
) -> None:
    socket, application = visit(world)
    socket.visitor.send(halfway.sent)
    if pausing:
        socket.session.transport.pauseReading(0.005)
    end(socket)
    socket.visitor.link.turn()
    assert application.closed == [reason]
    assert not socket.connected
    before = list(application.received)
    socket.visitor.send(halfway.rest)
    assert (application.received, application.closed) == (before, [reason])


@pytest.mark.parametrize("halfway", HALFWAY.values(), ids=HALFWAY)
def test_closingHandshakeIsAnsweredWhateverWasComing(world: World, fast: bool, halfway: Halfway) -> None:
    socket, application = visit(world)
    socket.visitor.send(halfway.sent)
    before = list(application.received)
    socket.session.close(CloseReason.SHUTDOWN)
    world.clock.advance(AFTER_HANDSHAKE)
    socket.visitor.send(halfway.rest + frame(CLOSE, b"\x03\xe9"))
    world.turn()
    assert not socket.connected
    assert (application.received, application.closed) == (before, [CloseReason.SHUTDOWN])


@pytest.mark.parametrize("sent", [b"", textFrame("2probe")[:4], textFrame("2probe")], ids=["idle", "half", "probed"])
@pytest.mark.parametrize("seconds", [AFTER_HANDSHAKE, OPTIONS.upgradeTimeout + 1])
def test_upgradeThatTakesItsTime(world: World, fast: bool, sent: bytes, seconds: float) -> None:
    poller = world.poller(4)
    socket = world.openSocket(f"EIO=4&transport=websocket&sid={poller.sid}")
    socket.visitor.send(sent)
    world.clock.advance(seconds)
    if seconds > OPTIONS.upgradeTimeout:
        assert poller.session.phase is Phase.POLLING
        socket.take()
        assert (socket.code, socket.connected) == (1008, False)
    else:
        socket.visitor.send(textFrame("2probe")[len(sent) :] + textFrame("5") + textFrame("4a"))
        assert poller.session.phase is Phase.WEBSOCKET


def test_connectionThatIsPassedOnIsRead(world: World, fast: bool) -> None:
    """Also when its turn had ended before, and what was read already brings the request that takes it elsewhere."""
    visitor: Visitor = world.visitor()
    visitor.send(requestBytes("GET", TARGET + "polling&sid=unknown") * 8)
    visitor.transport.protocol.dataReceived(upgradeBytes(TARGET + "websocket"))
    world.turn()
    assert visitor.transport.reading
    assert b" 101 " in visitor.read()


POLLING = {
    "nothing": b"",
    "half a head": requestBytes("GET", TARGET + "polling")[:20],
    "half a body": requestBytes("POST", TARGET + "polling&sid=unknown", [], b"4aaaa")[:-2],
    "a request": requestBytes("GET", TARGET + "polling&sid=unknown"),
    "many requests": requestBytes("GET", TARGET + "polling&sid=unknown") * 30,
    "many requests and half another": (requestBytes("GET", TARGET + "polling&sid=unknown") * 30)[:-9],
    "a refusal": b"GET / HTTP/1.1\r\nnot a header\r\n\r\n",
    "a request that is the last": requestBytes("GET", TARGET + "polling&sid=unknown", [("Connection", "close")]),
}


@pytest.mark.parametrize("isUnread", [False, True], ids=["reads", "does not read"])
@pytest.mark.parametrize("sent", POLLING.values(), ids=POLLING)
def test_connectionsOfPollsEnd(world: World, fast: bool, sent: bytes, isUnread: bool) -> None:
    visitor = world.visitor()
    visitor.send(requestBytes("GET", TARGET + "polling&sid=unknown"))
    visitor.link.stalled = isUnread
    visitor.send(sent)
    if isUnread:
        visitor.transport.protocol.pauseProducing()
    for _ in range(400):
        world.clock.advance(0.5)
        visitor.link.turn()
    assert not visitor.connected
