"""Facts of descriptions and candidates: what is in them, and what is not."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.calls.facts import candidateFacts, candidateIn, descriptionFacts, digest
from tests.support.processor import processorSeconds

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "sdp").glob("*.sdp"))
VALUES = re.compile(r"a=(?:ice-ufrag|ice-pwd|fingerprint:sha-256|msid|ssrc|candidate|cname)[: ]*([^\r\n]+)")


def read(path: Path) -> str:
    return path.read_bytes().decode()


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_nothingOfADescriptionIsInItsFacts(path: Path) -> None:
    text, facts = read(path), repr(descriptionFacts(read(path)))
    secrets = {word for value in VALUES.findall(text) for word in re.split(r"[\s:]+", value) if len(word) > 7}
    secrets |= set(re.findall(r"\d+\.\d+\.\d+\.\d+", text)) | set(re.findall(r"[0-9a-f-]{36}\.local", text))
    assert secrets
    assert [secret for secret in secrets if secret in facts] == []


def test_theFactsOfADescription() -> None:
    facts = descriptionFacts(read(next(path for path in SAMPLES if path.stem == "chromium-offer-gathered")))
    assert [section["kind"] for section in facts["m"]] == ["audio", "video", "application"]
    assert facts["m"][0]["codecs"] == ["opus/48000/2", "g722/8000", "pcmu/8000", "pcma/8000"]
    assert facts["m"][1]["codecs"] == ["vp8/90000", "h264/90000", "av1/90000", "vp9/90000"]
    assert [facts["m"][0][name] for name in ("mid", "dir", "off")] == ["0", "sendrecv", False]
    assert (facts["setup"], facts["ver"]) == ("actpass", "2")
    assert {each["type"] for each in facts["cands"]} == {"host"}
    assert {each["proto"] for each in facts["cands"]} == {"udp", "tcp"}


def test_staticPayloadTypesNeedNoName() -> None:
    text = "v=0\r\nm=audio 0 RTP/AVP 0 8 9 77\r\na=rtpmap:9 X-Own/8000\r\na=inactive\r\na=end-of-candidates\r\n"
    facts = descriptionFacts(text)
    section = {"kind": "audio", "off": True, "codecs": ["x-own/8000", "pcmu/8000", "pcma/8000"], "dir": "inactive"}
    assert facts == {"bytes": len(text), "m": [section], "cands": [], "eoc": True}


CANDIDATE = "candidate:1 1 UDP 2122260223 {} 50000 typ {}"


@pytest.mark.parametrize(
    ("address", "addr"),
    [
        ("192.0.2.7", "public"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("172.32.0.1", "public"),
        ("192.168.1.2", "private"),
        ("169.254.1.1", "linklocal"),
        ("100.64.0.1", "cgnat"),
        ("100.128.0.1", "public"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("fe80::1%eth0", "linklocal"),
        ("fd00::1", "ula"),
        ("2001:db8::1", "public"),
        ("1f0a.local", "mdns"),
        ("example.org", "name"),
    ],
)
def test_addressesHaveAClass(address: str, addr: str) -> None:
    facts = candidateFacts(CANDIDATE.format(address, "host"))
    assert facts is not None
    assert (facts["addr"], facts["type"], facts["proto"]) == (addr, "host", "udp")
    assert ("net" in facts) is (addr not in ("mdns", "name"))
    assert address not in repr(facts)


def test_networksAreTold() -> None:
    addresses = ("10.1.2.3", "10.1.2.9", "10.1.3.3")
    nets = [(candidateFacts(CANDIDATE.format(each, "host")) or {})["net"] for each in addresses]
    assert nets[0] == nets[1] != nets[2]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", {"eoc": True}),
        ("a=end-of-candidates", {"eoc": True}),
        ("candidate:1 1 udp", None),
        (CANDIDATE.format("10.0.0.1", "strange"), None),
        ("nonsense " * 20, None),
    ],
)
def test_whatIsNoCandidate(text: str, facts: Any) -> None:
    assert candidateFacts(text) == facts


def test_candidatesThatDifferInTheirPortsAloneAreOne() -> None:
    lines = [f"a={CANDIDATE.format(address, 'host')}" for address in ("10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.1.1")]
    facts = descriptionFacts("\r\n".join(["v=0", *lines, "a=candidate:nonsense"]))
    assert [each["net"] for each in facts["cands"]] == list(dict.fromkeys(each["net"] for each in facts["cands"]))
    assert len(facts["cands"]) == 2


def test_extensionsCount() -> None:
    facts = candidateFacts(f"a={CANDIDATE.format('10.0.0.1', 'host')} tcptype active ufrag abcd".replace("UDP", "tcp"))
    assert facts is not None
    assert (facts["tcptype"], facts["proto"], facts["ufrag"]) == ("active", "tcp", digest("abcd"))


@pytest.mark.parametrize(
    ("body", "ufrag"),
    [
        ({"candidate": CANDIDATE.format("10.0.0.1", "host"), "usernameFragment": "abcd"}, "abcd"),
        ({"candidate": {"candidate": CANDIDATE.format("10.0.0.1", "host"), "usernameFragment": "abcd"}}, "abcd"),
        ({"candidate": CANDIDATE.format("10.0.0.1", "host") + " ufrag xyz", "usernameFragment": "abcd"}, "xyz"),
        ({"candidate": CANDIDATE.format("10.0.0.1", "host"), "usernameFragment": None}, None),
    ],
)
def test_whereACandidateMayBe(body: Any, ufrag: str | None) -> None:
    facts = candidateIn(body)
    assert facts is not None
    assert facts.get("ufrag") == (None if ufrag is None else digest(ufrag))


@pytest.mark.parametrize("body", [None, 7, [], {}, {"candidate": 7}, {"candidate": "x"}])
def test_whereThereIsNone(body: Any) -> None:
    assert candidateIn(body) is None


def test_theEndMayBeNull() -> None:
    assert candidateIn({"candidate": None}) == candidateIn({"candidate": {"candidate": ""}}) == {"eoc": True}


HOSTILE = {
    "a line of a megabyte": "v=0\r\na=" + "x" * 1_000_000,
    "ten thousand sections": "v=0\r\n" + "m=audio 9 X 0 1 2\r\n" * 10_000,
    "NUL": "\0" * 100_000 + "\nm=\0\na=mid:\0\na=rtpmap:\0 \0",
    "five thousand candidates": "".join(
        f"\na=candidate:1 1 udp 1 10.{n // 250}.{n % 250}.1 9 typ host" for n in range(5_000)
    ),
    "thousands of codecs": "\nm=video 9 X 96" + "\na=rtpmap:96 VP8/90000" * 20_000,
    "thousands of names": "\nm=video 9 X 96" + "".join(f"\na=rtpmap:96 c{n}/90000" for n in range(20_000)),
    "a long ufrag": "\na=ice-ufrag:" + "y" * 1_000_000,
    "a long version": "\no=- 1 " + "9" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostileDescriptionsStayInBounds(name: str) -> None:
    began = processorSeconds(os.getpid())
    facts = descriptionFacts(HOSTILE[name])
    assert processorSeconds(os.getpid()) - began < 0.25
    assert len(repr(facts)) < 20_000


PIECES = st.sampled_from(["\na=candidate:", "\nm=", "\na=rtpmap:", " ", "1", "\no="])


@given(st.text(max_size=300) | st.lists(PIECES).map("".join))
def test_anyTextHasFacts(text: str) -> None:
    assert descriptionFacts(text)["bytes"] == len(text)
    candidateFacts(text)
