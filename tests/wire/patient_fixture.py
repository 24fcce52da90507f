"""The protocol fixture for tests that are not about time: what it serves, with the time limits of every day.

    python tests/wire/patient_fixture.py [--plain]

On a busy machine the fixture's sessions, which live for 500 ms without a heartbeat, would end under the hands of such
tests. The port is a free one, and printed as the fixture does it.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.python import log
from twisted.web.resource import Resource

from rtcsignal.engineio.http import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.origin import OriginRule
from rtcsignal.engineio.port import PortFactory
from rtcsignal.engineio.resource import EngineResource
from rtcsignal.engineio.server import EngineServer
from rtcsignal.socketio.server import SocketOptions, SocketServer
from tests.protocol_fixture import Echo, application, denied


def build(clock: Any, fast: bool) -> PortFactory:
    """The port with both servers."""
    namespaces: Any = {"/": application(), "/custom": application(), "/denied": denied()}
    sockets = SocketServer(namespaces, clock, SocketOptions(eventsPerSecond=0))
    options = EngineOptions(path="/engine.io/", origins=OriginRule(["*"]), sessionsPerAddress=0, fast=fast)
    engines = [
        EngineServer(options, clock, Echo),
        EngineServer(replace(options, path="/socket.io/"), clock, sockets.connect),
    ]
    root = Resource()
    for engine in engines:
        root.putChild(engine.options.path.strip("/").encode(), EngineResource(engine))
    return PortFactory(engines, root, HttpLimits(), clock)


def main() -> None:
    """Listen until killed."""
    log.startLogging(sys.stderr, setStdout=False)
    listening = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(build(reactor, "--plain" not in sys.argv))
    listening.addCallback(lambda port: print(f"listening on 127.0.0.1:{port.getHost().port}", flush=True))
    reactor.run()


if __name__ == "__main__":
    main()
