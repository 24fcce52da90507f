"""``max-size``: each kind of message has a limit."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.api import ConfigError, Refused
from rtcsignal.policy.builtin.max_size import maxSize as plugin
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer, makeMessage

KINDS = ("offer", "answer", "candidate", "hangup", "other")


@pytest.mark.parametrize("kind", KINDS)
def test_everyKindHasALimitOfItsOwn(kind: str) -> None:
    message = makeMessage({"text": "x" * 100}, kind=kind)
    fits, long = plugin.configured({kind: message.size}), plugin.configured({kind: message.size - 1})
    assert fits.filterMessage(FakePeer(), FakeRoom(), message) is message
    with pytest.raises(Refused, match="too-large") as refused:
        long.filterMessage(FakePeer(), FakeRoom(), message)
    assert refused.value.data == {"most": message.size - 1, "size": message.size}
    others = {other: 1 for other in KINDS if other != kind}
    assert plugin.configured(others).filterMessage(FakePeer(), FakeRoom(), message) is message


@pytest.mark.parametrize("kind", KINDS)
def test_noughtIsNoLimit(kind: str) -> None:
    message = makeMessage({"text": "x" * 1_000_000}, kind=kind)
    assert plugin.configured({kind: 0}).filterMessage(FakePeer(), FakeRoom(), message) is message


@pytest.mark.parametrize(("body", "size"), [("é" * 10, 36), (b"12345", 48), ("x" * 10, 26)], ids=repr)
def test_whatCountsIsBytesAsTheyWereSent(body: Any, size: int) -> None:
    with InMemoryServer(use=[{"max-size": {"other": 1}}]) as server:
        ann = server.connect()
        ann.join("kitchen", "ann")
        sent = {"code": "too-large", "message": "The message is too long.", "most": 1, "size": size}
        assert ann.broadcast(body).value["error"] == sent


def test_aLimitIsNoNegativeNumber() -> None:
    with pytest.raises(ConfigError, match="offer: must be a whole number of at least 0, not -1"):
        plugin.configured({"offer": -1})
