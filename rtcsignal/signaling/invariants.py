"""Invariants of the hub: is every member in exactly the rooms that list it, and every room one that has members?

As `rtcsignal.engineio.invariants`: between two turns of the reactor, and it changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from rtcsignal.logtext import safe
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.room import Room
from rtcsignal.socketio.peer import Peer

__all__ = ["checkHub"]


def checkHub(hub: Hub, peers: Collection[Peer]) -> Iterator[str]:
    """What is wrong with the rooms of a hub.

    Args:
        hub: The hub.
        peers: Every peer that there is.

    Returns:
        A sentence for each thing.
    """
    known = set(peers)
    for name, room in hub.rooms.items():
        if room.name != name:
            yield f"the room {safe(room.name)} is registered as {safe(name)}"
        if not room.isOpen or not room.seats:
            yield f"the room {safe(name)} has no members"
        yield from _checkSeats(room, known)
    yield from _checkOthers(hub, known)
    participants = {peer.application for peer in known if isinstance(peer.application, Participant)}
    for participant in participants:
        for name, seat in participant.seats.items():
            room = seat.room
            if room.name != name or hub.rooms.get(name) is not room or room.seats.get(participant.peer) is not seat:
                yield f"{safe(seat.userId)} has a seat in {safe(name)}, and the room does not list it"
    for _ in set(hub.expiries.watched) - participants:
        yield "a participant has gone, and its identity is still watched"
    for _ in set(hub.waiting.participants) - participants:
        yield "a participant has gone, and still waits for a room"


def _checkOthers(hub: Hub, peers: Collection[Peer]) -> Iterator[str]:
    """What is wrong with what is known of other nodes, and they of this one."""
    table, known = hub.table, hub.presence.reports.known
    for name, room in {**table.followed, **table.rooms}.items():
        if name in table.followed and (name in table.rooms or room.name != name or room.seats):
            yield f"the room {safe(name)} is followed as if it had no members here"
        yield from _checkMembersOf(room, known)
    for knownAs, participant in known.items():
        if participant.knownAs != knownAs or participant.peer not in peers:
            yield "a participant has gone, or is another one, and the other nodes know of it"
    for room in table.rooms.values() if not hub.station.isAlone else ():
        for seat in room:
            if not seat.isKnown or seat.participant.knownAs not in known:
                yield f"the other nodes do not know that {safe(seat.userId)} is in {safe(room.name)}"


def _checkMembersOf(room: Room, known: Mapping[str, Participant]) -> Iterator[str]:
    others = room.others
    if others is None:
        return
    if not others:
        yield f"the room {safe(room.name)} has members on other nodes, and there are none"
    homes: dict[str, int] = {}
    for memberId, member in others.members.items():
        homes[member.home] = homes.get(member.home, 0) + 1
        if member.id != memberId or member not in others.of(member.userId):
            yield f"{safe(member.userId)} is not found in {safe(room.name)}, on another node"
        if memberId in known:
            yield f"{safe(member.userId)} of this node is in {safe(room.name)} on another one"
    if homes != dict(others.everyone.reach):
        yield f"messages to {safe(room.name)} would go to other nodes"


def _checkSeats(room: Room, peers: Collection[Peer]) -> Iterator[str]:
    users: dict[str, list[Peer]] = {}
    for peer, seat in room.seats.items():
        who = f"{safe(seat.userId)} in {safe(room.name)}"
        users.setdefault(seat.userId, []).append(peer)
        if peer not in peers or not peer.connected:
            yield f"{who} has gone"
        if seat.room is not room or seat.participant.peer is not peer:
            yield f"{who} sits in the seat of someone else"
        if seat.participant.seats.get(room.name) is not seat:
            yield f"{who} does not know of its seat"
    if users != {userId: list(found) for userId, found in room.users.items()}:
        yield f"the users of {safe(room.name)} are not those of its seats"
    for userId, found in users.items():
        signedIn = [peer for peer in found if room.seats[peer].participant.isSignedIn]
        elsewhere = room.others.of(userId) if room.others is not None else ()
        isProven = bool(signedIn) or any(member.facts.signedIn for member in elsewhere)
        if room.addressees(userId) != (signedIn if isProven else found):
            yield f"messages to {safe(userId)} in {safe(room.name)} would go to others"
