"""Plugins for the soak: they refuse, fail, think for long and never answer; and one counts what is alive."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from zope.interface import implementer

from rtcsignal.api import (
    Handshake,
    IAuthenticator,
    Identity,
    IEventHandler,
    IMessageFilter,
    IRoomObserver,
    IRoomPolicy,
    IServices,
    Message,
    Refused,
    Waiting,
)

# Kinds of log lines are as many as there are calls in the code.
_BOUNDED = ("rtcsignal.lograte._Kind",)
_WATCHED = ("rtcsignal.", "autobahn.", "twisted.web", "twisted.internet.tcp")


@implementer(IAuthenticator, IRoomPolicy, IMessageFilter, IEventHandler, IRoomObserver)
class Soaking:
    """Does what the token, the room's name or the message asks it for, and remembers people where plugins may."""

    name = "soaking"
    events = ("count-objects",)

    def start(self, services: IServices) -> None:
        self.services = services

    def authenticate(self, handshake: Handshake) -> Any:
        return self._do(handshake.query.get("token", ""), Identity())

    def mayJoin(self, peer: Any, room: Any) -> Any:
        return self._do(room.name, None)

    def filterMessage(self, peer: Any, room: Any, message: Message) -> Any:
        body = message.body
        if hasattr(body, "get") and body.get("do") == "kick":
            peer.disconnect("kicked")
        return self._do(body.get("do", "") if hasattr(body, "get") else "", message)

    def handleEvent(self, peer: Any, room: Any, event: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        gc.collect()
        kinds = Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())
        watched = {kind for kind in kinds if kind.startswith(_WATCHED) and kind not in _BOUNDED}
        return {"objects": {kind: kinds[kind] for kind in watched}}

    def joined(self, peer: Any, room: Any) -> None:
        room.data["last"] = room.data["peers"] = [peer]
        peer.data.setdefault("requests", []).append(peer.joinRequest)
        self.services.callLater(0, peer.data.get, "requests", room)

    def left(self, peer: Any, room: Any, reason: str) -> None:
        """Nothing is forgotten: the server has to."""

    def _do(self, what: str, otherwise: Any) -> Any:
        if what == "refuse":
            raise Refused("not-here", "Not here.")
        if what == "wait":
            raise Waiting("Not yet.")
        if what == "raise":
            raise RuntimeError("as the soak wants it")
        if what == "late":
            return deferLater(self.services.clock, 0.2, lambda: otherwise)
        if what == "never":
            never: Deferred[Any] = Deferred()
            return never
        return otherwise


soaking = Soaking()
