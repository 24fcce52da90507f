"""The sessions of a server, by sid, and how many each address has."""

from __future__ import annotations

from collections.abc import Mapping

from rtcsignal.engineio.http.addresses import AddressCounts, Slot
from rtcsignal.engineio.session import Session

__all__ = ["Registry"]


class Registry:
    """Knows every session whose sid means something.

    Args:
        perAddress: Most sessions of one address; 0 for no limit.

    Attributes:
        sessions: By sid. Not to be changed from outside.
    """

    def __init__(self, perAddress: int) -> None:
        self.sessions: dict[str, Session] = {}
        self._counts = AddressCounts(perAddress)
        self._slots: dict[str, Slot] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many sessions each address has, by what it is counted under; "" are those without one."""
        return self._counts.counts

    def hasSlotFor(self, address: str) -> bool:
        """Whether one more session of `address` is allowed. Clients without an address are not counted."""
        return self._counts.hasSlotFor(address)

    def add(self, session: Session) -> None:
        """A session has begun."""
        self.sessions[session.sid] = session
        self._slots[session.sid] = self._counts.take(session.request.address)

    def remove(self, session: Session) -> None:
        """A session is over."""
        del self.sessions[session.sid]
        self._slots.pop(session.sid).free()
