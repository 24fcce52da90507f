"""The states of a session, and how each of them is reached.

::

    NEW ---- polling answers its handshake --------> POLLING
    POLLING ---- a WebSocket brings our sid -------> PROBING
    PROBING ---- it sends "2probe" ----------------> UPGRADING    polls are answered at once from now on
    PROBING, UPGRADING -- it is lost or late ------> POLLING
    PROBING, UPGRADING -- it sends "5" ------------> WEBSOCKET    without a probe from some microcontrollers
    NEW ---- a WebSocket has brought no sid -------> WEBSOCKET
    POLLING, PROBING, UPGRADING -- close() --------> CLOSING      a poll must still tell the client
    any open -- lost(), abort(), WEBSOCKET -- close() --> CLOSED
    CLOSING -- the client has been told, or lost --> CLOSED

Pure: `Session` takes the steps.
"""

from __future__ import annotations

import enum

__all__ = ["OPEN_PHASES", "POLLING_PHASES", "Phase", "WrongPhase"]


class Phase(enum.Enum):
    """The states of a session."""

    NEW = "new"
    POLLING = "polling"
    PROBING = "probing"
    UPGRADING = "upgrading"
    WEBSOCKET = "websocket"
    CLOSING = "closing"
    CLOSED = "closed"

    def after(self, before: Phase) -> Phase:
        """The same state, if it can be reached.

        Args:
            before: From which one.

        Raises:
            WrongPhase: The table has no such line.
        """
        if before not in _BEFORE[self]:
            raise WrongPhase(f"a session that is {before.value} cannot become {self.value}")
        return self


class WrongPhase(RuntimeError):
    """Code has taken a step that does not exist."""


POLLING_PHASES = frozenset((Phase.POLLING, Phase.PROBING, Phase.UPGRADING))
"""The session is on polling, perhaps with an upgrade under way."""

OPEN_PHASES = POLLING_PHASES | {Phase.WEBSOCKET}
"""The application may send, and receives."""

_PROBED = frozenset((Phase.PROBING, Phase.UPGRADING))
_BEFORE: dict[Phase, frozenset[Phase]] = {
    Phase.NEW: frozenset(),
    Phase.POLLING: _PROBED | {Phase.NEW},
    Phase.PROBING: frozenset((Phase.POLLING,)),
    Phase.UPGRADING: frozenset((Phase.PROBING,)),
    Phase.WEBSOCKET: _PROBED | {Phase.NEW},
    Phase.CLOSING: POLLING_PHASES,
    Phase.CLOSED: OPEN_PHASES | {Phase.CLOSING},
}
