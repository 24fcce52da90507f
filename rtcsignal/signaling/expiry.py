"""The end of identities: anyone who is known only until a certain time is put out when that has come.

An identity ends at a time of day, which is the word of whoever has issued it. The wall clock judges it when its client
connects; from then on what is left of it is measured. So nobody is put out, and nobody stays longer, because the wall
clock is set meanwhile.
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

_MESSAGE = "You were signed in until now. Sign in again."
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
        """A participant has come: it is put out when its identity expires."""
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
