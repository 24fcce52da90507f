"""Words of the configuration: how names become keys, and which key someone may have meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["didYouMean", "snakeCase"]

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snakeCase(name: str) -> str:
    """The key for a name of the code: ``pingInterval`` is ``ping_interval``."""
    return _CAPITAL.sub(lambda capital: "_" + capital[1].lower(), name)


def didYouMean(word: str, known: Iterable[str]) -> str:
    """The end of a message that suggests the nearest of the known words; empty when none is near."""
    near = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
