"""A plugin that never comes to an end: an authenticator, a room policy and a message filter."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.api import Handshake, IAuthenticator, Identity, IMessageFilter, IRoomPolicy, Message


@implementer(IAuthenticator, IRoomPolicy, IMessageFilter)
class Thinking:
    """Thinks for ever about tokens, rooms and messages that ask for it."""

    name = "thinking"

    def authenticate(self, handshake: Handshake) -> Any:
        return Deferred() if handshake.query.get("token") == "think" else Identity()

    def mayJoin(self, peer: Any, room: Any) -> Any:
        return Deferred() if room.name == "think" else None

    def filterMessage(self, peer: Any, room: Any, message: Message) -> Any:
        return Deferred() if message.userId == "thinker" else message


thinking = Thinking()
