"""A client on polling, whose requests go to the engine as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from rtcsignal.engineio.elsewhere import Upload
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import Request, Response
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.polling.transport import PollingTransport
from tests.engineio.recorder import Recorder
from tests.engineio.visitor import AFTER_HANDSHAKE, Socket
from tests.wire import payloads
from tests.wire.rawhttp import requestBytes

if TYPE_CHECKING:
    from tests.engineio.world import World

__all__ = ["Answer", "Poller", "request"]


def request(method: str, query: Mapping[str, str], /, **headers: str) -> Request:
    """The values of a request without a body; header names are written with underscores."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, query, names, b"", "192.0.2.1")


class Answer:
    """The answer to a request, which may not have come yet."""

    def __init__(self, result: Response | Deferred[Response], revision: int = 4) -> None:
        self.deferred = result if isinstance(result, Deferred) else None
        self._revision = revision
        self._responses: list[Response] = [] if isinstance(result, Deferred) else [result]
        self.cancelled = False
        if isinstance(result, Deferred):
            result.addCallbacks(self._responses.append, self._failed)

    def _failed(self, failure: Failure) -> None:
        failure.trap(CancelledError)
        self.cancelled = True

    @property
    def given(self) -> bool:
        """It has come."""
        return bool(self._responses)

    @property
    def response(self) -> Response:
        """The answer, which must have come."""
        (response,) = self._responses
        return response

    @property
    def status(self) -> int:
        """Its HTTP status."""
        return self.response.status

    @property
    def headers(self) -> dict[str, str]:
        """Its headers."""
        return dict(self.response.headers)

    @property
    def error(self) -> tuple[int, int]:
        """Status and code of an error."""
        return self.status, json.loads(self.response.body)["code"]

    @property
    def packets(self) -> list[str | bytes]:
        """The packets that it brings: text in its text form, binary messages as their bytes."""
        assert self.status == 200, self.response
        return payloads.decode(self._revision, self.response.body, self.headers["Content-Type"])

    def goAway(self) -> None:
        """The client breaks the connection on which it waits."""
        assert self.deferred is not None
        self.deferred.cancel()


class Poller:
    """A client on polling.

    Attributes:
        sid: Its session's id.
        opening: The answer to its handshake.
        greetings: The packets of that answer behind the open packet.
    """

    def __init__(self, world: World, revision: Revision, query: Mapping[str, str]) -> None:
        self.world = world
        self.revision = revision
        self.query = {"EIO": str(revision), "transport": "polling", **query}
        self.opening = Answer(world.engine.handle(request("GET", self.query)), revision)
        if "j" not in query:
            first, *self.greetings = self.opening.packets
            assert isinstance(first, str)
            self.handshake: dict[str, Any] = json.loads(first.removeprefix("0"))
            self.sid: str = self.handshake["sid"]
        else:
            self.sid = world.sids[-1]
        self.query["sid"] = self.sid
        if self.alive:  # it may have been closed by then
            self.session = world.session(self.sid)

    @property
    def application(self) -> Recorder:
        """The application of its session."""
        (application,) = (each for each in self.world.applications if each.session is self.session)
        assert isinstance(application, Recorder)
        return application

    @property
    def alive(self) -> bool:
        """Its sid means something."""
        return self.sid in self.world.sids

    @property
    def transport(self) -> PollingTransport:
        """The server's side."""
        transport = self.session.transport
        assert isinstance(transport, PollingTransport)
        return transport

    def poll(self, **headers: str) -> Answer:
        """A poll, which may have to wait for its answer."""
        return Answer(self.world.engine.handle(request("GET", self.query, **headers)), self.revision)

    def post(self, *packets: str | bytes) -> Answer:
        """A post of packets, whole."""
        return self.postBody(payloads.encode(self.revision, *packets), "text/plain;charset=UTF-8")

    def postBody(self, body: bytes, contentType: str) -> Answer:
        """A post of anything, whole."""
        self.startPost()
        whole = replace(request("POST", self.query, content_type=contentType), body=body)
        return Answer(self.world.engine.handle(whole))

    @property
    def target(self) -> str:
        """Where its polls and posts go."""
        return f"{self.world.engine.options.path}?EIO={self.revision}&transport=polling&sid={self.sid}"

    def posting(self, body: bytes, **headers: str) -> bytes:
        """A post as it goes over the wire."""
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return requestBytes("POST", self.target, named, body)

    def startPost(self) -> Upload | None:
        """The headers of a post arrive."""
        return self.world.engine.postStarted(request("POST", self.query))

    def send(self, *texts: str) -> None:
        """The server's application sends messages."""
        for text in texts:
            self.session.send(EncodedMessage(text))

    def socket(self, query: str = "") -> Socket:
        """A WebSocket that brings the session's sid."""
        socket = self.world.openSocket(f"EIO={self.revision}&transport=websocket&sid={self.sid}{query}")
        socket.revision, socket.sid = self.revision, self.sid
        self.world.clock.advance(AFTER_HANDSHAKE)
        return socket

    def probed(self, query: str = "") -> Socket:
        """A WebSocket that brings the session's sid, and whose probe was answered."""
        socket = self.socket(query)
        socket.send("2probe")
        assert socket.take() == ["3probe"]
        return socket

    def upgraded(self, query: str = "") -> Socket:
        """The WebSocket that has taken over."""
        socket = self.probed(query)
        socket.send("5")
        return socket
