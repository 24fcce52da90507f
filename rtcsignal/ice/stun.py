"""Requests to STUN and TURN servers and their responses, as far as finding out whether a server works requires it.

Sources: RFC 8489 (STUN), RFC 8656 (TURN). Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = [
    "ALLOCATE",
    "BINDING",
    "HEADER_BYTES",
    "REFRESH",
    "Login",
    "StunResponse",
    "readResponse",
    "request",
    "sizeOf",
]

BINDING, ALLOCATE, REFRESH = 0x0001, 0x0003, 0x0004
HEADER_BYTES = 20

_COOKIE = 0x2112A442
_SUCCESS, _ERROR = 0x0100, 0x0110
_USERNAME, _INTEGRITY, _ERROR_CODE, _LIFETIME = 0x0006, 0x0008, 0x0009, 0x000D
_REALM, _NONCE, _RELAYED, _TRANSPORT, _MAPPED = 0x0014, 0x0015, 0x0016, 0x0019, 0x0020
_UDP = 17
_IPV4 = 1


@dataclass(frozen=True)
class Login:
    """What a request presents.

    Attributes:
        username: The user name.
        password: The password.
        realm: As the server has named it.
        nonce: As the server has sent it.
    """

    username: str
    password: str = field(repr=False)
    realm: bytes
    nonce: bytes


@dataclass(frozen=True)
class StunResponse:
    """A response.

    Attributes:
        code: 0 for success, otherwise the code of the error.
        address: The relayed address, or that which the server has seen; None if there is none.
        realm: Of an error: where one has to log in.
        nonce: Likewise.
    """

    code: int
    address: str | None = None
    realm: bytes = b""
    nonce: bytes = b""


def request(method: int, transaction: bytes, login: Login | None = None, lifetime: int | None = None) -> bytes:
    """Write a request.

    Args:
        method: `BINDING`, `ALLOCATE` or `REFRESH`.
        transaction: 12 bytes of its own.
        login: Who asks; None for nobody yet.
        lifetime: Of an allocation, in seconds; 0 ends it.
    """
    body = b""
    if method == ALLOCATE:
        body += _attribute(_TRANSPORT, bytes((_UDP, 0, 0, 0)))
    if lifetime is not None:
        body += _attribute(_LIFETIME, struct.pack("!I", lifetime))
    if login is None:
        return _header(method, len(body), transaction) + body
    username = login.username.encode("utf-8", "surrogatepass")
    body += _attribute(_USERNAME, username) + _attribute(_REALM, login.realm) + _attribute(_NONCE, login.nonce)
    secret = b":".join((username, login.realm, login.password.encode("utf-8", "surrogatepass")))
    key = hashlib.md5(secret, usedforsecurity=False).digest()
    signed = _header(method, len(body) + 24, transaction) + body
    return signed + _attribute(_INTEGRITY, hmac.digest(key, signed, hashlib.sha1))


def sizeOf(header: bytes) -> int:
    """How long the message is that begins with these `HEADER_BYTES`.

    Raises:
        ValueError: This is no message of STUN.
    """
    _, length, cookie = struct.unpack("!HHI", header[:8])
    if cookie != _COOKIE:
        raise ValueError("the answer is not one of STUN")
    return HEADER_BYTES + int(length)


def readResponse(data: bytes, transaction: bytes) -> StunResponse | None:
    """Read a response.

    Args:
        data: The whole message.
        transaction: That of the request.

    Returns:
        None if it is none, or belongs to another request.
    """
    if len(data) < HEADER_BYTES or data[8:20] != transaction:
        return None
    kind, length, cookie = struct.unpack("!HHI", data[:8])
    if cookie != _COOKIE or len(data) < HEADER_BYTES + length or kind & _ERROR not in (_SUCCESS, _ERROR):
        return None
    found = dict(_attributes(data[HEADER_BYTES : HEADER_BYTES + length]))
    if kind & _ERROR == _ERROR:
        error = found.get(_ERROR_CODE, b"\0\0\0\0")
        code = (error[2] & 7) * 100 + error[3] if len(error) >= 4 else 0
        return StunResponse(code or 500, None, found.get(_REALM, b""), found.get(_NONCE, b""))
    return StunResponse(0, _addressIn(found.get(_RELAYED) or found.get(_MAPPED), transaction))


def _header(method: int, length: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", method, length, _COOKIE) + transaction


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(body):
        kind, length = struct.unpack("!HH", body[place : place + 4])
        yield kind, body[place + 4 : place + 4 + length]
        place += 4 + length + -length % 4


def _addressIn(value: bytes | None, transaction: bytes) -> str | None:
    """An address that is masked, so that no box on the way changes it."""
    if value is None or len(value) < 8:
        return None
    mask = struct.pack("!I", _COOKIE) + transaction
    size = 4 if value[1] == _IPV4 else 16
    masked = value[4 : 4 + size]
    if len(masked) < size:
        return None
    return str(ipaddress.ip_address(bytes(one ^ other for one, other in zip(masked, mask, strict=False))))
