"""The issuer: gives members their ICE servers when they join, when they ask, and before what they have runs out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from rtcsignal.clocks import WallClock
from rtcsignal.ice.renewal import Renewal, Renewals
from rtcsignal.ice.servers import IceOptions, Issue, issueFor
from rtcsignal.iceservers import IceServers
from rtcsignal.signaling.events import ICE_SERVERS
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.values import EMPTY

__all__ = ["Issued", "Issuer", "Providers"]

_log = Logger()

_AWAY_SECONDS = 1.0

Issued = Callable[[Participant, int, float | None], None]
"""Called with whom something was given, how many URLs of TURN, and until when they are good, since the epoch."""


class Providers(Protocol):
    """What is asked of the plugins: a part of `rtcsignal.signaling.gates.Gates`."""

    @property
    def giveIce(self) -> bool:
        """Whether there are providers of ICE servers."""

    def iceServers(self, peer: Any, room: Any) -> tuple[IceServers, ...] | Deferred[tuple[IceServers, ...]]:
        """What they give to this `IPeer` in this `IRoom`. Never fails: what goes wrong is left out."""


class _Grant:
    """What is known of somebody who is given ICE servers.

    Attributes:
        participant: Who.
        seat: Where they were given it last.
        renewal: When they are given it again.
        provided: What the providers have given, and when.
        isGiven: They have something that may run out.
    """

    __slots__ = ("at", "isGiven", "participant", "provided", "renewal", "seat")

    def __init__(self, participant: Participant, seat: Seat) -> None:
        self.participant = participant
        self.seat = seat
        self.renewal = Renewal(self)
        self.provided: tuple[IceServers, ...] = ()
        self.at = 0.0
        self.isGiven = False


class Issuer:
    """Gives ICE servers to members.

    Args:
        options: The settings; replaced as a whole.
        providers: Gives the plugins of the moment.
        clock: The time.
        wall: The time of day, by which credentials expire.

    Attributes:
        observers: Are told of all that is given. Others may add to them.
    """

    def __init__(
        self,
        options: IceOptions,
        providers: Callable[[], Providers],
        clock: IReactorTime,
        wall: WallClock,
    ) -> None:
        self.observers: list[Issued] = []
        self._options = options
        self._providers = providers
        self._clock = clock
        self._wall = wall
        self._grants: dict[Participant, _Grant] = {}
        self._renewals = Renewals(clock, self._renew)

    def __len__(self) -> int:
        """How many have been given something."""
        return len(self._grants)

    @property
    def isUsed(self) -> bool:
        """There is something to give."""
        return bool(self._options.sources) or self._providers().giveIce

    def replace(self, options: IceOptions) -> None:
        """Other servers are in use, or other providers: everyone who was given something gets the new ones soon.

        Args:
            options: The settings.
        """
        self._options = options
        for grant in self._grants.values():
            if grant.isGiven:
                self._renewals.soon(grant.renewal)

    def prepare(self, seat: Seat) -> Deferred[None] | None:
        """Somebody is about to be given servers: ask the providers.

        Args:
            seat: Where, which need not be taken yet.

        Returns:
            Fires when they have answered; None if that was at once, or if there are none.
        """
        providers = self._providers()
        if not providers.giveIce:
            if seat.participant in self._grants:
                self._provided((), seat)
            return None
        answer = providers.iceServers(seat.view, seat.room.view)
        if isinstance(answer, Deferred):
            return answer.addCallback(self._provided, seat)
        self._provided(answer, seat)
        return None

    def welcome(self, seat: Seat) -> Mapping[str, Any]:
        """What the acknowledgement of a join has of it."""
        return {"ice": self.give(seat)} if self.isUsed else EMPTY

    def give(self, seat: Seat) -> dict[str, Any]:
        """Give servers to a member: those of the configuration, and what `prepare` has found.

        Returns:
            What the client gets.
        """
        grant = self._grantOf(seat)
        grant.seat = seat
        return self._issue(grant).shape

    def gone(self, participant: Participant) -> None:
        """A participant's connection is over."""
        grant = self._grants.pop(participant, None)
        if grant is not None:
            self._renewals.forget(grant.renewal)

    def stop(self) -> None:
        """The server stops: nothing is renewed any more."""
        self._renewals.stop()
        self._grants.clear()

    def _grantOf(self, seat: Seat) -> _Grant:
        participant = seat.participant
        grant = self._grants.get(participant)
        if grant is None:
            grant = _Grant(participant, seat)
            if participant.peer.connected:
                self._grants[participant] = grant
        return grant

    def _provided(self, answer: tuple[IceServers, ...], seat: Seat) -> None:
        grant = self._grantOf(seat)
        grant.provided, grant.at = answer, self._clock.seconds()

    def _issue(self, grant: _Grant) -> Issue:
        participant, options = grant.participant, self._options
        issue = issueFor(options, grant.seat.userId, self._admits(participant), self._fresh(grant), self._wall())
        if self.isUsed:
            grant.isGiven = True
            self._renewals.given(grant.renewal, issue.ttl)
        for observer in self.observers:
            observer(participant, issue.relays, issue.expiresAt)
        return issue

    def _admits(self, participant: Participant) -> bool:
        try:
            return self._options.admits(participant.identity.roles, participant.peer.origin)
        except Exception:
            _log.failure("whether somebody is given relays could not be decided")
            return False

    def _fresh(self, grant: _Grant) -> list[IceServers]:
        """What the providers have given that is still good."""
        age = self._clock.seconds() - grant.at
        if not age:
            return list(grant.provided)
        aged = ((each.servers, None if each.ttl is None else each.ttl - age) for each in grant.provided)
        return [IceServers(servers, ttl) for servers, ttl in aged if ttl is None or ttl >= 1]

    def _renew(self, renewal: Renewal) -> None:
        grant: _Grant = renewal.whom
        peer = grant.participant.peer
        if peer.away:  # it would not hear of it; when it is back, it does
            self._renewals.after(renewal, _AWAY_SECONDS)
            return
        if not self.isUsed:
            grant.isGiven, grant.provided = False, ()
        waiting = self.prepare(grant.seat)
        if waiting is None:
            self._push(None, grant)
        else:
            waiting.addCallback(self._push, grant)

    def _push(self, _: None, grant: _Grant) -> None:
        peer = grant.participant.peer
        if peer.connected:
            peer.tell(ICE_SERVERS, self._issue(grant).shape)
