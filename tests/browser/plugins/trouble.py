"""Breaks calls, each room in the way that its name says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any

from zope.interface import implementer

from rtcsignal.api import (
    REQUIRED,
    Configurable,
    IceServer,
    IceServers,
    IIceServers,
    IMessageFilter,
    IPeer,
    IRoom,
    IServices,
    Message,
    Option,
)

_CANDIDATES = re.compile(r"a=candidate:[^\r\n]*\r\n")


@implementer(IMessageFilter, IIceServers)
class Trouble(Configurable):
    """Drops and changes messages, and gives servers that do not work."""

    name = "trouble"
    turn = Option(str, REQUIRED, "A TURN server.")
    closed = Option(str, REQUIRED, "The same on a port where nothing listens.")
    secret = Option(str, REQUIRED, "The secret of the former.", secret=True)

    def start(self, services: IServices) -> None:
        self._now = services.now

    def iceServers(self, peer: IPeer, room: IRoom) -> IceServers | None:
        if room.name == "refused":
            return self._servers(self.turn, "another", 600)
        if room.name == "expired":
            return self._servers(self.turn, self.secret, -30)
        if room.name == "unreachable":
            return self._servers(self.closed, self.secret, 600)
        return None

    def _servers(self, url: str, secret: str, seconds: float) -> IceServers:
        username = f"{int(self._now() + seconds)}:someone"
        digest = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
        return IceServers((IceServer((url,), username, base64.b64encode(digest).decode()),))

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message | None:
        change = _CHANGES.get((room.name, message.kind))
        return message if change is None else change(message)


def _drop(message: Message) -> None:
    return None


def _dropCandidate(message: Message) -> Message | None:
    return message if message.body.get("candidate") == "" else None


def _withSdp(message: Message, sdp: str) -> Message:
    return message.replace(body={**message.body, "sdp": sdp})


def _withoutCandidates(message: Message) -> Message:
    return _withSdp(message, _CANDIDATES.sub("", message.body["sdp"]))


def _strangeCodecs(message: Message) -> Message:
    sdp = re.sub(r"(a=rtpmap:\d+ )(VP8|VP9|H264|AV1|H265)/", r"\1x\2/", message.body["sdp"])
    return _withSdp(message, sdp)


def _otherFingerprint(message: Message) -> Message:
    sdp = re.sub(r"(a=fingerprint:sha-256 )..:..", r"\g<1>00:11", message.body["sdp"])
    return _withSdp(message, sdp)


def _hidden(message: Message) -> Message:
    words = message.body.get("candidate", "").split(" ")
    if len(words) < 8:
        return message
    words[4] = "1b4ad5ac-2f10-4cd2-9b4c-0a9ad2a6a7de.local"
    return message.replace(body={**message.body, "candidate": " ".join(words)})


_CHANGES: dict[tuple[str, str], Any] = {
    ("no-answers", "answer"): _drop,
    ("no-offers", "offer"): _drop,
    ("no-candidates", "candidate"): _dropCandidate,
    ("no-candidates", "offer"): _withoutCandidates,
    ("no-candidates", "answer"): _withoutCandidates,
    ("codecs", "offer"): _strangeCodecs,
    ("fingerprint", "answer"): _otherFingerprint,
    ("hidden", "candidate"): _hidden,
    ("hidden", "offer"): _withoutCandidates,
    ("hidden", "answer"): _withoutCandidates,
}

trouble = Trouble()
