"""Names become keys, and misspelt ones are recognised."""

from __future__ import annotations

import pytest

from rtcsignal.spelling import didYouMean, snakeCase


@pytest.mark.parametrize(
    ("name", "key"),
    [("path", "path"), ("pingInterval", "ping_interval"), ("withoutEio", "without_eio"), ("tls13Only", "tls13_only")],
)
def test_aNameBecomesAKey(name: str, key: str) -> None:
    assert snakeCase(name) == key


def test_theNearestWordIsSuggested() -> None:
    assert didYouMean("ping_intervall", {"ping_timeout", "ping_interval"}) == "; did you mean ping_interval?"
    assert didYouMean("colour", {"ping_timeout", "ping_interval"}) == ""
