"""Sources of plugins for the tests of the loader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["MEMBERS_ONLY", "Use", "Wanted", "pluginSource", "policy"]

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


def pluginSource(interface: str, name: str, methods: str, before: str = "", className: str = "Plugin") -> str:
    """The source of a plugin.

    Args:
        interface: What it provides, of `rtcsignal.api`.
        name: Its name.
        methods: The body of its class, indented.
        before: What stands above the class, such as imports.
        className: The name of the class; that of its object is the same in lower case.
    """
    return f'''\
from zope.interface import implementer
from rtcsignal.api import *
{before}
@implementer({interface})
class {className}:
    name = "{name}"

{methods}

{className.lower()} = {className}()
'''


def policy(name: str, body: str = "pass", arguments: str = "self, peer, room", before: str = "") -> str:
    """The source of a room policy."""
    return pluginSource("IRoomPolicy", name, f"    def mayJoin({arguments}):\n        {body}", before, "Policy")


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
