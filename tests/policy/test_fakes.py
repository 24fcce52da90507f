"""The fakes for authors of plugins behave like the real things: the same tests are run on both."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from zope.interface import implementer
from zope.interface.verify import verifyObject

from rtcsignal.api import Handshake, Identity, IMessageFilter, IPeer, IRoom, IRoomPolicy, IServices, Message, Waiting
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer, makeMessage


@implementer(IRoomPolicy, IMessageFilter)
class Spy:
    """Keeps what it is given."""

    name = "spy"
    services: Any

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def start(self, services: Any) -> None:
        self.services = services

    def mayJoin(self, peer: Any, room: Any) -> None:
        self.seen.append((peer, room))
        if room.name == "cellar":
            raise Waiting

    def filterMessage(self, peer: Any, room: Any, message: Any) -> Any:
        self.seen.append((peer, room, message))
        return message


class Things:
    """What a plugin has of a room with ann and bob in it; ann has a role, a claim and a password.

    Attributes:
        heard: Gives the events that a member has heard since it was last asked.
        advance: Lets time go by.
        stop: Stops the plugin.
        silence: Lets a member answer no pings any more.
    """

    def __init__(
        self,
        peers: tuple[Any, Any],
        room: Any,
        services: Any,
        heard: Callable[[str], list[Any]],
        advance: Callable[[float], None],
        stop: Callable[[], None],
        silence: Callable[[str], None],
    ) -> None:
        self.silence = silence
        self.ann, self.bob = peers
        self.room = room
        self.services = services
        self.heard = heard
        self.advance = advance
        self.stop = stop


def real() -> Things:
    spy = Spy()
    server = InMemoryServer(spy)
    server.__enter__()
    ann = server.connect(Identity("ann", frozenset({"host"}), {"team": "blue"}))
    bob = server.connect()
    ann.join("kitchen", "ann", password="sesame")
    bob.join("kitchen", "bob")
    server.connect().join("cellar", "eve")
    room = spy.services.room("kitchen")
    clients = {"ann": ann, "bob": bob}
    for client in clients.values():
        client.take()
    return Things(
        room.peers(),
        room,
        spy.services,
        lambda name: clients[name].take(),
        server.advance,
        lambda: server.__exit__(None, None, None),
        lambda name: setattr(clients[name], "isSilent", True),
    )


def fake() -> Things:
    ann = FakePeer("ann", ["host"], {"team": "blue"}, {"roomName": "kitchen", "password": "sesame"}, signedIn=True)
    bob = FakePeer("bob", joinRequest={"roomName": "kitchen"})
    room = FakeRoom("kitchen", [ann, bob])
    services = FakeServices("spy", [room])
    services.wait("cellar", FakePeer("eve"))
    peers = {"ann": ann, "bob": bob}

    def heard(name: str) -> list[Any]:
        sent, peers[name].sent = peers[name].sent, []
        return sent

    def silence(name: str) -> None:
        peers[name].isSilent = True

    return Things((ann, bob), room, services, heard, services.clock.advance, services.close, silence)


@pytest.fixture(params=[real, fake], ids=["real", "fake"])
def things(request: pytest.FixtureRequest) -> Iterator[Things]:
    things: Things = request.param()
    yield things
    things.stop()


class TestTheInterfaces:
    def test_areProvided(self, things: Things) -> None:
        assert verifyObject(IPeer, things.ann)
        assert verifyObject(IRoom, things.room)
        assert verifyObject(IServices, things.services)


class TestPeers:
    def test_sayWhoTheyAre(self, things: Things) -> None:
        ann = things.ann
        assert (ann.userId, ann.roles, dict(ann.claims)) == ("ann", frozenset({"host"}), {"team": "blue"})
        assert (ann.namespace, ann.transport, ann.address) == ("/", "websocket", "127.0.0.1")
        assert ann.rooms == frozenset({"kitchen"})
        assert things.bob.roles == frozenset()
        assert (ann.signedIn, things.bob.signedIn) == (True, False)

    def test_haveAnIdOfTheirOwn(self, things: Things) -> None:
        assert isinstance(things.ann.sid, str)
        assert things.ann.sid != things.bob.sid

    def test_saySinceWhen(self, things: Things) -> None:
        assert math.isclose(things.ann.connectedAt, things.room.createdAt, abs_tol=1)

    def test_haveWhatTheySentToJoin(self, things: Things) -> None:
        request = {"userId": "ann", "roomName": "kitchen", "password": "sesame"}
        assert dict(things.ann.joinRequest) == request

    @pytest.mark.parametrize("name", ["claims", "joinRequest"])
    def test_cannotBeChanged(self, things: Things, name: str) -> None:
        with pytest.raises(TypeError):
            getattr(things.ann, name)["more"] = 1

    def test_keepDataForPlugins(self, things: Things) -> None:
        things.ann.data["seen"] = 7
        assert things.room.peers()[0].data == {"seen": 7}
        assert things.bob.data == {}

    def test_canBeSentEvents(self, things: Things) -> None:
        things.ann.emit("news", {"n": 1}, b"\0")
        assert things.heard("ann") == [("news", {"n": 1}, b"\0")]
        assert things.heard("bob") == []

    def test_cannotBeSentWhatIsNeitherJsonNorBytes(self, things: Things) -> None:
        with pytest.raises(TypeError):
            things.ann.emit("news", object())
        with pytest.raises(TypeError):
            things.room.emit("news", object())

    def test_cannotBeSentAnEventOfTheProtocol(self, things: Things) -> None:
        with pytest.raises(ValueError, match="connect is an event"):
            things.ann.emit("connect")
        with pytest.raises(ValueError, match="disconnect is an event"):
            things.room.emit("disconnect")
        with pytest.raises(ValueError, match="disconnect is an event"):
            things.services.emit("kitchen", "disconnect")
        assert things.heard("ann") == []

    def test_whoIsPutOutHearsWhyAndNothingMore(self, things: Things) -> None:
        things.ann.disconnect("too-loud")
        told = {"event": "connect", "roomName": None, "code": "too-loud", "message": "You have been disconnected."}
        assert things.heard("ann") == [("refused", told)]
        things.ann.emit("news")
        things.ann.disconnect()
        assert things.heard("ann") == []

    def test_cannotBePutOutForWhatIsNoText(self, things: Things) -> None:
        with pytest.raises(TypeError):
            things.ann.disconnect(7)
        with pytest.raises(TypeError):
            things.services.kick(things.ann, None)
        assert things.heard("ann") == []


class TestRooms:
    def test_sayWhoIsInThem(self, things: Things) -> None:
        assert (things.room.name, things.room.size) == ("kitchen", 2)
        assert [peer.userId for peer in things.room.peers()] == ["ann", "bob"]
        assert isinstance(things.room.peers(), tuple)

    def test_keepDataForPlugins(self, things: Things) -> None:
        things.room.data["locked"] = True
        assert things.services.room("kitchen").data == {"locked": True}

    def test_keepWhatIsShared(self, things: Things) -> None:
        things.room.share("topic", {"words": ("tea", 1)})
        things.room.share("other", 1)
        things.room.share("other", None)
        things.room.share("none", None)
        assert dict(things.services.room("kitchen").shared) == {"topic": {"words": ["tea", 1]}}
        with pytest.raises(TypeError):
            things.room.shared["topic"] = "coffee"
        for key, value in ((7, 1), ("topic", object())):
            with pytest.raises(TypeError):
                things.room.share(key, value)
        assert things.ann.node == ""

    def test_knowWhoIsOneUser(self, things: Things) -> None:
        assert things.room.userCount == 2
        assert [peer.sid for peer in things.room.peersOf("bob")] == [things.bob.sid]
        assert things.room.peersOf("eve") == ()

    def test_sendEventsToEverybody(self, things: Things) -> None:
        things.room.emit("news", 1)
        assert [things.heard("ann"), things.heard("bob")] == [[("news", 1)], [("news", 1)]]


class TestServices:
    def test_knowTheRooms(self, things: Things) -> None:
        assert [room.name for room in things.services.rooms()] == ["kitchen"]
        assert things.services.room("cellar") is None
        assert things.services.name == "spy"

    def test_sendEventsToRooms(self, things: Things) -> None:
        things.services.emit("kitchen", "news")
        things.services.emit("cellar", "news")
        assert things.heard("bob") == [("news",)]

    def test_putMembersOut(self, things: Things) -> None:
        things.services.kick(things.bob, "too-loud")
        gone = [("user-left", "bob", {"roomName": "kitchen", "reason": "too-loud"})]
        assert [things.heard("ann"), things.heard("bob")] == [gone, gone]
        assert [peer.userId for peer in things.room.peers()] == ["ann"]
        assert things.bob.rooms == frozenset()
        things.services.kick(things.bob)
        assert things.heard("ann") == []

    def test_forgetRoomsInWhichNobodyIs(self, things: Things) -> None:
        for peer in things.room.peers():
            things.services.kick(peer)
        assert things.services.rooms() == ()
        assert things.services.room("kitchen") is None

    def test_keepData(self, things: Things) -> None:
        things.services.data["seen"] = 7
        assert things.services.data == {"seen": 7}

    def test_knowWhoWaits(self, things: Things) -> None:
        (eve,) = things.services.waiting("cellar")
        assert (eve.userId, things.services.waiting("kitchen")) == ("eve", ())
        eve.emit("news")
        things.services.dismiss(things.bob)
        assert things.services.waiting("cellar") == (eve,)
        for _ in range(2):
            things.services.dismiss(eve)
        assert things.services.waiting("cellar") == ()

    def test_callLater(self, things: Things) -> None:
        calls: list[Any] = []

        async def coroutine(number: int) -> None:
            calls.append(number)

        before = things.services.clock.seconds()
        things.services.callLater(5, calls.append, 1)
        things.services.callLater(6, coroutine, number=2)
        things.services.callLater(7, calls.append, 3).cancel()
        things.advance(8)
        assert calls == [1, 2]
        assert things.services.clock.seconds() - before == pytest.approx(8)

    def test_callNothingWhenThePluginHasBeenStopped(self, things: Things) -> None:
        calls: list[Any] = []
        things.services.callLater(5, calls.append, 1)
        things.stop()
        things.advance(8)
        assert calls == []
        with pytest.raises(RuntimeError):
            things.services.callLater(1, calls.append, 2)


@pytest.mark.parametrize(
    "body",
    [
        {"msgType": 1, "sdp": "ä"},
        {"msgType": 2, "targetUserId": "bob"},
        {"msgType": 3},
        {"msgType": 4},
        {"msgType": 5},
        {"msgType": 3.0},
        {"msgType": "2"},
        {"msgType": [1]},
        {},
        [1, {"a": None}],
        "text",
        7,
        b"\0\1",
        {"data": b"\0\1"},
    ],
)
def test_messagesAreMadeAsTheServerMakesThem(body: Any) -> None:
    spy = Spy()
    with InMemoryServer(spy) as server:
        client = server.connect()
        client.join("kitchen", "ann")
        client.broadcast(body)
        got: Message = spy.seen[-1][2]
    assert makeMessage(body) == got


def test_handshakesAreAsTheServerMakesThem() -> None:
    """There is no fake of them: a `Handshake` is a plain value."""
    seen: list[Handshake] = []

    class Auth(Spy):
        name = "auth"

        def authenticate(self, handshake: Handshake) -> Identity:
            seen.append(handshake)
            return Identity()

    from zope.interface import alsoProvides

    from rtcsignal.api import IAuthenticator

    plugin = Auth()
    alsoProvides(plugin, IAuthenticator)
    with InMemoryServer(plugin) as server:
        server.connect(
            auth={"token": "t"}, query={"q": "1"}, headers={"cookie": "a=b"}, address="10.0.0.1", namespace="/socket.io"
        )
    (got,) = seen
    assert got == Handshake("/socket.io", {"token": "t"}, {"q": "1"}, {"cookie": "a=b"}, "10.0.0.1", 4, False)
    assert got.cookies == {"a": "b"}


class TestProbes:
    def ask(self, things: Things, peer: Any, *seconds: float) -> list[bool]:
        answers: list[bool] = []
        things.services.probe(peer, *seconds).addCallback(answers.append)
        return answers

    def test_whoAnswersIsThere(self, things: Things) -> None:
        assert self.ask(things, things.bob) == [True]

    def test_whoDoesNotIsGone(self, things: Things) -> None:
        things.silence("bob")
        answers = self.ask(things, things.bob)
        things.advance(2.5)
        assert answers == []
        things.advance(1)
        assert answers == [False]
        assert [peer.userId for peer in things.room.peers()] == ["ann"]
        assert things.heard("ann") == [("user-left", "bob", {"roomName": "kitchen", "reason": "timeout"})]
        assert self.ask(things, things.bob) == [False]

    def test_howLongItMayTakeIsThePluginsAffair(self, things: Things) -> None:
        things.silence("bob")
        answers = self.ask(things, things.bob, 0.5)
        things.advance(0.6)
        assert answers == [False]

    @pytest.mark.parametrize("seconds", [0, -1, math.nan])
    def test_noTimeAtAllIsAMistake(self, things: Things, seconds: float) -> None:
        with pytest.raises(ValueError, match="seconds must be above 0"):
            things.services.probe(things.bob, seconds)

    def test_nobodyHasAKeyOrIsAwayUnlessThatIsSaid(self, things: Things) -> None:
        assert (things.ann.hasKey, things.ann.away, things.ann.awayUntil) == (False, False, None)
