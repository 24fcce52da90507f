"""Authenticators: who a client is, before it gets any answer."""

from __future__ import annotations

import json

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import Refused
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Handshake, Identity
from tests.signaling.conftest import Log, WorldFactory
from tests.signaling.plugins import Desk, Plugins
from tests.signaling.words import room
from tests.signaling.world import Heard, World


def _refuse(handshake: Handshake) -> Identity:
    raise Refused("bad-token", "The token is not valid.", {"hint": "renew"})


def refusal(revision: Revision) -> Heard:
    """What a client hears whom `_refuse` refused, in the form that its generation expects."""
    data = {"code": "bad-token", "hint": "renew"}
    if revision == 3:
        return "<error>", {**data, "message": "The token is not valid."}
    return "<error>", {"message": "The token is not valid.", "data": data}


def test_whoIsKnownComesIn(makeWorld: WorldFactory, revision: Revision) -> None:
    world = makeWorld(gates=Plugins(authenticate=lambda handshake: Identity("ann")))
    client = world.client("/socket.io", revision)
    client.join("kitchen", "ann")


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_whoIsRefusedIsToldWhy(makeWorld: WorldFactory, namespace: str, revision: Revision) -> None:
    plugins = Plugins(authenticate=lambda shake: _refuse(shake) if shake.namespace == namespace else Identity())
    client = makeWorld(gates=plugins).link(revision).client(namespace)
    assert client.take() == [refusal(revision)]


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_soIsWhoIsRefusedLater(makeWorld: WorldFactory, namespace: str, revision: Revision) -> None:
    desk = Desk()
    plugins = Plugins(
        authenticate=lambda shake: desk.authenticate(shake) if shake.namespace == namespace else Identity()
    )
    client = makeWorld(gates=plugins).link(revision).client(namespace)
    assert client.take() == []
    desk.fail(Refused("bad-token", "The token is not valid.", {"hint": "renew"}))
    assert client.take() == [refusal(revision)]


def test_aRefusalIsLoggedWithItsCode(makeWorld: WorldFactory, log: Log) -> None:
    link = makeWorld(gates=Plugins(authenticate=_refuse)).link()
    link.client("/socket.io")
    where = f"a UNIX socket, conn {link.session.conn}"
    assert log.lines == [f"refused a connection to /socket.io: bad-token ({where})"]


def test_whoIsRefusedHasNoPlace(makeWorld: WorldFactory) -> None:
    world = makeWorld(gates=Plugins(authenticate=_refuse))
    client = world.link().client()
    client.emit("join-room", room("ann", "kitchen"))
    assert world.rosters() == {}
    assert client.link.closedBecause is not None


def test_whoIsRefusedMayTryAgain(makeWorld: WorldFactory) -> None:
    def judge(handshake: Handshake) -> Identity:
        return Identity() if handshake.auth.get("token") == "right" else _refuse(handshake)

    link = makeWorld(gates=Plugins(authenticate=judge)).link()
    assert [heard[0] for heard in link.client(auth='{"token":"wrong"}').take()] == ["<error>"]
    client = link.client(auth='{"token":"right"}')
    assert [heard[0] for heard in client.take()] == ["<connect>"]
    client.join("kitchen", "ann")


def test_nobodyIsAnsweredBeforeItIsKnown(makeWorld: WorldFactory, revision: Revision) -> None:
    desk = Desk()
    world = makeWorld(gates=Plugins(authenticate=desk.authenticate))
    client = world.link(revision).client()
    assert desk.asked == ["/"]
    assert client.take() == []
    desk.yes()
    assert [heard[0] for heard in client.take()] == ["<connect>"]
    client.join("kitchen", "ann")


def test_whoGoesBeforeItIsKnownWasNeverThere(makeWorld: WorldFactory, revision: Revision) -> None:
    desk = Desk()
    plugins = Plugins(authenticate=desk.authenticate)
    client = makeWorld(gates=plugins).link(revision).client()
    client.lose()
    desk.yes()
    assert client.take() == []
    assert plugins.take() == []


def test_anAuthenticatorThatBreaksLetsNobodyIn(makeWorld: WorldFactory, log: Log, revision: Revision) -> None:
    desk = Desk()
    client = makeWorld(gates=Plugins(authenticate=desk.authenticate)).link(revision).client()
    desk.fail(ZeroDivisionError("secret of the plugin"))
    assert client.take() == [("<error>", {"message": "Internal error"})]
    (failure,) = log.takeFailures()
    assert "secret of the plugin" in failure


class TestHandshake:
    """What an authenticator is given."""

    def _seen(self, makeWorld: WorldFactory, namespace: str, revision: Revision, auth: str = "") -> Handshake:
        seen: list[Handshake] = []

        def look(handshake: Handshake) -> Identity:
            seen.append(handshake)
            return Identity()

        headers = {"origin": "https://example.org", "cookie": "a=1; b=2", "x-other": "yes"}
        world: World = makeWorld(gates=Plugins(authenticate=look))
        link = world.link(
            revision, query={"EIO": str(revision), "q": "1"}, headers=headers, address="192.0.2.7", secure=True
        )
        link.client(namespace, auth)
        return seen[-1]

    def test_itIsTheRequestThatOpenedTheConnection(self, makeWorld: WorldFactory, revision: Revision) -> None:
        handshake = self._seen(makeWorld, "/socket.io", revision)
        assert handshake.namespace == "/socket.io"
        assert handshake.revision == revision
        assert handshake.query["q"] == "1"
        assert handshake.headers["x-other"] == "yes"
        assert handshake.origin == "https://example.org"
        assert handshake.cookies == {"a": "1", "b": "2"}
        assert handshake.address == "192.0.2.7"
        assert handshake.secure is True
        assert handshake.auth == {}

    def test_protocol5SendsAnObject(self, makeWorld: WorldFactory) -> None:
        auth = {"token": "abc", "n": [1, {"deep": None}]}
        assert self._seen(makeWorld, "/", 4, json.dumps(auth)).auth == auth

    def test_protocol4SendsAQuery(self, makeWorld: WorldFactory) -> None:
        assert self._seen(makeWorld, "/socket.io?token=abc&n=1", 3).auth == {"token": "abc", "n": "1"}

    def test_eachNamespaceIsAskedForOnItsOwn(self, makeWorld: WorldFactory) -> None:
        asked: list[str] = []

        def look(handshake: Handshake) -> Identity:
            asked.append(handshake.namespace)
            return Identity("ann" if handshake.namespace == "/" else "ben")

        link = makeWorld(gates=Plugins(authenticate=look)).link()
        ann, ben = link.client("/"), link.client("/socket.io")
        assert asked == ["/", "/socket.io"]
        ann.join("kitchen", "ann")
        ben.join("kitchen", "ben")


class TestBoundUser:
    """An identity with a user id: no other may be used."""

    @pytest.fixture
    def world(self, makeWorld: WorldFactory) -> World:
        return makeWorld(gates=Plugins(authenticate=lambda handshake: Identity("ann")))

    def test_joiningAsSomebodyElseIsRefused(self, world: World) -> None:
        client = world.client()
        assert client.ask("join-room", room("ben", "kitchen")).code == "not-your-user-id"
        assert world.rosters() == {}

    def test_notEvenInAnotherRoom(self, world: World) -> None:
        client = world.member("kitchen", "ann")
        assert client.ask("join-room", room("anna", "garden")).code == "not-your-user-id"
        assert world.rosters() == {"kitchen": ["ann"]}

    def test_notEvenInExactMode(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins(authenticate=lambda handshake: Identity("ann"))
        world = makeWorld(SignalingOptions(exact=True), plugins)
        assert world.client().ask("join-room", room("ben", "kitchen")).code == "not-your-user-id"

    def test_anIdentityWithoutAUserIdLetsTheClientChoose(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(gates=Plugins(authenticate=lambda handshake: Identity(None, frozenset({"guest"}))))
        client = world.member("kitchen", "ann")
        client.join("garden", "anna")
        assert world.rosters() == {"kitchen": ["ann"], "garden": ["anna"]}


def test_policiesSeeWhoItIs(makeWorld: WorldFactory) -> None:
    identity = Identity("ann", frozenset({"member"}), {"team": "blue"})
    plugins = Plugins(authenticate=lambda handshake: identity)
    makeWorld(gates=plugins).member("kitchen", "ann")
    view = plugins.peers["ann"]
    assert (view.userId, view.roles) == ("ann", frozenset({"member"}))
    assert view.claims == {"team": "blue"}
