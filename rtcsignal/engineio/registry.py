"""The sessions of a server, by sid, and how many each address has."""

from __future__ import annotations

from collections.abc import Mapping

from rtcsignal.engineio.http.addresses import AddressCounts, Place
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
        self._places: dict[str, Place] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many sessions each address has, by what it is counted under; "" are those without one."""
        return self._counts.counts

    def hasPlaceFor(self, address: str) -> bool:
        """Whether one more session of `address` is allowed. Clients without an address are not counted."""
        return self._counts.hasPlaceFor(address)

    def add(self, session: Session) -> None:
        """A session has begun."""
        self.sessions[session.sid] = session
        self._places[session.sid] = self._counts.take(session.request.address)

    def remove(self, session: Session) -> None:
        """A session is over."""
        del self.sessions[session.sid]
        self._places.pop(session.sid).free()
