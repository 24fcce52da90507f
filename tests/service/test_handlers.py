"""The table of the server's own events."""

from __future__ import annotations

from twisted.internet.task import Clock

from rtcsignal.clocks import wallClock
from rtcsignal.service.config.schema import Config
from rtcsignal.service.config.signaling import Signaling
from rtcsignal.service.features import Features, featuresOf
from rtcsignal.service.handlers import HANDLERS, namespacesOf
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.signaling.options import SignalingOptions


def makeHub() -> Hub:
    """Rooms without plugins."""
    clock = Clock()
    return Hub(SignalingOptions(), OpenGates(), clock, clock.seconds)


def test_everyNamespaceHandlesTheEventsOfTheTable() -> None:
    hub = makeHub()
    for namespace in namespacesOf(hub, featuresOf(hub, Config(), wallClock)).values():
        assert isinstance(namespace, SignalingNamespace)
        assert namespace.events == set(HANDLERS) >= {"join-room", "leave-room", "broadcast"}


def test_theNamespacesAreThoseOfTheConfiguration() -> None:
    config = Config(signaling=Signaling(namespaces=("/", "/calls")))
    assert list(namespacesOf(makeHub(), Features(config))) == ["/", "/calls"]
