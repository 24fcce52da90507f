"""What is known of members: short, and the same when it is read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.backplane.facts import readFacts, writeFacts
from rtcsignal.signaling.cluster import Facts

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
_TIME = st.integers(0, 2**42).map(lambda number: number / 1000)


@given(
    st.builds(
        Facts,
        id=_TEXT,
        userId=_TEXT,
        signedIn=st.booleans(),
        waits=st.booleans(),
        away=st.booleans(),
        awayUntil=_TIME,
        connectedAt=_TIME,
        namespace=_TEXT,
        address=_TEXT,
        key=st.binary(max_size=5),
        roles=st.lists(_TEXT, max_size=2).map(tuple),
    )
)
def test_areReadAsTheyWereWritten(facts: Facts) -> None:
    assert readFacts(facts.id, writeFacts(facts)) == facts


def test_areShort() -> None:
    facts = Facts("id", "alice", connectedAt=1764497000.1234, address="127.0.0.1")
    assert writeFacts(facts) == b'["alice",1764497000123,"127.0.0.1"]'


@pytest.mark.parametrize("text", ["", "[]", "{}", "[1]", '["a","b"]', "null"])
def test_ofAnotherFormAreRefused(text: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        readFacts("id", text)
