"""``codecs``: edits which codecs a description offers, and leaves every other byte as it was."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.api import Message, Refused, sdp
from rtcsignal.policy.builtin.codecs import codecs as plugin
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, makeMessage
from tests.policy.builtin.samples import DESCRIPTIONS, description, offer
from tests.policy.conftest import LogLines

GATHERED = description("chromium-offer-gathered")
NAMES = ("opus", "red", "g722", "pcmu", "pcma", "cn", "vp8", "vp9", "av1", "h264", "h264/42e01f", "rtx", "ulpfec")
AUXILIARY = {"rtx", "red", "ulpfec", "flexfec-03", "cn", "telephone-event"}

names = st.lists(st.sampled_from(NAMES), max_size=4, unique=True)
some = st.fixed_dictionaries(
    {
        "keep_audio": names,
        "keep_video": names,
        "drop": names,
        "order": names,
        "audio_kbps": st.sampled_from((0, 32)),
        "video_kbps": st.sampled_from((0, 500)),
        "ptime": st.sampled_from((0, 40)),
    }
)


def filtered(message: Message, **options: Any) -> Message:
    result = plugin.configured(options).filterMessage(FakePeer(), FakeRoom(), message)
    assert isinstance(result, Message)
    return result


def edited(text: str, **options: Any) -> str:
    return str(filtered(offer(text), **options).body["sdp"])


def payloads(text: str, kind: str) -> str:
    match = re.search(rf"^m={kind} \d+ \S+ ([\d ]+)", text, re.MULTILINE)
    assert match is not None
    return match[1]


def audio(*lines: str, port: str = "9", payloads: str = "111 0") -> str:
    return "\r\n".join(
        ("v=0", f"m=audio {port} RTP/SAVPF {payloads}", "a=rtpmap:111 opus/48000/2", "a=rtpmap:0 PCMU/8000", *lines, "")
    )


class TestChromiumWasTriedWith:
    def test_vp8Dropped(self) -> None:
        assert edited(GATHERED, drop=["VP8"]) == description("expected-codecs-drop-vp8")

    def test_h264Kept(self) -> None:
        assert edited(GATHERED, keep_video=["H264"]) == description("expected-codecs-keep-h264")

    def test_theBandwidthOfVideoCapped(self) -> None:
        assert edited(GATHERED, video_kbps=500) == description("expected-bandwidth-500")


class TestAnyDescription:
    @pytest.mark.parametrize("name", DESCRIPTIONS)
    @pytest.mark.parametrize("options", [{}, {"drop": ["speex"]}, {"order": ["speex"]}])
    def test_isTheSameMessageIfNothingApplies(self, name: str, options: dict[str, Any]) -> None:
        for kind in ("offer", "answer"):
            message = offer(description(name), kind)
            assert filtered(message, **options) is message

    @given(name=st.sampled_from(DESCRIPTIONS), options=some)
    def test_keepsAllLinesThatAreNotAboutWhatIsEdited(self, name: str, options: dict[str, Any]) -> None:
        before = description(name)
        after = edited(before, **options)
        about = ("m=", "b=AS", "b=TIAS", "a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=ptime:", "a=maxptime:")
        assert others(after, about) == others(before, about)

    @given(name=st.sampled_from(DESCRIPTIONS), options=some)
    def test_staysWhole(self, name: str, options: dict[str, Any]) -> None:
        before = description(name)
        after = edited(before, **options)
        assert sdp.damage(before, after) is None
        for section in sdp.Description(after).media():
            if "RTP/" in section[0]:
                assert codecsOf(section) - AUXILIARY, "a section without a real codec"

    @given(name=st.sampled_from(DESCRIPTIONS), options=some)
    def test_isNotChangedAgain(self, name: str, options: dict[str, Any]) -> None:
        message = filtered(offer(description(name)), **options)
        assert filtered(message, **options) is message


class TestDroppingAndKeeping:
    def test_whatBelongsToADroppedCodecGoesToo(self) -> None:
        after = edited(GATHERED, drop=["opus"])
        assert payloads(after, "audio") == "9 0 8 13 110 126"  # 63 is the red of 111
        assert not re.findall(r"a=[a-z-]+:(?:111|63)\b", after)

    def test_redTakesItsRetransmissionAlong(self) -> None:
        after = edited(GATHERED, drop=["red"])
        assert payloads(after, "audio") == "111 9 0 8 13 110 126"
        assert not {"118", "119"} & set(payloads(after, "video").split())

    def test_whatHelpsAnyCodecStaysUnlessItIsNamed(self) -> None:
        after = edited(GATHERED, keep_audio=["opus"])
        assert payloads(after, "audio") == "111 63 13 110 126"
        after = edited(GATHERED, keep_audio=["opus"], drop=["red", "cn", "telephone-event"])
        assert payloads(after, "audio") == "111"

    def test_aProfileOfH264CanBeNamed(self) -> None:
        after = edited(GATHERED, keep_video=["h264/42e01f"])
        profiles = set(re.findall(r"profile-level-id=(\w+)", after))
        assert profiles == {"42e01f"}

    def test_payloadTypesWithoutRtpmapHaveTheNamesOfTheStandard(self) -> None:
        text = "v=0\r\nm=audio 9 RTP/SAVPF 0 8 9\r\n"
        assert edited(text, keep_audio=["pcma"]) == "v=0\r\nm=audio 9 RTP/SAVPF 8\r\n"

    def test_feedbackForAllPayloadTypesStays(self) -> None:
        assert "a=rtcp-fb:* nack" in edited(audio("a=rtcp-fb:* nack"), drop=["opus"])

    def test_simulcastForgetsPayloadTypesThatAreGone(self) -> None:
        text = audio("a=rid:h send pt=111,0;max-width=640", "a=rid:l send pt=111;max-br=1", "a=rid:m send pt=111")
        after = edited(text, drop=["opus"])
        assert others(after, ("v=", "m=", "a=rtpmap")) == [
            "a=rid:h send pt=0;max-width=640",
            "a=rid:l send max-br=1",
            "a=rid:m send",
            "",
        ]

    def test_answersAreEditedAsOffersAre(self) -> None:
        message = filtered(offer(description("chromium-answer-gathered"), "answer"), drop=["vp8"])
        assert payloads(message.body["sdp"], "video").startswith("102 103 ")

    def test_aDescriptionInAnObjectIsEditedAsWell(self) -> None:
        message = filtered(offer({"type": "offer", "sdp": GATHERED}), drop=["vp8"])
        assert message.body["sdp"] == {"type": "offer", "sdp": description("expected-codecs-drop-vp8")}
        assert message.body["pc"] == "p1"


class TestWithoutACodecLeft:
    ONLY = description("chromium-offer-vp8-only")

    @pytest.mark.parametrize("kind", ["offer", "answer"])
    def test_theSectionStaysAsItIs(self, kind: str) -> None:
        """In answers too: they may contain only what the offer did, which was left alone for the same reason."""
        message = offer(self.ONLY, kind)
        assert filtered(message, drop=["vp8"]) is message

    def test_orTheMessageIsRefused(self) -> None:
        with pytest.raises(Refused) as refused:
            filtered(offer(self.ONLY), drop=["vp8"], refuse=True)
        assert (refused.value.code, refused.value.data) == ("no-common-codec", {"media": "video"})

    def test_sectionsThatAreNotWantedAreNotJudged(self) -> None:
        message = offer(audio(port="0"))
        assert filtered(message, keep_audio=["speex"], refuse=True) is message

    def test_sectionsThatShareThePortOfAnotherAre(self) -> None:
        with pytest.raises(Refused):
            filtered(offer(audio("a=bundle-only", port="0")), keep_audio=["speex"], refuse=True)


class TestOrder:
    def test_thoseNamedComeFirstAndRetransmissionsWithTheirCodec(self) -> None:
        after = payloads(edited(GATHERED, order=["AV1", "vp9"]), "video")
        assert after == "45 46 98 99 100 101 96 97 102 103 104 107 108 109 114 115 116 117 39 40 118 119 120"

    def test_nothingElseMoves(self) -> None:
        after = edited(GATHERED, order=["pcmu"])
        assert payloads(after, "audio") == "0 111 63 9 8 13 110 126"
        assert others(after, ("m=audio",)) == others(GATHERED, ("m=audio",))


class TestBandwidthAndPacketTime:
    def test_oldCapsAreReplacedAndOtherLinesOfTheirKindStay(self) -> None:
        text = "v=0\r\nb=AS:9\r\nm=audio 9 RTP/SAVPF 0\r\ni=x\r\nc=IN IP4 0.0.0.0\r\nb=AS:1\r\nb=RR:5\r\na=mid:0\r\n"
        assert edited(text, audio_kbps=32) == text.replace("b=AS:1\r\nb=RR", "b=AS:32\r\nb=TIAS:32000\r\nb=RR")

    def test_audioAndVideoHaveCapsOfTheirOwn(self) -> None:
        after = edited(GATHERED, audio_kbps=32, video_kbps=500)
        assert re.findall(r"^(?:m=\w+|b=\S+)", after, re.MULTILINE) == [
            "m=audio",
            "b=AS:32",
            "b=TIAS:32000",
            "m=video",
            "b=AS:500",
            "b=TIAS:500000",
            "m=application",
        ]

    def test_packetTimeIsForAudio(self) -> None:
        after = edited(GATHERED, ptime=40)
        assert others(after, ("a=ptime", "a=maxptime")) == others(GATHERED, ())
        assert after.index("a=ptime:40\r\na=maxptime:40\r\n") < after.index("m=video")

    def test_anOldPacketTimeIsReplacedWhereItStands(self) -> None:
        text = audio("a=ptime:20", "a=mid:0")
        assert edited(text, ptime=40) == audio("a=ptime:40", "a=mid:0", "a=maxptime:40")


class TestDamage:
    # Forward error correction that names a codec is not told apart from other codecs.
    ODD = audio("a=rtpmap:112 odd/8000", "a=fmtp:112 apt=111", payloads="111 0 112")

    def test_aDescriptionThatWouldBeBrokenPassesAsItIs(self) -> None:
        message = offer(self.ODD)
        assert filtered(message, drop=["opus"]) is message

    def test_andTheLogSaysSoOnceAndWithoutAWordOfIt(self, log: LogLines) -> None:
        made = plugin.configured({"drop": ["opus"]})
        made.start(FakeServices())
        for _ in range(3):
            made.filterMessage(FakePeer(), FakeRoom(), offer(self.ODD))
        assert log.about("a description") == [
            ("error: a description was passed on unchanged, because changed it would be broken: "
            "a retransmission belongs to a payload type that the section does not have")
        ]


@pytest.mark.parametrize("msgType", [1, 1.0, "1", None, 9])
def test_aDescriptionIsEditedWhereverItStands(msgType: Any) -> None:
    expected = description("expected-codecs-drop-vp8")
    for before, after in (
        ({"sdp": GATHERED}, {"sdp": expected}),
        ({"payload": {"type": "offer", "sdp": GATHERED}}, {"payload": {"type": "offer", "sdp": expected}}),
        ([GATHERED], [expected]),
    ):
        assert filtered(makeMessage({"msgType": msgType, "x": before}), drop=["vp8"]).body["x"] == after
    assert json.loads(filtered(makeMessage(json.dumps({"sdp": GATHERED})), drop=["vp8"]).body) == {"sdp": expected}


@pytest.mark.parametrize("body", ["v=0", None, {}, {"msgType": 1}, {"msgType": 1, "sdp": 1}, {"text": "m=audio 9"}])
def test_everythingElsePassesAsItIs(body: Any) -> None:
    message = makeMessage(body)
    assert filtered(message, drop=["opus"]) is message


def others(text: str, prefixes: tuple[str, ...]) -> list[str]:
    return [line for line in text.split("\r\n") if not line.startswith(prefixes)] if prefixes else text.split("\r\n")


def codecsOf(section: list[str]) -> set[str]:
    mapped = dict(re.findall(r"^a=rtpmap:(\d+) ([^/]+)", "\n".join(section), re.MULTILINE))
    return {mapped.get(payload, payload).lower() for payload in section[0].split()[3:]}
