"""The sessions of a server, by sid, and how many each address has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
        self._perAddress = perAddress
        self._counts: dict[str, int] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many sessions each address has, "" being those without one."""
        return MappingProxyType(self._counts)

    def hasPlaceFor(self, address: str) -> bool:
        """Whether one more session of `address` is allowed. Clients without an address are not counted."""
        return not self._perAddress or not address or self._counts.get(address, 0) < self._perAddress

    def add(self, session: Session) -> None:
        """A session has begun."""
        self.sessions[session.sid] = session
        address = session.request.address
        self._counts[address] = self._counts.get(address, 0) + 1

    def remove(self, session: Session) -> None:
        """A session is over."""
        del self.sessions[session.sid]
        address = session.request.address
        count = self._counts[address] - 1
        if count:
            self._counts[address] = count
        else:
            del self._counts[address]
