"""The server in memory, and the other helpers for tests of plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from rtcsignal.api import ConfigError, Handshake, Identity, Refused
from rtcsignal.testing import FakeHttp, FakePeer, FakeRoom, FakeServices, InMemoryServer, loadPlugin
from tests.policy.bench import Authenticator, Filter, Policy, failureOf, resultOf
from tests.policy.sources import MEMBERS_ONLY, policy

Folder = Callable[..., Path]

pytest_plugins = ["rtcsignal.testing.fixtures"]


class TestClients:
    def test_joinSpeakAndLeave(self) -> None:
        with InMemoryServer() as server:
            ann, bob = server.connect(), server.connect(namespace="/socket.io")
            assert ann.join("kitchen", "ann").ok
            assert bob.join("kitchen", "bob").value["members"] == [{"userId": "ann"}, {"userId": "bob"}]
            ann.take()
            assert bob.broadcast({"msgType": 1, "data": b"\0"}).value == {"ok": True, "delivered": 2}
            assert ann.take() == [("broadcast", {"msgType": 1, "data": b"\0"})]
            assert bob.leave("kitchen", "bob").ok
            assert server.members("kitchen") == ["ann"]
            assert server.members("cellar") == []

    def test_areToldOfRefusalsInTheAnswerOrByAnEvent(self) -> None:
        with InMemoryServer() as server:
            ann = server.connect()
            answer = ann.broadcast(1)
            assert (answer.ok, answer.code) == (False, "not-in-room")
            ann.emit("broadcast", 1)
            (refused,) = ann.take("refused")
            assert refused[1]["code"] == "not-in-room"

    def test_eventsAreTakenOutByNameOrAllTogether(self) -> None:
        with InMemoryServer() as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            ann.emit("broadcast", 1)
            assert ann.take("broadcast") == [("broadcast", 1)]
            assert ann.take() == [("user-joined", "ann", {"roomName": "kitchen"})]
            assert ann.take() == []

    @pytest.mark.parametrize("end", ["disconnect", "lose"])
    def test_goInOrderOrNot(self, end: str) -> None:
        with InMemoryServer() as server:
            ann, bob = server.connect(), server.connect()
            ann.join("kitchen", "ann")
            bob.join("kitchen", "bob")
            getattr(ann, end)()
            assert bob.take("user-left") == [("user-left", "ann", {"roomName": "kitchen", "reason": "disconnect"})]
            assert not ann.connected
            ann.disconnect()

    @pytest.mark.parametrize("namespace", ["/", "/socket.io"])
    def test_mayBeOfTheSecondGeneration(self, namespace: str) -> None:
        with InMemoryServer() as server:
            client = server.connect(revision=3, namespace=namespace)
            assert client.connected
            assert client.join("kitchen", "ann").ok

    def test_areRefusedByAuthenticators(self) -> None:
        def authenticate(handshake: Handshake) -> Identity:
            raise Refused("bad-token", "Sign in again.")

        with InMemoryServer(Authenticator(authenticate)) as server:
            late, early = server.connect(), server.connect(revision=3)
            assert (late.connected, early.connected) == (False, False)
            assert late.refusal == {"message": "Sign in again.", "data": {"code": "bad-token"}}
            assert early.refusal == {"code": "bad-token", "message": "Sign in again."}

    def test_mayBeGivenAnIdentityInstead(self) -> None:
        with InMemoryServer(Authenticator(lambda handshake: None)) as server:
            assert server.connect(Identity("ann")).join("kitchen", "bob").code == "not-your-user-id"
            assert not server.connect().connected

    def test_whoIsPutOutIsNotConnectedAnyMore(self) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            peer.disconnect()
            raise Refused("out")

        with InMemoryServer(Policy(mayJoin)) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            assert not ann.connected

    def test_aClientThatBreaksTheProtocolIsCutOff(self) -> None:
        with InMemoryServer() as server:
            ann = server.connect()
            ann._transmit("nonsense")
            assert not ann.connected


class TestTheServer:
    def test_turnsItsClockOnlyWhenItIsToldTo(self) -> None:
        with InMemoryServer(Policy(lambda peer, room: Deferred())) as server:
            answer = server.connect().join("kitchen", "ann")
            assert (answer.given, answer.ok, answer.code) == (False, False, None)
            server.advance(2.1)
            assert answer.code == "timeout"
            assert repr(answer).startswith("<answer {'ok': False")

    def test_treatsPluginsAsItIsToldTo(self) -> None:
        broken = Filter(lambda peer, room, message: 1 / 0)
        for treatment, ok in (({}, False), ({"fail": "open"}, True), ({"shadow": True}, True)):
            with InMemoryServer(broken, **treatment) as server:
                ann = server.connect()
                ann.join("kitchen", "ann")
                assert ann.broadcast(1).ok is ok

    def test_leavesNoModulesBehind(self, tmp_path: Path) -> None:
        (tmp_path / "a.py").write_text(policy("first"))
        before = set(sys.modules)
        with InMemoryServer(folders=[str(tmp_path)], use=["first"]) as server:
            loaded = set(sys.modules) - before
            assert loaded
            assert server.reload()
            server.advance(1)
            assert len(set(sys.modules) - before) == len(loaded)
            assert loaded.isdisjoint(sys.modules)
        assert set(sys.modules) == before

    def test_counts(self) -> None:
        with InMemoryServer(Policy(lambda peer, room: None)) as server:
            server.connect().join("kitchen", "ann")
            assert server.counters("policy").calls == 1

    def test_takesPluginsFromFoldersWithOptions(self, folder: Folder) -> None:
        path = folder(a=MEMBERS_ONLY)
        with InMemoryServer(use=[{"members-only": {"timeout": 1}}], folders=[str(path)]) as server:
            assert server.connect().join("members-1", "ann").code == "not-a-member"
            assert server.reload(use=[])
            assert server.connect().join("members-1", "ann").ok

    def test_doesNotStartWithAPluginThatHasMistakes(self) -> None:
        class Broken:
            name = "broken"

        with pytest.raises(ConfigError, match="is not a plugin"), InMemoryServer(Broken()):
            pass
        with (
            pytest.raises(ConfigError, match="there is no plugin nobody"),
            InMemoryServer(use=["nobody"]),
        ):
            pass

    def test_doesNotStartIfAPluginDoesNot(self) -> None:
        plugin: Any = Policy(lambda peer, room: None)
        plugin.start = lambda services: 1 / 0
        with pytest.raises(ConfigError, match="start failed: ZeroDivisionError"), InMemoryServer(plugin):
            pass

    def test_waitsForPluginsThatStartSlowly(self) -> None:
        plugin: Any = Policy(lambda peer, room: None)
        plugin.start = lambda services: deferLater(services.clock, 1)
        with InMemoryServer(plugin) as server:
            assert server.clock.seconds() >= 1

    def test_mustBeEntered(self) -> None:
        with pytest.raises(RuntimeError, match="in a with statement"):
            InMemoryServer().counters("policy")

    def test_isThereAsAFixture(self, inMemoryServer: Callable[..., InMemoryServer]) -> None:
        first = inMemoryServer(Policy(lambda peer, room: None))
        second = inMemoryServer()
        assert first.connect().join("kitchen", "ann").ok
        assert second.members("kitchen") == []


class TestLoadingAFile:
    def test_givesItsPlugin(self, folder: Folder) -> None:
        plugin = loadPlugin(folder(members_only=MEMBERS_ONLY, broken="1 / 0") / "members_only.py")
        with pytest.raises(Refused):
            plugin.mayJoin(FakePeer(), FakeRoom("members-1"))

    def test_givesTheOneThatIsAskedFor(self, folder: Folder) -> None:
        path = folder(a=policy("first") + policy("second").replace("policy = ", "other = ")) / "a.py"
        assert loadPlugin(path, "second").name == "second"
        with pytest.raises(ConfigError, match="there are 2 plugins"):
            loadPlugin(path)

    @pytest.mark.parametrize(
        ("source", "problem"),
        [("1 / 0", "ZeroDivisionError"), ("", "there are 0 plugins"), (policy("first", arguments="self"), "mayJoin")],
    )
    def test_orSaysWhatIsWrong(self, folder: Folder, source: str, problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            loadPlugin(folder(a=source) / "a.py")


class TestFakeHttp:
    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head"])
    def test_requestsWaitForTheirAnswers(self, method: str) -> None:
        http = FakeHttp()
        response = getattr(http, method)("http://x/y", headers={"a": "b"})
        assert http.requests[0][:2] == (method.upper(), "http://x/y")
        assert http.requests[0][2]["headers"] == {"a": "b"}
        assert not response.called
        http.answer(201, {"yes": True}, {"x": "1"})
        got = resultOf(response)
        assert (got.code, got.headers.getRawHeaders("x")) == (201, ["1"])
        assert resultOf(got.json()) == {"yes": True}
        assert resultOf(got.text()) == '{"yes": true}'
        assert resultOf(got.content()) == b'{"yes": true}'

    def test_answersMayBeTextOrBytes(self) -> None:
        http = FakeHttp()
        for body in ("text", b"text"):
            response = http.get("http://x")
            http.answer(200, body)
            assert resultOf(resultOf(response).content()) == b"text"

    def test_requestsMayFailOrBeGivenUp(self) -> None:
        http = FakeHttp()
        failing, abandoned, last = http.get("http://a"), http.get("http://b"), http.get("http://c")
        http.fail(ConnectionError())
        assert isinstance(failureOf(failing), ConnectionError)
        abandoned.cancel()
        failureOf(abandoned)
        http.answer(204)
        assert resultOf(last).code == 204

    def test_pluginsFindItInTheirServices(self) -> None:
        assert isinstance(FakeServices().http, FakeHttp)
