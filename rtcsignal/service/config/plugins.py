"""The section ``plugins`` of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from rtcsignal.service.config import checks
from rtcsignal.service.config.keys import Key, Section

__all__ = ["PluginUse", "Plugins"]


class PluginUse(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``plugins.use``.

    Attributes:
        name: The plugin's name.
        options: Its options; None when the entry is only a name.
        where: ``file:line:column`` of the entry, for messages about it.
    """

    name: str
    options: Mapping[str, Any] | None = None
    where: str = ""


class Plugins(Section, frozen=True, kw_only=True):
    """``plugins``: policies, filters, authenticators and observers."""

    folders: Annotated[
        tuple[str, ...],
        Key(
            "Folders in which plugin files are looked for; relative paths count from the configuration file.",
            "The server loads nothing unless it is told to.",
            check=checks.folder,
        ),
    ] = ()
    use: Annotated[
        tuple[PluginUse, ...],
        Key(
            "The plugins to use, in the order in which they are asked: a name, or one name with its options.",
            "Without plugins everything is allowed.",
        ),
    ] = ()
