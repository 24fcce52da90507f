"""The WebSockets of a server, and how many of each address carry no session.

A WebSocket that carries a session is counted with it. One that does not is about to take over a session, or to close,
and has seconds for that: as many of them as a client can open in that time would take every descriptor.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rtcsignal.engineio.http.addresses import AddressCounts, Place
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
        self._places: dict[WebSocketLink, Place | None] = {}

    def __len__(self) -> int:
        return len(self._places)

    @property
    def all(self) -> Collection[WebSocketLink]:
        """Those that there are."""
        return frozenset(self._places)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many carry no session, by what their address is counted under."""
        return self._counts.counts

    def hasPlaceFor(self, address: str) -> bool:
        """Whether `address` may have one more. Clients without an address are not counted."""
        return self._counts.hasPlaceFor(address)

    def add(self, link: WebSocketLink) -> None:
        """A WebSocket is open, and carries a session from the first."""
        self._places[link] = None

    def count(self, link: WebSocketLink, address: str) -> None:
        """It carries no session: not yet, or no longer.

        Args:
            link: A WebSocket. Does nothing if it is counted, or gone.
            address: Where its client is.
        """
        if self._places.get(link, _GONE) is None:
            self._places[link] = self._counts.take(address)

    def carries(self, link: WebSocketLink) -> None:
        """It carries a session now."""
        self._free(link)
        self._places[link] = None

    def remove(self, link: WebSocketLink) -> None:
        """It is gone."""
        self._free(link)
        self._places.pop(link, None)

    def _free(self, link: WebSocketLink) -> None:
        place = self._places.get(link)
        if place is not None:
            place.free()


_GONE = Place(AddressCounts(0), "")
