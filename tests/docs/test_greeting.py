"""The headers that docs/embedding.md adds to the answer of a handshake."""

from __future__ import annotations

from typing import Any

from rtcsignal.engineio.http.exchange import Request
from tests.docs.pages import DOCS, Page


def cookies(header: str) -> list[tuple[str, str]]:
    """What the example answers to a client with these cookies."""
    (text,) = (block.text for block in Page(DOCS / "embedding.md").blocks if "def greet(" in block.text)
    names: dict[str, Any] = {"EngineOptions": dict}
    exec(text, names)
    options = names["polite"]
    return list(options["handshakeHeaders"](Request("GET", {}, {"cookie": header} if header else {})))


def test_aNewVisitorGetsTwoCookies() -> None:
    assert cookies("") == [
        ("X-Chat", "1"),
        ("Set-Cookie", "visits=1; Path=/; HttpOnly"),
        ("Set-Cookie", "new=yes; Path=/; Max-Age=60"),
    ]


def test_anotherVisitIsCounted() -> None:
    assert cookies("a=b; visits=41") == [("X-Chat", "1"), ("Set-Cookie", "visits=42; Path=/; HttpOnly")]
