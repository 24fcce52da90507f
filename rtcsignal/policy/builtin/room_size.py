"""Limits how many are in a room."""

from __future__ import annotations

from zope.interface import implementer

from rtcsignal.api import ConfigError, Configurable, IPeer, IRoom, IRoomPolicy, Option, Refused, firstFit


@implementer(IRoomPolicy)
class RoomSize(Configurable):
    """Limits how many are in a room. A user who is there several times counts once, or each time."""

    name = "room-size"
    most = Option(int, 8, "Most in a room; 0 for no limit.", least=0)
    rooms = Option(dict[str, int], {}, "Other limits, by pattern of room names; the first that fits counts.")
    exceptFor = Option(list[str], [], "Roles that may always join.")
    count = Option(str, "users", "What is counted: users, or each of their connections.", choices=("users", "peers"))
    mostPerUser = Option(int, 4, "Most connections of one user in a room, if users are counted.", least=1)

    def prepare(self) -> None:
        wrong = [pattern for pattern, most in self.rooms.items() if most < 0]
        if wrong:
            raise ConfigError([f"rooms: the limit of {pattern} must be at least 0" for pattern in wrong])

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        most = firstFit(self.rooms, room.name, self.most)
        if not most or not peer.roles.isdisjoint(self.exceptFor):
            return
        if self.count == "peers":
            count = room.size
        elif sessions := sum(other.signedIn is peer.signedIn for other in room.peersOf(peer.userId)):
            if sessions >= self.mostPerUser:
                text = "You are in this room on too many connections already."
                raise Refused("too-many-sessions", text, {"most": self.mostPerUser})
            return
        else:
            count = _usersIn(room)
        if count >= most:
            raise Refused("room-full", "This room is full.", {"most": most})


def _usersIn(room: IRoom) -> int:
    """How many users are in a room. A guest is not the user who has signed in under the same name."""
    if room.userCount == room.size:
        return room.size
    return len({(peer.userId, peer.signedIn) for peer in room.peers()})


roomSize = RoomSize()
