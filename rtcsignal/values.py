"""Values that cross layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["EMPTY", "Handshake", "Identity", "Message", "isName", "wholeNumber"]

EMPTY: Mapping[str, Any] = MappingProxyType({})

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def isName(value: str, most: int) -> bool:
    """Whether `value` can be the name of a room or a user: 1 to `most` characters, none of them a control character.

    Args:
        value: Any string.
        most: Longest name in characters; 0 for no limit.
    """
    return bool(value) and (not most or len(value) <= most) and _CONTROL.search(value) is None


def wholeNumber(value: Any) -> int | None:
    """The whole number that a JSON value is, however it is spelled: ``3``, ``3.0`` and ``30e-1`` are one in JavaScript.

    Args:
        value: Any value, decoded from JSON.

    Returns:
        None if it is not a whole number. True and False are not.
    """
    if value.__class__ is int:
        return value
    return int(value) if value.__class__ is float and value.is_integer() else None


@dataclass(frozen=True)
class Handshake:
    """How a client asks for a namespace; what an authenticator judges.

    Attributes:
        namespace: The namespace asked for.
        auth: The CONNECT packet's object (protocol 5), or the namespace's query (protocol 4).
        query: Query of the request that opened the connection.
        headers: Headers of that request, names in lower case.
        address: IP address of the client, or "".
        revision: Engine.IO revision: 3 for clients 1.x and 2.x, 4 for later ones.
        secure: The connection came over TLS.
        conn: What the log calls its connection; no secret. Two handshakes that differ in nothing else are equal.
    """

    namespace: str
    auth: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    query: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    address: str = ""
    revision: int = 4
    secure: bool = False
    conn: str = field(default="", compare=False)

    @property
    def origin(self) -> str | None:
        """The Origin header: which page the client is."""
        return self.headers.get("origin")

    def token(self, key: str = "token", cookie: str = "") -> str | None:
        """The token that the client presents, wherever its library allows; None if there is none.

        It is looked for in `auth`, in a header ``Authorization: Bearer ...``, in `query` and in a cookie, in this
        order. Not everything is open to every client: those of generation 2 have no `auth` in the namespace ``/``,
        and browsers send no header of theirs with a WebSocket.

        Args:
            key: Its key in `auth` and in `query`.
            cookie: The name of its cookie; by default none is looked at.
        """
        kind, _, bearer = self.headers.get("authorization", "").partition(" ")
        candidates = (
            self.auth.get(key),
            bearer.strip() if kind.lower() == "bearer" else None,
            self.query.get(key),
            self.cookies.get(cookie) if cookie else None,
        )
        return next((each for each in candidates if isinstance(each, str) and each), None)

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies of the request that opened the connection; of a repeated name the first.

        What other applications of the host have set, and however oddly, does not matter (RFC 6265 section 5.4).
        """
        cookies: dict[str, str] = {}
        for part in self.headers.get("cookie", "").split(";"):
            name, separator, value = part.partition("=")
            if separator:
                cookies.setdefault(name.strip(), value.strip().strip('"'))
        return cookies


@dataclass(frozen=True)
class Identity:
    """Who a client is, according to an authenticator.

    Attributes:
        userId: The only user id it may use; None lets it choose at each join.
        roles: Words that policies understand.
        claims: Whatever else is known.
        expiresAt: Seconds since the epoch at which the identity expires and the server disconnects the client; None
            for never.
        signedIn: The client has proved that it is this user. False for guests, whose user id anyone could have.
    """

    userId: str | None = None
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    expiresAt: float | None = None
    signedIn: bool = True


class Message(NamedTuple):
    """One message on its way through a room, as message filters see it.

    Attributes:
        kind: ``offer``, ``answer``, ``candidate``, ``hangup`` or ``other``: what clients take its ``msgType`` for.
        userId: The sender, as bound at its join.
        targetUserId: The only user it is for; None for everyone in the room.
        body: What was sent: a read-only mapping, or any other value, bytes included.
        size: Length of what was sent, in bytes.
    """

    kind: str
    userId: str
    targetUserId: str | None
    body: Any
    size: int

    def replace(self, **changes: Any) -> Message:
        """The message with some attributes changed, ``body`` and ``targetUserId`` for instance."""
        return Message(**{**self._asdict(), **changes})
