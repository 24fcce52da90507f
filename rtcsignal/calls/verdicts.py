"""Verdicts: why a call does not come about. A table of rules, of which the first that holds names the cause.

Pure: events and a time in, a verdict out, the same for calls that are under way and for captures of calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rtcsignal.calls.rules import CONNECT_RULES, RULES, Finding, Rule
from rtcsignal.calls.state import State
from rtcsignal.calls.timeline import Event, Timeline

__all__ = ["CONNECTED", "FINE", "PROGRESS", "VERDICTS", "Verdict", "judge"]

CONNECTED, PROBABLY, HUNG_UP, PROGRESS = "connected", "probably-connected", "hung-up", "in-progress"

FINE = frozenset((CONNECTED, PROBABLY, HUNG_UP, PROGRESS))
"""Verdicts about which there is nothing to be done."""

VERDICTS = (CONNECTED, PROBABLY, HUNG_UP, *(rule.verdict for rule in RULES), PROGRESS)
"""All of them, in the order in which they are looked at."""

_WORDS = {
    CONNECTED: "the call came about",
    PROBABLY: "all that has to be exchanged was delivered, and nobody has reported otherwise",
    HUNG_UP: "somebody hung up",
    PROGRESS: "nothing is wrong so far",
}


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a call.

    Attributes:
        verdict: Its name.
        side: With whom the cause lies, ``a`` or ``b``; None if with both, or with the pair.
        why: A sentence for developers.
        also: What else holds.
        isTrouble: Somebody should hear of it.
        isUp: The call came about, as far as is known.
    """

    verdict: str
    side: str | None
    why: str
    also: tuple[Finding, ...] = ()
    isTrouble: bool = False
    isUp: bool = False


def judge(
    events: Iterable[Event], now: float, at: float | None = None, names: Mapping[str, str] | None = None
) -> Verdict:
    """Judge a call.

    Args:
        events: What has happened, in order.
        now: The time, in milliseconds since the call began.
        at: When it began, in seconds since the epoch; None if that is not known.
        names: What the sides are called in sentences; by default ``a`` and ``b``.
    """
    state = State(Timeline(events, now, at), names or {"a": "a", "b": "b"})
    base = CONNECTED if state.isConnected else PROBABLY if state.isProbablyConnected else ""
    isUp = bool(base)
    if not base and state.line.hungUpAt is not None:
        base = HUNG_UP
    found = [*_findings(CONNECT_RULES if base else RULES, state)]
    if base and not found:
        return Verdict(base, None, _WORDS[base], isUp=isUp)
    if not found:
        return Verdict(PROGRESS, None, _WORDS[PROGRESS])
    cause, *also = found
    isTrouble = cause.verdict != "peer-left" or state.isLeftEarly
    return Verdict(cause.verdict, cause.side, cause.why, tuple(also), isTrouble, isUp)


def _findings(rules: Sequence[Rule], state: State) -> Iterable[Finding]:
    for rule in rules:
        finding = rule.find(state)
        if finding is not None:
            yield Finding(rule.verdict, *finding)
