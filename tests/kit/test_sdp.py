"""Descriptions as lines, and what filters ask of candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.api import sdp
from tests.policy.builtin.samples import DESCRIPTIONS, description

HOST = "candidate:1 1 udp 2122194687 192.0.2.2 37494 typ host generation 0 ufrag nVA0"


class TestDescription:
    @pytest.mark.parametrize("name", DESCRIPTIONS)
    def test_whatIsNotChangedIsTheVeryText(self, name: str) -> None:
        text = description(name)
        assert sdp.Description(text).text is text

    @given(st.text(alphabet="vma=:\r\n 0"))
    def test_anyTextComesBackWhole(self, text: str) -> None:
        assert sdp.Description(text).text is text

    def test_sectionsBeginAtMediaLines(self) -> None:
        whole = sdp.Description("v=0\r\nm=audio 9 X 0\r\na=mid:0\r\nm=video 9 X 96\r\n")
        assert whole.sections == [["v=0"], ["m=audio 9 X 0", "a=mid:0"], ["m=video 9 X 96", ""]]
        assert [section[0] for section in whole.media()] == ["m=audio 9 X 0", "m=video 9 X 96"]
        assert [section[0] for section in whole.media("video")] == ["m=video 9 X 96"]
        assert list(whole.media("vid")) == []

    @pytest.mark.parametrize("end", ["\r\n", "\n"])
    def test_aChangedLineLeavesTheLineEndsAsTheyAre(self, end: str) -> None:
        whole = sdp.Description(f"v=0{end}m=audio 9 X 0{end}a=old{end}")
        whole.sections[1][1] = "a=new"
        assert whole.text == f"v=0{end}m=audio 9 X 0{end}a=new{end}"

    def test_noLineHidesBehindAnotherLineEnd(self) -> None:
        """Browsers take both, so a filter has to see both."""
        text = f"v=0\r\nm=audio 9 X 0\na={HOST}\r\n"
        whole = sdp.Description(text)
        assert whole.sections[1] == ["m=audio 9 X 0", f"a={HOST}", ""]
        assert whole.text is text
        del whole.sections[1][1]
        assert whole.text == "v=0\r\nm=audio 9 X 0\r\n"

    def test_aHiddenAddressIsAsBeforeAnyCandidateWasGathered(self) -> None:
        section = ["m=audio 37494 UDP/TLS/RTP/SAVPF 111", "c=IN IP6 fd00::2", "a=rtcp:37495 IN IP6 fd00::2", "a=mid:0"]
        sdp.Description.hideAddress(section)
        assert section == [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            "a=mid:0",
        ]

    @pytest.mark.parametrize("line", ["m=", "m=audio", "m=audio "])
    def test_aSectionWithoutAPortHasNoneToHide(self, line: str) -> None:
        section = [line, "c=IN IP4 192.0.2.2"]
        sdp.Description.hideAddress(section)
        assert (section[0].rstrip("9"), section[1]) == (line, "c=IN IP4 0.0.0.0")

    def test_aSectionThatIsNotWantedStaysUnwantedWhenItsAddressIsHidden(self) -> None:
        section = ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 192.0.2.2", "a=rtcp:9"]
        sdp.Description.hideAddress(section)
        assert section == ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=rtcp:9"]


class TestCandidates:
    @pytest.mark.parametrize("text", [HOST, f"a={HOST}", HOST.replace("udp", "UDP").replace("host", "HOST")])
    def test_areReadWithAndWithoutA(self, text: str) -> None:
        assert sdp.parseCandidate(text) == ("udp", "192.0.2.2", "37494", "host")

    @pytest.mark.parametrize(
        "text", ["", "end-of-candidates", "a=end-of-candidates", "candidate:", HOST.rpartition(" typ")[0], "a=mid:0"]
    )
    def test_allElseIsNone(self, text: str) -> None:
        assert sdp.parseCandidate(text) is None

    @given(st.text(alphabet=" 1a.:tyuphosraddt"))
    def test_anyTextCanBeAskedAbout(self, text: str) -> None:
        candidate = sdp.parseCandidate(f"candidate:1 {text} typ host")
        assert candidate is None or candidate.kind == candidate.kind.lower()

    @pytest.mark.parametrize(
        "address",
        ["10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "::1", "fd00::2", "fe80::1%eth0"],
    )
    def test_privateAddresses(self, address: str) -> None:
        assert sdp.isPrivate(address)

    @pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
    def test_publicAddresses(self, address: str) -> None:
        assert not sdp.isPrivate(address)

    @pytest.mark.parametrize("name", ["b0c1.local", "printer", "", "010.0.0.1"])
    def test_whatIsNoAddressIsNobodysBusinessElsewhere(self, name: str) -> None:
        assert sdp.isPrivate(name)

    @pytest.mark.parametrize(
        ("line", "shown"),
        [
            ("typ srflx raddr 10.0.0.1 rport 5000 generation 0", "typ srflx raddr 0.0.0.0 rport 9 generation 0"),
            ("typ relay generation 0 rport 5000 raddr fd00::2", "typ relay generation 0 rport 9 raddr 0.0.0.0"),
        ],
    )
    def test_loseTheAddressBehindThem(self, line: str, shown: str) -> None:
        assert sdp.withoutRelated(line) == shown

    @pytest.mark.parametrize("line", [HOST, "typ srflx raddr 0.0.0.0 rport 0", "typ relay raddr :: rport 0"])
    def test_stayTheVeryTextIfThereIsNone(self, line: str) -> None:
        assert sdp.withoutRelated(line) is line


class TestBodies:
    def test_aDescriptionIsATextOrInAnObject(self) -> None:
        assert sdp.textIn({"sdp": "v=0"}) == "v=0"
        assert sdp.textIn({"sdp": {"type": "offer", "sdp": "v=0"}}) == "v=0"

    @pytest.mark.parametrize("body", [None, "v=0", 1, {}, {"sdp": 1}, {"sdp": None}, {"sdp": {}}, {"sdp": {"sdp": 1}}])
    def test_orThereIsNone(self, body: object) -> None:
        assert sdp.textIn(body) is None

    def test_anotherOneTakesItsPlaceInACopy(self) -> None:
        body = {"sdp": "old", "more": 1}
        assert sdp.withText(body, "new") == {"sdp": "new", "more": 1}
        assert body["sdp"] == "old"
        nested = {"sdp": {"type": "offer", "sdp": "old"}}
        assert sdp.withText(nested, "new") == {"sdp": {"type": "offer", "sdp": "new"}}
        assert nested["sdp"]["sdp"] == "old"


class TestDamage:
    """What Chromium refuses a description for, each tried there."""

    WHOLE = description("chromium-offer-gathered")

    @pytest.mark.parametrize("name", DESCRIPTIONS)
    def test_whatWasNotChangedIsNotDamaged(self, name: str) -> None:
        assert sdp.damage(self.WHOLE, description(name)) is None

    @pytest.mark.parametrize(
        ("old", "new", "problem"),
        [
            ("a=rtpmap:111 opus/48000/2\r\n", "", "a payload type has no rtpmap"),
            ("RTP/SAVPF 111 63", "RTP/SAVPF 63", "a payload type is described that the section does not have"),
            ("a=fmtp:97 apt=96", "a=fmtp:97 apt=95", "a retransmission belongs to a payload type"),
            ("a=fmtp:97 apt=96", "a=fmtp:97 x=1; apt=95", "a retransmission belongs to a payload type"),
            ("RTP/SAVPF 111 63 9 0 8 13 110 126", "RTP/SAVPF", "a section has no payload types"),
            ("a=mid:2\r\n", "", "BUNDLE names a section that is not there"),
        ],
    )
    def test_namesWhatAChangeHasBroken(self, old: str, new: str, problem: str) -> None:
        broken = self.WHOLE.replace(old, new, 1)
        assert broken != self.WHOLE
        assert (sdp.damage(self.WHOLE, broken) or "").startswith(problem)

    def test_theLastLineNeedsAnEnd(self) -> None:
        assert sdp.damage(self.WHOLE, self.WHOLE.removesuffix("\r\n")) == "the last line has no end"

    def test_whatWasBrokenBeforeIsNotTheFaultOfTheChange(self) -> None:
        before = self.WHOLE.removesuffix("\r\n")
        assert sdp.damage(before, before.replace("a=mid:2", "")) is None

    def test_staticPayloadTypesNeedNoRtpmap(self) -> None:
        assert sdp.damage(self.WHOLE, self.WHOLE.replace("a=rtpmap:0 PCMU/8000\r\n", "")) is None

    @given(st.text(alphabet="vma=:\r\n 0fptrtpmap19/RTP"))
    def test_whereNothingChangedNothingIsDamaged(self, text: str) -> None:
        assert sdp.damage(text, text) is None
