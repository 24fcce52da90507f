"""Claims: the keys that clients send, and what everyone else sees of what they are in."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.socketio.claims import Claim, claimIn, claimInQuery, digestOf, isKey, withoutKey

PID, KEY = "p" * 22, "k" * 22


class TestForm:
    @pytest.mark.parametrize("value", ["A" * 22, "z" * 64, "09-_" * 6])
    def test_aKeyIsOfTheseCharacters(self, value: str) -> None:
        assert isKey(value)

    @pytest.mark.parametrize("value", ["A" * 21, "A" * 65, "", "A" * 21 + "+", "A" * 22 + "\n", "é" * 22, 7, None, []])
    def test_nothingElseIsOne(self, value: Any) -> None:
        assert not isKey(value)


class TestInAuth:
    def test_nothingIsClaimedByDefault(self) -> None:
        auth = {"token": "t"}
        claim, rest = claimIn(auth)
        assert claim == Claim()
        assert rest is auth

    def test_bothKeysAreFoundAndHidden(self) -> None:
        claim, rest = claimIn({"pid": PID, "offset": 1, "resume": KEY, "seen": "x", "token": "t"})
        assert claim == Claim(PID, 1, KEY, ("x",))
        assert rest == {"token": "t"}

    def test_aPidIsTheApplicationsWithoutRecovery(self) -> None:
        claim, rest = claimIn({"pid": PID, "offset": 1, "resume": KEY}, pids=False)
        assert claim == Claim(key=KEY, seen=(None,))
        assert rest == {"pid": PID, "offset": 1}

    def test_soIsWhatIsNoKey(self) -> None:
        auth = {"pid": "p", "offset": 1, "resume": "yes", "seen": 2}
        assert claimIn(auth) == (Claim(), auth)


class TestInQueries:
    def test_nothingIsClaimedByDefault(self) -> None:
        query = {"EIO": "3", "seen": "1", "resume": "true"}
        assert claimInQuery({}, query) == Claim()
        assert withoutKey(query) is query

    def test_theQueryOfTheHandshakeIsNewer(self) -> None:
        own, query = {"resume": KEY, "seen": "old"}, {"resume": "n" * 22, "seen": "new"}
        assert claimInQuery(own, query) == Claim(key="n" * 22, seen=("new", "old"))
        assert claimInQuery(own, {}) == Claim(key=KEY, seen=(None, "old"))

    def test_theKeyIsHidden(self) -> None:
        assert withoutKey({"resume": KEY, "seen": "1", "EIO": "3"}) == {"EIO": "3"}


def test_aDigestIsOfAllItsParts() -> None:
    digests = {
        digestOf("/", "ann", KEY),
        digestOf("/a", "ann", KEY),
        digestOf("/", "ben", KEY),
        digestOf("/", "ann", KEY + "k"),
        digestOf("/ann", "", KEY),
    }
    assert len(digests) == 5
    assert digestOf("/", "ann", KEY) in digests
    assert len(digestOf("/", "\ud800", KEY)) == 16
