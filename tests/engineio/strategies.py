"""What hypothesis draws for the codecs: packets, texts and bytes of every kind that can come over a wire."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from rtcsignal.engineio.packet import Revision

__all__ = ["binaries", "messageTexts", "packetTexts", "payloads", "revisions", "texts"]

revisions: Final[st.SearchStrategy[Revision]] = st.sampled_from([3, 4])

# Letters, control characters, what has a meaning in some codec, characters of two, three and four bytes in UTF-8,
# of which the last are two code units in UTF-16.
_INTERESTING: Final = 'a0149:,/[]{}"\\ \x00\x1e\n\u007f\xff\u20ac\u2028\ufeff\uffff\U00010000\U0001f600'

texts: Final = st.text(st.sampled_from(_INTERESTING) | st.characters(exclude_categories=["Cs"]), max_size=40)
"""Texts without lone surrogates: none can come out of UTF-8."""

messageTexts: Final = texts.map(lambda text: text.replace("\x1e", ""))
"""Texts without the separator of payloads, which JSON escapes."""

binaries: Final = st.binary(max_size=40)

packetTexts: Final = st.builds(str.__add__, st.sampled_from("0123456"), messageTexts)
"""Packets in their text form."""

payloads: Final = st.lists(packetTexts | binaries, min_size=1, max_size=6)
"""The packets of one payload: text in its text form, binary messages as their bytes."""
