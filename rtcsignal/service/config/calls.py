"""The section ``calls`` of the configuration."""

from __future__ import annotations

from typing import Annotated

from rtcsignal.service.config import checks
from rtcsignal.service.config.keys import Key, Section

__all__ = ["Calls"]


class Calls(Section, frozen=True, kw_only=True):
    """``calls``: what is watched of how calls are set up."""

    doctor: Annotated[
        bool,
        Key(
            "Whether the server watches how calls are set up, and says why one does not come about: to the two whom it "
            "is about, and in the log.",
            "It costs next to nothing, and nobody else knows both ends. It keeps no address and no description.",
        ),
    ] = True
    file: Annotated[
        str | None,
        Key(
            "A file to which calls that went wrong or ended are appended as captures, which `python -m rtcsignal "
            "calls` reads; relative paths count from this file. null for none.",
            "The log says in a line why a call did not come about.",
            check=checks.file,
        ),
    ] = None
