"""The form of what goes to and comes from a polling client, according to its handshake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from rtcsignal.engineio.http.exchange import Request, Response, parseQuery
from rtcsignal.engineio.packet import Packet, Revision
from rtcsignal.engineio.polling.payload import BINARY_TYPE, TEXT_TYPE, decodePayload, decodeTextPayload
from rtcsignal.errors import ProtocolError

__all__ = ["NO_STORE", "PollingForm"]

NO_STORE = ("Cache-Control", "no-store")
"""For every answer that is for one client."""

_NOT_DIGITS = re.compile("[^0-9]+")


@dataclass(frozen=True)
class PollingForm:
    """How a client wants its polls answered, and writes what it posts.

    Attributes:
        base64: Binary as text only (``b64=1``, or JSONP).
        callback: Number of its JSONP callback, digits only; None without JSONP.
    """

    base64: bool = False
    callback: str | None = None

    @classmethod
    def of(cls, request: Request) -> PollingForm:
        """The form that a handshake asks for."""
        index = request.query.get("j")
        callback = None if index is None else _NOT_DIGITS.sub("", index)
        return cls(callback is not None or request.query.get("b64") in ("1", "true"), callback)

    def response(self, payload: str | bytes) -> Response:
        """The answer that carries a payload."""
        if isinstance(payload, bytes):
            return Response(200, payload, (("Content-Type", BINARY_TYPE), NO_STORE))
        if self.callback is None:
            return Response(200, payload.encode(), (("Content-Type", TEXT_TYPE), NO_STORE))
        # A JSON string is a JavaScript string: with ASCII only, U+2028 and U+2029 are escaped as well. The slash
        # is escaped so that no text can look like the end of a script element.
        literal = json.dumps(payload).replace("</", "<\\/")
        script = f"___eio[{self.callback}]({literal});".encode()
        return Response(200, script, (("Content-Type", "text/javascript; charset=UTF-8"), NO_STORE))

    def packets(self, request: Request, revision: Revision, most: int) -> Iterator[Packet]:
        """The packets of a POST.

        Args:
            request: The POST.
            revision: That of the client.
            most: Most packets; 0 for no limit.

        Raises:
            ProtocolError: They are malformed or too many; also while they are read.
        """
        contentType = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.callback is not None and contentType == "application/x-www-form-urlencoded":
            try:
                form = request.body.decode("ascii")
            except UnicodeDecodeError as error:
                raise ProtocolError("form is not ASCII") from error
            return decodeTextPayload(_unescaped(parseQuery(form).get("d", "")), revision, most)
        return decodePayload(request.body, revision, contentType == BINARY_TYPE, most)


def _unescaped(text: str) -> str:
    """Undo what JSONP clients do to line feeds: ``\\n`` means LF, ``\\\\n`` a backslash and an n."""
    # A lone surrogate, which no text that was decoded has, keeps the place of what is a backslash and an n.
    return text.replace(r"\\n", "\ud800").replace(r"\n", "\n").replace("\ud800", r"\n")
