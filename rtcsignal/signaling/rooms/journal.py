"""The journal: what is noted of who comes and goes, in the log and by whoever watches how calls are set up."""

from __future__ import annotations

from twisted.logger import Logger

from rtcsignal.addresses import whereabouts
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.signaling.watch import Watch

__all__ = ["Journal"]

_log = Logger()


class Journal:
    """Notes the beginnings and the ends of the memberships of this node.

    Args:
        logRation: Keeps a flood of log lines short.

    Attributes:
        watch: Is told of all of them; may be set.
    """

    def __init__(self, logRation: LogRation) -> None:
        self._logRation = logRation
        self.watch: Watch | None = None

    def joined(self, seat: Seat) -> None:
        """A membership has begun."""
        if self._logRation.allows("joins"):
            peer = seat.participant.peer
            _log.info(
                "{user} joined {room} ({address}, conn {conn})",
                user=safe(seat.userId),
                room=safe(seat.room.name),
                address=whereabouts(peer.address),
                conn=peer.conn,
            )
        if self.watch is not None:
            self.watch.joined(seat)

    def left(self, seat: Seat, reason: str) -> None:
        """A membership has ended.

        Args:
            seat: It.
            reason: What is told.
        """
        if self._logRation.allows("leaves"):
            user, room, conn = safe(seat.userId), safe(seat.room.name), seat.participant.peer.conn
            text = "{user} left {room}: {reason} (conn {conn})"
            _log.info(text, user=user, room=room, reason=safe(reason), conn=conn)
        if self.watch is not None:
            self.watch.left(seat, reason)
