"""Rooms whose names begin with members- are for those who have the role member."""

from __future__ import annotations

from zope.interface import implementer

from rtcsignal.api import IPeer, IRoom, IRoomPolicy, Refused


@implementer(IRoomPolicy)
class MembersOnly:
    """Keeps all but members out of members' rooms."""

    name = "members-only"

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        if room.name.startswith("members-") and "member" not in peer.roles:
            raise Refused("not-a-member", "This room is for members.")


membersOnly = MembersOnly()
