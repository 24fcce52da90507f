"""The states of a session: every step that the table has, and none that it does not have."""

from __future__ import annotations

from itertools import product

import pytest

from rtcsignal.engineio.phases import OPEN_PHASES, POLLING_PHASES, Phase, WrongPhase

STEPS = {
    (Phase.NEW, Phase.POLLING),
    (Phase.NEW, Phase.WEBSOCKET),
    (Phase.POLLING, Phase.PROBING),
    (Phase.PROBING, Phase.UPGRADING),
    (Phase.PROBING, Phase.POLLING),
    (Phase.UPGRADING, Phase.POLLING),
    (Phase.PROBING, Phase.WEBSOCKET),
    (Phase.UPGRADING, Phase.WEBSOCKET),
    (Phase.POLLING, Phase.CLOSING),
    (Phase.PROBING, Phase.CLOSING),
    (Phase.UPGRADING, Phase.CLOSING),
    (Phase.POLLING, Phase.CLOSED),
    (Phase.PROBING, Phase.CLOSED),
    (Phase.UPGRADING, Phase.CLOSED),
    (Phase.WEBSOCKET, Phase.CLOSED),
    (Phase.CLOSING, Phase.CLOSED),
}


@pytest.mark.parametrize(("before", "after"), list(product(Phase, Phase)), ids=lambda phase: phase.value)
def test_aStepIsTakenIfTheTableHasIt(before: Phase, after: Phase) -> None:
    if (before, after) in STEPS:
        assert after.after(before) is after
    else:
        with pytest.raises(WrongPhase, match=f"{before.value} cannot become {after.value}"):
            after.after(before)


def test_aSessionIsOpenFromItsHandshakeToItsEnd() -> None:
    assert set(Phase) - OPEN_PHASES == {Phase.NEW, Phase.CLOSING, Phase.CLOSED}
    assert {Phase.WEBSOCKET} == OPEN_PHASES - POLLING_PHASES
