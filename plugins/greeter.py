"""Everyone who comes is greeted, and the log gets a line about each call that ends."""

from __future__ import annotations

from zope.interface import implementer

from rtcsignal.api import Configurable, IPeer, IRoom, IRoomObserver, IServices, Option


@implementer(IRoomObserver)
class Greeter(Configurable):
    """Greets anyone who joins, with the event greeting."""

    name = "greeter"
    text = Option(str, "Welcome!", "What is said.")

    def start(self, services: IServices) -> None:
        self.services = services

    def joined(self, peer: IPeer, room: IRoom) -> None:
        peer.emit("greeting", {"roomName": room.name, "text": self.text, "members": room.size})

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        if not room.size:
            seconds = self.services.clock.seconds() - room.createdAt
            self.services.log.info("{room} was in use for {seconds:.0f} s", room=room.name, seconds=seconds)


greeter = Greeter()
