"""``call-state``: a client tells how its connection to another member is. Claims, in words that are all known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime

from rtcsignal.calls.recorder import Recorder
from rtcsignal.errors import Refused
from rtcsignal.rates import Rate, TokenBucket
from rtcsignal.signaling.handlers import acknowledge
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.relay.messages import argumentsOf
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.socketio.packet import Packet

__all__ = ["MOST_BYTES", "RATE", "Reports", "readReport"]

MOST_BYTES = 1024
RATE = Rate(2, 20)
"""How many reports a client may send."""

_CONNECTION = frozenset(("new", "connecting", "connected", "disconnected", "failed", "closed"))
_ICE = frozenset(("new", "checking", "connected", "completed", "disconnected", "failed", "closed"))
_DTLS = frozenset(("new", "connecting", "connected", "closed", "failed"))
_TYPES = frozenset(("host", "srflx", "prflx", "relay"))
_PROTOCOLS = frozenset(("udp", "tcp", "tls"))
_SCHEMES = frozenset(("stun", "stuns", "turn", "turns"))
_OPERATIONS = frozenset(
    (
        *("offer", "answer", "candidate", "negotiate", "restart", "configuration", "media", "msg1", "msg2", "msg3"),
        *("createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription", "addIceCandidate"),
        *("setConfiguration", "restartIce", "addTrack", "getUserMedia"),
    )
)
_NAMES = frozenset(
    (
        *("Error", "TypeError", "RangeError", "ReferenceError", "SyntaxError", "OperationError", "InvalidStateError"),
        *("InvalidAccessError", "InvalidModificationError", "NotSupportedError", "NotAllowedError", "NotFoundError"),
        *("NotReadableError", "OverconstrainedError", "SecurityError", "AbortError", "NetworkError", "TimeoutError"),
        *("UnknownError", "DataError", "EncodingError", "RTCError"),
    )
)
_MOST_RTT, _LEAST_CODE, _MOST_CODE, _MOST_EXPIRES = 3600.0, 300, 799, 1e11


class Reports:
    """Takes the reports of clients.

    Args:
        recorder: Gets them.
        clock: The time.
    """

    def __init__(self, recorder: Recorder, clock: IReactorTime) -> None:
        self._recorder = recorder
        self._clock = clock
        self._paces: dict[Participant, TokenBucket] = {}

    def handle(self, participant: Participant, event: Packet) -> None:
        """Handle ``call-state``; see `rtcsignal.signaling.handlers.Handler`."""
        self._checkPace(participant)
        if len(event.text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
            raise Refused("bad-arguments", f"A report has {MOST_BYTES} bytes at most.")
        arguments = argumentsOf(event)
        body = arguments[0] if arguments else None
        if not isinstance(body, dict):
            raise Refused("bad-arguments", "The argument must be an object.")
        seat, peer = self._about(participant, body)
        ev, data = readReport(body)
        self._recorder.reported(seat, peer, ev, data)
        acknowledge(participant, event.ackId)

    def gone(self, participant: Participant) -> None:
        """A participant's connection is over."""
        self._paces.pop(participant, None)

    def _checkPace(self, participant: Participant) -> None:
        now = self._clock.seconds()
        pace = self._paces.get(participant)
        if pace is None:
            pace = RATE.bucket(now)
            if participant.peer.connected:
                self._paces[participant] = pace
        if not pace.tryTake(now):
            raise Refused("rate-limited", "You are reporting too often.")

    def _about(self, participant: Participant, body: Mapping[str, Any]) -> tuple[Seat, str]:
        """From which seat a report is, and about whom."""
        roomName, peer = body.get("roomName"), body.get("peer")
        if roomName is not None and not isinstance(roomName, str):
            raise Refused("bad-arguments", "roomName is not a string.")
        if not isinstance(peer, str) or not peer:
            raise Refused("bad-arguments", "peer is not the user id of another member.")
        seats = [seat for name, seat in participant.seats.items() if roomName is None or name == roomName]
        if not seats:
            raise Refused("not-in-room", "Join the room first.")
        for seat in seats:
            if peer == seat.userId:
                raise Refused("bad-arguments", "peer is the user id of another member.")
            if peer in seat.room.users or self._recorder.knows(seat.room.name, seat.userId, peer):
                return seat, peer
        raise Refused("not-in-room", "The other one is not in this room.")


def readReport(body: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """What a report says; what is not known of it is left out.

    Raises:
        Refused: ``bad-arguments``: a word that is not one of those that there are.
    """
    ev = body.get("ev")
    if ev == "state":
        return ev, _state(body)
    if ev == "gather-error":
        error = {"code": _number(body, "code", _LEAST_CODE, _MOST_CODE), "scheme": _word(body, "scheme", _SCHEMES)}
        error |= {"proto": _word(body, "proto", _PROTOCOLS), "expires": _number(body, "expires", 0, _MOST_EXPIRES)}
        if not isinstance(error["code"], int):
            raise _bad("code")
        return ev, _present(error)
    if ev == "client-error":
        found = {"op": _word(body, "op", _OPERATIONS), "name": _word(body, "name", _NAMES)}
        if None in found.values():
            raise _bad("op" if found["op"] is None else "name")
        return ev, found
    raise _bad("ev")


def _state(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"state": _word(body, "state", _CONNECTION)}
    if found["state"] is None:
        raise _bad("state")
    found |= {"ice": _word(body, "ice", _ICE), "dtls": _word(body, "dtls", _DTLS)}
    selected = body.get("sel")
    if selected is not None and not isinstance(selected, Mapping):
        raise _bad("sel")
    if selected:
        vocabularies = {"local": _TYPES, "remote": _TYPES, "protocol": _PROTOCOLS, "relayProtocol": _PROTOCOLS}
        found["sel"] = _present({name: _word(selected, name, words) for name, words in vocabularies.items()})
    found["rtt"] = _number(body, "rtt", 0, _MOST_RTT)
    found["loss"] = _number(body, "loss", 0, 1)
    return _present(found)


def _word(body: Mapping[str, Any], name: str, words: frozenset[str]) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value not in words:
        raise _bad(name)
    return value


def _number(body: Mapping[str, Any], name: str, least: float, most: float) -> float | int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most:
        raise _bad(name)
    return value


def _present(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if value is not None}


def _bad(name: str) -> Refused:
    return Refused("bad-arguments", f"{name} is not one of the values that are known.")
