"""Clients that ask for WebSocket subprotocols: they give up a connection of which none is named."""

from __future__ import annotations

import pytest

from tests.clients.kinds import NPM_CLIENTS, Kind
from tests.clients.opener import Clients

KINDS = tuple(Kind(library, way, "/") for library in NPM_CLIENTS for way in ("websocket", "upgrade"))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_firstOneIsNamed(clients: Clients, kind: Kind, room: str) -> None:
    asked = {"protocols": ["rtc.v2", "rtc.v1"]}
    ann = clients.special(kind, "ann", **asked, transportOptions={"websocket": asked})  # 2.x looks there alone
    ann.expectLife("connect")
    if kind.way == "upgrade":
        assert ann.expectLife("upgrade") == ("websocket",)
    assert (ann.transport(), ann.subprotocol()) == ("websocket", "rtc.v2")
    assert ann.join(room)["ok"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.way == "websocket"], ids=str)
def test_noneIsUnlessAskedFor(clients: Clients, kind: Kind) -> None:
    assert clients.node(kind, "ann").subprotocol() == ""
