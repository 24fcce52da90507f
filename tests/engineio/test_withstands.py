"""What an Engine.IO server withstands: faults of the application, clients that change their minds, odd headers."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.values import Handshake
from tests.engineio.conftest import Log, WorldFactory
from tests.engineio.growth import growsLinearly
from tests.engineio.world import Answer, Recorder, World, request
from tests.wire.rawhttp import requestBytes


def test_aPostThatIsRefusedLeavesTheSessionAsItWas(world: World, revision: Revision) -> None:
    """test_polling: a POST whose checks fail after postStarted leaves "a post is running" for ever."""
    poller = world.poller(revision)
    foreign = {"origin": "http://evil.test"}
    world.engine.postStarted(request("POST", poller.query, **foreign))
    assert Answer(world.engine.handle(request("POST", poller.query, **foreign))).status == 403
    assert poller.post("4a").status == 200


def test_aPostThatIsCutAfterTheUpgradeEndsTheWebSocketTooOrNothing(world: World, revision: Revision) -> None:
    """test_upgrade: the session ends, its WebSocket stays open for ever, unwatched, and still brings messages."""
    poller = world.poller(revision)
    posts = poller.startPost()
    assert posts is not None
    socket = poller.upgraded()
    posts.lost()
    socket.send("4late")
    if poller.alive:
        assert poller.application.received == ["late"]
    else:
        assert poller.application.received == []
        socket.take()
        assert socket.code is not None or not socket.connected


class TestTheApplicationsConnect:
    """test_server: what `connect` may do."""

    def test_aFailureCostsThePollersHandshakeAndOneLine(
        self, makeWorld: WorldFactory, revision: Revision, log: Log
    ) -> None:
        world = makeWorld(connect=fail)
        answer = world.handle("GET", {"EIO": str(revision), "transport": "polling"})
        assert answer.status >= 400
        assert world.sids == []
        assert len(log.lines) == 1

    def test_aFailureCostsTheWebSocketAndOneLine(
        self, makeWorld: WorldFactory, revision: Revision, log: Log
    ) -> None:
        world = makeWorld(connect=fail)
        socket = world.openSocket(f"EIO={revision}&transport=websocket")
        world.clock.advance(1)
        socket.take()
        assert not socket.connected
        assert world.sids == []
        assert len(log.lines) == 1

    def test_itMayCloseTheSessionRightAway(self, makeWorld: WorldFactory, revision: Revision) -> None:
        def connect(session: Session) -> Recorder:
            session.application = recorder = Recorder(session)
            session.send(EncodedMessage("bye"))
            session.close()
            return recorder

        world = makeWorld(connect=connect)
        poller = world.poller(revision)
        assert poller.greetings == ["4bye", "1"]
        assert poller.poll().status == 400
        socket = world.openSocket(f"EIO={revision}&transport=websocket")
        world.clock.advance(0.0625)
        assert socket.take()[1:] == ["4bye"]
        assert socket.code == 1000
        assert [application.closed for application in world.applications] == [[CloseReason.FORCED]] * 2
        assert world.sids == []
        assert len(world.engine.deadlines) == 0, "a heartbeat for a session that has ended"


def fail(session: Session) -> Recorder:
    raise ZeroDivisionError("oh")


def test_withoutAnIdleLimitConnectionsAreKept(makeWorld: WorldFactory) -> None:
    """test_http: HttpLimits says 0 switches a limit off; idleSeconds=0 cuts every connection at once."""
    world = makeWorld(limits=HttpLimits(idleSeconds=0))
    visitor = world.visitor()
    for _ in range(2):
        visitor.send(requestBytes("GET", "/x"))
        assert visitor.response()[0] == 404
        world.clock.advance(1_000)
    assert visitor.connected


def test_aLaterHeaderThatIsTooLongIsAnswered(makeWorld: WorldFactory) -> None:
    """test_http: the first request of a connection gets 431, a later one nothing at all."""
    visitor = makeWorld(limits=HttpLimits(headerBytes=500)).visitor()
    visitor.request("GET", "/x")
    visitor.send(requestBytes("GET", "/x", [("X", "a" * 600)]))
    assert visitor.read().startswith(b"HTTP/1.1 4")


def test_aClientThatNeverPongsGoesAlthoughItSends(makeWorld: WorldFactory) -> None:
    """test_heartbeat: heartbeat.py says that a packet in between extends the wait *once*; it does so for ever."""
    world = makeWorld(pingInterval=0.5, pingTimeout=0.25)
    socket = world.socket(4)
    world.clock.advance(0.5)
    for _ in range(100):
        if socket.application.closed:
            break
        socket.send("4x")
        world.clock.advance(0.125)
    assert socket.application.closed == [CloseReason.PING_TIMEOUT]


@pytest.mark.parametrize("other", ['x={"a":1}', "novalue", "a=b c", "expires=x", "a@b=1", "a[b]=1", "x=\xff"])
def test_oneOddCookieDoesNotHideTheOthers(other: str) -> None:
    """test_values: cookies of other applications on the host must not cost ours."""
    assert Handshake("/", headers={"cookie": f"{other}; sid=1"}).cookies["sid"] == "1"


def test_cookiesAreReadInLinearTime() -> None:
    """test_values: 16 KB of backslashes cost 0.4 s a look, because Python's parser is quadratic."""

    def read(cookie: str) -> None:
        Handshake("/", headers={"cookie": cookie}).cookies  # noqa: B018

    assert growsLinearly(read, lambda size: 'a="' + "\\\\" * size + '"', 500)
