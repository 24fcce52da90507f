"""Invariants of a node: does the hub know the members that Redis has told of, and the other way round?

As `rtcsignal.engineio.invariants`: between two turns of the reactor, and it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtcsignal.backplane.cluster import Backplane
from rtcsignal.logtext import safe
from rtcsignal.signaling.hub import Hub

__all__ = ["censusOf", "checkBackplane"]


def checkBackplane(backplane: Backplane, hub: Hub) -> Iterator[str]:
    """What is wrong with the rosters of a node.

    Returns:
        A sentence for each thing. Nothing can be told while the node is cut off, or seats are being entered.
    """
    if not backplane.isQuiet:
        return
    here = backplane.nodes.own
    listed = {(roomName, memberId, home == here) for roomName, memberId, home in backplane.rosters}
    known = {(roomName, memberId, True) for roomName, memberId, _ in hub.ear.seats()}
    for name, room in {**hub.table.followed, **hub.rooms}.items():
        if name in hub.rooms or name in backplane.rosters:  # else somebody is about to join, and it was looked at
            known |= {(name, member.id, False) for member in room.others or ()}
    for roomName, memberId, isHere in known ^ listed:
        waits = any(view.sid == memberId for view in hub.waiting.views(roomName))
        if not waits:
            who = "the hub" if (roomName, memberId, isHere) in listed else "the cluster"
            where = "here" if isHere else "elsewhere"
            yield f"{who} does not know of {safe(memberId)}, who is {where} in {safe(roomName)}"


def censusOf(backplane: Backplane) -> dict[str, int]:
    """What a node has to do with others: how many, by name."""
    counts = backplane.counts
    return {
        "nodes": len(backplane.nodes),
        "rooms shared": backplane.rosters.shared,
        "in doubt": backplane.rosters.stale,
        "published": counts.published,
        "dropped": counts.dropped,
        "received": counts.received,
        "ignored": counts.ignored,
        "repairs": backplane.life.repairs,
    }
