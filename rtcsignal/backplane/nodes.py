"""Which nodes there are: what Redis has told of them, and how they are reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from rtcsignal.engineio.forwarding.directory import NodeAddress

__all__ = ["Nodes", "Record", "nodeOf"]


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a node lets the others know of itself.

    Attributes:
        incarnation: Which one it is in.
        name: What people call it.
        host: Where it can be brought requests; empty if nowhere.
        port: Likewise.
        token: What must be presented there.
    """

    incarnation: str
    name: str
    host: str = ""
    port: int = 0
    token: str = ""

    def __repr__(self) -> str:
        """Without what is secret."""
        return f"<node {self.incarnation}, {self.name}, {self.host}:{self.port}>"


_decode = msgspec.json.Decoder(Record).decode


class Nodes:
    """The nodes of the cluster. It is a `Directory` for those who bring requests to them.

    Args:
        own: The id of this one.
    """

    def __init__(self, own: str) -> None:
        self.own = own
        self._records: dict[str, Record] = {}
        self._alive: dict[str, str] = {}
        self._ready: set[str] = set()

    def __len__(self) -> int:
        """How many there are, with this one."""
        return len(self._alive)

    @property
    def names(self) -> Sequence[str]:
        """What people call them."""
        return sorted(self._records[node].name for node in self._alive if node in self._records)

    def reset(self, alive: Sequence[str], records: Mapping[str, str], ready: Mapping[str, str]) -> None:
        """How things are now.

        Args:
            alive: The incarnations.
            records: What each node lets others know, as it is written.
            ready: The incarnation of each node whose members have all been entered.
        """
        self._alive = {nodeOf(incarnation): incarnation for incarnation in alive}
        self._ready = {node for node, incarnation in ready.items() if self._alive.get(node) == incarnation}
        self._records = {}
        for node, record in records.items():
            with suppress(msgspec.MsgspecError):  # of another version, whose node is one without an address
                self._records[node] = _decode(record)

    def born(self, incarnation: str, record: str) -> None:
        """An incarnation begins.

        Raises:
            msgspec.MsgspecError: That is no record.
        """
        node = nodeOf(incarnation)
        self._records[node] = _decode(record)
        self._alive[node] = incarnation
        self._ready.discard(node)

    def ready(self, incarnation: str) -> bool:
        """All members of an incarnation have been entered.

        Returns:
            Whether it is one that is known.
        """
        node = nodeOf(incarnation)
        isKnown = self._alive.get(node) == incarnation
        if isKnown:
            self._ready.add(node)
        return isKnown

    def dead(self, node: str) -> None:
        """A node is gone."""
        self._alive.pop(node, None)
        self._records.pop(node, None)
        self._ready.discard(node)

    def incarnationOf(self, node: str) -> str | None:
        """In which incarnation a node is; None if it is not there."""
        return self._alive.get(node)

    def isCurrent(self, incarnation: str) -> bool:
        """Whether a node is in this incarnation."""
        return self._alive.get(nodeOf(incarnation)) == incarnation

    def isReady(self, node: str) -> bool:
        """Whether all members of a node have been entered."""
        return node in self._ready

    def nameOf(self, node: str) -> str:
        """What people call a node."""
        record = self._records.get(node)
        return node if record is None else record.name

    def find(self, node: str) -> NodeAddress | None:
        """How to reach a node; see `Directory`."""
        record = self._records.get(node)
        if record is None or not record.host or node == self.own:
            return None
        return NodeAddress(record.host, record.port, record.token)


def nodeOf(incarnation: str) -> str:
    """The node of an incarnation."""
    return incarnation.partition(".")[0]
