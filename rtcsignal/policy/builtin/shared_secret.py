"""Lets in anyone who has a ticket: a few facts about its holder, signed with a secret that server and issuer share.

A ticket is ``t1.BODY.MAC``. The body is a JSON object in base64url without padding: ``expiresAt``, in seconds since the
epoch, and optionally ``userId``, ``roles``, ``rooms`` and whatever else policies want to know. The MAC is the
HMAC-SHA256 of ``t1.BODY``, in base64url without padding as well.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from zope.interface import implementer

from rtcsignal.api import (
    REQUIRED,
    Configurable,
    Handshake,
    IAuthenticator,
    Identity,
    IPeer,
    IRoom,
    IRoomPolicy,
    IServices,
    Option,
    Refused,
)

SECRET_CHARACTERS = 32
"""A secret has at least so many."""

_KIND = "t1"
_MOST_CHARACTERS = 8192
_FOREVER = 1e12
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")


@implementer(IAuthenticator, IRoomPolicy)
class SharedSecret(Configurable):
    """Lets in anyone who has a ticket, signed with a secret that the server shares with whoever makes tickets."""

    name = "shared-secret"
    secret = Option(str, REQUIRED, "The secret.", least=SECRET_CHARACTERS, secret=True)
    oldSecret = Option(str, None, "The secret before it: still good.", least=SECRET_CHARACTERS, secret=True)
    tokenKey = Option(str, "token", "The key of the ticket in the client's auth object and in the query.", least=1)
    cookie = Option(str, "", "A cookie that may hold the ticket; empty for none.")

    def prepare(self) -> None:
        self._secrets = [secret for secret in (self.secret, self.oldSecret) if secret is not None]

    def start(self, services: IServices) -> None:
        self._wall = services.now

    def authenticate(self, handshake: Handshake) -> Identity | None:
        ticket = handshake.token(self.tokenKey, self.cookie)
        if ticket is None or not ticket.startswith(f"{_KIND}."):
            return None
        body = _opened(ticket, self._secrets)
        identity = _identityOf(body) if body is not None else None
        if identity is None:
            raise Refused("bad-token", "The ticket is not valid.")
        if identity.expiresAt is not None and identity.expiresAt <= self._wall():
            raise Refused("expired", "The ticket has expired.")
        return identity

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        ticket = peer.claims.get("ticket")
        if not isinstance(ticket, _Ticket) or "rooms" not in ticket:
            return
        if not any(fnmatchcase(room.name, pattern) for pattern in ticket["rooms"]):
            raise Refused("not-your-room", "Your ticket is for other rooms.")


class _Ticket(dict[str, Any]):
    """What a ticket says: no claim of another authenticator can be taken for it."""


def makeTicket(
    secret: str,
    expiresAt: float,
    userId: str | None = None,
    roles: Sequence[str] = (),
    rooms: Sequence[str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> str:
    """A ticket.

    Args:
        secret: The secret, of at least 32 characters.
        expiresAt: Seconds since the epoch until which it is good.
        userId: The only user id that its holder may use; None lets the holder choose.
        roles: What the holder may be.
        rooms: Patterns of the rooms that the holder may enter, with ``*`` for anything; None for all.
        more: What policies will find besides in ``peer.claims["ticket"]``.

    Raises:
        ValueError: The server would not take such a ticket.
    """
    known = {"expiresAt": expiresAt, "userId": userId, "roles": list(roles) or None, "rooms": rooms}
    body = {**(more or {}), **{key: value for key, value in known.items() if value is not None}}
    signed = f"{_KIND}.{_encoded(json.dumps(body, separators=(',', ':')).encode())}"
    ticket = f"{signed}.{_macOf(signed, secret)}"
    if _identityOf(body) is None or len(ticket) > _MOST_CHARACTERS:
        raise ValueError("the ticket says what no ticket can say, or more than one can")
    return ticket


def _opened(ticket: str, secrets: Sequence[str]) -> dict[str, Any] | None:
    """What a ticket says; None if it was not signed with one of the secrets."""
    signed, _, mac = ticket.rpartition(".")
    if len(ticket) > _MOST_CHARACTERS or not ticket.isascii():
        return None
    if not any(hmac.compare_digest(_macOf(signed, secret), mac) for secret in secrets):
        return None
    try:
        body = json.loads(base64.urlsafe_b64decode(signed.partition(".")[2] + "=="))
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _identityOf(body: Mapping[str, Any]) -> Identity | None:
    """Who holds a ticket; None if it says so in a way that is not understood."""
    expiresAt, userId, roles = body.get("expiresAt"), body.get("userId"), body.get("roles", [])
    isTime = isinstance(expiresAt, (int, float)) and not isinstance(expiresAt, bool) and 0 <= expiresAt < _FOREVER
    isUser = userId is None or (isinstance(userId, str) and _NAME.fullmatch(userId) is not None)
    if not (isTime and isUser and _areTexts(roles) and _areTexts(body.get("rooms", []))):
        return None
    return Identity(userId, frozenset(roles), {"ticket": _Ticket(body)}, expiresAt)


def _areTexts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _macOf(signed: str, secret: str) -> str:
    return _encoded(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


sharedSecret = SharedSecret()
