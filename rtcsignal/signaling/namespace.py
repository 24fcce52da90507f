"""The signalling as a Socket.IO namespace: events in, acknowledgements and refusals out."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.addresses import whereabouts
from rtcsignal.errors import ConnectRefused, Refused, forgetTraceback
from rtcsignal.logtext import safe
from rtcsignal.signaling.backlog import Backlog
from rtcsignal.signaling.events import BROADCAST, REFUSED, membersOf, readNames, refusal
from rtcsignal.signaling.handlers import Handler, answering
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.participant import Participant, isSame
from rtcsignal.signaling.relay.broadcast import numbered
from rtcsignal.signaling.resume.standing import Standing
from rtcsignal.socketio.jsontext import Unread
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer, Return
from rtcsignal.socketio.reasons import FLOOD, NOT_RECOVERED, PING_TIMEOUT, REPLACED, SHUTDOWN, SLOW_CONSUMER
from rtcsignal.values import Handshake, Identity

__all__ = ["SignalingNamespace"]

_log = Logger()

_REASONS = {
    PING_TIMEOUT: "timeout",
    REPLACED: "replaced",
    SHUTDOWN: "shutdown",
    SLOW_CONSUMER: "slow-consumer",
    FLOOD: "flood",
    NOT_RECOVERED: "timeout",
}


class SignalingNamespace:
    """One namespace of the hub. Several of them share its rooms.

    Args:
        hub: The hub.
        handlers: What becomes of the server's own events, by name. The others may be events of plugins.
    """

    def __init__(self, hub: Hub, handlers: Mapping[str, Handler]) -> None:
        self._hub = hub
        self._handlers: dict[Any, Handler] = {**handlers}
        self._further = answering(hub.pluginEvents.answer)
        self._handler = self._handle  # one for all participants
        self._newBacklog = partial(Backlog, hub.options.waitingBytes)

    @property
    def events(self) -> frozenset[str]:
        """The names of the server's own events."""
        return frozenset(self._handlers)

    def connecting(self, handshake: Handshake) -> Identity | Deferred[Identity]:
        try:
            identity = self._hub.gates.authenticate(handshake)
            if not isinstance(identity, Deferred):
                return self._hub.expiries.check(identity)
        except Refused as refused:
            raise _connectRefused(refused) from None
        identity.addCallback(self._hub.expiries.check)
        return identity.addErrback(_notIdentified)

    def connected(self, peer: Peer) -> None:
        hub = self._hub
        now = hub.clock.seconds()
        peer.application = Participant(peer, peer.identity, now, self._handler, self._newBacklog, hub.station)
        if peer.key is not None:
            peer.application.standing = Standing()
        self._hub.expiries.watch(peer.application)

    def received(self, peer: Peer, event: Packet) -> None:
        name = event.data[0]
        if name in self._handlers or name in self._hub.gates.events:
            peer.application.take(event)

    def mayReturn(self, peer: Peer, identity: Identity) -> bool:
        return isSame(peer.identity, identity)

    def ownerOf(self, identity: Identity) -> str:
        return "" if identity.userId is None else f"={identity.userId}"

    def waitsFor(self, peer: Peer, window: float) -> float:
        """Who has not asked for it is waited for as long as the rules of the rooms say, and only there."""
        participant: Participant = peer.application
        if window and peer.key is None:
            return window
        if not (participant.seats or participant.isBusy or self._hub.waiting.namesOf(participant)):
            return 0.0
        return window or self._hub.options.leaveGrace

    def lost(self, peer: Peer, seconds: float) -> None:
        self._hub.lost(peer.application, seconds)

    def returned(self, peer: Peer, back: Return) -> None:
        self._hub.returned(peer.application, back)

    def disconnected(self, peer: Peer, reason: str) -> None:
        participant: Participant = peer.application
        self._hub.expiries.forget(participant)
        self._hub.gone(participant, participant.endReason or _REASONS.get(reason, "disconnect"))
        participant.gone()
        peer.application = None  # each knew the other, which only the garbage collector would have ended

    def _handle(self, participant: Participant, event: Packet) -> Deferred[None] | None:
        try:
            pending = (self._handlers.get(event.data[0]) or self._further)(participant, event)
        except Refused as refused:
            self._refuse(participant, event, refused)
            return None
        if pending is None:
            return None
        if event.data[0] != BROADCAST:  # which its filters keep anyway
            event = _outlineOf(event)
        pending.addErrback(self._refuseLate, participant, event)
        return None if pending.called and not pending.paused else pending

    def _refuseLate(self, failure: Failure, participant: Participant, event: Packet) -> None:
        if isinstance(failure.value, Refused):
            self._refuse(participant, event, failure.value)
        else:
            participant.peer.failed(failure.value)
        forgetTraceback(failure)

    def _refuse(self, participant: Participant, event: Packet, refused: Refused) -> None:
        forgetTraceback(refused)
        peer = participant.peer
        roomName = _roomNameOf(event)
        if participant.isLate:
            pass  # who has asked is not there any more
        elif event.ackId is not None:
            peer.acknowledge(event.ackId, {"ok": False, "error": refused.reply(), **numbered(participant, event)})
        else:
            peer.emit(REFUSED, refusal(str(event.name), roomName, refused))
        if self._hub.logRation.allows("refusals"):
            _log.info(
                "refused {event} in {room}: {code} (user {user}, {address}, conn {conn})",
                event=event.name,
                room=safe(roomName or "?"),
                code=safe(refused.code),
                user=safe(_userOf(participant, event)),
                address=whereabouts(peer.address),
                conn=peer.conn,
            )


def _connectRefused(refused: Refused) -> ConnectRefused:
    """A refusal in the form that clients of each protocol expect."""
    forgetTraceback(refused)
    return ConnectRefused(refused.message, {**refused.data, "code": refused.code}, refused.reply())


def _notIdentified(failure: Failure) -> Failure:
    if not isinstance(failure.value, Refused):
        return failure
    refused = _connectRefused(failure.value)
    forgetTraceback(failure)
    return Failure(refused)


def _roomNameOf(event: Packet) -> str | None:
    """The room that a refused event names, if it names one at all."""
    if isinstance(event.data[-1], Unread):
        return _textIn(event, "roomName")
    try:
        return readNames(event.arguments, 0)[1]
    except Refused:
        return _textIn(event, "roomName")


def _outlineOf(event: Packet) -> Packet:
    """What a refusal says of an event, without the rest, so that it can be kept while something takes time."""
    names = {"userId": _textIn(event, "userId"), "roomName": _roomNameOf(event)}
    return event._replace(data=[event.name, names], text="", attachments=())


def _userOf(participant: Participant, event: Packet) -> str:
    """For a log line: the user that sent an event, as far as that is known, otherwise the user that it names."""
    known = participant.identity.userId or next((seat.userId for seat in participant.seats.values()), None)
    return known or _textIn(event, "userId") or "?"


def _textIn(event: Packet, key: str) -> str | None:
    """A string in the first argument of an event, if there is one."""
    body = event.data[1] if len(event.data) > 1 else None
    if isinstance(body, Unread):
        body = membersOf(body)
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, str) else None
