"""``directed-only``: offers, answers and candidates say for whom they are."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.api import ConfigError, Refused
from rtcsignal.policy.builtin.directed_only import directedOnly as plugin
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer, makeMessage

KINDS = {1: "offer", 2: "answer", 3: "candidate", 4: "hangup", 5: "other"}


@pytest.mark.parametrize("kinds", [["offer", "answer", "candidate"], ["hangup"], ["offer", "other"]], ids=str)
def test_messagesOfTheseKindsNeedATarget(kinds: list[str]) -> None:
    with InMemoryServer(use=[{"directed-only": {"kinds": kinds}}]) as server:
        ann, bob = server.connect(), server.connect()
        ann.join("kitchen", "ann")
        bob.join("kitchen", "bob")
        for number, kind in KINDS.items():
            answer = ann.broadcast({"msgType": number})
            assert answer.ok is (kind not in kinds)
            if not answer.ok:
                text = "targetUserId must say who this is for."
                assert answer.value["error"] == {"code": "no-target", "message": text, "kind": kind}
            assert ann.broadcast({"msgType": number, "targetUserId": "bob"}).value == {"ok": True, "delivered": 1}


@pytest.mark.parametrize("msgType", [1, 1.0, "1", "1.0", " 1e0\n", "0x1"], ids=repr)
def test_aKindIsOneHoweverItsNumberIsSpelled(msgType: Any) -> None:
    with pytest.raises(Refused, match="targetUserId must say"):
        plugin.configured({}).filterMessage(FakePeer(), FakeRoom(), makeMessage({"msgType": msgType}))


def test_byDefaultHangUpsMayGoToEverybody() -> None:
    assert plugin.kinds == ["offer", "answer", "candidate"]


@pytest.mark.parametrize("kinds", [[], ["ofer"]], ids=str)
def test_onlyKindsOfMessagesCanBeNamed(kinds: list[str]) -> None:
    with pytest.raises(ConfigError, match="kinds: must be a list of offer or answer or candidate or hangup or other"):
        plugin.configured({"kinds": kinds})
