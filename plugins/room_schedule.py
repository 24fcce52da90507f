"""Open hours, by the server's local time: at other hours no one is admitted, and members may stay."""

from __future__ import annotations

from time import localtime

from zope.interface import implementer

from rtcsignal.api import Configurable, IPeer, IRoom, IRoomPolicy, IServices, Option, Refused


@implementer(IRoomPolicy)
class RoomSchedule(Configurable):
    """Lets people into rooms at certain hours only."""

    name = "room-schedule"
    opens = Option(int, 8, "The hour at which rooms open.", least=0, most=23)
    closes = Option(int, 18, "The hour at which they close; before `opens`: on the next day.", least=0, most=23)

    def start(self, services: IServices) -> None:
        self.now = services.now

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        if (localtime(self.now()).tm_hour - self.opens) % 24 >= ((self.closes - self.opens) % 24 or 24):
            raise Refused("closed", f"Rooms are open from {self.opens}:00.", {"opens": self.opens})


roomSchedule = RoomSchedule()
