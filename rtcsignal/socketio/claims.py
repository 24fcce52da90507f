"""Claims: what a client sends with its CONNECT, or in the query of its handshake, to get the peer back that it had.

There are two kinds of keys. A *pid* is given by the server, and known to clients from 4.6 on. A key of the other kind
is chosen by the client, so that it knows its key even if it never got an answer. Neither is shown to anyone else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

__all__ = ["Claim", "claimIn", "claimInQuery", "digestOf", "isKey", "withoutKey"]

_PID = re.compile("[A-Za-z0-9_-]{22}(?:[A-Za-z0-9_-]{6})?")  # random; behind the id of its node, if it has one
_KEY = re.compile("[A-Za-z0-9_-]{22,64}")
_OF_PID = frozenset(("pid", "offset"))
_OF_KEY = frozenset(("resume", "seen"))
_DIGEST_BYTES = 16


class Claim(NamedTuple):
    """What a client sends to be recovered.

    Attributes:
        pid: The key that the server gave it; None if it sends none.
        offset: The last offset that the library saw, as it came; None if it saw none.
        key: The key that it has chosen; None if it sends none.
        seen: The last offsets that the page saw, as they came.
    """

    pid: str | None = None
    offset: Any = None
    key: str | None = None
    seen: tuple[Any, ...] = ()


_NOTHING = Claim()


def isKey(value: Any) -> TypeGuard[str]:
    """Whether a value has the form of a key that clients choose."""
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def claimIn(auth: Mapping[str, Any], pids: bool = True) -> tuple[Claim, Mapping[str, Any]]:
    """Find a claim in the auth object of a CONNECT.

    Args:
        auth: The object.
        pids: The server has given pids: without that they are the application's.

    Returns:
        The claim, and the object without it: no one else may see a key.
    """
    if not auth:
        return _NOTHING, auth
    claim, hidden = _NOTHING, frozenset[str]()
    pid, key = auth.get("pid"), auth.get("resume")
    if pids and isinstance(pid, str) and _PID.fullmatch(pid) is not None:
        claim, hidden = claim._replace(pid=pid, offset=auth.get("offset")), hidden | _OF_PID
    if isKey(key):
        claim, hidden = claim._replace(key=key, seen=(auth.get("seen"),)), hidden | _OF_KEY
    return claim, {name: value for name, value in auth.items() if name not in hidden} if hidden else auth


def claimInQuery(own: Mapping[str, Any], query: Mapping[str, str]) -> Claim:
    """Find a claim of a client that can send none but in a query.

    Args:
        own: The query of the namespace, which such a client keeps as it was at first.
        query: The query of the handshake, which may be another one at each attempt.
    """
    if "resume" not in query and "resume" not in own:
        return _NOTHING
    key = next((each for each in (query.get("resume"), own.get("resume")) if isKey(each)), None)
    return _NOTHING if key is None else Claim(key=key, seen=(query.get("seen"), own.get("seen")))


def withoutKey(query: Mapping[str, Any]) -> Mapping[str, Any]:
    """A query without the key in it, if there is one."""
    if not isKey(query.get("resume")):
        return query
    return {name: value for name, value in query.items() if name not in _OF_KEY}


def digestOf(namespace: str, owner: str, key: str) -> bytes:
    """What a key is looked up by; nothing that the server keeps tells the key itself.

    Args:
        namespace: The namespace for which it was sent.
        owner: Who sent it, as far as that is known.
        key: The key.
    """
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in (namespace, owner, key):
        text = part.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(4, "big") + text)
    return digest.digest()
