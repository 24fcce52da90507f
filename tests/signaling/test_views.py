"""What plugins see of a client's absence, and of its key, which they do not see."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.resume.resumer import Resumer

WINDOW = 60.0


def optionsWith(window: float) -> SocketOptions:
    return SocketOptions(eventsPerSecond=0, turn=0, recovery=RecoveryOptions(window=window, everybody=False))


@pytest.mark.parametrize(("window", "hasKey"), [(WINDOW, True), (0, False)])
def test_aKeyIsSomethingToHaveWhereOneComesBackWithIt(
    makeWorld: WorldFactory, revision: Revision, window: float, hasKey: bool
) -> None:
    plugins = Plugins()
    world = makeWorld(gates=plugins, sockets=optionsWith(window))
    Resumer(world, "ann", revision).asks()
    world.member("kitchen", "ben", revision=revision)
    assert (plugins.peers["ann"].hasKey, plugins.peers["ben"].hasKey) == (hasKey, False)


def test_whoeverIsAwayIsSoUntilATime(makeWorld: WorldFactory, revision: Revision) -> None:
    plugins = Plugins()
    world = makeWorld(SignalingOptions(leaveGrace=5), plugins, optionsWith(WINDOW))
    ann, ben = Resumer(world, "ann", revision), world.member("kitchen", "ben")
    ann.joins()
    world.clock.advance(2)
    ben.lose()
    ann.lose()
    views: list[Any] = [plugins.peers[name] for name in ("ann", "ben")]
    assert [(view.away, view.awayUntil) for view in views] == [(True, 2 + WINDOW), (True, 2 + 5)]
    assert [view.hasKey for view in views] == [True, False]
    ann.comesBack()
    assert (views[0].away, views[0].awayUntil) == (False, None)
    world.clock.advance(1)
    ann.lose()
    assert views[0].awayUntil == 3 + WINDOW


def test_oneThatIsAwayIsNotAsked(makeWorld: WorldFactory, revision: Revision) -> None:
    plugins = Plugins()
    world = makeWorld(gates=plugins, sockets=optionsWith(WINDOW))
    ann = Resumer(world, "ann", revision)
    ann.joins()
    peer: Any = plugins.peers["ann"]
    answers: list[bool] = []
    ann.client.link.answers = True
    world.hub.probe(peer, 3).addCallback(answers.append)
    ann.lose()
    world.hub.probe(peer, 3).addCallback(answers.append)
    world.clock.advance(WINDOW + 1)
    world.hub.probe(peer, 3).addCallback(answers.append)
    assert answers == [True, False, False]
    assert ann.client.link.wsPings == 1
