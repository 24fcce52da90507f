"""The table of the server's own events."""

from __future__ import annotations

from twisted.internet.task import Clock

from rtcsignal.policy.shape import RESERVED_EVENTS
from rtcsignal.service.config.schema import Config
from rtcsignal.service.config.signaling import Signaling
from rtcsignal.service.handlers import namespacesOf
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.signaling.options import SignalingOptions


def makeHub() -> Hub:
    """Rooms without plugins."""
    clock = Clock()
    return Hub(SignalingOptions(), OpenGates(), clock, clock.seconds)


def test_noPluginCanHaveAnEventThatTheServerHandles() -> None:
    """The names of all of them are in `rtcsignal.signaling.events.OWN_EVENTS`."""
    for namespace in namespacesOf(makeHub(), Config()).values():
        assert isinstance(namespace, SignalingNamespace)
        assert namespace.events - RESERVED_EVENTS == set()
        assert {"join-room", "leave-room", "broadcast"} <= namespace.events


def test_theNamespacesAreThoseOfTheConfiguration() -> None:
    config = Config(signaling=Signaling(namespaces=("/", "/calls")))
    assert list(namespacesOf(makeHub(), config)) == ["/", "/calls"]
