"""Sources of plugins for the tests of the loader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["MEMBERS_ONLY", "Use", "Wanted", "policy"]

MEMBERS_ONLY = """\
from zope.interface import implementer
from rtcsignal.api import IRoomPolicy, Refused

@implementer(IRoomPolicy)
class MembersOnly:
    name = "members-only"

    def mayJoin(self, peer, room):
        if room.name.startswith("members-") and "member" not in peer.roles:
            raise Refused("not-a-member", "This room is for members.")

membersOnly = MembersOnly()
"""
"""The plugin of the documentation, whole."""


def policy(name: str, body: str = "pass", arguments: str = "self, peer, room", before: str = "") -> str:
    """The source of a room policy."""
    return f'''\
from zope.interface import implementer
from rtcsignal.api import *
{before}
@implementer(IRoomPolicy)
class Policy:
    name = "{name}"

    def mayJoin({arguments}):
        {body}

policy = Policy()
'''


@dataclass(frozen=True)
class Use:
    """An entry of ``plugins.use``."""

    name: str
    options: Mapping[str, Any] | None = None
    where: str = ""


@dataclass(frozen=True)
class Wanted:
    """The section ``plugins``."""

    folders: Sequence[str] = ()
    use: Sequence[Use] = ()
