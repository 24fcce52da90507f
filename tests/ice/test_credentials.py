"""Credentials that run out."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

import pytest

from rtcsignal.ice.credentials import credentialsOf, tagOf

USERS = ["ann", 'Jörg "x" O\'Neil', "a:b/c", "x" * 200, "\ud800"]


@pytest.mark.parametrize("user", USERS)
def test_aUserNameIsTheExpiryAndATag(user: str) -> None:
    username, password = credentialsOf("north", user, 1000.2, 60)
    assert re.fullmatch(r"1061:[a-z0-9]{16}", username)
    assert password == base64.b64encode(hmac.digest(b"north", username.encode(), hashlib.sha1)).decode()


def test_aTagIsThatOfTheUserUnderTheSecret() -> None:
    tags = {tagOf(secret, user) for secret in ("north", "south") for user in USERS}
    assert len(tags) == 2 * len(USERS)
    assert tagOf("north", "ann") == tagOf("north", "ann") == "c4agq5arpnt7uegc"
