"""Without any plugin everybody may do everything."""

from __future__ import annotations

from rtcsignal.errors import Waiting
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.gates import Gates, OpenGates
from rtcsignal.values import Handshake, Identity, Message
from tests.signaling.plugins import Plugins
from tests.signaling.words import room
from tests.signaling.world import World


def test_everybodyIsLetIn() -> None:
    assert OpenGates().authenticate(Handshake("/")) == Identity()


def test_thereIsNobodyToAskAboutJoinsAndMessages() -> None:
    gates: Gates = OpenGates()
    assert not gates.judgesJoins
    assert not gates.judgesMessages
    assert not gates.events
    assert not gates.giveIce


def test_whoAsksAllTheSameIsToldYes(world: World) -> None:
    plugins = Plugins()
    world.hub.gates = plugins
    world.member("kitchen", "ann")
    peer, place = plugins.peers["ann"], plugins.rooms["kitchen"]
    message = Message("offer", "ann", None, {}, 2)
    gates: Gates = OpenGates()
    gates.mayJoin(peer, place)
    assert gates.filterMessage(peer, place, message) is message
    assert gates.handleEvent(peer, place, "knock", {}) is None
    assert gates.iceServers(peer, place) == ()


def test_whoStopsWaitingForPoliciesThatAreGoneIsNobodysBusiness(world: World) -> None:
    def wait(peer: IPeer, room: IRoom) -> None:
        raise Waiting

    world.hub.gates = Plugins(mayJoin=wait)
    ann = world.client()
    assert ann.ask("join-room", room("ann", "kitchen")).code == "waiting"
    world.hub.gates = OpenGates()
    assert ann.ask("leave-room", room("ann", "kitchen")).ok


def test_itIsWhatAServerHasByDefault(world: World) -> None:
    ann = world.client()
    assert ann.ask("join-room", room("ann", "kitchen")).ok
    assert ann.ask("broadcast", {}).ok
    assert ann.ask("leave-room", room("ann", "kitchen")).ok
