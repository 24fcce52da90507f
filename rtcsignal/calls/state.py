"""What several rules ask of a timeline."""

from __future__ import annotations

from collections.abc import Mapping

from rtcsignal.calls.timeline import Candidate, Description, Report, Side, Timeline

__all__ = ["ANSWER", "CONNECT", "GATHER", "HEAL", "State"]

ANSWER, GATHER, CONNECT, HEAL = 5_000.0, 8_000.0, 10_000.0, 5_000.0
"""Milliseconds: for an answer, for candidates, for a connection, for a connection that heals by itself."""


class State:
    """A timeline, and what follows from it.

    Args:
        line: The timeline.
        names: What the sides are called in sentences.
    """

    def __init__(self, line: Timeline, names: Mapping[str, str]) -> None:
        self.line = line
        self.now = line.now
        self._names = names
        reports = line.reports()
        self.lastUpAt = max((each.t for each in reports if each.state == "connected"), default=None)
        self.hasReports = bool(reports)

    def nameOf(self, side: Side) -> str:
        """What a side is called."""
        return self._names[side.name]

    @property
    def isConnected(self) -> bool:
        """Somebody reports that, and nobody reports otherwise.

        The side to which all looks well says so for a moment even if the other one has failed.
        """
        latest = [side.latest for side, _ in self.line.both() if side.latest is not None]
        if not any(each.state == "connected" for each in latest) or any(each.isFailed for each in latest):
            return False
        down = self.downSince
        return down is None or self.now - down < HEAL

    @property
    def downSince(self) -> float | None:
        """Since when somebody who was connected has reported that they are not; None if nobody does."""
        found: list[float] = []
        for side, _ in self.line.both():
            at: float | None = None
            for report in side.reports:
                if report.state == "connected":
                    at = None
                elif report.isDown and at is None and self._wasUpBefore(report):
                    at = report.t
            if at is not None and side.latest is not None and side.latest.state != "closed":
                found.append(at)
        return min(found, default=None)

    def _wasUpBefore(self, report: Report) -> bool:
        return any(each.state == "connected" and each.t <= report.t for each in self.line.reports())

    @property
    def isProbablyConnected(self) -> bool:
        """Nobody reports anything, and all that is needed was delivered some time ago."""
        if self.hasReports or self.line.hungUpAt is not None:
            return False
        offers = [offer for side, _ in self.line.both() for offer in side.offers]
        end = min((side.leftAt for side, _ in self.line.both() if side.leftAt is not None), default=self.now)
        return bool(offers) and end - max(each.t for each in offers) >= CONNECT and self._isExchanged()

    def _isExchanged(self) -> bool:
        isAnswered = any(
            self.answerTo(offer, side, peer, delivered=True) is not None and offer.isDelivered
            for side, peer in self.line.both()
            for offer in side.offers
        )
        return isAnswered and all(any(each.delivered for each in side.sent()) for side, _ in self.line.both())

    @property
    def isLeftEarly(self) -> bool:
        """Somebody has left before the call came about, as far as is known."""
        if self.lastUpAt is not None:
            return False
        return self.hasReports or not self._isExchanged()

    @property
    def isFailed(self) -> bool:
        """Somebody's last word is that it has failed."""
        return any(side.latest is not None and side.latest.isFailed for side, _ in self.line.both())

    @property
    def isSlow(self) -> bool:
        """A connection has had the time that it may take, or has failed."""
        since = self.answeredSince
        return self.isFailed or (since is not None and self.now - since >= CONNECT)

    @property
    def answeredSince(self) -> float | None:
        """Since when both sides could connect: the first answer that was delivered since they last were connected."""
        after = self.lastUpAt if self.lastUpAt is not None else -1.0
        times = [
            answer.deliveredAt
            for side, _ in self.line.both()
            for answer in side.answers
            if answer.deliveredAt is not None and answer.deliveredAt > after
        ]
        return min(times, default=None)

    def answerTo(self, offer: Description, side: Side, peer: Side, delivered: bool = False) -> Description | None:
        """What answers an offer of a side.

        Args:
            offer: The offer.
            side: Whose.
            peer: The other one.
            delivered: The answer must have arrived.
        """
        following = min((each.t for each in side.offers if each.t > offer.t), default=None)
        for answer in peer.answers:
            isInTime = answer.last >= offer.t and (following is None or answer.t <= following)
            if isInTime and (answer.isDelivered or not delivered):
                return answer
        return None

    def relays(self, side: Side) -> list[Candidate]:
        """The relay candidates of a side's current generation."""
        return [each for each in side.sent() if each.type == "relay"]

    def silenceOf(self, side: Side) -> float:
        """For how many milliseconds nothing was heard of a side's gathering.

        A restart is no sign of it: a client that restarts again and again would hide for ever that nothing comes.
        """
        signs = [
            *(each.last for each in side.candidates),
            *(each.t for each in side.errors),
            *(t for t, _ in side.ends),
        ]
        if not signs:
            return self.now - min((each.t for each in side.descriptions), default=self.now)
        last = max(signs)
        # What was gathered before says nothing of what began after it.
        begun = [each.t for each in side.descriptions if each.t > last]
        return self.now - min(begun, default=last)

    def offers(self) -> list[tuple[Description, Side, Side]]:
        """All offers, each with its side and the other one."""
        return [(offer, side, peer) for side, peer in self.line.both() for offer in side.offers]

    def answers(self) -> list[tuple[Description, Side, Side]]:
        """All answers, likewise."""
        return [(answer, side, peer) for side, peer in self.line.both() for answer in side.answers]

    def lastOffer(self) -> tuple[Description, Side, Side] | None:
        """The newest offer of all, with its side and the other one."""
        return max(self.offers(), key=lambda each: each[0].t, default=None)
