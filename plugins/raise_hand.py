"""Members raise a hand, and everyone in the room sees it: an event of a plugin's own, with one rule.

A client sends raise-hand, in several rooms at once with {roomName}, and everyone hears hand-raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from rtcsignal.api import Configurable, IEventHandler, IPeer, IRoom, IServices, Option, Refused


@implementer(IEventHandler)
class RaiseHand(Configurable):
    """Takes the event raise-hand, and tells the room, not too often."""

    name = "raise-hand"
    events = ("raise-hand",)
    pause = Option(float, 5, "Seconds until the same member may raise a hand again.", least=0)

    def start(self, services: IServices) -> None:
        self.clock = services.clock

    def handleEvent(self, peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        now = self.clock.seconds()
        again = peer.data.get("raise-hand", now)
        if now < again:
            raise Refused("too-often", "You have just done that.", {"retry_after": again - now})
        peer.data["raise-hand"] = now + self.pause
        room.emit("hand-raised", peer.userId, {"roomName": room.name})
        return {"seenBy": room.size}


raiseHand = RaiseHand()
