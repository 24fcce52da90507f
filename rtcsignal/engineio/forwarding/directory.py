"""Which nodes there are, and how to reach each: what forwarding has to know of the cluster."""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from typing import NamedTuple, Protocol

__all__ = ["NODE_CHARACTERS", "Directory", "NodeAddress", "makeNodeId", "mark", "nodeOf"]

NODE_CHARACTERS = 6
"""Characters of a node's id. The ids of its sessions begin with it."""

_MARK_CHARACTERS = 2


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


def makeNodeId(machine: str = "") -> str:
    """An id for a node: random, and safe in a URL.

    Args:
        machine: What the nodes of one machine have in common. Their ids begin with the same two characters, now and
            after a restart, so that a proxy can tell by the id of a session to which machine it belongs.
    """
    random = secrets.token_urlsafe(NODE_CHARACTERS)
    return (mark(machine) + random)[:NODE_CHARACTERS] if machine else random[:NODE_CHARACTERS]


def mark(machine: str) -> str:
    """What the ids of all nodes of a machine begin with."""
    digest = hashlib.blake2b(machine.encode("utf-8", "replace"), digest_size=_MARK_CHARACTERS).digest()
    return urlsafe_b64encode(digest).decode("ascii")[:_MARK_CHARACTERS]


def nodeOf(sid: str) -> str:
    """The id of the node that a session id names, if it names any."""
    return sid[:NODE_CHARACTERS]
