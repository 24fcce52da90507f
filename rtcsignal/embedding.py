"""What an application imports that has a Socket.IO server of its own: everything that it requires, and nothing else.

No module of the project imports this one; it only hands on what the layers `engineio` and `socketio` have.
"""

from __future__ import annotations

from rtcsignal.clocks import measureSteadily
from rtcsignal.engineio.http.addresses import Proxies
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.port.resource import EngineResource
from rtcsignal.engineio.server import EngineServer
from rtcsignal.errors import ConnectRefused
from rtcsignal.rates import Rate
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.namespace import EventNamespace, Namespace
from rtcsignal.socketio.packet import DecoderLimits, Packet
from rtcsignal.socketio.peer import Gone, Peer
from rtcsignal.socketio.port import mount, portFor
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions, SocketServer
from rtcsignal.values import Handshake

__all__ = [
    "ConnectRefused",
    "DecoderLimits",
    "EngineOptions",
    "EngineResource",
    "EngineServer",
    "EventNamespace",
    "Gone",
    "Handshake",
    "HttpLimits",
    "Namespace",
    "OriginRule",
    "OutgoingEvent",
    "Packet",
    "Peer",
    "PortFactory",
    "Proxies",
    "Rate",
    "RecoveryOptions",
    "SocketOptions",
    "SocketServer",
    "deliver",
    "measureSteadily",
    "mount",
    "portFor",
]
