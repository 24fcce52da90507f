"""Credentials of TURN that are good for some time: what coturn calls ``use-auth-secret``, and others have too.

Source: draft-uberti-behave-turn-rest-00. Pure: the time is handed in.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math

__all__ = ["credentialsOf", "tagOf"]

_TAG_CHARACTERS = 16
_PURPOSE = b"rtcsignal user tag\0"


def tagOf(secret: str, userId: str) -> str:
    """What stands for a user in the user name: 16 letters and digits, the same in every process with this secret.

    TURN servers refuse user names with some characters, and write them into their logs.

    Args:
        secret: The secret.
        userId: Any user id.
    """
    text = _PURPOSE + userId.encode("utf-8", "surrogatepass")
    digest = hmac.digest(_bytes(secret), text, hashlib.sha256)
    return base64.b32encode(digest)[:_TAG_CHARACTERS].decode("ascii").lower()


def credentialsOf(secret: str, userId: str, now: float, ttl: float) -> tuple[str, str]:
    """User name and password.

    Args:
        secret: What this server and TURN share.
        userId: Who they are for.
        now: Seconds since the epoch.
        ttl: For how many seconds they are good.
    """
    username = f"{math.ceil(now + ttl)}:{tagOf(secret, userId)}"
    digest = hmac.digest(_bytes(secret), username.encode("ascii"), hashlib.sha1)
    return username, base64.b64encode(digest).decode("ascii")


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")
