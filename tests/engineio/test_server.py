"""The Engine.IO server: the checks of a request in their order, the handshake, and the end of all sessions."""

from __future__ import annotations

import re

import pytest
from twisted.internet.defer import Deferred

from rtcsignal.engineio.http.exchange import Request, forbidden
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.server import makeSid
from tests.engineio.conftest import Log, WorldFactory
from tests.engineio.world import Poller, Socket, World, refusal, request

POLLING = {"EIO": "4", "transport": "polling"}
WEBSOCKET = {"EIO": "4", "transport": "websocket"}


def finished(closing: Deferred[None]) -> list[None]:
    """Gets an item when it is done."""
    done: list[None] = []
    closing.addCallback(done.append)
    return done


class TestHandshake:
    def test_aPollersOpensWithExactlyTheseFiveKeys(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        assert poller.handshake == {
            "sid": poller.sid,
            "upgrades": ["websocket"],
            "pingInterval": 25_000,
            "pingTimeout": 20_000,
            "maxPayload": 1_000_000,
        }

    def test_aWebSocketHasNoUpgrades(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(pingInterval=0.3, pingTimeout=0.2, maxPayload=5)
        socket = world.openSocket(f"EIO={revision}&transport=websocket")
        world.clock.advance(0.1)
        (opening,) = socket.take()
        expected = '0{"sid":"%s","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":5}'
        assert opening == expected % world.sids[0]

    def test_norHasAPollerWhereThereIsNoWebSocket(self, makeWorld: WorldFactory, revision: Revision) -> None:
        assert makeWorld(transports=("polling",)).poller(revision).handshake["upgrades"] == []

    def test_theRevisionOfTheHandshakeIsKept(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        poller.query["EIO"] = "3" if revision == 4 else "4"
        assert poller.post("4a").status == 200
        del poller.query["EIO"]
        poller.send("b")
        assert poller.poll().packets == ["4b"]
        assert poller.session.revision == revision

    def test_theSessionKnowsItsHandshake(self, world: World) -> None:
        poller = world.poller(4, token="x")
        assert poller.session.request.query["token"] == "x"
        assert poller.session.request.address == "192.0.2.1"

    def test_sidsAreLongRandomAndFitForUrls(self) -> None:
        sids = {makeSid() for _ in range(1_000)}
        assert len(sids) == 1_000
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", sid) for sid in sids), "16 bytes each"

    def test_aCookieIsSetByTheHandshakeAlone(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(cookie="io")
        poller = world.poller(revision)
        assert poller.opening.headers["Set-Cookie"] == f"io={poller.sid}; Path=/; HttpOnly; SameSite=Lax"
        poller.send("a")
        assert "Set-Cookie" not in poller.poll().headers
        assert "Set-Cookie" not in poller.post("4a").headers
        socket = world.openSocket(f"EIO={revision}&transport=websocket")
        assert f"Set-Cookie: io={world.sids[-1]}; Path=/; HttpOnly; SameSite=Lax".encode() in socket.response
        assert b"Set-Cookie" not in poller.socket().response

    def test_theApplicationAddsHeadersToTheHandshakeAlone(self, makeWorld: WorldFactory, revision: Revision) -> None:
        def headers(request: Request) -> list[tuple[str, str]]:
            return [("X-Token", request.query["token"]), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]

        world = makeWorld(cookie="io", handshakeHeaders=headers)
        poller = world.poller(revision, token="t")
        opening = poller.opening.response.headers
        assert [value for name, value in opening if name == "X-Token"] == ["t"]
        cookies = [value.partition(";")[0] for name, value in opening if name == "Set-Cookie"]
        assert cookies == [f"io={poller.sid}", "a=1", "b=2"]
        poller.send("a")
        assert "X-Token" not in poller.poll().headers
        socket = world.openSocket(f"EIO={revision}&transport=websocket&token=t")
        assert b"\r\nX-Token: t\r\n" in socket.response
        assert [socket.response.count(f"Set-Cookie: {name}=".encode()) for name in ("io", "a", "b")] == [1, 1, 1]
        assert b"X-Token" not in poller.socket().response

    @pytest.mark.parametrize("name", ["", "X Y", "X:", "X\n", "\xe4"])
    def test_aHeaderThatIsNoneRefusesTheHandshake(
        self, makeWorld: WorldFactory, revision: Revision, name: str, log: Log
    ) -> None:
        for pair in ((name, "x"), ("X", "a\r\nSet-Cookie: b"), ("X", "\u2028"), ("X", "a\0")):
            world = makeWorld(handshakeHeaders=lambda _, pair=pair: [pair])
            query = {"EIO": str(revision), "transport": "polling"}
            assert world.handle("GET", query).error == (500, 3)
            error = refusal(world, {**query, "transport": "websocket"})
            assert error is not None
            assert error.status == 500
            assert world.sids == []
        assert "handshakeHeaders failed, a connection is refused: ValueError" in log.lines[0]

    def test_withoutANameThereIsNone(self, world: World, revision: Revision) -> None:
        assert "Set-Cookie" not in world.poller(revision).opening.headers
        assert b"Set-Cookie" not in world.openSocket(f"EIO={revision}&transport=websocket").response


class TestChecksOfPolling:
    @pytest.mark.parametrize("transport", [None, "", "Polling", "webtransport", "__proto__", "polling\0"])
    def test_anUnknownTransport(self, world: World, transport: str | None) -> None:
        query = {"EIO": "4"} if transport is None else {"EIO": "4", "transport": transport}
        assert world.handle("GET", query).error == (400, 0)

    def test_oneThatIsNotEnabled(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(transports=("websocket",))
        assert world.handle("GET", POLLING).error == (400, 0)
        assert refusal(makeWorld(transports=("polling",)), WEBSOCKET) is not None

    @pytest.mark.parametrize("origin", ["http://a\x01", "http://a\x7f", "\x85"])
    def test_anOriginWithControlCharacters(self, makeWorld: WorldFactory, origin: str) -> None:
        world = makeWorld(origins=OriginRule(["*"]))
        assert world.handle("GET", POLLING, origin=origin).error == (400, 3)

    @pytest.mark.parametrize("sid", ["unknown", "__proto__", "\0", "x" * 3_000])
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
    def test_anUnknownSid(self, world: World, sid: str, method: str) -> None:
        assert world.handle(method, {**POLLING, "sid": sid}).error == (400, 1)

    def test_anEmptySidIsNone(self, world: World) -> None:
        assert world.handle("GET", {**POLLING, "sid": ""}).status == 200
        assert world.handle("POST", {**POLLING, "sid": ""}).error == (400, 2)
        assert refusal(world, {**WEBSOCKET, "sid": ""}) is None
        assert len(world.sids) == 1

    def test_theSidOfAWebSocketSession(self, world: World) -> None:
        socket = world.socket(4)
        assert world.handle("GET", {**POLLING, "sid": socket.sid}).error == (400, 3)
        assert world.handle("POST", {**POLLING, "sid": socket.sid}).error == (400, 3)
        assert socket.application.closed == []

    def test_aWebSocketRequestThatIsNone(self, world: World) -> None:
        assert world.handle("GET", WEBSOCKET).error == (400, 3)
        assert world.handle("GET", {**WEBSOCKET, "sid": world.poller(4).sid}).error == (400, 3)

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "get"])
    def test_aHandshakeThatIsNoGet(self, world: World, method: str) -> None:
        assert world.handle(method, POLLING).error == (400, 2)

    @pytest.mark.parametrize("revision", ["", "2", "5", "04", "4.0", "x", "\uff14"])
    def test_aRevisionThatIsNotSupported(self, world: World, revision: str) -> None:
        assert world.handle("GET", {**POLLING, "EIO": revision}).error == (400, 5)
        error = refusal(world, {**WEBSOCKET, "EIO": revision})
        assert error is not None
        assert error.code == 5
        assert world.sids == []

    def test_whoNamesNoRevisionSpeaksRevision3(self, world: World) -> None:
        assert world.handle("GET", {"transport": "polling"}).status == 200
        assert refusal(world, {"transport": "websocket"}) is None
        assert [world.session(sid).revision for sid in world.sids] == [3]

    def test_whoNamesNoRevisionCanBeRefused(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(withoutEio=None)
        assert world.handle("GET", {"transport": "polling"}).error == (400, 5)
        assert refusal(world, {"transport": "websocket"}) is not None
        assert world.sids == []

    def test_anUnknownMethodForASession(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        answer = world.handle("PUT", poller.query)
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET, POST, OPTIONS"
        assert poller.alive

    def test_theirOrder(self, makeWorld: WorldFactory) -> None:
        """Each request breaks one rule less than the one before; the first that is broken is told."""
        world = makeWorld(origins=OriginRule(["http://a.test"]), admit=refuse)
        headers, query = {"origin": "http://b\x01"}, {"transport": "x", "sid": "x", "EIO": "9"}
        errors = [world.handle("POST", query, **headers).error]
        query["transport"] = "websocket"
        errors.append(world.handle("POST", query, **headers).error)
        headers["origin"] = "http://b.test"
        errors.append(world.handle("POST", query, **headers).error)
        headers["origin"] = "http://a.test"
        errors.append(world.handle("POST", query, **headers).error)
        del query["sid"]
        errors.append(world.handle("POST", query, **headers).error)
        errors.append(world.handle("GET", query, **headers).error)
        query["transport"] = "polling"
        errors.append(world.handle("GET", query, **headers).error)
        query["user"] = "ann"
        errors.append(world.handle("GET", query, **headers).error)
        query["EIO"] = "4"
        assert world.handle("GET", query, **headers).status == 200
        assert errors == [(400, 0), (400, 3), (403, 4), (400, 1), (400, 2), (400, 3), (403, 4), (400, 5)]


def refuse(request: Request) -> None:
    """An application that wants a name."""
    if "user" not in request.query:
        raise forbidden("Who are you?")


class TestChecksOfWebSockets:
    @pytest.mark.parametrize(
        ("query", "status", "message"),
        [
            ({"EIO": "4", "transport": "x"}, 400, "Transport unknown"),
            ({"EIO": "4", "transport": "polling"}, 400, "Bad request"),
            ({**WEBSOCKET, "sid": "unknown"}, 400, "Session ID unknown"),
            ({"EIO": "2", "transport": "websocket"}, 400, "Unsupported protocol version"),
        ],
    )
    def test_theyAreTheSame(self, world: World, query: dict[str, str], status: int, message: str) -> None:
        error = refusal(world, query)
        assert error is not None
        assert (error.status, error.message) == (status, message)

    def test_aPollingRequestForASessionThatAsksForAnUpgrade(self, world: World) -> None:
        error = refusal(world, world.poller(4).query)
        assert error is not None
        assert error.code == 3

    def test_foreignOriginsAreRefused(self, makeWorld: WorldFactory) -> None:
        world = makeWorld()
        error = refusal(world, WEBSOCKET, origin="http://evil.test", host="a.test")
        assert error is not None
        assert (error.status, error.code) == (403, 4)
        assert refusal(world, WEBSOCKET, origin="http://a.test", host="a.test") is None
        assert refusal(world, WEBSOCKET) is None

    def test_theApplicationIsAskedBeforeTheRevisionIsLookedAt(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(admit=refuse)
        error = refusal(world, {"EIO": "9", "transport": "websocket"})
        assert error is not None
        assert (error.status, error.message) == (403, "Who are you?")
        assert refusal(world, {**WEBSOCKET, "user": "ann"}) is None

    def test_whoUpgradesIsNotAskedAgain(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(admit=refuse)
        poller = world.poller(4, user="ann")
        assert refusal(world, {**WEBSOCKET, "sid": poller.sid}) is None

    def test_admissionAloneOpensNoSession(self, world: World) -> None:
        assert refusal(world, WEBSOCKET) is None
        assert world.sids == []


class TestOrigins:
    def test_aForeignOriginGetsNeitherAnAnswerNorLeaveToReadIt(self, world: World) -> None:
        answer = world.handle("GET", POLLING, origin="http://evil.test", host="a.test")
        assert answer.error == (403, 4)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert answer.headers["Vary"] == "Origin"
        assert world.sids == []

    def test_allAnswersNameAnAllowedOrigin(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(origins=OriginRule(["http://a.test"]))
        poller = world.poller(revision)
        waiting = poller.poll(origin="http://a.test")
        answers = [
            waiting,
            world.handle("GET", {"EIO": str(revision), "transport": "polling"}, origin="http://a.test"),
            world.handle("GET", {"transport": "x"}, origin="http://a.test"),
            world.handle("POST", {"transport": "polling"}, origin="http://a.test"),
            world.handle("OPTIONS", {}, origin="http://a.test"),
            world.handle("PUT", poller.query, origin="http://a.test"),
        ]
        poller.send("a")
        world.turn()
        for answer in answers:
            assert answer.headers["Access-Control-Allow-Origin"] == "http://a.test"
            assert answer.headers["Access-Control-Allow-Credentials"] == "true"

    @pytest.mark.parametrize("query", [{}, POLLING, {"transport": "x"}, {**POLLING, "sid": "x"}])
    def test_optionsAreAnsweredBeforeAnyCheckAndOpenNothing(self, world: World, query: dict[str, str]) -> None:
        answer = world.handle(
            "OPTIONS", query, origin="http://a.test", host="a.test", access_control_request_headers="x-a"
        )
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
        assert answer.headers["Access-Control-Allow-Headers"] == "x-a"
        assert world.sids == []


class TestAddresses:
    def test_anAddressHasSoManySessionsAndNoMore(self, makeWorld: WorldFactory, log: Log) -> None:
        world = makeWorld(sessionsPerAddress=2)
        poller = world.poller(4)
        world.socket(4)
        assert world.handle("GET", POLLING).error == (429, 4)
        error = refusal(world, WEBSOCKET)
        assert error is not None
        assert error.status == 429
        assert poller.socket().connected, "an upgrade is no new session"
        reason = "Too many connections (status 429, revision 4, origin none, host none)"
        assert log.lines == [f"refused a handshake from 192.0.2.1: {reason}"]
        poller.session.abort(CloseReason.TRANSPORT_CLOSE)
        assert world.handle("GET", POLLING).status == 200

    def test_othersAreNotConcerned(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(sessionsPerAddress=1)
        world.poller(4)
        elsewhere = Request("GET", POLLING, {}, b"", "192.0.2.2")
        world.engine.handle(elsewhere)
        assert len(world.sids) == 2


class TestTheEndOfAll:
    @pytest.fixture
    def everybody(self, world: World, revision: Revision) -> tuple[Poller, Poller, Socket, Socket]:
        """Two pollers, of whom the second upgrades just now, a WebSocket and one that took over."""
        poller, upgrading = world.poller(revision), world.poller(revision)
        upgrading.probed()
        return poller, upgrading, world.socket(revision), world.poller(revision).upgraded()

    def test_withoutSessionsItIsDoneSoon(self, world: World) -> None:
        done = finished(world.engine.close())
        world.clock.advance(0.1)
        assert done == [None]

    def test_everybodyIsToldSoThatClientsComeBackByThemselves(
        self, world: World, everybody: tuple[Poller, Poller, Socket, Socket]
    ) -> None:
        poller, upgrading, socket, upgraded = everybody
        waiting = poller.poll()
        world.engine.close(5)
        assert waiting.packets == ["1"]
        assert upgrading.poll().packets == ["1"]
        for each in (socket, upgraded):
            assert each.take() == []
            assert each.code == 1001
        for application in world.applications:
            assert application.closed == [CloseReason.SHUTDOWN]

    def test_itIsDoneWhenTheLastIsGone(self, world: World, revision: Revision) -> None:
        poller, socket = world.poller(revision), world.socket(revision)
        done = finished(world.engine.close(5))
        world.clock.advance(0.25)
        assert done == []
        poller.poll()
        world.clock.advance(0.25)
        assert done == []
        socket.take()
        world.clock.advance(0.25)
        assert done == [None]

    def test_whoDoesNotHearOfItIsCutOff(self, world: World, revision: Revision) -> None:
        world.poller(revision)
        socket = world.socket(revision)
        socket.visitor.link.stalled = True
        done = finished(world.engine.close(1))
        world.clock.advance(0.9375)
        assert done == []
        world.clock.pump([0.0625, 0.0625, 0.0625])
        assert done == [None]
        assert world.sids == []
        assert not socket.connected

    def test_noNewSessionsAreTaken(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        finished(world.engine.close())
        assert world.handle("GET", POLLING).error == (503, 4)
        error = refusal(world, WEBSOCKET)
        assert error is not None
        assert error.status == 503
        assert poller.poll().packets == ["1"]
        world.clock.advance(0.1)

    def test_whoAsksTwiceIsAnsweredTwice(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        first, second = finished(world.engine.close()), finished(world.engine.close())
        poller.poll()
        world.clock.advance(0.1)
        third = finished(world.engine.close())
        assert first == second == third == [None]


def test_aRequestIsAFunctionOfItsValues(world: World) -> None:
    """Whatever brings a request, the same values get the same answer."""
    poller = world.poller(4)
    poller.send("a")
    answer = world.engine.handle(request("GET", poller.query))
    assert not isinstance(answer, Deferred)
    assert answer.body == b"4a"
