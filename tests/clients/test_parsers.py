"""Clients whose packets are MessagePack (socket.io-msgpack-parser): they are told why they are not served."""

from __future__ import annotations

import pytest

from tests.clients.kinds import Kind
from tests.clients.opener import Clients
from tests.support.processes import Process

PARSER = "socket.io-msgpack-parser"
LINE = r"closed a connection from 127\.0\.0\.1: MessagePack: this server supports only the default parser .*conn \w+"


@pytest.mark.parametrize("library", ["3.1.3", "4.8"])
@pytest.mark.parametrize("way", ["websocket", "polling"])
def test_theLogSaysWhy(clients: Clients, sharedServer: Process, library: str, way: str) -> None:
    before = len(sharedServer.output())
    clients.special(Kind(library, way, "/"), "ann", parser=PARSER)
    sharedServer.waitOutput(LINE, start=before)


def test_theCloseFrameSaysWhy(clients: Clients) -> None:
    ann = clients.special(Kind("4.8", "websocket", "/"), "ann", parser=PARSER)
    reason, words = ann.expectLife("closed")
    assert (reason, words) == (
        "transport close",
        "MessagePack: this server supports only the default parser of Socket.IO",
    )
