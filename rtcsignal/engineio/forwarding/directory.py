"""Which nodes there are, and how to reach each: what forwarding has to know of the cluster."""

from __future__ import annotations

import secrets
from typing import NamedTuple, Protocol

__all__ = ["NODE_CHARACTERS", "Directory", "NodeAddress", "makeNodeId", "nodeOf"]

NODE_CHARACTERS = 6
"""Characters of a node's id. The ids of its sessions begin with it."""


class NodeAddress(NamedTuple):
    """How to reach a node.

    Attributes:
        host: A name or an IP address, without brackets.
        port: The TCP port.
        token: What a link presents before anything else; a secret of this node and of Redis.
    """

    host: str
    port: int
    token: str


class Directory(Protocol):
    """The nodes of the cluster. The code that builds the server supplies it."""

    def find(self, node: str) -> NodeAddress | None:
        """How to reach a node; None if there is none of this id, as far as is known without asking anyone.

        It is called for each request of a client whose session is elsewhere, and costs a lookup.

        Args:
            node: Its id, `NODE_CHARACTERS` of whatever a client sent.
        """


def makeNodeId() -> str:
    """An id for a node: random, and safe in a URL."""
    return secrets.token_urlsafe(NODE_CHARACTERS)[:NODE_CHARACTERS]


def nodeOf(sid: str) -> str:
    """The id of the node that a session id names, if it names any."""
    return sid[:NODE_CHARACTERS]
