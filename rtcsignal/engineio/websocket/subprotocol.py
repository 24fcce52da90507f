"""The subprotocols that a client asks for (RFC 6455 sections 4.1 and 4.2.2).

They mean nothing here, but browsers and proxies give up a connection when the response names none that they asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["areSubprotocols", "chosenFrom"]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def areSubprotocols(value: str) -> bool:
    """Whether a header's value is a list of tokens (RFC 9110 section 5.6.1): its elements may be empty."""
    return all(name == "" or _TOKEN.fullmatch(name) for name in (name.strip(" \t") for name in value.split(",")))


def chosenFrom(names: Sequence[str]) -> str | None:
    """The one to name in the response: the first; None where none is requested."""
    return next(filter(None, names), None)
