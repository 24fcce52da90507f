"""Absences: which peers wait for their clients, until when, and how many may."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rtcsignal.addresses import networkOf
from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.socketio.peer import Peer

__all__ = ["Absences"]


class Absences:
    """The peers whose connections were lost. Each absence has a deadline of its own, which ends with it.

    Args:
        most: Most peers that wait. Beyond, the one that has waited longest is given up; 0 for no limit.
        mostPerAddress: Most of them that came from one IP address, likewise; of IPv6 from one network of 64 bits.
        deadlines: Where deadlines come from.
        giveUp: Called with a peer that has waited long enough, or for which there is no room; ends its absence.
    """

    def __init__(self, most: int, mostPerAddress: int, deadlines: Deadlines, giveUp: Callable[[Peer], None]) -> None:
        self._most = most
        self._mostPerAddress = mostPerAddress
        self._deadlines = deadlines
        self._giveUp = giveUp
        self._away: dict[Peer, Deadline] = {}
        self._awayFrom: dict[str, dict[Peer, None]] = {}

    def __len__(self) -> int:
        """How many peers wait."""
        return len(self._away)

    def __contains__(self, peer: Peer) -> bool:
        """Whether a peer waits."""
        return peer in self._away

    @property
    def peers(self) -> Collection[Peer]:
        """The peers that wait, in the order in which they were lost."""
        return tuple(self._away)

    @property
    def deadlines(self) -> list[Deadline]:
        """The ends of their absences."""
        return list(self._away.values())

    def begin(self, peer: Peer, seconds: float) -> None:
        """From now on a peer waits, for so many seconds; others, or it itself, may be given up for it."""
        self._away[peer] = self._deadlines.after(seconds).start(self._giveUp, peer)
        address = networkOf(peer.address)
        neighbours = self._awayFrom.setdefault(address, {})
        neighbours[peer] = None
        if address and self._mostPerAddress and len(neighbours) > self._mostPerAddress:
            self._giveUp(next(iter(neighbours)))
        if self._most and len(self._away) > self._most:
            self._giveUp(next(iter(self._away)))

    def end(self, peer: Peer) -> bool:
        """A peer no longer waits.

        Returns:
            Whether it did.
        """
        deadline = self._away.pop(peer, None)
        if deadline is None:
            return False
        deadline.cancel()
        address = networkOf(peer.address)
        neighbours = self._awayFrom[address]
        del neighbours[peer]
        if not neighbours:
            del self._awayFrom[address]
        return True
