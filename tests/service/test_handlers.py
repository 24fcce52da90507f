"""The table of the server's own events."""

from __future__ import annotations

from twisted.internet.task import Clock

from rtcsignal.policy.shape import RESERVED_EVENTS
from rtcsignal.service.handlers import handlersOf
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.options import SignalingOptions


def test_noPluginCanHaveAnEventThatTheServerHandles() -> None:
    clock = Clock()
    handlers = handlersOf(Hub(SignalingOptions(), OpenGates(), clock, clock.seconds))
    assert handlers.keys() - RESERVED_EVENTS == set()
    assert {"join-room", "leave-room", "broadcast"} <= handlers.keys()
