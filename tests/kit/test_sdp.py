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
    def test_what_is_not_changed_is_the_very_text(self, name: str) -> None:
        text = description(name)
        assert sdp.Description(text).text is text

    @given(st.text(alphabet="vma=:\r\n 0"))
    def test_any_text_comes_back_whole(self, text: str) -> None:
        assert sdp.Description(text).text is text

    def test_sections_begin_at_media_lines(self) -> None:
        whole = sdp.Description("v=0\r\nm=audio 9 X 0\r\na=mid:0\r\nm=video 9 X 96\r\n")
        assert whole.sections == [["v=0"], ["m=audio 9 X 0", "a=mid:0"], ["m=video 9 X 96", ""]]
        assert [section[0] for section in whole.media()] == ["m=audio 9 X 0", "m=video 9 X 96"]
        assert [section[0] for section in whole.media("video")] == ["m=video 9 X 96"]
        assert list(whole.media("vid")) == []

    @pytest.mark.parametrize("end", ["\r\n", "\n"])
    def test_a_changed_line_leaves_the_line_ends_as_they_are(self, end: str) -> None:
        whole = sdp.Description(f"v=0{end}m=audio 9 X 0{end}a=old{end}")
        whole.sections[1][1] = "a=new"
        assert whole.text == f"v=0{end}m=audio 9 X 0{end}a=new{end}"

    def test_no_line_hides_behind_another_line_end(self) -> None:
        """Browsers take both, so a filter has to see both."""
        text = f"v=0\r\nm=audio 9 X 0\na={HOST}\r\n"
        whole = sdp.Description(text)
        assert whole.sections[1] == ["m=audio 9 X 0", f"a={HOST}", ""]
        assert whole.text is text
        del whole.sections[1][1]
        assert whole.text == "v=0\r\nm=audio 9 X 0\r\n"

    def test_a_hidden_address_is_as_before_any_candidate_was_gathered(self) -> None:
        section = ["m=audio 37494 UDP/TLS/RTP/SAVPF 111", "c=IN IP6 fd00::2", "a=rtcp:37495 IN IP6 fd00::2", "a=mid:0"]
        sdp.Description.hideAddress(section)
        assert section == [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            "a=mid:0",
        ]

    @pytest.mark.parametrize("line", ["m=", "m=audio", "m=audio "])
    def test_a_section_without_a_port_has_none_to_hide(self, line: str) -> None:
        section = [line, "c=IN IP4 192.0.2.2"]
        sdp.Description.hideAddress(section)
        assert (section[0].rstrip("9"), section[1]) == (line, "c=IN IP4 0.0.0.0")

    def test_a_section_that_is_not_wanted_stays_unwanted_when_its_address_is_hidden(self) -> None:
        section = ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 192.0.2.2", "a=rtcp:9"]
        sdp.Description.hideAddress(section)
        assert section == ["m=audio 0 UDP/TLS/RTP/SAVPF 111", "c=IN IP4 0.0.0.0", "a=rtcp:9"]


class TestCandidates:
    @pytest.mark.parametrize("text", [HOST, f"a={HOST}", HOST.replace("udp", "UDP").replace("host", "HOST")])
    def test_are_read_with_and_without_a(self, text: str) -> None:
        assert sdp.parseCandidate(text) == ("udp", "192.0.2.2", "37494", "host")

    @pytest.mark.parametrize(
        "text", ["", "end-of-candidates", "a=end-of-candidates", "candidate:", HOST.rpartition(" typ")[0], "a=mid:0"]
    )
    def test_all_else_is_none(self, text: str) -> None:
        assert sdp.parseCandidate(text) is None

    @given(st.text(alphabet=" 1a.:tyuphosraddt"))
    def test_any_text_can_be_asked_about(self, text: str) -> None:
        candidate = sdp.parseCandidate(f"candidate:1 {text} typ host")
        assert candidate is None or candidate.kind == candidate.kind.lower()

    @pytest.mark.parametrize(
        "address",
        ["10.0.0.1", "192.168.1.1", "127.0.0.1", "169.254.1.1", "100.64.0.1", "::1", "fd00::2", "fe80::1%eth0"],
    )
    def test_private_addresses(self, address: str) -> None:
        assert sdp.isPrivate(address)

    @pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888"])
    def test_public_addresses(self, address: str) -> None:
        assert not sdp.isPrivate(address)

    @pytest.mark.parametrize("name", ["b0c1.local", "printer", "", "010.0.0.1"])
    def test_what_is_no_address_is_nobodys_business_elsewhere(self, name: str) -> None:
        assert sdp.isPrivate(name)

    @pytest.mark.parametrize(
        ("line", "shown"),
        [
            ("typ srflx raddr 10.0.0.1 rport 5000 generation 0", "typ srflx raddr 0.0.0.0 rport 9 generation 0"),
            ("typ relay generation 0 rport 5000 raddr fd00::2", "typ relay generation 0 rport 9 raddr 0.0.0.0"),
        ],
    )
    def test_lose_the_address_behind_them(self, line: str, shown: str) -> None:
        assert sdp.withoutRelated(line) == shown

    @pytest.mark.parametrize("line", [HOST, "typ srflx raddr 0.0.0.0 rport 0", "typ relay raddr :: rport 0"])
    def test_stay_the_very_text_if_there_is_none(self, line: str) -> None:
        assert sdp.withoutRelated(line) is line


class TestBodies:
    def test_a_description_is_a_text_or_in_an_object(self) -> None:
        assert sdp.textIn({"sdp": "v=0"}) == "v=0"
        assert sdp.textIn({"sdp": {"type": "offer", "sdp": "v=0"}}) == "v=0"

    @pytest.mark.parametrize("body", [None, "v=0", 1, {}, {"sdp": 1}, {"sdp": None}, {"sdp": {}}, {"sdp": {"sdp": 1}}])
    def test_or_there_is_none(self, body: object) -> None:
        assert sdp.textIn(body) is None

    def test_another_one_takes_its_place_in_a_copy(self) -> None:
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
    def test_what_was_not_changed_is_not_damaged(self, name: str) -> None:
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
    def test_names_what_a_change_has_broken(self, old: str, new: str, problem: str) -> None:
        broken = self.WHOLE.replace(old, new, 1)
        assert broken != self.WHOLE
        assert (sdp.damage(self.WHOLE, broken) or "").startswith(problem)

    def test_the_last_line_needs_an_end(self) -> None:
        assert sdp.damage(self.WHOLE, self.WHOLE.removesuffix("\r\n")) == "the last line has no end"

    def test_what_was_broken_before_is_not_the_fault_of_the_change(self) -> None:
        before = self.WHOLE.removesuffix("\r\n")
        assert sdp.damage(before, before.replace("a=mid:2", "")) is None

    def test_static_payload_types_need_no_rtpmap(self) -> None:
        assert sdp.damage(self.WHOLE, self.WHOLE.replace("a=rtpmap:0 PCMU/8000\r\n", "")) is None

    @given(st.text(alphabet="vma=:\r\n 0fptrtpmap19/RTP"))
    def test_where_nothing_changed_nothing_is_damaged(self, text: str) -> None:
        assert sdp.damage(text, text) is None
