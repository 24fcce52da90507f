"""``schema``: messages have the form that clients can read."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.api import ConfigError, Refused
from rtcsignal.policy.builtin.schema import schema as plugin
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer, makeMessage
from tests.policy.builtin import samples

SDP = "v=0\r\n"
NO_SDP = "must be a string that is not empty, or an object with type and sdp."
NO_CANDIDATE = "must be a string, an object, or null at the end."
NO_INDEX = "must be a whole number of at least 0, or null."
NO_TEXT = "must be a string, or null."
TEXT = "candidate:1 1 udp 2122194687 192.0.2.2 37494 typ host"


def problemOf(body: Any, **options: Any) -> tuple[str, str] | None:
    """Field and text of the refusal; None if the message passes."""
    message = makeMessage(body)
    try:
        assert plugin.configured(options).filterMessage(FakePeer(), FakeRoom(), message) is message
    except Refused as refused:
        assert refused.code == "bad-message"
        return refused.data["field"], refused.message
    return None


GOOD: list[Any] = [
    {"msgType": 1, "sdp": SDP},
    {"msgType": 1, "sdp": {"type": "offer", "sdp": SDP}},
    {"msgType": 1, "sdp": {"sdp": SDP}},
    {"msgType": 2, "sdp": SDP, "userId": "ann", "targetUserId": "bob", "pc": 7},
    {"msgType": 2, "sdp": {"type": "answer", "sdp": SDP}},
    {"msgType": 2, "sdp": {"type": "pranswer", "sdp": SDP}},
    {"msgType": 3, "candidate": TEXT, "id": "0", "label": 0},
    {"msgType": 3, "candidate": f"a={TEXT}", "id": None, "label": None},
    {"msgType": 3, "candidate": TEXT, "sdpMid": "audio", "sdpMLineIndex": 1, "usernameFragment": "x"},
    {"msgType": 3, "candidate": {"candidate": TEXT, "sdpMid": "0", "sdpMLineIndex": 0, "usernameFragment": None}},
    {"msgType": 3, "candidate": {"candidate": ""}},
    {"msgType": 3, "candidate": ""},
    {"msgType": 3, "candidate": None},
    {"msgType": 4},
    {"msgType": 4, "reason": 7},
    {"msgType": 1.0, "sdp": SDP},
    {"msgType": 3.0, "candidate": TEXT, "id": "0", "label": 0.0},
    {"msgType": 3, "candidate": {"candidate": TEXT, "sdpMLineIndex": 1.0}},
]


@pytest.mark.parametrize("body", GOOD, ids=repr)
@pytest.mark.parametrize("others", ["pass", "refuse"])
def test_whatClientsSendPasses(body: Any, others: str) -> None:
    assert problemOf(body, others=others) is None


@pytest.mark.parametrize("name", samples.DESCRIPTIONS)
def test_descriptionsOfBrowsersPass(name: str) -> None:
    assert problemOf({"msgType": 1, "sdp": samples.description(name)}) is None


@pytest.mark.parametrize("name", ["chromium-candidates", "chromium-candidates-mdns"])
def test_candidatesOfBrowsersPass(name: str) -> None:
    sample = samples.candidates(name)
    every = [each for side in sample.values() for each in side] if isinstance(sample, dict) else sample
    assert len(every) >= 8
    assert [problemOf({"msgType": 3, "candidate": each}) for each in every] == [None] * len(every)


@pytest.mark.parametrize(
    ("body", "field", "text"),
    [
        ({"msgType": 1}, "sdp", f"sdp {NO_SDP}"),
        ({"msgType": 1, "sdp": ""}, "sdp", f"sdp {NO_SDP}"),
        ({"msgType": 2, "sdp": 7}, "sdp", f"sdp {NO_SDP}"),
        ({"msgType": 2, "sdp": b"v=0"}, "sdp", f"sdp {NO_SDP}"),
        ({"msgType": 1, "sdp": {"type": "answer", "sdp": SDP}}, "sdp.type", "sdp.type must be offer."),
        ({"msgType": 2, "sdp": {"type": "offer", "sdp": SDP}}, "sdp.type", "sdp.type must be answer or pranswer."),
        ({"msgType": 1, "sdp": {"type": [], "sdp": SDP}}, "sdp.type", "sdp.type must be offer."),
        ({"msgType": 1, "sdp": {"type": "offer"}}, "sdp.sdp", "sdp.sdp must be a string that is not empty."),
        ({"msgType": 1, "sdp": {"sdp": ""}}, "sdp.sdp", "sdp.sdp must be a string that is not empty."),
        ({"msgType": 3}, "candidate", f"candidate {NO_CANDIDATE}"),
        ({"msgType": 3, "candidate": [TEXT]}, "candidate", f"candidate {NO_CANDIDATE}"),
        ({"msgType": 3, "candidate": {"candidate": 1}}, "candidate.candidate", f"candidate.candidate {NO_TEXT}"),
        ({"msgType": 3, "candidate": {"sdpMid": 0}}, "candidate.sdpMid", f"candidate.sdpMid {NO_TEXT}"),
        ({"msgType": 3, "candidate": TEXT, "id": 0}, "id", f"id {NO_TEXT}"),
        ({"msgType": 3, "candidate": TEXT, "label": "0"}, "label", f"label {NO_INDEX}"),
        ({"msgType": 3, "candidate": TEXT, "label": -1}, "label", f"label {NO_INDEX}"),
        ({"msgType": 3, "candidate": TEXT, "label": True}, "label", f"label {NO_INDEX}"),
        ({"msgType": 3, "candidate": TEXT, "label": 0.5}, "label", f"label {NO_INDEX}"),
        ({"msgType": 3.0, "candidate": TEXT, "label": -1.0}, "label", f"label {NO_INDEX}"),
        ({"msgType": 1.0}, "sdp", f"sdp {NO_SDP}"),
        ({"msgType": 3, "candidate": TEXT, "usernameFragment": {}}, "usernameFragment", f"usernameFragment {NO_TEXT}"),
    ],
    ids=repr,
)
def test_whatClientsCannotReadIsRefused(body: Any, field: str, text: str) -> None:
    assert problemOf(body) == (field, text)


OTHERS: list[Any] = [{}, {"msgType": 5}, {"msgType": "1"}, {"msgType": True}, {"msgType": None}, {"chat": "hello"}]


@pytest.mark.parametrize("body", OTHERS, ids=repr)
def test_otherMessagesPassUnlessTheyAreToBeRefused(body: Any) -> None:
    with InMemoryServer(use=["schema"]) as server:
        ann = server.connect()
        ann.join("kitchen", "ann")
        assert ann.broadcast(body).ok
        assert server.reload(use=[{"schema": {"others": "refuse"}}])
        error = ann.broadcast(body).value["error"]
        assert error == {"code": "bad-message", "message": "msgType must be 1, 2, 3 or 4.", "field": "msgType"}


@pytest.mark.parametrize("key", ["MsgType", "msgtype", "SDP", "TargetUserId", "roomname", "Candidate"])
def test_keysThatSomeClientsTakeForOthersAreRefusedWhereEverythingElseIs(key: str) -> None:
    body = {"msgType": 4, key: "x"}
    assert problemOf(body) is None
    problem = problemOf(body, others="refuse")
    assert problem is not None
    assert (problem[0], problem[1].lower()) == (key, f"{key} must be written {key}.".lower())


@pytest.mark.parametrize("body", ["hello", 7, None, [1], b"bytes"], ids=repr)
def test_whatIsNoObjectIsAnotherMessage(body: Any) -> None:
    assert problemOf(body) is None
    assert problemOf(body, others="refuse") == ("", "The message must be an object.")


def test_theOptionIsChecked() -> None:
    with pytest.raises(ConfigError, match="others: must be pass or refuse, not 'drop'"):
        plugin.configured({"others": "drop"})
