"""The Socket.IO server and its settings."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from rtcsignal.engineio.packet import Revision
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.server import SocketOptions
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import World


def test_theSettingsAreThoseThatTheDocumentationTells() -> None:
    options = SocketOptions()
    assert (options.connectTimeout, options.attachmentTimeout, options.mostNamespaces) == (15, 20, 5)
    assert (options.eventsPerSecond, options.eventsBurst, options.mostWait) == (100, 500, 5)
    decoder = options.decoder
    assert (decoder.attachments, decoder.depth, decoder.attachmentBytes) == (10, 64, 1_000_000)


def test_bothProtocolsMeetInOneNamespace(world: World) -> None:
    old, new = world.member(3, "/a"), world.member(4, "/a")
    lobby = world.lobbies["/a"]
    lobby.react = lambda sender, event: deliver(OutgoingEvent.of("relayed", *event.arguments), lobby.peers)
    old.send('2/a,["say","from old"]')
    new.send('51-/a,["say",{"_placeholder":true,"num":0}]', b"from new")
    binary = '51-/a,["relayed",{"_placeholder":true,"num":0}]'
    assert old.take() == new.take() == ['2/a,["relayed","from old"]', binary, b"from new"]


def test_itWorksOverPollingToo(world: World, revision: Revision) -> None:
    poller = world.poller(revision)
    packets = list(poller.greetings)
    if revision == 4:
        poller.post("40")
        packets += poller.poll().packets
    assert len(packets) == 1
    poller.post('451-["say",{"_placeholder":true,"num":0}]', b"1")
    assert world.root.events == [("say", b"1")]
    world.root.peer.emit("back", b"2")
    assert poller.poll().packets == ['451-["back",{"_placeholder":true,"num":0}]', b"2"]


def test_headerAndAttachmentsStayTogetherAcrossTheUpgrade(world: World, revision: Revision) -> None:
    poller = world.poller(revision)
    if revision == 4:
        poller.post("40")
        poller.poll()
    socket = poller.probed()
    world.root.peer.emit("x", b"1", b"2")
    socket.send("5")
    world.root.peer.emit("y")
    prefix = b"\x04" if revision == 3 else b""
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
    assert socket.take() == [f'452-["x",{places}]', prefix + b"1", prefix + b"2", '42["y"]']


def test_aPacketMayBeCutByTheUpgrade(world: World, revision: Revision) -> None:
    poller = world.poller(revision)
    if revision == 4:
        poller.post("40")
    poller.post('452-["x",{"_placeholder":true,"num":1}]', b"1")
    socket = poller.upgraded()
    socket.send((b"\x04" if revision == 3 else b"") + b"2")
    assert world.root.events == [("x", b"2")]


def test_theEndOfTheServerIsNoDisconnect(makeWorld: WorldFactory, revision: Revision) -> None:
    """After a DISCONNECT clients do not come back by themselves."""
    world = makeWorld()
    client = world.member(revision)
    done: list[object] = []
    closing: Deferred[None] = world.engine.engine.close()
    closing.addCallback(done.append)
    assert client.take() == []
    assert client.code == 1001
    assert world.root.reasons == ["server shutting down"]
    world.clock.advance(0.125)
    assert done == [None]
