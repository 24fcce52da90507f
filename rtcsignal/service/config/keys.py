"""What the sections of the configuration are made of: keys, of which everything is known, and their types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import msgspec
import msgspec.structs
from msgspec import Meta

from rtcsignal.spelling import snakeCase

__all__ = ["Amount", "Key", "Seconds", "Section", "isHidden"]


@dataclass(frozen=True)
class Key:
    """What is to be known about a key beyond its type.

    Attributes:
        what: What it sets.
        why: The reason for the default.
        unit: Of the number, or of each item; empty when there is none.
        check: Gives the problem of a string, or of each string of a list; None when it is fine.
        isSecret: No message shows the value.
    """

    what: str
    why: str
    unit: str = ""
    check: Callable[[str], str | None] | None = None
    isSecret: bool = False


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=snakeCase):
    """A mapping of the configuration file."""


def isHidden(field: msgspec.structs.FieldInfo) -> bool:
    """Whether a field is not a key of the file, but what the reader notes about it."""
    isSection = isinstance(field.type, type) and issubclass(field.type, Section)
    return not isSection and not hasattr(field.type, "__metadata__")


Seconds = Annotated[float, Meta(gt=0, le=86400)]
Amount = Annotated[int, Meta(ge=0, le=2**31 - 1)]
