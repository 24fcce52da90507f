"""What a Socket.IO server withstands: faults of the application in every handler."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import ProtocolError
from rtcsignal.socketio.jsontext import JsonError, decode
from rtcsignal.socketio.namespace import EventNamespace
from rtcsignal.socketio.packet import Decoder, DecoderLimits
from rtcsignal.socketio.peer import Peer
from rtcsignal.values import Handshake
from tests.conftest import LoggedFailures
from tests.engineio.conftest import Log
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import World


def stumble(*_: object) -> None:
    raise ZeroDivisionError("oh")


def test_oneGoodbyeThatFailsDoesNotKeepTheOthersIn(
    world: World, revision: Revision, loggedFailures: LoggedFailures
) -> None:
    """test_connection: user-left would be missing in the other namespaces."""
    client = world.member(revision)
    client.send("0/a,", "0/b,")
    for name in ("/", "/a"):
        world.lobbies[name].mourn = stumble
    client.hangUp()
    loggedFailures.expect(ZeroDivisionError)
    assert [len(world.lobbies[name].gone) for name in ("/", "/a", "/b")] == [1, 1, 1]


def test_aGreetingThatFailsAfterALateJudgementCostsTheConnection(
    world: World, revision: Revision, log: Log
) -> None:
    """test_connection: today nothing happens but an unhandled error in a Deferred; the peer stays half in."""
    verdict: Deferred[Any] = Deferred()
    world.lobbies["/a"].judge = lambda _: verdict
    world.lobbies["/a"].greet = stumble
    client = world.member(revision)
    client.send("0/a,")
    verdict.callback(None)
    assert client.code == 1011
    assert len(log.lines) == 1


@pytest.mark.parametrize("part", ["judge", "greet"])
def test_inProtocol4AFailureInTheRootCostsTheConnectionAndOneLine(world: World, log: Log, part: str) -> None:
    """test_connection: the session stays for ever, without an application's end, a heartbeat or an answer."""
    setattr(world.root, part, stumble)
    answer = world.engine.handle("GET", {"EIO": "3", "transport": "polling"})
    assert answer.given
    for sid in world.engine.sids:
        world.engine.handle("GET", {"EIO": "3", "transport": "polling", "sid": sid})
    assert world.engine.sids == []
    assert len(log.lines) == 1


def test_whoIsPutOutWhenComingLeavesNoDeadlines(world: World) -> None:
    """test_connection, protocol 4: a connect deadline and a heartbeat are started for a session that has ended."""
    world.root.greet = lambda peer: peer.disconnect(close=True)
    world.engine.openSocket("EIO=3&transport=websocket")
    assert (len(world.sockets.deadlines), len(world.engine.engine.deadlines)) == (0, 0)


def test_connectingMayBeACoroutineFunction(makeWorld: WorldFactory) -> None:
    """test_namespace: EventNamespace says that a handler may be one; the coroutine itself becomes the identity."""
    namespace = EventNamespace()

    @namespace.on("connecting")
    async def connecting(handshake: Handshake) -> str:
        return "ann"

    client = makeWorld(namespaces={"/": namespace}).client(4)
    client.send("0")
    client.take()
    (peer,) = namespace.peers.values()
    assert peer.identity == "ann"


def test_soMayConnect(makeWorld: WorldFactory) -> None:
    """test_namespace: the same for connect and disconnect, which are never awaited."""
    namespace = EventNamespace()

    @namespace.on("connect")
    async def connect(peer: Peer) -> None:
        peer.emit("hello")

    client = makeWorld(namespaces={"/": namespace}).client(4)
    client.send("0")
    assert client.take()[1:] == ['2["hello"]']


def test_aRequestThatCannotBeSentIsForgotten(
    world: World, revision: Revision, loggedFailures: LoggedFailures
) -> None:
    """test_peer: its Deferred fails later, unhandled, when the peer goes."""
    client = world.member(revision)
    with pytest.raises(TypeError):
        world.root.peer.request("x", object())
    client.hangUp()
    gc.collect()
    assert loggedFailures.describe() == ""


def test_aSurrogateInTheTextIsNoJson() -> None:
    """test_jsontext: UnicodeEncodeError today. None can come out of UTF-8, so only other callers see it."""
    with pytest.raises(JsonError):
        decode('"\ud800"')


def test_withoutALimitOnDepthThePlacesOfAttachmentsAreStillFound() -> None:
    """test_packet: RecursionError today, with DecoderLimits(depth=0)."""
    decoder = Decoder(DecoderLimits(depth=0))
    assert decoder.text('51-["a",' + f'["{"a" * 20}",' * 900 + "1" + "]" * 900 + "]") is None
    try:
        assert decoder.binary(b"x") is not None
    except ProtocolError:
        pass
