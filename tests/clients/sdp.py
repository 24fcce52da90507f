"""Session descriptions to send about: of the size and with the characters that break things."""

from __future__ import annotations


def sessionDescription(size: int, word: str = "a session") -> str:
    """An SDP of exactly `size` characters whose session name is `word`, made long by its candidates."""
    lines = [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        f"s={word}",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "c=IN IP4 0.0.0.0",
        "a=rtpmap:111 opus/48000/2",
    ]
    text = "\r\n".join(lines) + "\r\n"
    number = 0
    while len(text) < size:
        number += 1
        text += f"a=candidate:{number} 1 udp 2122260223 192.0.2.{number % 256} {number % 65536} typ host\r\n"
    return text[: size - 2] + "\r\n"
