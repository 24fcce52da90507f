"""How a polling client wants its polls answered."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from rtcsignal.engineio.http.exchange import Request, Response
from rtcsignal.engineio.payload import BINARY_TYPE, TEXT_TYPE

__all__ = ["NO_STORE", "PollingForm"]

NO_STORE = ("Cache-Control", "no-store")
"""For every answer that is for one client."""

_NOT_DIGITS = re.compile("[^0-9]+")


@dataclass(frozen=True)
class PollingForm:
    """How a client wants its polls answered, according to its handshake.

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
