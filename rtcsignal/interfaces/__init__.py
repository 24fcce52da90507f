"""The interfaces between the server and plugins: what plugins provide, and the server as they see it. Version 1."""

from __future__ import annotations

from rtcsignal.interfaces.plugins import (
    IAuthenticator,
    ICheckable,
    IConfigurable,
    IDoorObserver,
    IEventHandler,
    IIceServers,
    ILifecycle,
    IMessageFilter,
    IRoomObserver,
    IRoomPolicy,
)
from rtcsignal.interfaces.server import IPeer, IRoom, IServices

__all__ = [
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
]
