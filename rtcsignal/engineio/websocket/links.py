"""The WebSockets of a server, and how many of each address carry no session.

A WebSocket that carries a session is counted with it. One that does not is about to take over a session, or to close,
and has seconds for that: as many of them as a client can open in that time would take every descriptor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rtcsignal.engineio.http.addresses import AddressCounts, Slot
from rtcsignal.engineio.websocket.link import WebSocketLink

__all__ = ["Links"]

_FEWEST = 8
"""So many may close in any case: a client that may have one session must not wait for the end of the one before."""


class Links:
    """Knows every WebSocket that was admitted and is open, or about to close.

    Args:
        perAddress: Most WebSockets of one address that carry no session; 0 for no limit.
    """

    def __init__(self, perAddress: int) -> None:
        self._counts = AddressCounts(perAddress and max(perAddress, _FEWEST))
        self._slots: dict[WebSocketLink, Slot | None] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def all(self) -> Collection[WebSocketLink]:
        """Those that there are."""
        return frozenset(self._slots)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many carry no session, by what their address is counted under."""
        return self._counts.counts

    def hasSlotFor(self, address: str) -> bool:
        """Whether `address` may have one more. Clients without an address are not counted."""
        return self._counts.hasSlotFor(address)

    def add(self, link: WebSocketLink) -> None:
        """A WebSocket is open, and carries a session from the first."""
        self._slots[link] = None

    def count(self, link: WebSocketLink, address: str) -> None:
        """It carries no session: not yet, or no longer.

        Args:
            link: A WebSocket. Does nothing if it is counted, or gone.
            address: Where its client is.
        """
        if self._slots.get(link, _GONE) is None:
            self._slots[link] = self._counts.take(address)

    def carries(self, link: WebSocketLink) -> None:
        """It carries a session now."""
        self._free(link)
        self._slots[link] = None

    def remove(self, link: WebSocketLink) -> None:
        """It is gone."""
        self._free(link)
        self._slots.pop(link, None)

    def _free(self, link: WebSocketLink) -> None:
        slot = self._slots.get(link)
        if slot is not None:
            slot.free()


_GONE = Slot(AddressCounts(0), "")
