"""What nodes know of each other's members, as it is written in Redis: as short as it can be, since there are many."""

from __future__ import annotations

from typing import Any

import msgspec

from rtcsignal.signaling.cluster import Facts

__all__ = ["readFacts", "writeFacts"]

_MILLISECONDS = 1_000


class _Written(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An array; what is at its end and as usual is left out. Times are in milliseconds."""

    userId: str
    connectedAt: int = 0
    address: str = ""
    namespace: str = "/"
    signedIn: bool = False
    roles: tuple[str, ...] = ()
    key: bytes = b""
    waits: bool = False
    away: bool = False
    awayUntil: int = 0


_USUAL = msgspec.structs.astuple(_Written(""))
_decode = msgspec.json.Decoder(_Written).decode
_encode = msgspec.json.Encoder().encode


def writeFacts(facts: Facts) -> bytes:
    """What is known of a member, without its id, as JSON."""
    items: list[Any] = [
        facts.userId,
        round(facts.connectedAt * _MILLISECONDS),
        facts.address,
        facts.namespace,
        facts.signedIn,
        facts.roles,
        facts.key,
        facts.waits,
        facts.away,
        round(facts.awayUntil * _MILLISECONDS),
    ]
    length = len(items)
    while length > 1 and items[length - 1] == _USUAL[length - 1]:
        length -= 1
    return _encode(items[:length])


def readFacts(memberId: str, text: str | bytes) -> Facts:
    """The same, read again.

    Raises:
        msgspec.MsgspecError: It is nothing of the kind.
    """
    written = _decode(text)
    return Facts(
        id=memberId,
        userId=written.userId,
        signedIn=written.signedIn,
        waits=written.waits,
        away=written.away,
        awayUntil=written.awayUntil / _MILLISECONDS,
        connectedAt=written.connectedAt / _MILLISECONDS,
        namespace=written.namespace,
        address=written.address,
        key=written.key,
        roles=written.roles,
    )
