"""Broadcasts: what gets there. Whatever it is, as it was sent."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from tests.signaling.world import World

_TEXTS = [
    pytest.param('["broadcast",{"zebra":1,"apple":2,"msgType":1}]', id="order of keys"),
    pytest.param('["broadcast",{"n":123456789012345678901234567890}]', id="big integer"),
    pytest.param('["broadcast",{"n":18446744073709551616}]', id="2 to the 64"),
    pytest.param('["broadcast",{"n":1.0,"m":-0.0,"e":1E+2,"d":0.10}]', id="forms of numbers"),
    pytest.param('["broadcast",{"a":1,"a":2}]', id="key twice"),
    pytest.param('["broadcast",{"s":"\\u0041\\/\\n\\ud83d\\ude00 \N{GRINNING FACE} \\u2028"}]', id="escapes"),
    pytest.param('[ "broadcast" ,\n\t{ "msgType" : 1 } ]', id="blanks"),
    pytest.param('["broadcast","just a text"]', id="text"),
    pytest.param('["broadcast",""]', id="empty text"),
    pytest.param('["broadcast",null]', id="null"),
    pytest.param('["broadcast",true]', id="true"),
    pytest.param('["broadcast",0]', id="number"),
    pytest.param('["broadcast",[1,[2,{"userId":"eve"}]]]', id="array"),
    pytest.param('["broadcast",{}]', id="empty object"),
    pytest.param('["broadcast",{"_placeholder":false,"num":0}]', id="looks like binary"),
    pytest.param('["broadcast",{"__proto__":{"x":1},"constructor":"y"}]', id="names with a meaning elsewhere"),
    pytest.param('["broadcast",{"sdp":"' + "a=x\\r\\n" * 10_000 + '"}]', id="60 KB"),
]


@pytest.mark.parametrize("text", _TEXTS)
def test_theTextIsRelayedByteForByte(world: World, text: str, revision: Revision) -> None:
    ann = world.member("kitchen", "ann", revision=revision)
    ben = world.member("kitchen", "ben", "/socket.io")
    ann.take(), ben.take()
    ann.transmit(text)
    assert ann.takeTexts() == ben.takeTexts() == [text]


@pytest.mark.parametrize(
    "members", ['"zebra":1,"apple":2', '"n":18446744073709551616,"m":1.0', '"s":"\\u0041\\/"', ' "a" : [ ]']
)
def test_soItIsForOneUser(world: World, members: str) -> None:
    ann, ben, cas = world.members("kitchen", "ann", "ben", "cas")
    text = f'["broadcast",{{{members},"targetUserId":"ben"}}]'
    ann.transmit(text)
    assert ben.takeTexts() == [text]
    assert ann.takeTexts() == cas.takeTexts() == []


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ('{"z":1,"a":[1.0,18446744073709551616]},{"secret":true}', '{"z":1,"a":[1.0,18446744073709551616]}'),
        ("null,null", "null"),
        ('"a,b]","c"', '"a,b]"'),
        ("[1,2],3,4,5,6", "[1,2]"),
        (' { "z" : 1 } , 2', '{ "z" : 1 }'),
    ],
)
def test_furtherArgumentsAreNotRelayedAndTheFirstIsRelayedAsItWas(world: World, arguments: str, kept: str) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    assert ann.askText(f'["broadcast",{arguments}]').value["delivered"] == 2
    (text,) = ben.takeTexts()
    assert text == f'["broadcast",{kept}]'


def test_aLoneSurrogateIsReplacedAndNothingElse(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.transmit('["broadcast",{"z":"\\ud800\\ud83d\\ude00","a":1.0}]')
    assert ben.takeTexts() == ['["broadcast",{"z":"\\ufffd\\ud83d\\ude00","a":1.0}]']


class TestBinary:
    """Bytes, at any place of any value."""

    _BYTES = bytes(range(256))

    @pytest.mark.parametrize(
        ("text", "attachments", "value"),
        [
            ('{"_placeholder":true,"num":0}', (_BYTES,), _BYTES),
            ('{"_placeholder":true,"num":0}', (b"",), b""),
            (
                '{"msgType":1,"blob":[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]}',
                (b"a", b"b"),
                {"msgType": 1, "blob": [b"b", b"a"]},
            ),
            (
                '[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]',
                (b"once",),
                [b"once", b"once"],
            ),
        ],
        ids=["alone", "empty", "nested, out of order", "one twice"],
    )
    def test_bytesAreRelayedInTheirPlaces(
        self, world: World, text: str, attachments: tuple[bytes, ...], value: Any, revision: Revision
    ) -> None:
        ann = world.member("kitchen", "ann")
        ben = world.member("kitchen", "ben", "/socket.io", revision)
        ann.take(), ben.take()
        answer = ann.askText(f'["broadcast",{text}]', *attachments)
        assert answer.value == {"ok": True, "delivered": 2}
        assert ben.take() == [("broadcast", value)]

    def test_theTextAroundThemIsRelayedByteForByte(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        text = '["broadcast",{"z":1.0,"big":18446744073709551616,"b":{"num":0,"_placeholder":true}}]'
        ann.transmit(text, b"data")
        assert ben.takeTexts() == [text]

    def test_theTargetOfAMessageWithBytesIsFound(self, world: World) -> None:
        ann, ben, cas = world.members("kitchen", "ann", "ben", "cas")
        ann.transmit('["broadcast",{"targetUserId":"cas","b":{"_placeholder":true,"num":0}}]', b"data")
        assert ben.take() == []
        assert cas.take() == [("broadcast", {"targetUserId": "cas", "b": b"data"})]

    def test_bytesInFurtherArgumentsAreNotRelayed(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.transmit('["broadcast",{"msgType":1},{"_placeholder":true,"num":0}]', b"secret")
        assert ben.take() == [("broadcast", {"msgType": 1})]

    def test_bytesOfTheFirstOfSeveralArgumentsAreRelayed(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        placeholders = '{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}'
        ann.transmit(f'["broadcast",{placeholders}]', b"second", b"first")
        assert ben.take() == [("broadcast", b"first")]

    def test_bigIntegersBesideBytesSurviveFurtherArguments(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        number = 2**70
        ann.transmit(f'["broadcast",{{"n":{number},"b":{{"_placeholder":true,"num":0}}}},7]', b"data")
        assert ben.take() == [("broadcast", {"n": number, "b": b"data"})]
