"""Values and errors that cross layers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtcsignal.errors import ConfigError, ConnectRefused, ProtocolError, Refused
from rtcsignal.socketio import jsontext
from rtcsignal.values import EMPTY, Handshake, Identity, Message, isName, wholeNumber


class TestNames:
    @pytest.mark.parametrize(
        "name", ["a", " ", "room 1", "../x", "__proto__", "\N{GRINNING FACE}", "\u2028", "a" * 256]
    )
    def test_anyTextMayBeOne(self, name: str) -> None:
        assert isName(name, 256)

    @pytest.mark.parametrize("name", ["", "\0", "a\nb", "\x1b[0m", "a\x7f", "\x85", "\x9f"])
    def test_butNotNothingNorControlCharacters(self, name: str) -> None:
        assert not isName(name, 256)

    def test_theirLengthIsCountedInCharacters(self) -> None:
        assert isName("\N{GRINNING FACE}" * 3, 3)
        assert not isName("a" * 4, 3)
        assert isName("a" * 100_000, 0)

    @given(st.text(), st.integers(0, 10))
    def test_theRuleIsThis(self, name: str, most: int) -> None:
        control = any(ord(each) < 32 or 127 <= ord(each) < 160 for each in name)
        assert isName(name, most) == (0 < len(name) <= (most or len(name)) and not control)


class TestWholeNumbers:
    @given(st.integers(-(10**6), 10**6), st.integers(0, 9))
    @example(0, 9)
    def test_areOneHoweverTheyAreSpelled(self, number: int, zeros: int) -> None:
        zeros = zeros if number else 0  # which no JSON begins with
        spellings = [
            f"{number}",
            f"{number}.{'0' * (zeros + 1)}",
            f"{number}e0",
            f"{number}{'0' * zeros}E-{zeros}",
            f"{number}{'0' * zeros}.0e-0{zeros}",
        ]
        assert {wholeNumber(jsontext.decode(text)[0]) for text in spellings} == {number}

    @given(st.sampled_from((1, 2, 3, 4)), st.integers(1, 200), st.text("0123456789", min_size=1, max_size=5))
    def test_thatArriveAsClientsReadThem(self, number: int, places: int, digits: str) -> None:
        """JavaScript reads the nearest double; the decoder must not read another one."""
        for text in (f"{number - 1}.{'9' * places}{digits}", f"{number}.{'0' * places}{digits}"):
            assert jsontext.decode(text)[0] == float(text)

    @pytest.mark.parametrize("value", [True, False, None, 0.5, 2.9999999999999996, "3", [], {}, b"3"], ids=repr)
    def test_otherValuesAreNone(self, value: Any) -> None:
        assert wholeNumber(value) is None

    @given(st.floats())
    def test_everyFloatIsJudged(self, value: float) -> None:
        assert wholeNumber(value) == (int(value) if value.is_integer() else None)


class TestHandshakes:
    def test_theOriginIsAHeader(self) -> None:
        assert Handshake("/").origin is None
        assert Handshake("/", headers={"origin": "https://a.test"}).origin == "https://a.test"

    @pytest.mark.parametrize(
        ("header", "cookies"),
        [
            ("", {}),
            ("a=b", {"a": "b"}),
            ("a=b; c=d=e", {"a": "b", "c": "d=e"}),
            ('a="b c"', {"a": "b c"}),
            ("a=1; a=2", {"a": "1"}),
            ("\x00", {}),
        ],
    )
    def test_cookiesAreRead(self, header: str, cookies: dict[str, str]) -> None:
        assert Handshake("/", headers={"cookie": header}).cookies == cookies

    @given(st.text())
    @example("a@b=1; c=2")
    def test_anyCookieHeaderIsReadOrIgnored(self, header: str) -> None:
        cookies = Handshake("/", headers={"cookie": header}).cookies
        assert all(isinstance(value, str) for value in cookies.values())

    def test_withoutAHeaderThereAreNone(self) -> None:
        assert Handshake("/").cookies == {}

    def test_whatIsNotGivenIsEmptyAndCannotBeFilled(self) -> None:
        handshake = Handshake("/a")
        assert (handshake.namespace, handshake.address, handshake.revision, handshake.secure) == ("/a", "", 4, False)
        for mapping in (handshake.auth, handshake.query, handshake.headers, Identity().claims, EMPTY):
            target: Any = mapping
            assert dict(mapping) == {}
            with pytest.raises(TypeError):
                target["a"] = 1


class TestTokens:
    """Where a client's token may be."""

    BEARER = {"authorization": "Bearer from-header"}

    @pytest.mark.parametrize(
        ("handshake", "token"),
        [
            (Handshake("/", auth={"token": "a"}, headers=BEARER, query={"token": "c"}), "a"),
            (Handshake("/", headers=BEARER, query={"token": "c"}), "from-header"),
            (Handshake("/", headers={"authorization": "bearer   x "}), "x"),
            (Handshake("/", headers={"authorization": "Basic x"}, query={"token": "c"}), "c"),
            (Handshake("/", headers={"authorization": "Bearer"}, query={"token": "c"}), "c"),
            (Handshake("/", auth={"token": ""}, query={"token": "c"}), "c"),
            (Handshake("/", auth={"token": ["a"]}, query={"ticket": "c"}), None),
            (Handshake("/", headers={"cookie": "token=d"}), None),
            (Handshake("/"), None),
        ],
    )
    def test_theFirstPlaceThatHasOneCounts(self, handshake: Handshake, token: str | None) -> None:
        assert handshake.token() == token

    def test_itsNamesCanBeChosen(self) -> None:
        handshake = Handshake("/", auth={"token": "a"}, query={"ticket": "q"}, headers={"cookie": "sid=c"})
        assert handshake.token("ticket", "sid") == "q"
        assert handshake.token("pass", "sid") == "c"
        assert handshake.token("pass", "other") is None


class TestMessages:
    def test_aChangedOneIsAnother(self) -> None:
        message = Message("offer", "ann", None, {"sdp": "x"}, 10)
        changed = message.replace(body={"sdp": "y"}, targetUserId="ben")
        assert changed == Message("offer", "ann", "ben", {"sdp": "y"}, 10)
        assert message == Message("offer", "ann", None, {"sdp": "x"}, 10)

    def test_whatItDoesNotHaveCannotBeChanged(self) -> None:
        with pytest.raises(TypeError):
            Message("offer", "ann", None, "x", 1).replace(nothing=1)


VALUES = [Handshake("/"), Identity(), Message("other", "ann", None, "x", 1)]


@pytest.mark.parametrize(("value", "name"), [(value, name) for value in VALUES for name in type(value).__annotations__])
def test_valuesCannotBeChanged(value: Any, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(value, name, getattr(value, name))


def test_anIdentityIsOpenUntilItSaysMore() -> None:
    identity = Identity()
    assert (identity.userId, identity.roles, identity.expiresAt) == (None, frozenset(), None)


class TestErrors:
    def test_aRefusalsReplyHoldsCodeMessageAndData(self) -> None:
        assert Refused("room-full").reply() == {"code": "room-full", "message": ""}
        assert Refused("room-full", "No place.", {"most": 4}).reply() == {
            "code": "room-full",
            "message": "No place.",
            "most": 4,
        }

    def test_dataCannotHideTheCode(self) -> None:
        assert Refused("room-full", "No place.", {"code": "x", "message": "y"}).reply() == {
            "code": "room-full",
            "message": "No place.",
        }

    def test_aRefusalKeepsDataOfItsOwn(self) -> None:
        data = {"most": 4}
        refusal = Refused("room-full", data=data)
        data["most"] = 5
        assert refusal.data == {"most": 4}

    @pytest.mark.parametrize(
        ("refusal", "legacy"),
        [
            (ConnectRefused("No entry"), "No entry"),
            (ConnectRefused("No entry", {"code": 1}), {"code": 1}),
            (ConnectRefused("No entry", 0), 0),
            (ConnectRefused("No entry", {"code": 1}, legacy="old"), "old"),
            (ConnectRefused("No entry", legacy=False), False),
        ],
    )
    def test_oldClientsGetWhatIsMeantForThemElseDataElseTheMessage(
        self, refusal: ConnectRefused, legacy: object
    ) -> None:
        assert refusal.legacy == legacy
        assert str(refusal) == "No entry"

    def test_aProtocolErrorHasAReasonAndACloseCode(self) -> None:
        assert (ProtocolError("bad").reason, ProtocolError("bad").closeCode) == ("bad", 1002)
        assert ProtocolError("bad", 1007).closeCode == 1007

    def test_aConfigErrorHasALineForEachMistake(self) -> None:
        error = ConfigError(["one", "two"])
        assert error.problems == ("one", "two")
        assert str(error) == "one\ntwo"
        assert ConfigError("one").problems == ("one",)
