"""Open hours: who comes at another time is told when to come again. Those who are in may stay."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from zope.interface import implementer

from rtcsignal.api import ConfigError, Configurable, IPeer, IRoom, IRoomPolicy, IServices, Option, Refused


@implementer(IRoomPolicy)
class RoomSchedule(Configurable):
    """Lets people into rooms at certain hours only."""

    name = "room-schedule"
    opens = Option(int, 8, "The hour at which rooms open.", least=0, most=23)
    closes = Option(int, 18, "The hour at which they close; before `opens`: on the next day.", least=0, most=23)
    zone = Option(str, "UTC", "The time zone of these hours, such as Europe/Lisbon.")

    def prepare(self) -> None:
        if self.opens == self.closes:
            raise ConfigError("closes: must be another hour than opens")
        try:
            self.tz = UTC if self.zone == "UTC" else ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError):
            raise ConfigError(f"zone: there is no time zone {self.zone}") from None

    def start(self, services: IServices) -> None:
        self.clock = services.clock

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        hour = datetime.fromtimestamp(self.clock.seconds(), self.tz).hour
        if (hour - self.opens) % 24 >= (self.closes - self.opens) % 24:
            raise Refused("closed", f"Rooms are open from {self.opens}:00.", {"opens": self.opens})


roomSchedule = RoomSchedule()
