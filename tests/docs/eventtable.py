"""The events of clients in docs/protocol.md, made from the table of their handlers."""

from __future__ import annotations

from rtcsignal.service.handlers import HANDLERS
from tests.docs.madepart import MadePart
from tests.docs.pages import DOCS

__all__ = ["EVENTS"]

_PAGE = DOCS / "protocol.md"


def _rendered() -> str:
    text = _PAGE.read_text(encoding="utf-8")
    rows = (f"| {_linked(name, text)} | {event.what} |\n" for name, event in HANDLERS.items())
    return f"| event | what it asks for |\n|---|---|\n{''.join(rows)}"


def _linked(name: str, text: str) -> str:
    """The name of an event, which leads to its section if it has one."""
    return f"[`{name}`](#{name})" if f"\n### {name}\n" in text else f"`{name}`"


EVENTS = MadePart(_PAGE, "the events of clients", _rendered)
"""The table: a row for each event."""
