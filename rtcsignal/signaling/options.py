"""Settings of signalling."""

from __future__ import annotations

from dataclasses import dataclass, field

from rtcsignal.rates import Rate

__all__ = ["SignalingOptions"]


@dataclass(frozen=True)
class SignalingOptions:
    """Settings of the signalling. 0 disables a limit.

    Attributes:
        echo: Senders get their own broadcasts, unless these are for one user.
        exact: As the server that this one replaces: no routing by target or room, no binding of user ids, no further
            arguments of events.
        leaveGrace: Seconds for which a member whose connection was lost is waited for, if its client cannot come back;
            0 for not at all.
        roomsPerPeer: Most rooms of one peer.
        nameCharacters: Longest name of a user or a room.
        joinsRate: Join requests of one connection.
        joinBytes: Longest join request, with its attachments.
        waitingBytes: Most bytes of one peer's requests that wait for the one before them.
    """

    echo: bool = True
    exact: bool = False
    leaveGrace: float = 0.0
    roomsPerPeer: int = 32
    nameCharacters: int = 256
    joinsRate: Rate = field(default_factory=lambda: Rate(10, 100))
    joinBytes: int = 16_384
    waitingBytes: int = 1_048_576
