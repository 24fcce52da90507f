"""Why sessions end."""

from __future__ import annotations

import enum

__all__ = ["CloseReason"]


class CloseReason(enum.StrEnum):
    """Why a session ended. The words are those that Socket.IO applications know."""

    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"
    GOING_AWAY = "client going away"
    PING_TIMEOUT = "ping timeout"
    PARSE_ERROR = "parse error"
    SLOW_CONSUMER = "slow consumer"
    FLOOD = "too many events"
    FORCED = "forced server close"
    FAILED = "server error"
    SHUTDOWN = "server shutting down"
