"""Says which rooms there may be, and which roles may join which of them. All other rooms are refused."""

from __future__ import annotations

from zope.interface import implementer

from rtcsignal.api import REQUIRED, Configurable, IPeer, IRoom, IRoomPolicy, Option, Refused, firstFit


@implementer(IRoomPolicy)
class AllowRooms(Configurable):
    """Lets people into rooms of certain names only, for each of them those with certain roles."""

    name = "allow-rooms"
    rooms = Option(
        dict[str, list[str]],
        REQUIRED,
        "Roles that may join, by pattern of room names: one of them is enough, [] is for everyone. The first pattern "
        "that fits counts; what fits none is refused.",
    )
    exceptFor = Option(list[str], [], "Roles that may join any room.")

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        if not peer.roles.isdisjoint(self.exceptFor):
            return
        roles = firstFit(self.rooms, room.name, None)
        if roles is None:
            raise Refused("room-not-allowed", "There is no such room.")
        if roles and peer.roles.isdisjoint(roles):
            raise Refused("role-needed", "You do not have the role that this room requires.", {"roles": roles})


allowRooms = AllowRooms()
