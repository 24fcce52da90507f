"""Messages between nodes: events for members elsewhere, and whatever comes on the channel of this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.logger import Logger

from rtcsignal.backplane.frames import Frame, FrameError, OtherVersion, Said, Told, encodeFrame, readFrame
from rtcsignal.backplane.line import Line
from rtcsignal.backplane.nodes import Nodes
from rtcsignal.errors import ProtocolError
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe
from rtcsignal.signaling.cluster import Audience, Ear, End, Member
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.fanout import OutgoingEvent

__all__ = ["Bus", "Counts", "Mistaken"]

_log = Logger(namespace="rtcsignal.backplane")

_LINES_PER_SECOND = 0.2
"""About what was dropped, of each kind: it comes in floods, and one line says it."""


class Counts:
    """What has gone over the bus since the process began.

    Attributes:
        published: Messages that were handed to Redis, one for each node that has receivers.
        dropped: Messages that were not, as Redis was not there or did not keep up.
        received: Frames that came.
        ignored: Those of them that were not applied: not to be read, or from someone who is not known.
    """

    __slots__ = ("dropped", "ignored", "published", "received")

    def __init__(self) -> None:
        self.published = self.dropped = self.received = self.ignored = 0


class Mistaken(ValueError):
    """A frame is none that this node applies."""


class Bus:
    """Sends and takes messages.

    Args:
        nodes: Which nodes there are.
        outstanding: Bytes that Redis may leave unanswered before messages are dropped; 0 for no limit.
        seconds: The time.
        apply: Applies the frames that are not messages.

    Attributes:
        counts: What has gone over it.
    """

    def __init__(
        self, nodes: Nodes, outstanding: int, seconds: Callable[[], float], apply: Callable[[Frame], None]
    ) -> None:
        self.ear: Ear | None = None
        self.counts = Counts()
        self._nodes = nodes
        self._outstanding = outstanding
        self._logRation = LogRation(seconds, _LINES_PER_SECOND, 1)
        self._apply = apply
        self._line: Line | None = None
        self._incarnation = ""

    def use(self, line: Line | None, incarnation: str) -> None:
        """There is another line, or none."""
        self._line = line
        self._incarnation = incarnation

    def say(self, audience: Audience, event: OutgoingEvent, sender: str) -> int:
        """Hand an event to members on other nodes; see `Cluster.say`."""
        rooms, reach, target, without = audience
        frame = encodeFrame(
            (1, "M", self._incarnation, sender, rooms, target, without, event.text, event.attachments)
        )
        count = 0
        for home, members in reach:
            if self._send(home, frame):
                count += members
        return count

    def tell(self, member: Member, event: OutgoingEvent) -> None:
        """Hand an event to a client of another node."""
        self._send(member.home, self.told(member.facts.id, (event,)))

    def claim(self, home: str, pid: str) -> None:
        """A client is here that was on another node."""
        self._send(home, encodeFrame((1, "C", self._incarnation, pid)))

    def told(self, memberId: str, events: tuple[OutgoingEvent, ...]) -> bytes:
        """The frame that tells a client something."""
        return encodeFrame((1, "T", self._incarnation, memberId, [(each.text, each.attachments) for each in events]))

    def endOf(self, end: End) -> tuple[str, str, str, bytes]:
        """The arguments of `ENTER` for an end."""
        return end.id, end.reason, "c" if end.connection else "", self.told(end.id, end.events) if end.events else b""

    def _send(self, home: str, frame: bytes) -> bool:
        line, incarnation = self._line, self._nodes.incarnationOf(home)
        if line is None or incarnation is None or (self._outstanding and line.outstanding > self._outstanding):
            self.counts.dropped += 1
            return False
        line.publish(incarnation, frame)
        self.counts.published += 1
        return True

    def take(self, data: bytes) -> None:
        """Something has come on the channel of this node."""
        self.counts.received += 1
        try:
            frame = readFrame(data)
            if isinstance(frame, Said):
                self._said(frame)
            elif isinstance(frame, Told):
                self._told(frame)
            else:
                self._apply(frame)
        except OtherVersion as error:
            self._ignored("messages of other versions", str(error))
        except (FrameError, Mistaken, ProtocolError, msgspec.MsgspecError, UnicodeError) as error:
            self._ignored("messages on the bus", str(error))

    def _said(self, frame: Said) -> None:
        if not self._nodes.isCurrent(frame.incarnation):
            raise Mistaken("from a node that is not known")
        event = self._eventOf(frame.text, frame.attachments, isTrusted=bool(frame.sender))
        if self.ear is not None and not self.ear.heard(
            frame.rooms, frame.without, frame.target, event, frame.sender
        ):
            raise Mistaken("from a member who is not known")

    def _told(self, frame: Told) -> None:
        if not self._nodes.isCurrent(frame.incarnation):
            raise Mistaken("from a node that is not known")
        for text, attachments in frame.events:
            event = self._eventOf(text, attachments, isTrusted=False)
            if self.ear is not None:
                self.ear.told(frame.id, event)

    @staticmethod
    def _eventOf(text: str, attachments: list[bytes], isTrusted: bool) -> OutgoingEvent:
        """The event that a text is.

        Raises:
            Mistaken: It is none.
            ProtocolError: It is not JSON.
        """
        if not isTrusted:
            value: Any
            value, text = jsontext.decode(text, depth=0)
            if not isinstance(value, list) or not value or not isinstance(value[0], str):
                raise Mistaken("not an event")
        return OutgoingEvent(text, tuple(attachments))

    def _ignored(self, kind: str, why: str) -> None:
        self.counts.ignored += 1
        if self._logRation.allows(kind):
            _log.warn("a message of another node was dropped: {why}", why=safe(why))
