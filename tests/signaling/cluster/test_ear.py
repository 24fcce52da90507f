"""What the hub is told of rooms and members that it does not know is ignored."""

from __future__ import annotations

from rtcsignal.signaling.cluster import Alone, Audience, Entered, Facts, Member, Outcome, Snapshot
from rtcsignal.signaling.rooms.elsewhere import Elsewhere
from rtcsignal.signaling.rooms.others import Others
from rtcsignal.signaling.station import Station
from rtcsignal.socketio.fanout import OutgoingEvent
from tests.signaling.cluster.nodes import Nodes
from tests.signaling.world import World

BOB = Member(Facts("bobs-id", "bob"), "south_", "south", 7)


def test_roomsThatConcernNobodyHereAreIgnored(nodes: Nodes) -> None:
    ear = nodes["north"].hub.ear
    ear.adopt("attic", Snapshot([BOB], {"topic": "tea"}))
    ear.arrived("attic", BOB)
    ear.departed("attic", "bobs-id", "left")
    ear.shared("attic", "topic", "tea")
    assert not ear.heard(["attic"], [], None, OutgoingEvent('["x"]'), "bobs-id")
    assert nodes["north"].hub.room("attic") is None
    assert dict(ear.sharedIn("attic")) == {}
    assert ear.factsOf("attic", "bobs-id") is None


def test_whoIsHereIsNotElsewhere(nodes: Nodes) -> None:
    nodes.members("kitchen", ann="north")
    ear, ann = nodes["north"].hub.ear, nodes.peer("north", "kitchen", "ann")
    ear.arrived("kitchen", Member(Facts(ann.sid, "ann"), "south_", "south", 7))
    ear.departed("garden", ann.sid, "left")
    ear.departed("kitchen", "bobs-id", "left", orphaned=True)
    ear.shared("kitchen", "topic", None)
    ear.told("bobs-id", OutgoingEvent('["x"]'))
    assert nodes.rosters()["north"] == {"kitchen": ["ann"]}
    assert ear.factsOf("garden", ann.sid) is None
    (seat,) = ear.seats()
    assert seat[:2] == ("kitchen", ann.sid)


def test_aMemberMayBeOnAnotherNodeThanWasKnown() -> None:
    others = Others("kitchen", ())
    others.add(Elsewhere(BOB, "kitchen", Station(Alone())))
    others.update(BOB._replace(home="west__", node="west"))
    assert others.everyone == Audience(("kitchen",), (("west__", 1),))
    assert others.remove("anns-id") is None


def test_aloneThereIsNobodyToTell(world: World) -> None:
    alone, event = Alone(), OutgoingEvent('["x"]')
    alone.look("kitchen")
    assert (alone.seen("kitchen"), alone.node) == (0, "")
    alone.enter("kitchen", BOB.facts, None, (), {})
    outcomes: list[Entered] = []
    alone.wait("kitchen", BOB.facts).addCallback(outcomes.append)
    assert outcomes == [Entered(Outcome.TAKEN)]
    alone.changed("kitchen", BOB.facts)
    alone.leave("kitchen", "bobs-id", "left")
    alone.end("kitchen", BOB, "kicked", connection=False)
    assert alone.say(Audience(("kitchen",), ()), event) == 0
    alone.tell(BOB, event)
    alone.share("kitchen", "topic", "tea")
    assert (world.hub.station.isAlone, world.hub.station.node) == (True, "")
