"""The section ``web`` of the configuration."""

from __future__ import annotations

from typing import Annotated

from rtcsignal.service.config.keys import Key, Section

__all__ = ["Web"]


class Web(Section, frozen=True, kw_only=True):
    """``web``: pages beside Socket.IO."""

    demo: Annotated[
        bool,
        Key(
            "Whether / shows a page for calls from browser to browser.",
            "Servers in production rarely need it.",
        ),
    ] = False
