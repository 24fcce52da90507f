"""Where signalling asks plugins. The code that builds the server supplies the answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from rtcsignal.iceservers import IceServers
from rtcsignal.values import Handshake, Identity, Message

__all__ = ["CurrentGates", "Gates", "OpenGates"]

_ANYBODY = Identity()


class Gates(Protocol):
    """Answers at once, or with a Deferred; refuses with `Refused`, at once or later, and fails with nothing else.

    Attributes:
        judgesJoins: `mayJoin` may say something.
        judgesMessages: `filterMessage` may say something; messages take the short way if not.
        watchesDoors: Somebody hears of `entering`.
        giveIce: `iceServers` may give some.
        culprit: The plugin that has dropped or refused a message last.
    """

    judgesJoins: bool
    judgesMessages: bool
    watchesDoors: bool
    giveIce: bool

    @property
    def culprit(self) -> str:
        """See above."""

    @property
    def events(self) -> Collection[str]:
        """Names of further events that members may send."""

    def authenticate(self, handshake: Handshake) -> Identity | Deferred[Identity]:
        """Who is it?"""

    def mayJoin(self, peer: Any, room: Any) -> Deferred[None] | None:
        """May this `IPeer` join this `IRoom`?"""

    def filterMessage(
        self, peer: Any, room: Any, message: Message
    ) -> Message | Deferred[Message | None] | None:
        """What is the room to receive? None: nothing."""

    def handleEvent(
        self, peer: Any, room: Any, event: str, body: Mapping[str, Any]
    ) -> Mapping[str, Any] | Deferred[Mapping[str, Any] | None] | None:
        """Take one of `events` from a member; what is returned goes into the acknowledgement."""

    def iceServers(self, peer: Any, room: Any) -> tuple[IceServers, ...] | Deferred[tuple[IceServers, ...]]:
        """Which ICE servers do plugins give to this `IPeer` in this `IRoom`? Never fails: that is left out."""

    def entering(self, peer: Any, room: Any) -> None:
        """Tell the observers that this `IPeer` is about to join."""

    def withdrew(self, peer: Any, room: Any, reason: str) -> None:
        """Tell the observers that this `IPeer` no longer waits."""

    def joined(self, peer: Any, room: Any) -> None:
        """Tell the observers."""

    def left(self, peer: Any, room: Any, reason: str) -> None:
        """Tell the observers."""


class OpenGates:
    """No plugin at all: everyone may do everything."""

    judgesJoins = False
    judgesMessages = False
    watchesDoors = False
    giveIce = False
    culprit = ""
    events: Collection[str] = ()

    def authenticate(self, handshake: Handshake) -> Identity:
        return _ANYBODY

    def mayJoin(self, peer: Any, room: Any) -> None:
        return None

    def filterMessage(self, peer: Any, room: Any, message: Message) -> Message:
        return message

    def handleEvent(self, peer: Any, room: Any, event: str, body: Mapping[str, Any]) -> None:
        return None

    def iceServers(self, peer: Any, room: Any) -> tuple[IceServers, ...]:
        return ()

    def entering(self, peer: Any, room: Any) -> None:
        pass

    def withdrew(self, peer: Any, room: Any, reason: str) -> None:
        pass

    def joined(self, peer: Any, room: Any) -> None:
        pass

    def left(self, peer: Any, room: Any, reason: str) -> None:
        pass


class CurrentGates:
    """Where the parts of a hub find the gates: these are replaced as a whole, so no part keeps them.

    Attributes:
        now: The gates of the moment.
    """

    __slots__ = ("now",)

    def __init__(self, gates: Gates) -> None:
        self.now = gates
