"""Requires a password before it lets anyone into a room.

What is compared with the first member's password is shared about the room, so that it holds on all nodes from the
moment of that join.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from collections.abc import Sequence
from typing import Any, TypeAlias
from unicodedata import normalize

from zope.interface import implementer

from rtcsignal.api import (
    Configurable,
    IDoorObserver,
    IPeer,
    IRoom,
    IRoomPolicy,
    IServices,
    Option,
    Refused,
    Throttle,
    firstFit,
    networkOf,
)

_MOST_CHARACTERS = 256

# Salt and digest in hexadecimal: what is compared is of one length, and what is kept does not reveal the password.
_Lock: TypeAlias = Sequence[str]


@implementer(IRoomPolicy, IDoorObserver)
class RoomPassword(Configurable):
    """Requires a password: one of the configuration, or the one that the first member has set."""

    name = "room-password"
    passwords = Option(
        dict[str, str],
        {},
        "Passwords by pattern of room names, an empty one for none; the first pattern that fits counts.",
        secret=True,
    )
    firstSets = Option(bool, True, "The first member of any other room may set one: the `password` of its join.")
    exceptFor = Option(list[str], [], "Roles that need no password.")
    attempts = Option(int, 5, "Wrong passwords of one address for one room before it has to wait.", least=1)
    pause = Option(float, 30, "Seconds after which it may try once more.", least=0.1, most=86_400)

    def prepare(self) -> None:
        self._locks = {pattern: _lockOf(password) for pattern, password in self.passwords.items()}
        self._throttle = Throttle(self.attempts, self.pause)

    def start(self, services: IServices) -> None:
        self._clock = services.clock
        self._throttle = Throttle(self.attempts, self.pause, services.data.setdefault("attempts", {}))

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        if not peer.roles.isdisjoint(self.exceptFor):
            return
        given = peer.joinRequest.get("password")
        lock = self._lockOf(room)
        if lock is not None:
            self._open(lock, given, (networkOf(peer.address), room.name))
        elif given and not room.size and self._isSetByTheFirst(room) and not _canBePassword(given):
            text = f"A password is a string of 1 to {_MOST_CHARACTERS} characters."
            raise Refused("bad-password", text)

    def entering(self, peer: IPeer, room: IRoom) -> None:
        password: Any = peer.joinRequest.get("password")
        if not room.size and self._isSetByTheFirst(room) and _canBePassword(password):
            room.share(self.name, _lockOf(password))

    def withdrew(self, peer: IPeer, room: IRoom, reason: str) -> None:
        """Those who only wait set no password."""

    def _open(self, lock: _Lock, given: Any, who: tuple[str, str]) -> None:
        if not given:
            raise Refused("password-needed", "This room has a password.")
        now = self._clock.seconds()
        wait = self._throttle.wait(who, now)
        if wait:
            text = "There have been too many wrong passwords."
            raise Refused("too-many-attempts", text, {"retry_after": math.ceil(wait)})
        salt, digest = map(bytes.fromhex, lock)
        if not _canBePassword(given) or not hmac.compare_digest(_digest(given, salt), digest):
            self._throttle.count(who, now)
            raise Refused("wrong-password", "This is not the room's password.")

    def _lockOf(self, room: IRoom) -> _Lock | None:
        lock: _Lock | None = firstFit(self._locks, room.name, room.shared.get(self.name))
        return lock

    def _isSetByTheFirst(self, room: IRoom) -> bool:
        return self.firstSets and firstFit(self.passwords, room.name, None) is None


def _canBePassword(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MOST_CHARACTERS


def _lockOf(password: str) -> _Lock | None:
    salt = secrets.token_bytes(16)
    return (salt.hex(), _digest(password, salt).hex()) if password else None


def _digest(password: str, salt: bytes) -> bytes:
    """The same for what looks the same: keyboards compose letters in different ways."""
    return hashlib.blake2b(normalize("NFC", password).encode("utf-8", "surrogatepass"), key=salt).digest()


roomPassword = RoomPassword()
