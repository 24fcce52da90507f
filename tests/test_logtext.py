"""Text from outside is one harmless line in the log."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.logtext import MOST_CHARACTERS, safe


@pytest.mark.parametrize("text", ["room", "Straße", "会議", "🙂", 'with "quotes"', "a b", "{level}"])
def test_ordinaryTextStaysAsItIs(text: str) -> None:
    assert safe(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\x0ab"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\0", "\\x00"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        ("a\u2028b\u2029", "a\\u2028b\\u2029"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("\ud800", "\\ud800"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_whatCouldDisturbALogIsWrittenAsAnEscape(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_anEscapeInTheTextIsNotTakenForOneOfTheLog() -> None:
    assert safe("a\\x0ab") == "a\\\\x0ab"


def test_longTextIsCut() -> None:
    assert safe("x" * 1000) == "x" * MOST_CHARACTERS + "..."
    assert safe("abc", most=3) == "abc"
    assert safe("abcd", most=3) == "abc..."


@given(st.text(st.characters()))
def test_anyTextIsOneLineThatCanBeWritten(text: str) -> None:
    shown = safe(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode("utf-8")[:0] == b""
    assert not any(unicodedata.category(character) == "Cc" for character in shown)


@given(st.text(st.characters(), max_size=MOST_CHARACTERS))
def test_theTextCanBeReadBackFromTheLog(text: str) -> None:
    plain = "".join(character if ord(character) < 0x80 else f"\\u{ord(character):04x}" for character in safe(text))
    bmp = all(ord(character) < 0x10000 for character in text)
    assert not bmp or plain.encode("ascii").decode("unicode_escape") == text
