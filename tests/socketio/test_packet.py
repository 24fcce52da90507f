"""Socket.IO packets: messages to packets and back, and every rule of the decoder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.errors import ProtocolError
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.binary import detachBinary, encodeData
from rtcsignal.socketio.jsontext import Unread
from rtcsignal.socketio.packet import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Decoder,
    DecoderLimits,
    OtherParser,
    Packet,
    encode,
    prefix,
)
from tests.engineio.growth import growsLinearly
from tests.engineio.strategies import texts
from tests.engineio.vectors import Vector, bytesOf, vectors

UNLIMITED = DecoderLimits(0, 0, 0, 0)
RESERVED = {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}


def decoder(**limits: int) -> Decoder:
    return Decoder(DecoderLimits(**limits))


def read(text: str, *attachments: bytes, **limits: int) -> Packet:
    """The packet that a text and its attachments are; it must be complete with the last of them, and not before."""
    reader = decoder(**limits)
    packet = reader.text(text)
    for attachment in attachments:
        assert packet is None, "complete before its attachments"
        packet = reader.binary(attachment)
    assert packet is not None, "not complete"
    return packet


def dataOf(value: Any) -> Any:
    """A value of a table, with bytes in the places where it writes them in hexadecimal."""
    if isinstance(value, list):
        return [dataOf(item) for item in value]
    if isinstance(value, dict):
        return bytesOf(value["bytes"]) if value.keys() == {"bytes"} else {k: dataOf(v) for k, v in value.items()}
    return value


def attachmentsOf(vector: Vector) -> tuple[bytes, ...]:
    return tuple(map(bytesOf, vector.get("attachments", [])))


def test_thePacketTypes() -> None:
    assert list("0123456") == [CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK]


@vectors("socketio_packets")
def test_vectorsAreRead(vector: Vector) -> None:
    check(vector)


@vectors("socketio_read_only")
def test_otherWaysToWriteThemAreReadToo(vector: Vector) -> None:
    check(vector)


def check(vector: Vector) -> None:
    attachments = attachmentsOf(vector)
    packet = read(vector["wire"], *attachments)
    assert packet.kind == vector["kind"]
    assert packet.namespace == vector.get("namespace", "/")
    assert packet.ackId == vector.get("ackId")
    assert packet.data == dataOf(vector.get("data"))
    assert packet.attachments == attachments
    assert vector["wire"].endswith(packet.text)


@vectors("socketio_packets")
def test_vectorsAreWritten(vector: Vector) -> None:
    attachments: list[bytes] = []
    detached = detachBinary(dataOf(vector.get("data")), attachments)
    text = "" if detached is None else jsontext.encode(detached)
    wire = encode(vector["kind"], vector.get("namespace", "/"), text, vector.get("ackId"), len(attachments))
    assert (wire, tuple(attachments)) == (vector["wire"], attachmentsOf(vector))


@vectors("socketio_bad_packets")
def test_whatIsNoPacketIsRefused(vector: Vector) -> None:
    with pytest.raises(ProtocolError):
        decoder().text(vector["wire"])


def whole(packet: Packet) -> Packet:
    """The packet with all of its data built."""
    if packet.kind == EVENT:
        return packet._replace(data=[packet.name, *packet.arguments])
    return packet._replace(data=packet.data.value()) if isinstance(packet.data, Unread) else packet


class TestRoundTrips:
    namespaces = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=",?"), max_size=10).map(
        lambda text: "/" + text
    )
    ackIds = st.none() | st.integers(0, 10**30).map(str)
    plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
    values = st.recursive(
        plain | st.binary(max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=12,
    )
    names = texts.filter(lambda name: name not in RESERVED) | st.integers()

    @given(namespaces, ackIds, names, st.lists(values, max_size=3))
    def test_whatIsWrittenIsReadAgain(
        self, namespace: str, ackId: str | None, name: str | int, arguments: list[Any]
    ) -> None:
        data = [name, *arguments]
        text, attachments = encodeData(data)
        wire = encode(EVENT, namespace, text, ackId, len(attachments))
        packet = read(wire, *attachments, attachments=0)
        assert whole(packet) == Packet(EVENT, namespace, ackId, data, text, attachments)

    @given(namespaces, st.integers(0, 10**30), st.lists(values, max_size=3))
    def test_acknowledgementsToo(self, namespace: str, ackId: int, arguments: list[Any]) -> None:
        text, attachments = encodeData(arguments)
        packet = read(encode(ACK, namespace, text, ackId, len(attachments)), *attachments, attachments=0)
        assert whole(packet) == Packet(ACK, namespace, str(ackId), arguments, text, attachments)

    @given(namespaces, ackIds, names, st.lists(values, max_size=3))
    def test_whatWasReadCanBeRelayedAsItCame(
        self, namespace: str, ackId: str | None, name: str | int, arguments: list[Any]
    ) -> None:
        text, attachments = encodeData([name, *arguments])
        first = read(encode(EVENT, namespace, text, ackId, len(attachments)), *attachments, attachments=0)
        relayed = encode(EVENT, "/", first.text, None, len(first.attachments))
        assert whole(read(relayed, *first.attachments, attachments=0)).data == whole(first).data

    @given(st.lists(st.tuples(names, st.lists(values, max_size=2)), max_size=5))
    def test_oneDecoderReadsOnePacketAfterTheOther(self, events: list[tuple[str | int, list[Any]]]) -> None:
        reader, packets = Decoder(UNLIMITED), []
        for name, arguments in events:
            text, attachments = encodeData([name, *arguments])
            packets.append(reader.text(encode(EVENT, "/", text, None, len(attachments))))
            packets.extend(reader.binary(attachment) for attachment in attachments)
        complete = [packet for packet in packets if packet is not None]
        assert [whole(packet).data for packet in complete] == [[name, *arguments] for name, arguments in events]


class TestGarbage:
    placeholders = st.fixed_dictionaries(
        {"_placeholder": st.just(True), "num": st.integers(-2, 4) | st.none() | st.booleans()}
    )

    @given(texts)
    def test_anyTextIsAPacketOrAProtocolError(self, text: str) -> None:
        self.feed(text)

    @given(st.text(st.sampled_from('0123456789-/,[]{}"a:_placeholdernumtrue \\'), max_size=30))
    def test_soIsAnythingThatLooksLikeOne(self, text: str) -> None:
        self.feed(text)

    @given(st.sampled_from("0123456"), texts, st.lists(st.binary(max_size=5), max_size=4))
    def test_soIsAnyTextBehindAType(self, kind: str, text: str, attachments: list[bytes]) -> None:
        self.feed(kind + text, *attachments)

    @given(
        st.integers(0, 12),
        st.recursive(placeholders | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=6),
    )
    def test_soIsAnyHeaderWithAnyPlaceholders(self, count: int, value: Any) -> None:
        text, _ = encodeData(["a", value])
        self.feed(f"5{count}-{text}", *[b"x"] * count)

    @staticmethod
    def feed(text: str, *attachments: bytes) -> None:
        reader = decoder()
        try:
            packet = reader.text(text)
            for attachment in attachments:
                packet = reader.binary(attachment)
        except ProtocolError as error:
            assert error.reason
            return
        assert packet is None or packet.kind in "0123"

    @pytest.mark.parametrize(
        ("before", "unit", "after"),
        [
            ("2", "1", "[]"),
            ("2/", "a", ""),
            ("2/", ",", ""),
            ("5", "1", "-[]"),
            ('2["a"', ",1", "]"),
            ('2["', "a", '"]'),
            ("0/?", "a=b&", ","),
        ],
    )
    def test_readingTakesLinearTime(self, before: str, unit: str, after: str) -> None:
        def feed(text: str) -> None:
            try:
                Decoder(UNLIMITED).text(text)
            except ProtocolError:
                pass

        assert growsLinearly(feed, lambda size: before + unit * size + after, 2_000)


class TestAttachments:
    def test_headerAndAttachmentsAreOnePacket(self) -> None:
        reader = decoder()
        assert reader.text('52-["a",{"_placeholder":true,"num":0}]') is None
        assert reader.waiting
        assert reader.binary(b"1") is None
        packet = reader.binary(b"2")
        assert packet is not None
        assert (packet.data, packet.attachments) == (["a", b"1"], (b"1", b"2"))
        assert not reader.waiting

    def test_textWhileSomeAreMissingIsAnError(self) -> None:
        reader = decoder()
        reader.text('52-["a"]')
        reader.binary(b"1")
        with pytest.raises(ProtocolError):
            reader.text('2["b"]')

    def test_soIsABinaryMessageOutOfTheBlue(self) -> None:
        reader = decoder()
        with pytest.raises(ProtocolError):
            reader.binary(b"1")
        reader.text('51-["a"]')
        reader.binary(b"1")
        with pytest.raises(ProtocolError):
            reader.binary(b"2")

    @pytest.mark.parametrize("first", range(256))
    def test_thatOfAnotherParserIsKnown(self, first: int) -> None:
        with pytest.raises(ProtocolError) as error:
            decoder().binary(bytes((first, 1)))
        assert isinstance(error.value, OtherParser) == (0x80 <= first < 0x90)
        assert len(error.value.reason) <= 123

    @pytest.mark.parametrize(
        "number", ["-1", "2", "1.0", "0.5", '"0"', '"__proto__"', "true", "null", "[0]", "1e0", "99999999999999999999"]
    )
    def test_thePlaceOfAPlaceholderIsCheckedBeforeItIsUsed(self, number: str) -> None:
        with pytest.raises(ProtocolError):
            read(f'52-["a",{{"_placeholder":true,"num":{number}}}]', b"1", b"2")

    def test_soIsAPlaceholderWithoutAPlace(self) -> None:
        with pytest.raises(ProtocolError):
            read('51-["a",{"_placeholder":true}]', b"1")

    def test_aPlaceholderMayBeAnywhereButTheName(self) -> None:
        packet = read('51-["a",[[{"b":{"_placeholder":true,"num":0}}]]]', b"1")
        assert packet.data == ["a", [[{"b": b"1"}]]]

    def test_theirNumberIsLimited(self) -> None:
        assert decoder(attachments=2).text('52-["a"]') is None
        with pytest.raises(ProtocolError):
            decoder(attachments=2).text('53-["a"]')
        assert decoder(attachments=0).text('59999-["a"]') is None

    def test_theirSizeTogetherIsLimited(self) -> None:
        reader = decoder(attachmentBytes=10)
        reader.text('53-["a"]')
        assert reader.binary(bytes(5)) is None
        assert reader.binary(bytes(5)) is None
        with pytest.raises(ProtocolError) as caught:
            reader.binary(b".")
        assert caught.value.closeCode == 1009

    def test_eachPacketMayHaveSoMuch(self) -> None:
        reader = decoder(attachmentBytes=10)
        for _ in range(3):
            reader.text('51-["a"]')
            assert reader.binary(bytes(10)) is not None

    def test_withoutALimitTheyMayBeOfAnySize(self) -> None:
        assert read('51-["a"]', bytes(3_000_000), attachmentBytes=0).attachments[0]


class TestLimits:
    def test_namespacesAreLimitedWithTheirQuery(self) -> None:
        assert read("0/" + "a" * 9, namespaceCharacters=10).namespace == "/" + "a" * 9
        for wire in ("0/" + "a" * 10, "0/?" + "a" * 9 + ","):
            with pytest.raises(ProtocolError):
                read(wire, namespaceCharacters=10)
        assert read("0/" + "a" * 5_000, namespaceCharacters=0).namespace

    def test_ackIdsAreLimited(self) -> None:
        assert read("2" + "1" * 1_000 + '["a"]').ackId == "1" * 1_000
        with pytest.raises(ProtocolError):
            read("2" + "1" * 1_001 + '["a"]')

    def test_depthIsLimited(self) -> None:
        assert read('2["a",[[1]]]', depth=3)
        with pytest.raises(ProtocolError):
            read('2["a",[[[1]]]]', depth=3)


class TestWriting:
    def test_theRootNamespaceIsNotWritten(self) -> None:
        assert (prefix("/"), prefix("/a")) == ("", "/a,")
        assert encode(EVENT, "/", '["a"]') == '2["a"]'
        assert encode(CONNECT, "/a") == "0/a,"

    def test_anAckIdOfZeroIsWritten(self) -> None:
        assert encode(ACK, "/a", "[]", 0) == "3/a,0[]"

    def test_attachmentsMakeABinaryKind(self) -> None:
        assert encode(EVENT, "/a", "[]", "7", 2) == "52-/a,7[]"
        assert encode(ACK, "/", "[]", 1, 1) == "61-1[]"

    @pytest.mark.parametrize("binary", [b"\x01", bytearray(b"\x01"), memoryview(b"\x01")])
    def test_everyKindOfBytesIsAnAttachment(self, binary: Any) -> None:
        assert encodeData(["a", binary]) == ('["a",{"_placeholder":true,"num":0}]', (b"\x01",))

    def test_attachmentsAreNumberedInTheOrderOfTheirPlaces(self) -> None:
        attachments: list[bytes] = []
        detached = detachBinary({"x": b"0", "y": [b"1", (b"2",)], "z": "3"}, attachments)
        assert attachments == [b"0", b"1", b"2"]
        assert detached == {
            "x": {"_placeholder": True, "num": 0},
            "y": [{"_placeholder": True, "num": 1}, [{"_placeholder": True, "num": 2}]],
            "z": "3",
        }

    def test_whatCannotBeSentIsATypeError(self) -> None:
        with pytest.raises(TypeError):
            encodeData(["a", object()])


class TestWhatTakesLongToBuild:
    dense = "[" + "[]," * 1000 + "0]"

    def test_ofAnEventOnlyTheNameIsBuilt(self) -> None:
        packet = read(f'27["a",{self.dense},{{"b":{self.dense}}},3,4]')
        assert packet.name == "a"
        assert [type(item) for item in packet.data] == [str, Unread, Unread]
        assert packet.arguments == [json.loads(self.dense), {"b": json.loads(self.dense)}, 3, 4]

    @pytest.mark.parametrize("text", ['["disconnect",{}]', "[{}]", "[]", "[null,{}]", "{}", '{{"a":{}}}'])
    def test_aNameIsStillNeeded(self, text: str) -> None:
        with pytest.raises(ProtocolError):
            decoder().text("2" + (text.format(self.dense) if text != "[]" else f"{{{self.dense}}}"))

    def test_anAnswerIsBuiltByWhoeverWaitsForIt(self) -> None:
        packet = read(f"37{self.dense}")
        assert isinstance(packet.data, Unread)
        assert packet.data.value() == json.loads(self.dense)
        with pytest.raises(ProtocolError):
            decoder().text(f'37{{"a":{self.dense}}}')

    @pytest.mark.parametrize("wire", ['0{{"a":{}}}', '51-["a",{}]', '61-7["a",{}]'])
    def test_whatMustBeBuiltIsRefused(self, wire: str) -> None:
        with pytest.raises(ProtocolError):
            decoder().text(wire.format(self.dense))

    def test_numbersThatTakeLongAreFineThere(self) -> None:
        assert read('0{"a":1e300}').data.value() == {"a": 1e300}
        packet = read('51-["a",1e300,{"_placeholder":true,"num":0}]', b"x")
        assert packet.data == ["a", 1e300, b"x"]
