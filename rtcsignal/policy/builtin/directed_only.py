"""Refuses messages to everyone, of kinds that are meant for one user."""

from __future__ import annotations

from typing import Literal

from zope.interface import implementer

from rtcsignal.api import Configurable, IMessageFilter, IPeer, IRoom, Message, Option, Refused

_Kind = Literal["offer", "answer", "candidate", "hangup", "other"]
_USUAL: list[_Kind] = ["offer", "answer", "candidate"]


@implementer(IMessageFilter)
class DirectedOnly(Configurable):
    """Refuses messages without ``targetUserId``: with them a room of n costs n times the traffic."""

    name = "directed-only"
    kinds = Option(list[_Kind], _USUAL, "The kinds that must say who they are for.", least=1)

    def prepare(self) -> None:
        self._kinds = frozenset(self.kinds)

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message:
        if message.targetUserId is None and message.kind in self._kinds:
            raise Refused("no-target", "targetUserId must say who this is for.", {"kind": message.kind})
        return message


directedOnly = DirectedOnly()
