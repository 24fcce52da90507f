"""Limits the size of messages, by kind."""

from __future__ import annotations

from zope.interface import implementer

from rtcsignal.api import Configurable, IMessageFilter, IPeer, IRoom, Message, Option, Refused


@implementer(IMessageFilter)
class MaxSize(Configurable):
    """Refuses messages that are too long. What counts is what was sent, binary parts included."""

    name = "max-size"
    offer = Option(int, 65_536, "Most bytes of an offer; 0 for no limit.", least=0)
    answer = Option(int, 65_536, "Most bytes of an answer; 0 for no limit.", least=0)
    candidate = Option(int, 4_096, "Most bytes of a candidate; 0 for no limit.", least=0)
    hangup = Option(int, 4_096, "Most bytes of a hang-up; 0 for no limit.", least=0)
    other = Option(int, 16_384, "Most bytes of any other message; 0 for no limit.", least=0)

    def prepare(self) -> None:
        self._most = {kind: getattr(self, kind) or float("inf") for kind in self.options}

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message:
        most = self._most[message.kind]
        if message.size > most:
            raise Refused("too-large", "The message is too long.", {"most": most, "size": message.size})
        return message


maxSize = MaxSize()
