"""Events for many: encoded once for each namespace."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.packet import RESERVED_NAMES
from tests.socketio.world import World


def test_everybodyGetsItInTheFormOfItsNamespace(world: World) -> None:
    root, other = [world.member(revision) for revision in (3, 4)], [world.member(r, "/a") for r in (3, 4)]
    peers = [*world.root.peers[:2], *world.lobbies["/a"].peers]
    assert deliver(OutgoingEvent.of("hello", 1), peers) == 4
    assert [client.take() for client in root] == [['2["hello",1]']] * 2
    assert [client.take() for client in other] == [['2/a,["hello",1]']] * 2


def test_itIsEncodedOnceForANamespace(world: World) -> None:
    event = OutgoingEvent.of("hello")
    message = event.messageFor("/a")
    assert event.messageFor("/a") is message
    assert event.messageFor("/").text == '2["hello"]'
    assert event.messageFor("/a").text == '2/a,["hello"]'


def test_peersOfNamespacesMayComeInAnyOrder(world: World, revision: Revision) -> None:
    names = ("/", "/a", "/", "/a", "/a", "/")
    clients, peers = [], []
    for name in names:
        clients.append(world.member(revision, name))
        peers.append(world.lobbies[name].peer)
    assert deliver(OutgoingEvent.of("x"), peers) == 6
    assert [client.take() for client in clients] == [['2["x"]' if name == "/" else '2/a,["x"]'] for name in names]


def test_binaryGoesToEverybodyInItsOwnForm(world: World) -> None:
    clients = [world.member(revision) for revision in (3, 4)]
    deliver(OutgoingEvent.of("x", b"\x01", [b"\x02"]), world.root.peers)
    expected = ['52-["x",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]', b"\x01", b"\x02"]
    assert [client.take() for client in clients] == [expected] * 2


def test_binaryIsWorkByItsPartsAndTheirBytes(world: World, revision: Revision) -> None:
    for _ in range(3):
        world.member(revision)
    work = world.root.peers[0].channel.work
    done = work.done
    deliver(OutgoingEvent.of("x"), world.root.peers)
    assert work.done - done == 3
    done = work.done
    deliver(OutgoingEvent.of("x", b"1", bytes(40_960)), world.root.peers)
    assert work.done - done == 3 * 3 + 3 * 10


def test_aTextThatCameIsRelayedAsItIs(world: World, revision: Revision) -> None:
    client = world.member(revision)
    text = '[ "x", 9007199254740993, {"b":1,"a":2}, 1.0 ]'
    deliver(OutgoingEvent(text), world.root.peers)
    assert client.take() == ["2" + text]


def test_whoIsGoneGetsNothingAndHarmsNobody(world: World, revision: Revision) -> None:
    gone, stays = world.member(revision), world.member(revision)
    gone.hangUp()
    deliver(OutgoingEvent.of("x"), world.root.peers)
    assert stays.take() == ['2["x"]']


def test_nobodyIsNobody(world: World) -> None:
    assert deliver(OutgoingEvent.of("x"), []) == 0


def test_whatCannotBeSentIsATypeErrorBeforeAnybodyGetsIt() -> None:
    with pytest.raises(TypeError):
        OutgoingEvent.of("x", object())


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_whatClientsEndTheirConnectionForIsAValueError(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is an event"):
        OutgoingEvent.of(name)
