"""Who hears of a verdict: the two whom it is about, and the operator."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from rtcsignal.calls.call import Call
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe
from rtcsignal.signaling.events import CALL_VERDICT

__all__ = ["Telling"]

_log = Logger(namespace="rtcsignal.calls")


class Telling:
    """Tells.

    Args:
        logRation: How much of it may go to the log.
    """

    def __init__(self, logRation: LogRation) -> None:
        self._logRation = logRation

    def tell(self, room: Any, call: Call) -> None:
        """Tell of the verdict of a call.

        Args:
            room: Where.
            call: The call.
        """
        verdict, side = call.verdict, call.sideName
        for userId in call.pair:
            (other,) = {*call.pair} - {userId}
            told = {"roomName": call.roomName, "peer": other, "verdict": verdict.verdict, "side": side}
            for peer in room.addressees(userId):
                peer.tell(CALL_VERDICT, {**told, "why": verdict.why})
        if self._logRation.allows("calls"):
            _log.info(
                "call of {one} and {two} in {room}: {verdict}{side}: {why}",
                one=safe(call.pair[0]),
                two=safe(call.pair[1]),
                room=safe(call.roomName),
                verdict=verdict.verdict,
                side="" if side is None else f" ({safe(side)})",
                why=safe(verdict.why, 1000),
            )
