"""What is counted of each plugin."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["OTHER", "Counters"]

OTHER = "other"
_MOST_CODES = 50


@dataclass(slots=True)
class Counters:
    """How often a plugin was called, and what came of it, since the server started; reloads do not reset it.

    Attributes:
        calls: Calls of its methods, those that the breaker held back not among them.
        refusals: Its own refusals, by code; beyond 50 different codes as ``other``.
        shadowed: Verdicts that were not enforced, by code, or as ``drop`` or ``change``.
        dropped: Messages that it dropped without a word.
        errors: Exceptions other than `Refused`, and results of the wrong kind.
        timeouts: Answers that did not come in time.
        unavailable: Requests that the breaker answered without a call.
        blocked: Calls that did not return for longer than they may.
        seconds: How long its calls ran; all others wait meanwhile.
        waitSeconds: How long its asynchronous answers took in all; no one else waits for them.
        pending: Asynchronous answers that have not come yet.
    """

    calls: int = 0
    refusals: dict[str, int] = field(default_factory=dict)
    shadowed: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    errors: int = 0
    timeouts: int = 0
    unavailable: int = 0
    blocked: int = 0
    seconds: float = 0.0
    waitSeconds: float = 0.0
    pending: int = 0

    def refused(self, code: str) -> None:
        """It has refused something."""
        _count(self.refusals, code)

    def wouldHave(self, verdict: str) -> None:
        """It has come to a verdict that is not enforced."""
        _count(self.shadowed, verdict)


def _count(counts: dict[str, int], key: str) -> None:
    if key not in counts and len(counts) >= _MOST_CODES:
        key = OTHER
    counts[key] = counts.get(key, 0) + 1
