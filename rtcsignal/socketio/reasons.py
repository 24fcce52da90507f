"""Why a peer is gone: what `Namespace.disconnected` is told, in the words that Socket.IO applications know.

The end of a connection has the words of its `CloseReason`; those that a namespace tells apart are here.
"""

from __future__ import annotations

from rtcsignal.engineio.reasons import CloseReason

__all__ = [
    "BY_CLIENT",
    "BY_SERVER",
    "FLOOD",
    "NOT_RECOVERED",
    "PING_TIMEOUT",
    "REPLACED",
    "SHUTDOWN",
    "SLOW_CONSUMER",
]

BY_CLIENT = "client namespace disconnect"
"""The client has left the namespace; its connection stays."""

BY_SERVER = "server namespace disconnect"
"""It was disconnected from the namespace."""

NOT_RECOVERED = "not recovered"
"""Its connection was lost, and its client did not come back in time."""

REPLACED = "replaced"
"""Its client has another peer in its place, which it had before."""

FLOOD = CloseReason.FLOOD.value
PING_TIMEOUT = CloseReason.PING_TIMEOUT.value
SHUTDOWN = CloseReason.SHUTDOWN.value
SLOW_CONSUMER = CloseReason.SLOW_CONSUMER.value
