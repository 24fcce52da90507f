"""Fast path, opening: the answer to an ordinary opening handshake, without Autobahn.

The head of a request has been read and checked before anyone knows that it is to become a WebSocket. Autobahn would
parse it a second time, which takes longer than all else that a connection costs until its session is open. What is
not ordinary is left to Autobahn, which refuses it in its own way. A differential test compares both ways.
Source: RFC 6455 sections 4.1 and 4.2.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha1

from rtcsignal.engineio.http.head import Head
from rtcsignal.engineio.websocket.subprotocol import chosenFrom

__all__ = ["answerTo"]

_KEY = re.compile("[A-Za-z0-9+/]{22}==")
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_BEGINNING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"


def answerTo(head: Head, headers: Mapping[str, list[str]]) -> bytes | None:
    """The response to an opening handshake.

    Args:
        head: The request; its version of WebSocket and the form of its subprotocols have been checked.
        headers: What the response has besides.

    Returns:
        All of the response; None if Autobahn has to look at the request.
    """
    asked = head.headers
    key = asked.get("sec-websocket-key", "")
    if head.method != "GET" or not head.isCurrent or "host" not in asked or not _KEY.fullmatch(key):
        return None
    if "#" in head.query or "#" in head.path:
        return None
    answer = _BEGINNING + "".join([f"{name}: {value}\r\n" for name, values in headers.items() for value in values])
    if "sec-websocket-protocol" in asked:
        names = [name.strip() for name in asked["sec-websocket-protocol"].split(",")]
        if len(set(names)) != len(names):
            return None
        chosen = chosenFrom(names)
        if chosen is not None:
            answer += f"Sec-WebSocket-Protocol: {chosen}\r\n"
    accept = b64encode(sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest())
    return f"{answer}Sec-WebSocket-Accept: {accept.decode('ascii')}\r\n\r\n".encode()
