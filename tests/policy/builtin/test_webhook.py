"""``webhook``: a service hears of comings and goings, signed, in order, at least once; and nobody waits for it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor as twistedReactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from rtcsignal.api import ConfigError
from rtcsignal.policy.builtin import webhook as module
from rtcsignal.policy.builtin.webhook import webhook as plugin
from rtcsignal.policy.httpclient import HttpClient
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer, MemoryClient
from tests.policy.conftest import LogLines

reactor: Any = twistedReactor

URL = "https://user:pass@hooks.example.org:8443/rtc?token=t0ken"
SECRET = "a secret of some length"
OPTIONS: dict[str, Any] = {"url": URL, "secret": SECRET}


@pytest.fixture(autouse=True)
def nothingIsLeft() -> Iterator[None]:
    yield
    assert not module._senders


def serverWith(**options: Any) -> InMemoryServer:
    return InMemoryServer(use=[{"webhook": {**OPTIONS, **options}}])


def joined(server: InMemoryServer, userId: str = "ann", room: str = "kitchen") -> MemoryClient:
    client = server.connect(address="192.0.2.7")
    assert client.join(room, userId).ok
    return client


def bodies(server: InMemoryServer) -> list[dict[str, Any]]:
    """The events of all requests so far."""
    return [json.loads(more["data"]) for _, _, more in server.http.requests]


def told(server: InMemoryServer) -> list[tuple[str, str]]:
    return [(body["event"], body["room"]) for body in bodies(server)]


def answerAll(server: InMemoryServer, code: int = 204) -> None:
    """Answer requests until there are no more."""
    while server.http._waiting:
        server.http.answer(code)


class TestEvents:
    def test_aRoomBeginsIsJoinedLeftAndEnds(self) -> None:
        with serverWith() as server:
            server.advance(2)
            ann = joined(server)
            joined(server, "bob").leave("kitchen", "bob")
            server.advance(1)
            ann.lose()
            answerAll(server)
            sent = bodies(server)
        assert len({body.pop("id") for body in sent}) == 6
        sids = [body.pop("sid") for body in sent if "sid" in body]
        assert sids == [sids[0], sids[1], sids[1], sids[0]]
        room = {"room": "kitchen", "startedAt": pytest.approx(2)}
        came, went = {"time": pytest.approx(2), **room}, {"time": pytest.approx(3), **room}
        assert sent == [
            {"event": "room-started", **came, "sequence": 1, "size": 1},
            {"event": "joined", **came, "sequence": 2, "size": 1, "user": "ann"},
            {"event": "joined", **came, "sequence": 3, "size": 2, "user": "bob"},
            {"event": "left", **came, "sequence": 4, "size": 1, "user": "bob", "reason": "left"},
            {"event": "left", **went, "sequence": 5, "size": 0, "user": "ann", "reason": "disconnect"},
            {"event": "room-ended", **went, "sequence": 6, "size": 0},
        ]

    def test_onlySomeMayBeSentAndAreNumberedWithoutGaps(self) -> None:
        with serverWith(events=["joined", "room-ended"]) as server:
            joined(server).leave("kitchen", "ann")
            answerAll(server)
            assert [(body["event"], body["sequence"]) for body in bodies(server)] == [("joined", 1), ("room-ended", 2)]

    def test_addressesAreSentOnlyIfWanted(self) -> None:
        for addresses in (False, True):
            with serverWith(addresses=addresses, events=["joined"]) as server:
                joined(server)
                assert ("address" in bodies(server)[0]) is addresses
                answerAll(server)

    def test_theNodeIsNamedWhereThereAreSeveral(self) -> None:
        for node in ("", "north"):
            configured = plugin.configured({"url": "http://service.example/", "secret": SECRET})
            services = FakeServices("webhook")
            configured.start(services)
            configured.joined(FakePeer(node=node), FakeRoom("kitchen", [FakePeer(node=node)]))
            _, _, request = services.http.requests[0]
            assert json.loads(request["data"]).get("node", "") == node
            services.http.answer(204)
            services.http.answer(204)
            ended = Deferred.fromCoroutine(configured.stop())
            assert ended.called

    def test_aRoomThatBeginsAgainCountsAnew(self) -> None:
        with serverWith(events=["joined"]) as server:
            for _ in range(2):
                joined(server).leave("kitchen", "ann")
                server.advance(1)
            answerAll(server)
            assert [(body["startedAt"], body["sequence"]) for body in bodies(server)] == [(0, 1), (pytest.approx(1), 1)]

    def test_theyHaveTheTimeOfDayAndOneBeginning(self) -> None:
        with serverWith() as server:
            server.advance(2)
            ann = joined(server)
            server.wallOffset = -3600
            server.advance(1)
            ann.lose()
            answerAll(server)
            times = [(body["time"], body["startedAt"]) for body in bodies(server)]
            stamps = [more["headers"]["Webhook-Timestamp"] for *_, more in server.http.requests]
        assert times == [(pytest.approx(time), pytest.approx(2)) for time in (2, 2, -3597, -3597)]
        assert stamps == ["2", "-3597", "-3597", "-3597"]


class TestRequests:
    def test_theyAreSignedAsStandardWebhooks(self) -> None:
        with serverWith() as server:
            server.advance(1000.5)
            joined(server)
            method, url, more = server.http.requests[0]
            answerAll(server)
        headers, body = more["headers"], more["data"]
        assert (method, url, more["allow_redirects"]) == ("POST", URL, False)
        assert headers["Content-Type"] == "application/json"
        assert headers["Webhook-Id"] == json.loads(body)["id"]
        assert headers["Webhook-Timestamp"] == "1000"
        content = f"{headers['Webhook-Id']}.1000.".encode() + body
        digest = hmac.new(SECRET.encode(), content, hashlib.sha256).digest()
        assert headers["Webhook-Signature"] == f"v1,{base64.b64encode(digest).decode()}"

    def test_aKnownSignature(self) -> None:
        """Of the specification of Standard Webhooks: secret, id, time, body and what comes of them."""
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        hook = plugin.configured({**OPTIONS, "secret": secret})
        services = FakeServices()
        services.clock.advance(1614265330)
        hook.start(services)
        headers = hook.signed("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
        assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        Deferred.fromCoroutine(hook.stop())

    def test_whileASecretIsReplacedBothSign(self) -> None:
        old = "whsec_" + base64.b64encode(b"the secret of last year").decode()
        with serverWith(old_secret=old) as server:
            joined(server)
            headers, body = (server.http.requests[0][2][key] for key in ("headers", "data"))
            answerAll(server)
        content = f"{headers['Webhook-Id']}.0.".encode() + body
        keys = (SECRET.encode(), b"the secret of last year")
        digests = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
        assert headers["Webhook-Signature"] == " ".join(f"v1,{digest}" for digest in digests)

    def test_nobodyWaitsForThem(self) -> None:
        with serverWith() as server:
            ann, bob = joined(server), joined(server, "bob")
            assert ann.broadcast({"msgType": 1, "targetUserId": "bob"}).value == {"ok": True, "delivered": 1}
            assert bob.take("broadcast")
            assert server.counters("webhook").pending == 0
            answerAll(server)

    def test_ofARoomThereIsOneAtATimeAndOfSeveralRoomsSoMany(self) -> None:
        with serverWith(connections=2) as server:
            for room in ("one", "two", "three"):
                joined(server, room=room)
            assert told(server) == [("room-started", "one"), ("room-started", "two")]
            server.http.answer(200)
            assert told(server)[2:] == [("room-started", "three")]
            answerAll(server)
            for room in ("one", "two", "three"):
                assert [event for event, name in told(server) if name == room] == ["room-started", "joined"]


class TestFailures:
    @pytest.mark.parametrize("code", [500, 503, 408, 409, 425, 429])
    def test_whatIsNotTakenNowIsTriedAgainWithTheSameId(self, code: int) -> None:
        with serverWith(events=["joined"]) as server:
            server.advance(10.5)
            joined(server)
            server.http.answer(code)
            server.advance(1.1)
            first, second = (more for _, _, more in server.http.requests)
            assert first["data"] == second["data"]
            assert first["headers"]["Webhook-Id"] == second["headers"]["Webhook-Id"]
            assert [each["headers"]["Webhook-Timestamp"] for each in (first, second)] == ["10", "11"]
            answerAll(server)

    def test_eachTimeItWaitsLongerAndNeverAsLongAsTheOthers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for share in (0.5, 1.0):
            monkeypatch.setattr(random, "uniform", lambda least, most, share=share: share)
            with serverWith(events=["joined"]) as server:
                joined(server)
                waits = []
                for _ in range(9):
                    server.http.fail(ConnectionRefusedError("no"))
                    (wait,) = [call.getTime() - server.clock.seconds() for call in server.clock.getDelayedCalls()]
                    waits.append(wait)
                    server.clock.advance(wait)
                assert waits == pytest.approx([share * longest for longest in (1, 2, 4, 8, 16, 32, 60, 60, 60)])
                answerAll(server)

    @pytest.mark.parametrize(("wish", "wait"), [("30", 30), ("100000", 300), ("Wed, 21 Oct", 1), ("-5", 1)])
    def test_itWaitsAsLongAsTheServiceWishes(self, wish: str, wait: float) -> None:
        with serverWith(events=["joined"]) as server:
            joined(server)
            server.http.answer(429, headers={"Retry-After": wish})
            server.advance(wait / 2 - 0.1)
            assert len(server.http.requests) == 1
            server.advance(wait / 2 + 0.2)
            assert len(server.http.requests) == 2
            answerAll(server)

    def test_eventsOfARoomStayInOrderAndOtherRoomsGoOn(self) -> None:
        with serverWith(events=["joined"]) as server:
            joined(server, "ann")
            joined(server, "bob")
            server.http.fail(ConnectionRefusedError("no"))
            joined(server, "eve", "garden")
            server.http.answer(200)
            assert [body["user"] for body in bodies(server)] == ["ann", "eve"]
            server.advance(1.1)
            answerAll(server)
            assert [body["user"] for body in bodies(server)] == ["ann", "eve", "ann", "bob"]

    @pytest.mark.parametrize("code", [301, 400, 401, 404, 410, 413])
    def test_whatCanNeverBeTakenIsGivenUp(self, code: int, log: LogLines) -> None:
        with serverWith(events=["joined"]) as server:
            joined(server, "ann")
            joined(server, "bob")
            server.http.answer(code)
            assert [body["user"] for body in bodies(server)] == ["ann", "bob"]
            assert log.about("hooks.example.org:8443 is given up", f"status {code}")
            answerAll(server)

    def test_whatIsTooOldIsGivenUp(self, log: LogLines) -> None:
        with serverWith(events=["joined"], give_up_seconds=1) as server:
            joined(server)
            server.http.answer(500)
            server.advance(1.1)
            server.http.answer(500)
            assert log.about("is given up: status 500")
            server.advance(100)
            assert len(server.http.requests) == 2

    @pytest.mark.parametrize("step", [3600.0, -3600.0])
    def test_theSystemsClockDoesNotSayHowOldItIs(self, step: float) -> None:
        with serverWith(events=["joined"], give_up_seconds=10) as server:
            joined(server)
            server.wallOffset = step
            server.http.answer(500)
            server.advance(1.1)
            server.http.answer(204)
            assert len(server.http.requests) == 2

    def test_theLogSaysOnceThatItFailsAndOnceThatItWorks(self, log: LogLines) -> None:
        with serverWith() as server:
            for room in ("one", "two"):
                joined(server, room=room)
                server.http.fail(ConnectionRefusedError("no"))
            assert len(log.about("does not take events: ConnectionRefusedError: no")) == 1
            server.advance(1.1)
            answerAll(server)
            assert len(log.about("takes events again")) == 1

    def test_aRequestThatCannotEvenBeMadeIsTriedAgain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def request(*arguments: Any, **more: Any) -> Any:
            raise ValueError("no such host")

        with serverWith(events=["joined"]) as server:
            with monkeypatch.context() as patch:
                patch.setattr(server.http, "request", request)
                joined(server)
            server.advance(1.1)
            answerAll(server)
            assert [body["user"] for body in bodies(server)] == ["ann"]

    def test_noSecretIsLogged(self, log: LogLines) -> None:
        with serverWith() as server:
            joined(server)
            for code in (500, 404):
                server.http.answer(code)
                server.advance(1.1)
        text = "\n".join(log.lines)
        assert "hooks.example.org:8443" in text
        assert not [word for word in (SECRET, "pass", "t0ken") if word in text]

    def test_moreEventsThanMayWaitAreDroppedCountedAndSeen(self, log: LogLines) -> None:
        with serverWith(events=["joined"], queue=4) as server:
            for number in range(9):
                joined(server, str(number))
            assert len(log.about("too many events wait")) == 1
            answerAll(server)
            joined(server, "late")
            assert log.about("5 events were dropped")
            answerAll(server)
            sent = [(body["user"], body["sequence"]) for body in bodies(server)]
            assert sent == [("0", 1), ("1", 2), ("2", 3), ("3", 4), ("late", 10)]


class TestStopping:
    def test_whatIsLeftIsDelivered(self) -> None:
        with serverWith(events=["joined", "left"]) as server:
            joined(server)
            server.http.fail(ConnectionRefusedError("no"))
            server.clock.callLater(0.5, answerAll, server)
        assert [event for event, _ in told(server)] == ["joined", "joined", "left"]

    def test_butNotForEver(self, log: LogLines) -> None:
        with serverWith(events=["joined"], flush_seconds=1, queue=3) as server:
            for number in range(5):
                joined(server, str(number))
            joined(server, "eve", "garden")
            stopped = server.clock.seconds()
        assert server.clock.seconds() - stopped == pytest.approx(1, abs=0.1)
        assert log.about("3 events were dropped")
        assert log.about("3 events for hooks.example.org:8443 are lost")
        assert not server.http._waiting
        assert not server.clock.getDelayedCalls()

    def test_aRoomThatWaitsIsGivenUpAsWell(self, log: LogLines) -> None:
        with serverWith(events=["joined"], flush_seconds=0.2) as server:
            joined(server)
            server.http.answer(500)
            server.clock.callLater(0.1, server.http.answer, 500)
        assert log.about("1 events for", "are lost")
        assert not server.clock.getDelayedCalls()

    def test_nothingLeftTakesNoTime(self) -> None:
        with serverWith() as server:
            before = server.clock.seconds()
        assert server.clock.seconds() == before


class TestReload:
    def test_whatWaitsIsKeptAndStaysInOrder(self) -> None:
        new = {"webhook": {**OPTIONS, "url": "http://new.example.org/"}}
        with serverWith(events=["joined"]) as server:
            joined(server, "ann")
            server.http.fail(ConnectionRefusedError("no"))
            joined(server, "bob")
            assert server.reload(use=[{"webhook": {**new["webhook"], "events": ["joined"]}}])
            joined(server, "eve")
            server.advance(1.1)
            answerAll(server)
            sent = [(url, json.loads(more["data"])) for _, url, more in server.http.requests]
        assert [(url, body["user"], body["sequence"]) for url, body in sent] == [
            (URL, "ann", 1),
            ("http://new.example.org/", "ann", 1),
            ("http://new.example.org/", "bob", 2),
            ("http://new.example.org/", "eve", 3),
        ]

    def test_aRequestUnderWayEnds(self) -> None:
        with serverWith(events=["joined"]) as server:
            joined(server)
            assert server.reload()
            server.advance(3)
            assert len(server.http._waiting) == 1
            answerAll(server)
            assert len(server.http.requests) == 1

    def test_aReloadThatFailsChangesNothing(self) -> None:
        with serverWith(events=["joined"]) as server:
            wrong = {"audit": {"file": "/nowhere/at/all"}}
            assert not server.reload(use=[{"webhook": {**OPTIONS, "url": "http://new.example.org/"}}, wrong])
            joined(server)
            assert [url for _, url, _ in server.http.requests] == [URL]
            answerAll(server)

    def test_withoutItWhatIsLeftIsDeliveredAsAtTheEnd(self) -> None:
        with serverWith(events=["joined"]) as server:
            joined(server)
            assert server.reload(use=[])
            server.advance(0.5)
            answerAll(server)
            server.advance(3)
            joined(server, "bob")
            assert len(server.http.requests) == 1


    def test_usedAgainBeforeTheEndItTakesOverWhatIsLeft(self) -> None:
        with serverWith(events=["joined"]) as server:
            joined(server)
            server.http.answer(500)
            assert server.reload(use=[])
            server.http.answer(500)
            assert server.reload()
            server.advance(2.5)
            answerAll(server)
            assert [body["user"] for body in bodies(server)] == ["ann"] * 3


class TestOptions:
    @pytest.mark.parametrize(
        "url", ["", "hooks.example.org", "ftp://example.org/", "http://", "http://[x/", "http://a:b/"]
    )
    def test_theUrlIsOneOfAWebService(self, url: str) -> None:
        with pytest.raises(ConfigError) as error:
            plugin.configured({**OPTIONS, "url": url})
        assert error.value.problems == ("url: must be an http or https URL",)

    def test_whatIsRequiredIsNamed(self) -> None:
        with pytest.raises(ConfigError) as error:
            plugin.configured({"events": ["came"], "queue": 0})
        text = "\n".join(error.value.problems)
        assert [key for key in ("url: ", "secret: ", "events: ", "queue: ") if key not in text] == []

    @pytest.mark.parametrize("option", ["secret", "old_secret"])
    @pytest.mark.parametrize("secret", ["too short", "whsec_no base64 at all"])
    def test_aWrongSecretIsNotShown(self, option: str, secret: str) -> None:
        with pytest.raises(ConfigError, match=f"^{option}: ") as error:
            plugin.configured({**OPTIONS, option: secret})
        assert secret not in str(error.value)

    def test_secretsAreInNoRepr(self) -> None:
        assert SECRET not in repr(plugin.configured(OPTIONS))

    def test_unlessItHasStartedItDoesNothing(self) -> None:
        hook = plugin.configured(OPTIONS)
        hook.joined(FakePeer(), FakeRoom())
        Deferred.fromCoroutine(hook.stop())


class Receiver(Resource):
    """A service that checks signatures, and does as it is told.

    Attributes:
        answers: The statuses to give, one for each request; afterwards 204. 0 is no answer at all.
        events: What it accepted, each once.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[int] = []
        self.events: list[dict[str, Any]] = []
        self.waiting: tuple[int, Deferred[None]] | None = None

    def render_POST(self, request: Any) -> Any:
        body = request.content.read()
        delivery, timestamp, signature = (
            request.getHeader(f"webhook-{name}") for name in ("id", "timestamp", "signature")
        )
        digest = hmac.new(SECRET.encode(), f"{delivery}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        assert f"v1,{base64.b64encode(digest).decode()}" in signature.split(" ")
        code = self.answers.pop(0) if self.answers else 204
        if not code:
            return NOT_DONE_YET
        request.setResponseCode(code)
        # One whose answer comes late, on a busy machine, is sent again; the id tells.
        if code < 300 and delivery not in [event["id"] for event in self.events]:
            self.events.append(json.loads(body))
            if self.waiting is not None and len(self.events) >= self.waiting[0]:
                reactor.callLater(0, self.waiting[1].callback, None)
                self.waiting = None
        return b""

    def hears(self, count: int) -> Deferred[None]:
        """Fires when it has accepted so many."""
        heard: Deferred[None] = Deferred()
        self.waiting = (count, heard)
        return heard.addTimeout(20, reactor)


class RealServices(FakeServices):
    """Services with a real clock and a real network."""

    def __init__(self) -> None:
        super().__init__("webhook")
        self.clock = reactor
        self.http = HttpClient(reactor)  # type: ignore[assignment]


@asynccontextmanager
async def receiving(receiver: Receiver, **options: Any) -> AsyncIterator[Any]:
    before = inReactor()
    port = reactor.listenTCP(0, Site(receiver), interface="127.0.0.1")
    services = RealServices()
    url = f"http://127.0.0.1:{port.getHost().port}/hook"
    hook = plugin.configured({**OPTIONS, "url": url, **options})
    hook.start(services)
    yield hook
    services.http.close()
    await port.stopListening()
    for _ in range(1000):
        if inReactor() == before:
            break
        await deferLater(reactor, 0.01)


def inReactor() -> tuple[int, int]:
    """How many sockets and timers there are."""
    return len(reactor.getReaders()), len(reactor.getDelayedCalls())


class TestARealService:
    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_itHearsEverythingOnceAndInOrderThoughItFailsNowAndThen(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(random, "uniform", lambda least, most: 0.01)
        receiver = Receiver()
        receiver.answers = [204, 500, 204, 0, 204, 503, 204, 429]
        async with receiving(receiver, request_seconds=0.2) as hook:
            heard = receiver.hears(44)
            for name in ("kitchen", "garden"):
                room = FakeRoom(name)
                for number in range(10):
                    peer = FakePeer(f"user{number}")
                    room.add(peer)
                    hook.joined(peer, room)
                for peer in room.peers():
                    room.remove(peer)
                    hook.left(peer, room, "left")
            await heard
            await Deferred.fromCoroutine(hook.stop())
        for name in ("kitchen", "garden"):
            events = [event for event in receiver.events if event["room"] == name]
            assert [event["sequence"] for event in events] == list(range(1, 23))
            assert [event["event"] for event in events] == [
                "room-started", *["joined"] * 10, *["left"] * 10, "room-ended"
            ]  # fmt: skip
        assert len(receiver.events) == 44
        assert receiver.answers == []

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_withoutAServiceTheStopTakesNoLongerThanItMay(self, log: LogLines) -> None:
        async with receiving(Receiver(), url="http://127.0.0.1:1/", flush_seconds=0.5) as hook:
            room = FakeRoom("kitchen", [FakePeer()])
            hook.joined(FakePeer(), room)
            await Deferred.fromCoroutine(hook.stop()).addTimeout(5, reactor)
        assert log.about("127.0.0.1:1 does not take events: ConnectionRefusedError")
        assert log.about("2 events for 127.0.0.1:1 are lost")
