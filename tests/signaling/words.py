"""What clients hear, in short."""

from __future__ import annotations

from typing import Any

from tests.signaling.world import Heard

__all__ = ["DISCONNECTED", "acked", "away", "back", "joined", "left", "putOut", "room", "userIds"]

DISCONNECTED: Heard = ("<disconnect>",)


def room(userId: str, roomName: str, **more: Any) -> dict[str, Any]:
    """The argument of ``join-room`` and ``leave-room``."""
    return {"userId": userId, "roomName": roomName, **more}


def joined(userId: str, roomName: str) -> Heard:
    """A room is told that somebody came."""
    return "user-joined", userId, {"roomName": roomName}


def left(userId: str, roomName: str, reason: str) -> Heard:
    """A room is told that somebody went."""
    return "user-left", userId, {"roomName": roomName, "reason": reason}


def away(userId: str, roomName: str, window: float) -> Heard:
    """A room is told that the last connection of somebody was lost."""
    return "user-away", userId, {"roomName": roomName, "window": window}


def back(userId: str, roomName: str) -> Heard:
    """A room is told that somebody has come back."""
    return "user-back", userId, {"roomName": roomName}


def putOut(reason: str) -> list[Heard]:
    """All that somebody hears whom a plugin puts out of the server."""
    told = {"event": "connect", "roomName": None, "code": reason, "message": "You have been disconnected."}
    return [("refused", told), DISCONNECTED]


def acked(**more: Any) -> Heard:
    """An acknowledgement that says yes."""
    return "<ack>", {"ok": True, **more}


def userIds(members: list[dict[str, str]]) -> list[str]:
    """The members of an acknowledgement, which must have no other key yet."""
    assert all(member.keys() == {"userId"} for member in members)
    return [member["userId"] for member in members]
