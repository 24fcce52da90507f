"""Two clients in memory who call each other, and what they hear of it."""

from __future__ import annotations

import json
from typing import Any

from tests.signaling.world import Client, World

__all__ = ["OFFER", "Party", "candidate", "sdp"]

OFFER = "v=0\r\no=- {sid} {ver} IN IP4 192.0.2.77\r\ns=-\r\nt=0 0\r\n"


def sdp(sid: str, version: int = 2, ufrag: str = "", codecs: str = "VP8/90000", port: int = 9) -> str:
    """A session description with one section for pictures."""
    lines = [
        f"m=video {port} UDP/TLS/RTP/SAVPF 96",
        f"a=ice-ufrag:{ufrag or f'uf{sid}{version}'}",
        f"a=ice-pwd:pw-{sid}-secret-password",
        f"a=fingerprint:sha-256 AA:BB:{sid}",
        "a=setup:actpass",
        "a=mid:0",
        "a=sendrecv",
        f"a=rtpmap:96 {codecs}",
    ]
    return OFFER.format(sid=sid, ver=version) + "\r\n".join(lines) + "\r\n"


def candidate(kind: str = "host", address: str = "192.0.2.77", ufrag: str = "") -> str:
    """A candidate."""
    related = "" if kind == "host" else " raddr 10.9.8.7 rport 5"
    return f"candidate:1 1 udp 2122260223 {address} 50000 typ {kind}{related}" + (f" ufrag {ufrag}" if ufrag else "")


class Party:
    """One of the two.

    Args:
        world: The server.
        userId: Who.
        peer: The user id of the other one.
    """

    def __init__(self, world: World, userId: str, peer: str, room: str = "kitchen", joins: bool = True) -> None:
        self.client: Client = world.client()
        self.client.link.answers = True
        self.userId, self.peer, self.room = userId, peer, room
        self.joined = self.client.join(room, userId).value if joins else {}

    def send(self, msgType: int, target: bool = True, **body: Any) -> Any:
        """Send a message; returns its acknowledgement."""
        whom = {"targetUserId": self.peer} if target else {}
        message = {"userId": self.userId, "roomName": self.room, "msgType": msgType, **whom, **body}
        return self.client.ask("broadcast", message).value

    def offer(self, sid: str, version: int = 2, **more: Any) -> Any:
        return self.send(1, sdp=sdp(sid, version, **more))

    def answer(self, sid: str, version: int = 2, **more: Any) -> Any:
        return self.send(2, sdp=sdp(sid, version, **more))

    def candidate(self, *arguments: str) -> Any:
        return self.send(3, candidate=candidate(*arguments), id="0", label=0)

    def end(self) -> Any:
        return self.send(3, candidate="", id="0", label=0)

    def hangUp(self) -> Any:
        return self.send(4)

    def report(self, ev: str = "state", **more: Any) -> Any:
        body = {"roomName": self.room, "peer": self.peer, "ev": ev, **more}
        return self.client.ask("call-state", body).value

    def state(self, state: str, ice: str = "", dtls: str = "") -> Any:
        return self.report(state=state, ice=ice or "checking", dtls=dtls or "new")

    def connected(self) -> Any:
        return self.report(state="connected", ice="connected", dtls="connected")

    def verdicts(self) -> list[tuple[str, str | None]]:
        """The verdicts that it has heard since the last call, and with whom the cause lies."""
        told = [heard[1] for heard in self.client.take() if heard[0] == "call-verdict"]
        assert all(set(each) == {"roomName", "peer", "verdict", "side", "why"} for each in told), json.dumps(told)
        assert all(each["roomName"] == self.room and each["peer"] == self.peer for each in told)
        return [(each["verdict"], each["side"]) for each in told]
