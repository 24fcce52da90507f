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
    def test_join_speak_and_leave(self) -> None:
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

    def test_are_told_of_refusals_in_the_answer_or_by_an_event(self) -> None:
        with InMemoryServer() as server:
            ann = server.connect()
            answer = ann.broadcast(1)
            assert (answer.ok, answer.code) == (False, "not-in-room")
            ann.emit("broadcast", 1)
            (refused,) = ann.take("refused")
            assert refused[1]["code"] == "not-in-room"

    def test_events_are_taken_out_by_name_or_all_together(self) -> None:
        with InMemoryServer() as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            ann.emit("broadcast", 1)
            assert ann.take("broadcast") == [("broadcast", 1)]
            assert ann.take() == [("user-joined", "ann", {"roomName": "kitchen"})]
            assert ann.take() == []

    @pytest.mark.parametrize("end", ["disconnect", "lose"])
    def test_go_in_order_or_not(self, end: str) -> None:
        with InMemoryServer() as server:
            ann, bob = server.connect(), server.connect()
            ann.join("kitchen", "ann")
            bob.join("kitchen", "bob")
            getattr(ann, end)()
            assert bob.take("user-left") == [("user-left", "ann", {"roomName": "kitchen", "reason": "disconnect"})]
            assert not ann.connected
            ann.disconnect()

    @pytest.mark.parametrize("namespace", ["/", "/socket.io"])
    def test_may_be_of_the_second_generation(self, namespace: str) -> None:
        with InMemoryServer() as server:
            client = server.connect(revision=3, namespace=namespace)
            assert client.connected
            assert client.join("kitchen", "ann").ok

    def test_are_refused_by_authenticators(self) -> None:
        def authenticate(handshake: Handshake) -> Identity:
            raise Refused("bad-token", "Sign in again.")

        with InMemoryServer(Authenticator(authenticate)) as server:
            late, early = server.connect(), server.connect(revision=3)
            assert (late.connected, early.connected) == (False, False)
            assert late.refusal == {"message": "Sign in again.", "data": {"code": "bad-token"}}
            assert early.refusal == {"code": "bad-token", "message": "Sign in again."}

    def test_may_be_given_an_identity_instead(self) -> None:
        with InMemoryServer(Authenticator(lambda handshake: None)) as server:
            assert server.connect(Identity("ann")).join("kitchen", "bob").code == "not-your-user-id"
            assert not server.connect().connected

    def test_who_is_put_out_is_not_connected_any_more(self) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            peer.disconnect()
            raise Refused("out")

        with InMemoryServer(Policy(mayJoin)) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            assert not ann.connected

    def test_a_client_that_breaks_the_protocol_is_cut_off(self) -> None:
        with InMemoryServer() as server:
            ann = server.connect()
            ann._transmit("nonsense")
            assert not ann.connected


class TestTheServer:
    def test_turns_its_clock_only_when_it_is_told_to(self) -> None:
        with InMemoryServer(Policy(lambda peer, room: Deferred())) as server:
            answer = server.connect().join("kitchen", "ann")
            assert (answer.given, answer.ok, answer.code) == (False, False, None)
            server.advance(2.1)
            assert answer.code == "timeout"
            assert repr(answer).startswith("<answer {'ok': False")

    def test_treats_plugins_as_it_is_told_to(self) -> None:
        broken = Filter(lambda peer, room, message: 1 / 0)
        for treatment, ok in (({}, False), ({"fail": "open"}, True), ({"shadow": True}, True)):
            with InMemoryServer(broken, **treatment) as server:
                ann = server.connect()
                ann.join("kitchen", "ann")
                assert ann.broadcast(1).ok is ok

    def test_leaves_no_modules_behind(self, tmp_path: Path) -> None:
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

    def test_takes_plugins_from_folders_with_options(self, folder: Folder) -> None:
        path = folder(a=MEMBERS_ONLY)
        with InMemoryServer(use=[{"members-only": {"timeout": 1}}], folders=[str(path)]) as server:
            assert server.connect().join("members-1", "ann").code == "not-a-member"
            assert server.reload(use=[])
            assert server.connect().join("members-1", "ann").ok

    def test_does_not_start_with_a_plugin_that_has_mistakes(self) -> None:
        class Broken:
            name = "broken"

        with pytest.raises(ConfigError, match="is not a plugin"), InMemoryServer(Broken()):
            pass
        with (
            pytest.raises(ConfigError, match="there is no plugin nobody"),
            InMemoryServer(use=["nobody"]),
        ):
            pass

    def test_does_not_start_if_a_plugin_does_not(self) -> None:
        plugin: Any = Policy(lambda peer, room: None)
        plugin.start = lambda services: 1 / 0
        with pytest.raises(ConfigError, match="start failed: ZeroDivisionError"), InMemoryServer(plugin):
            pass

    def test_waits_for_plugins_that_start_slowly(self) -> None:
        plugin: Any = Policy(lambda peer, room: None)
        plugin.start = lambda services: deferLater(services.clock, 1)
        with InMemoryServer(plugin) as server:
            assert server.clock.seconds() >= 1

    def test_must_be_entered(self) -> None:
        with pytest.raises(RuntimeError, match="in a with statement"):
            InMemoryServer().counters("policy")

    def test_is_there_as_a_fixture(self, inMemoryServer: Callable[..., InMemoryServer]) -> None:
        first = inMemoryServer(Policy(lambda peer, room: None))
        second = inMemoryServer()
        assert first.connect().join("kitchen", "ann").ok
        assert second.members("kitchen") == []


class TestLoadingAFile:
    def test_gives_its_plugin(self, folder: Folder) -> None:
        plugin = loadPlugin(folder(members_only=MEMBERS_ONLY, broken="1 / 0") / "members_only.py")
        with pytest.raises(Refused):
            plugin.mayJoin(FakePeer(), FakeRoom("members-1"))

    def test_gives_the_one_that_is_asked_for(self, folder: Folder) -> None:
        path = folder(a=policy("first") + policy("second").replace("policy = ", "other = ")) / "a.py"
        assert loadPlugin(path, "second").name == "second"
        with pytest.raises(ConfigError, match="there are 2 plugins"):
            loadPlugin(path)

    @pytest.mark.parametrize(
        ("source", "problem"),
        [("1 / 0", "ZeroDivisionError"), ("", "there are 0 plugins"), (policy("first", arguments="self"), "mayJoin")],
    )
    def test_or_says_what_is_wrong(self, folder: Folder, source: str, problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            loadPlugin(folder(a=source) / "a.py")


class TestFakeHttp:
    @pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head"])
    def test_requests_wait_for_their_answers(self, method: str) -> None:
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

    def test_answers_may_be_text_or_bytes(self) -> None:
        http = FakeHttp()
        for body in ("text", b"text"):
            response = http.get("http://x")
            http.answer(200, body)
            assert resultOf(resultOf(response).content()) == b"text"

    def test_requests_may_fail_or_be_given_up(self) -> None:
        http = FakeHttp()
        failing, abandoned, last = http.get("http://a"), http.get("http://b"), http.get("http://c")
        http.fail(ConnectionError())
        assert isinstance(failureOf(failing), ConnectionError)
        abandoned.cancel()
        failureOf(abandoned)
        http.answer(204)
        assert resultOf(last).code == 204

    def test_plugins_find_it_in_their_services(self) -> None:
        assert isinstance(FakeServices().http, FakeHttp)
