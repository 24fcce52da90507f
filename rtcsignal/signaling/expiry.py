"""The end of identities: a client whose identity expires is disconnected at that time.

An identity ends at a time of day, which its issuer has set. The wall clock judges it when its client connects; from
then on the time that is left is measured. So setting the wall clock meanwhile neither disconnects anyone early nor
lets anyone stay longer.
"""

from __future__ import annotations

from collections.abc import Collection

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from rtcsignal.clocks import WallClock
from rtcsignal.errors import Refused
from rtcsignal.signaling.participant import Participant
from rtcsignal.values import Identity

__all__ = ["EXPIRED", "Expiries"]

EXPIRED = "expired"
"""The reason that rooms are told, and the code that the client is."""

_MESSAGE = "Your sign-in has expired. Sign in again."
_FOREVER = 1e10


class Expiries:
    """A timer for each participant whose identity expires; those whose identity does not cost nothing.

    Args:
        clock: The time.
        wall: The time of day.
    """

    def __init__(self, clock: IReactorTime, wall: WallClock) -> None:
        self._clock = clock
        self._wall = wall
        self._timers: dict[Participant, IDelayedCall] = {}

    @property
    def watched(self) -> Collection[Participant]:
        """The participants whose identities expire."""
        return self._timers.keys()

    def check(self, identity: Identity) -> Identity:
        """The same identity, if it holds now.

        Raises:
            Refused: ``expired``.
        """
        if identity.expiresAt is not None and identity.expiresAt <= self._wall():
            raise Refused(EXPIRED, _MESSAGE)
        return identity

    def watch(self, participant: Participant) -> None:
        """A participant has come: it is disconnected when its identity expires."""
        expiresAt, now = participant.identity.expiresAt, self._wall()
        if expiresAt is not None and expiresAt < now + _FOREVER:
            self._timers[participant] = self._clock.callLater(max(expiresAt - now, 0.0), self._expire, participant)

    def forget(self, participant: Participant) -> None:
        """A participant has gone."""
        timer = self._timers.pop(participant, None) if self._timers else None
        if timer is not None:
            timer.cancel()

    def _expire(self, participant: Participant) -> None:
        del self._timers[participant]
        participant.expel(EXPIRED, _MESSAGE)
