"""What a plugin imports: everything that it requires, and nothing else. Version 1."""

from __future__ import annotations

from rtcsignal.addresses import networkOf
from rtcsignal.errors import ConfigError, Refused, Waiting
from rtcsignal.iceservers import IceServer, IceServers
from rtcsignal.interfaces import (
    IAuthenticator,
    ICheckable,
    IConfigurable,
    IDoorObserver,
    IEventHandler,
    IIceServers,
    ILifecycle,
    IMessageFilter,
    IPeer,
    IRoom,
    IRoomObserver,
    IRoomPolicy,
    IServices,
)
from rtcsignal.kit import sdp
from rtcsignal.kit.bodies import GONE, rewritten
from rtcsignal.kit.options import REQUIRED, Configurable, Option
from rtcsignal.kit.patterns import firstFit, fitsAny
from rtcsignal.kit.throttle import Throttle
from rtcsignal.values import Handshake, Identity, Message, wholeNumber

__all__ = [
    "GONE",
    "REQUIRED",
    "VERSION",
    "ConfigError",
    "Configurable",
    "Handshake",
    "IAuthenticator",
    "ICheckable",
    "IConfigurable",
    "IDoorObserver",
    "IEventHandler",
    "IIceServers",
    "ILifecycle",
    "IMessageFilter",
    "IPeer",
    "IRoom",
    "IRoomObserver",
    "IRoomPolicy",
    "IServices",
    "IceServer",
    "IceServers",
    "Identity",
    "Message",
    "Option",
    "Refused",
    "Throttle",
    "Waiting",
    "firstFit",
    "fitsAny",
    "networkOf",
    "rewritten",
    "sdp",
    "wholeNumber",
]

VERSION = 1
