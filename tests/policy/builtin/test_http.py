"""``http``: what the service is asked, what its answers mean, and what happens when it does not answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.api import ConfigError, Handshake, IAuthenticator, Identity, Refused
from rtcsignal.policy.builtin.http import Http
from rtcsignal.policy.builtin.http import http as plugin
from rtcsignal.policy.loader import loadPlugins
from rtcsignal.testing import FakeServices, InMemoryServer, MemoryClient
from tests.policy.bench import failureOf
from tests.policy.conftest import LogLines
from tests.policy.sources import Use, Wanted

URL = "http://accounts.example/judge"
ANN = {"userId": "ann", "roles": ["host"]}


@implementer(IAuthenticator)
class Rest:
    """Lets in whoever is left."""

    name = "rest"

    def authenticate(self, handshake: Any) -> Identity:
        return Identity("somebody")


class Desk:
    """A server that asks, with the service that the test plays."""

    def __init__(self, *others: Any, **options: Any) -> None:
        self.server = InMemoryServer(plugin.configured({"url": URL, **options}), *others)

    def __enter__(self) -> Desk:
        self.server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.__exit__(*error)

    def come(self, token: Any = "abc", **more: Any) -> MemoryClient:
        """A client comes with a token."""
        return self.server.connect(auth={"token": token}, **more)

    def answer(self, status: int = 200, body: Any = b"") -> None:
        """The service answers the oldest question."""
        self.server.http.answer(status, body)

    def judged(self, status: int = 200, body: Any = b"", token: Any = "abc") -> MemoryClient:
        """A client that has come, and of whom the service has said so."""
        client = self.come(token)
        self.answer(status, body)
        return client

    @property
    def asked(self) -> list[Any]:
        """What the service was asked, all in all."""
        return [json.loads(more["data"]) for _, _, more in self.server.http.requests]


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A desk as it comes."""
    with Desk() as made:
        yield made


def codeOf(client: MemoryClient) -> str:
    assert not client.connected
    return str(client.refusal["data"]["code"])


class TestQuestions:
    def test_theServiceIsAskedWhoseTokenItIs(self, desk: Desk) -> None:
        client = desk.come("abc", address="192.0.2.7")
        ((method, url, more),) = desk.server.http.requests
        assert (method, url, json.loads(more["data"])) == ("POST", URL, {"token": "abc"})
        assert more["headers"] == {"Content-Type": "application/json", "Accept": "application/json"}
        assert more["allow_redirects"] is False
        assert (client.connected, client.refusal) == (False, None)
        desk.answer(200, ANN)
        assert client.join("kitchen", "ann").ok

    def test_itMayBeToldMore(self) -> None:
        with Desk(send=["address", "namespace", "origin"]) as desk:
            desk.come(address="192.0.2.7", namespace="/socket.io", headers={"origin": "https://a.example"})
            desk.come()
            assert desk.asked == [
                {"token": "abc", "address": "192.0.2.7", "namespace": "/socket.io", "origin": "https://a.example"},
                {"token": "abc", "address": "127.0.0.1", "namespace": "/", "origin": None},
            ]

    def test_itMayBeToldWhoAsks(self) -> None:
        with Desk(secret="of us both") as desk:
            desk.come()
            assert desk.server.http.requests[0][2]["headers"]["Authorization"] == "Bearer of us both"

    @pytest.mark.parametrize("token", [None, "", 7, ["abc"]])
    def test_withoutATokenNobodyIsAsked(self, desk: Desk, token: Any) -> None:
        assert codeOf(desk.come(token)) == "unauthorized"
        assert desk.asked == []

    def test_theTokenMayBeElsewhere(self) -> None:
        with Desk(token_key="pass", cookie="sid") as desk:
            desk.server.connect(auth={"pass": "a"})
            desk.server.connect(query={"pass": "b"}, revision=3)
            desk.server.connect(headers={"authorization": "Bearer c"})
            desk.server.connect(headers={"cookie": "sid=d"})
            assert [question["token"] for question in desk.asked] == ["a", "b", "c", "d"]

    def test_anyTextIsATokenButForOneWithoutAnEnd(self, desk: Desk) -> None:
        desk.come('"\u2028\x00 {}')
        assert desk.asked == [{"token": '"\u2028\x00 {}'}]
        long = {"authorization": f"Bearer {'a' * 16385}"}
        assert codeOf(desk.server.connect(headers=long)) == "bad-token"
        assert len(desk.asked) == 1


class TestAnswers:
    def test_itSaysWhoItIs(self, desk: Desk) -> None:
        client = desk.judged(200, {**ANN, "claims": {"team": "blue"}, "expiresAt": 60, "more": 1})
        assert client.join("kitchen", "bob").code == "not-your-user-id"
        assert client.join("kitchen", "ann").ok
        (peer,) = desk.server.hub.rooms["kitchen"].view.peers()
        assert (peer.roles, dict(peer.claims)) == (frozenset({"host"}), {"team": "blue"})
        desk.server.advance(60.1)
        assert not client.connected

    def test_orAsLittleAsItLikes(self, desk: Desk) -> None:
        assert desk.judged(200, {}).join("kitchen", "anybody").ok
        nothing = {"userId": None, "roles": None, "claims": None, "expiresAt": None}
        assert desk.judged(200, nothing, "def").join("kitchen", "anybody").ok

    @pytest.mark.parametrize("status", [401, 403])
    @pytest.mark.parametrize(
        ("body", "data", "message"),
        [
            ({"code": "banned", "message": "Go away.", "until": 7}, {"code": "banned", "until": 7}, "Go away."),
            ({"error": "x"}, {"code": "bad-token", "error": "x"}, "The token is not valid."),
            ({"code": "Not A Word", "message": 7}, {"code": "bad-token"}, "The token is not valid."),
            ({"code": "a" * 65}, {"code": "bad-token"}, "The token is not valid."),
            (b"", {"code": "bad-token"}, "The token is not valid."),
            (b"<html>", {"code": "bad-token"}, "The token is not valid."),
            (b"[" * 9000, {"code": "bad-token"}, "The token is not valid."),
        ],
        ids=str,
    )
    def test_itSaysNoAndWhy(self, desk: Desk, status: int, body: Any, data: Any, message: str) -> None:
        assert desk.judged(status, body).refusal == {"message": message, "data": data}

    def test_itMayNotKnowTheKindOfToken(self) -> None:
        with Desk(Rest()) as desk:
            assert desk.judged(204).join("kitchen", "somebody").ok

    @pytest.mark.parametrize(
        ("status", "body", "why"),
        [
            (200, b"", "the service's answer is not a JSON object"),
            (200, b"<html>", "the service's answer is not a JSON object"),
            (200, b"\xff", "the service's answer is not a JSON object"),
            (200, b"[" * 9000, "the service's answer is not a JSON object"),
            (200, [ANN], "the service's answer is not a JSON object"),
            (200, {"userId": 7}, "the service's answer has userId that cannot be understood"),
            (200, {"userId": ""}, "the service's answer has userId that cannot be understood"),
            (200, {"userId": "a\nb"}, "the service's answer has userId that cannot be understood"),
            (200, {"roles": "host"}, "the service's answer has roles that cannot be understood"),
            (200, {"roles": [1]}, "the service's answer has roles that cannot be understood"),
            (200, {"claims": ["a"]}, "the service's answer has claims that cannot be understood"),
            (200, {"expiresAt": "60"}, "the service's answer has expiresAt that cannot be understood"),
            (200, {"expiresAt": True}, "the service's answer has expiresAt that cannot be understood"),
            (200, b'{"expiresAt":1e999}', "the service's answer has expiresAt that cannot be understood"),
            (302, b"", "the service answers with status 302"),
            (404, {"code": "banned"}, "the service answers with status 404"),
            (500, b"", "the service answers with status 500"),
        ],
        ids=str,
    )
    def test_whatCannotBeUnderstoodLetsNobodyIn(
        self, desk: Desk, status: int, body: Any, why: str, log: LogLines
    ) -> None:
        assert codeOf(desk.judged(status, body)) == "unavailable"
        assert log.about("error: ", "clients cannot be identified") == [
            f"error: clients cannot be identified: {why}"
        ]


class TestWithoutAnAnswer:
    def test_nobodyComesIn(self, desk: Desk, log: LogLines) -> None:
        refused = desk.come("secret token")
        desk.server.http.fail(ConnectionRefusedError("no"))
        assert codeOf(refused) == "unavailable"
        late = desk.come("secret token")
        desk.server.advance(1.4)
        assert late.refusal is None
        desk.server.advance(0.2)
        assert codeOf(late) == "unavailable"
        assert log.about("cannot be identified") == [
            "error: clients cannot be identified: ConnectionRefusedError"
        ]
        assert not log.about("secret token")

    def test_theLogSaysSoOnceAMinute(self, desk: Desk, log: LogLines) -> None:
        for _ in range(200):
            desk.judged(500)
            desk.server.advance(1)
        assert len(log.about("cannot be identified")) == 4

    def test_theServiceIsAskedAgainForTheNext(self, desk: Desk) -> None:
        assert codeOf(desk.judged(500)) == "unavailable"
        assert desk.judged(200, ANN).connected

    def test_anAnswerThatStopsInTheMiddleIsNone(self) -> None:
        class Stopped:
            code = 200

            def content(self) -> Deferred[bytes]:
                return Deferred()

        services, plugin_ = FakeServices(), plugin.configured({"url": URL})
        plugin_.start(services)
        client = _waits(plugin_)
        services.http._waiting.pop().callback(Stopped())
        services.clock.advance(1.6)
        assert _refusalOf(client) == "unavailable"
        assert services.clock.getDelayedCalls() == []

    def test_theNextPluginMayBeAskedInstead(self) -> None:
        with Desk(Rest(), when_down="skip") as desk:
            assert desk.judged(500).join("kitchen", "somebody").ok
            assert codeOf(desk.judged(403)) == "bad-token"
            assert desk.judged(200, ANN, "def").join("kitchen", "ann").ok
            assert desk.judged(500, token="ghi").connected
            assert desk.judged(200, ANN, "ghi").join("kitchen", "ann").ok

    def test_whoDoesNotWaitKeepsNobodyFromTheAnswer(self, desk: Desk) -> None:
        gone, other = desk.come(), desk.come()
        gone.lose()
        assert len(desk.asked) == 1
        desk.answer(200, ANN)
        assert other.connected
        assert desk.come().connected

    def test_tooManyQuestionsAtOnceAreNotAsked(self) -> None:
        with Desk(most_at_once=2) as desk:
            first, second, again, third = (desk.come(token) for token in ("a", "b", "a", "c"))
            assert codeOf(third) == "unavailable"
            desk.answer(200, ANN)
            assert (first.connected, again.connected, second.refusal) == (True, True, None)
            assert desk.come("c").refusal is None
            assert len(desk.asked) == 3

    def test_whatWaitsWhenItIsStoppedIsRefusedWithoutAWord(self, log: LogLines) -> None:
        services, plugin_ = FakeServices(), plugin.configured({"url": URL})
        plugin_.start(services)
        client = _waits(plugin_)
        plugin_.stop()
        assert _refusalOf(client) == "unavailable"
        assert services.clock.getDelayedCalls() == []
        assert log.lines == []


def _waits(plugin_: Http) -> Deferred[Any]:
    answer = plugin_.authenticate(Handshake("/", auth={"token": "abc"}))
    assert isinstance(answer, Deferred)
    return answer


def _refusalOf(waiting: Deferred[Any]) -> str:
    refused = failureOf(waiting)
    assert isinstance(refused, Refused)
    return refused.code


class TestMemory:
    def test_theSameQuestionIsAskedOnceAtATime(self, desk: Desk) -> None:
        clients = [desk.come() for _ in range(5)]
        assert len(desk.asked) == 1
        desk.answer(200, ANN)
        assert all(client.connected for client in clients)

    def test_soItIsIfTheAnswerIsNo(self, desk: Desk) -> None:
        clients = [desk.come() for _ in range(5)]
        desk.answer(403, {"code": "banned"})
        assert [codeOf(client) for client in clients] == ["banned"] * 5

    def test_answersAreKeptForAWhile(self, desk: Desk) -> None:
        assert desk.judged(200, ANN).connected
        desk.server.advance(59.9)
        assert desk.come().connected
        desk.server.advance(0.2)
        assert not desk.come().connected
        assert len(desk.asked) == 2

    def test_refusalsAreForAShorterOne(self, desk: Desk) -> None:
        desk.judged(403, {"code": "banned"})
        desk.server.advance(4.9)
        assert codeOf(desk.come()) == "banned"
        desk.server.advance(0.2)
        assert desk.judged(200, ANN).connected

    def test_nobodyIsKeptLongerThanKnown(self, desk: Desk) -> None:
        desk.judged(200, {**ANN, "expiresAt": 30})
        desk.server.advance(29)
        assert desk.come().connected
        desk.server.advance(1.5)
        assert desk.come().refusal is None
        assert len(desk.asked) == 2

    def test_howLongItIsKnownIsMeasured(self, desk: Desk) -> None:
        desk.server.wallOffset = 1000
        desk.judged(200, {**ANN, "expiresAt": 1030})
        desk.server.wallOffset = 900
        desk.server.advance(29)
        assert desk.come().connected
        desk.server.advance(1.5)
        assert desk.come().refusal is None
        assert len(desk.asked) == 2

    def test_anAnswerHoldsForAllThatWasAsked(self) -> None:
        with Desk(send=["address"]) as desk:
            desk.judged(200, ANN)
            assert desk.come(address="127.0.0.1").connected
            assert not desk.come(address="192.0.2.7").connected

    def test_itHoldsNoMoreThanItMayAndNoTokens(self) -> None:
        with Desk(cache_size=2) as desk:
            for token in ("a", "b", "c"):
                desk.judged(200, ANN, token)
            for token in ("x", "y", "z"):
                desk.judged(403, b"", token)
            assert desk.come("b").connected
            assert desk.come("c").connected
            assert codeOf(desk.come("z")) == "bad-token"
            assert len(desk.asked) == 6
            desk.come("a"), desk.come("x")
            assert len(desk.asked) == 8

    @pytest.mark.parametrize("options", [{"cache_seconds": 0}, {"cache_size": 0}])
    def test_itCanBeSwitchedOff(self, options: Any) -> None:
        with Desk(**options) as desk:
            for _ in range(3):
                assert desk.judged(200, ANN).connected
            assert len(desk.asked) == 3


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({}, "url: is required: The service"),
            ({"url": "accounts.example"}, "url: must be a URL that begins with http:// or https://"),
            ({"url": "ftp://accounts.example"}, "url: must be a URL that begins with http:// or https://"),
            ({"url": "http:///judge"}, "url: must be a URL that begins with http:// or https://"),
            ({"url": "http://[::1"}, "url: must be a URL that begins with http:// or https://"),
            ({"url": URL, "send": ["address", "cookies"]}, "send: cannot be cookies"),
            ({"url": URL, "when_down": "open"}, "when_down: must be refuse or skip, not 'open'"),
            ({"url": URL, "seconds": 0}, "seconds: must be a number from 0.1 to 60, not 0"),
            ({"url": URL, "secret": 7}, "secret: must be a string, not what it is"),
        ],
        ids=str,
    )
    def test_wrongOnesAreNamed(self, options: Any, problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            plugin.configured(options)

    def test_withoutTreqTheStartEndsWithWhatToDo(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "treq", None)
        with pytest.raises(ConfigError) as raised:
            loadPlugins(Wanted((), [Use("http", {"url": URL})]))
        needed = "it needs treq: pip install 'rtcsignal[http]'"
        assert [problem.rpartition("use.0.")[2] for problem in raised.value.problems] == [f"http: {needed}"]
