"""``candidates``: drops ICE candidates by kind, and leaves every other byte as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.api import Message, sdp
from rtcsignal.policy.builtin.candidates import candidates as plugin
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer, makeMessage
from tests.policy.builtin import samples
from tests.policy.builtin.samples import DESCRIPTIONS, candidate, description, offer

pytest_plugins = ["rtcsignal.testing.fixtures"]

HOST = "candidate:1 1 udp 2122194687 192.0.2.2 37494 typ host generation 0"
PUBLIC = "candidate:1 1 udp 2122194687 8.8.8.8 37494 typ host generation 0"
TCP = "candidate:1 1 tcp 1518283007 8.8.8.8 9 typ host tcptype active"
IPV6 = "candidate:1 1 udp 2122194687 2001:4860:4860::8888 37494 typ host"
MDNS = "candidate:1 1 udp 2122194687 8b1ec0c6-2a3e.local 37494 typ host"
SRFLX = "candidate:1 1 udp 1677729535 8.8.8.8 5000 typ srflx raddr 10.0.0.1 rport 5000"
RELAY = "candidate:1 1 udp 41885439 8.8.4.4 6000 typ relay raddr 8.8.8.8 rport 5000 generation 0"

ENDS: tuple[Any, ...] = ("", None, "a=end-of-candidates", "end-of-candidates", {"candidate": ""}, {})
OPTIONS = ("relay_only", "no_host", "no_mdns", "no_tcp", "no_ipv6", "no_private", "hide_related")
some = st.fixed_dictionaries({option: st.booleans() for option in OPTIONS})


def filtered(message: Message, **options: Any) -> Message | None:
    result = plugin.configured(options).filterMessage(FakePeer(), FakeRoom(), message)
    assert result is None or isinstance(result, Message)
    return result


def cleaned(text: str, **options: Any) -> str:
    result = filtered(offer(text), **options)
    assert result is not None
    return str(result.body["sdp"])


def passes(text: Any, **options: Any) -> bool:
    return filtered(candidate(text), hide_related=False, **options) is not None


class TestCandidateMessages:
    @pytest.mark.parametrize(
        ("option", "dropped"),
        [
            ("relay_only", {HOST, PUBLIC, TCP, IPV6, MDNS, SRFLX}),
            ("no_host", {HOST, PUBLIC, TCP, IPV6, MDNS}),
            ("no_mdns", {MDNS}),
            ("no_tcp", {TCP}),
            ("no_ipv6", {IPV6}),
            ("no_private", {HOST, MDNS}),
        ],
    )
    def test_eachOptionDropsItsKind(self, option: str, dropped: set[str]) -> None:
        everything = (HOST, PUBLIC, TCP, IPV6, MDNS, SRFLX, RELAY)
        assert {text for text in everything if not passes(text, **{option: True})} == dropped
        assert {text for text in everything if not passes(f"a={text}", **{option: True})} == dropped

    def test_browsersSendTheCandidateInAnObject(self) -> None:
        assert not passes({"candidate": HOST, "sdpMid": "0", "sdpMLineIndex": 0}, relay_only=True)
        assert passes({"candidate": RELAY, "sdpMid": "0", "sdpMLineIndex": 0}, relay_only=True)

    @given(end=st.sampled_from(ENDS), options=some)
    def test_theEndOfCandidatesAlwaysPasses(self, end: Any, options: dict[str, bool]) -> None:
        message = candidate(end)
        assert filtered(message, **options) is message

    @pytest.mark.parametrize("name", ["chromium-candidates", "chromium-candidates-mdns"])
    def test_whatChromiumGathersWithoutTurnIsDroppedButForItsEnd(self, name: str) -> None:
        sample = samples.candidates(name)
        every = [each for side in sample.values() for each in side] if isinstance(sample, dict) else sample
        assert len(every) >= 8
        assert all(passes(each) for each in every)
        assert [each for each in every if passes(each, relay_only=True)] == [each for each in every if each is None]

    def test_whatCannotBeReadIsDroppedIfAnythingIs(self) -> None:
        unreadable = "candidate:1 1 udp 2122194687 192.0.2.2 typ host"
        assert not passes(unreadable, no_tcp=True)
        assert passes(unreadable)

    @pytest.mark.parametrize("value", [1, True, ["candidate:"], {"candidate": 1}])
    def test_otherValuesAreNoneOfItsBusiness(self, value: Any) -> None:
        assert passes(value, relay_only=True)

    def test_thePrivateAddressBehindIsBlanked(self) -> None:
        message = filtered(candidate(SRFLX))
        assert message is not None
        assert message.body["candidate"] == SRFLX.replace("10.0.0.1 rport 5000", "0.0.0.0 rport 9")
        assert (message.body["id"], message.body["label"], message.kind) == ("0", 0, "candidate")
        message = filtered(candidate({"candidate": SRFLX, "sdpMid": "0"}))
        assert message is not None
        assert message.body["candidate"]["candidate"].endswith("raddr 0.0.0.0 rport 9")
        assert message.body["candidate"]["sdpMid"] == "0"

    def test_unlessThatIsSwitchedOff(self) -> None:
        message = candidate(SRFLX)
        assert filtered(message, hide_related=False) is message

    def test_whatPassesIsTheSameMessage(self) -> None:
        message = candidate(HOST)
        assert filtered(message) is message


class TestDescriptions:
    def test_relayOnlyIsWhatChromiumWasTriedWith(self) -> None:
        gathered = description("chromium-offer-gathered")
        assert cleaned(gathered, relay_only=True) == description("expected-candidates-relay-only")

    def test_withoutCandidatesItIsTheSameMessage(self) -> None:
        message = offer(description("chromium-offer-trickle"))
        assert filtered(message, relay_only=True, no_host=True) is message

    @pytest.mark.parametrize("name", DESCRIPTIONS)
    def test_whereNothingAppliesItIsTheSameMessage(self, name: str) -> None:
        for message in (offer(description(name)), offer(description(name), "answer")):
            assert filtered(message) is message

    @given(name=st.sampled_from(DESCRIPTIONS), options=some)
    def test_allOtherLinesStayByteByByte(self, name: str, options: dict[str, bool]) -> None:
        before = description(name)
        after = cleaned(before, **options)
        about = ("a=candidate:", "m=", "c=", "a=rtcp:")
        assert others(after, about) == others(before, about)
        assert sdp.damage(before, after) is None
        assert after.count("\nm=") == before.count("\nm=")

    @pytest.mark.parametrize("name", DESCRIPTIONS)
    def test_withRelayOnlyNoAddressIsLeft(self, name: str) -> None:
        after = cleaned(description(name), relay_only=True)
        assert "a=candidate:" not in after
        assert not [line for line in after.split("\r\n") if line.startswith("c=") and not line.endswith(" 0.0.0.0")]

    def test_theAddressOfADroppedCandidateIsHiddenThoughOthersAreLeft(self) -> None:
        after = cleaned(description("aiortc-offer"), no_private=True, hide_related=False)
        assert "192.0.2.2" not in after
        left = description("aiortc-offer").replace("typ host\r\n", "typ host\r\n" + f"a={PUBLIC}\r\n", 1)
        after = cleaned(left, no_private=True)
        assert f"a={PUBLIC}\r\n" in after
        assert "192.0.2.2" not in after

    def test_anAddressThatIsLeftIsNotHidden(self) -> None:
        before = description("aiortc-offer")
        after = cleaned(before, no_ipv6=True)
        assert others(after, ("a=candidate:",)) == others(before, ("a=candidate:",))
        assert "c=IN IP4 192.0.2.2\r\n" in after
        assert "fd00::2" not in after

    def test_anAddressForTheWholeSessionIsHiddenToo(self) -> None:
        before = f"v=0\r\nc=IN IP4 192.0.2.2\r\nm=audio 37494 RTP/SAVPF 0\r\na={HOST}\r\na={RELAY}\r\n"
        assert cleaned(before, no_host=True, hide_related=False) == (
            f"v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 37494 RTP/SAVPF 0\r\na={RELAY}\r\n"
        )

    def test_endOfCandidatesStays(self) -> None:
        before = description("aiortc-offer")
        assert before.count("a=end-of-candidates") == 3
        assert cleaned(before, relay_only=True).count("a=end-of-candidates") == 3

    def test_thePrivateAddressBehindIsBlanked(self) -> None:
        before = f"v=0\r\nm=audio 9 RTP/SAVPF 0\r\na={SRFLX}\r\na={RELAY}\r\n"
        after = cleaned(before)
        assert after.count("raddr 0.0.0.0 rport 9") == 2
        assert after.endswith("rport 9 generation 0\r\n")

    def test_aCandidateCannotHideBehindAnotherLineEnd(self) -> None:
        before = f"v=0\r\nm=audio 9 RTP/SAVPF 0\na={HOST}\na=mid:0\r\n"
        assert cleaned(before, no_host=True) == "v=0\r\nm=audio 9 RTP/SAVPF 0\r\na=mid:0\r\n"

    def test_aDescriptionInAnObjectIsCleanedAsWell(self) -> None:
        whole = {"type": "offer", "sdp": description("chromium-offer-gathered")}
        message = filtered(offer(whole), relay_only=True)
        assert message is not None
        assert message.body["sdp"] == {"type": "offer", "sdp": description("expected-candidates-relay-only")}
        assert (message.body["pc"], message.body["msgType"]) == ("p1", 1)


NESTED: list[Any] = [
    {"msgType": 3.0, "candidate": HOST},
    {"msgType": "3", "candidate": HOST},
    {"candidate": HOST},
    {"type": "candidate", "payload": {"candidate": {"candidate": HOST, "sdpMid": "0"}}},
    {"msgType": 4, "candidate": HOST},
    {"MsgType": 3, "Candidate": HOST},
    {"msgType": 1, "sdp": {"candidate": f"a={HOST}"}},
    {"signal": {"data": json.dumps({"candidate": {"candidate": HOST}})}},
    json.dumps({"msgType": 3, "candidate": HOST}),
    HOST,
    {"msgType": 3, "candidate": f" {HOST.replace('candidate', 'CANDIDATE').replace('typ', 'TYP')}\r\n"},
    {"msgType": 9, "candidate": "candidate:1 1 udp 2122194687 192.0.2.2 typ host"},
]


@pytest.mark.parametrize("body", NESTED, ids=repr)
def test_aCandidateIsFoundWhereverItStands(body: Any) -> None:
    message = makeMessage(body)
    assert filtered(message) is message
    assert filtered(message, relay_only=True) is None


def test_ofSeveralInAnArrayTheOthersAreLeft() -> None:
    inside = [{"candidate": RELAY}, {"candidate": ""}]
    message = filtered(makeMessage({"candidates": [{"candidate": HOST}, *inside]}), relay_only=True, hide_related=False)
    assert message is not None
    assert message.body == {"candidates": inside}


@pytest.mark.parametrize("msgType", [1, 1.0, "1", None, 9])
def test_aDescriptionIsCleanedWhereverItStands(msgType: Any) -> None:
    whole = {"type": "offer", "sdp": description("chromium-offer-gathered")}
    clean = {"type": "offer", "sdp": description("expected-candidates-relay-only")}
    for before, after in ((whole, clean), ({"description": whole}, {"description": clean})):
        message = filtered(makeMessage({"msgType": msgType, "payload": before}), relay_only=True)
        assert message is not None
        assert message.body == {"msgType": msgType, "payload": after}
    message = filtered(makeMessage({"msgType": msgType, "sdp": json.dumps(whole)}), relay_only=True)
    assert message is not None
    assert json.loads(message.body["sdp"]) == clean


def test_aFragmentOfADescriptionIsCleanedToo() -> None:
    fragment = f"a=ice-ufrag:x\r\na=mid:0\r\na=CANDIDATE{HOST[9:]}\r\na={RELAY}\r\n"
    assert cleaned(fragment, relay_only=True, hide_related=False) == f"a=ice-ufrag:x\r\na=mid:0\r\na={RELAY}\r\n"


@pytest.mark.parametrize("text", ["candidate: Bob!", "Who?\ncandidate: Bob!", "the candidate:Ann", "[1, candidate:"])
def test_whatPeopleWriteToEachOtherPasses(text: str) -> None:
    message = makeMessage({"chat": text})
    assert filtered(message, relay_only=True) is message


BODIES = ["candidate:", b"a=candidate:", None, [1], {}, {"msgType": 1}, {"msgType": 1, "sdp": 1}]


@pytest.mark.parametrize("body", BODIES)
def test_everythingElsePassesAsItIs(body: Any) -> None:
    message = makeMessage(body)
    assert filtered(message, relay_only=True) is message


def test_theSenderOfADroppedCandidateIsToldThatNobodyGotIt() -> None:
    with InMemoryServer(use=[{"candidates": {"relay_only": True}}]) as server:
        ann, bob = server.connect(), server.connect()
        ann.join("kitchen", "ann")
        bob.join("kitchen", "bob")
        bob.take()
        assert ann.broadcast({"msgType": 3, "candidate": HOST}).value == {"ok": True, "delivered": 0}
        assert bob.take() == []
        assert ann.broadcast({"msgType": 3, "candidate": ""}).value == {"ok": True, "delivered": 2}
        assert bob.take() == [("broadcast", {"msgType": 3, "candidate": ""})]


def others(text: str, prefixes: tuple[str, ...]) -> list[str]:
    return [line for line in text.split("\r\n") if not line.startswith(prefixes)]
