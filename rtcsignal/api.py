"""What a plugin imports: everything it needs, and nothing else. Version 1."""

from __future__ import annotations

from rtcsignal import sdp
from rtcsignal.errors import ConfigError, Refused
from rtcsignal.interfaces import (
    IAuthenticator,
    IConfigurable,
    IEventHandler,
    ILifecycle,
    IMessageFilter,
    IPeer,
    IRoom,
    IRoomObserver,
    IRoomPolicy,
    IServices,
)
from rtcsignal.options import REQUIRED, Configurable, Option
from rtcsignal.values import Handshake, Identity, Message

__all__ = [
    "REQUIRED",
    "VERSION",
    "ConfigError",
    "Configurable",
    "Handshake",
    "IAuthenticator",
    "IConfigurable",
    "IEventHandler",
    "ILifecycle",
    "IMessageFilter",
    "IPeer",
    "IRoom",
    "IRoomObserver",
    "IRoomPolicy",
    "IServices",
    "Identity",
    "Message",
    "Option",
    "Refused",
    "sdp",
]

VERSION = 1
