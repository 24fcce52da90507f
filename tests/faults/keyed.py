"""The lives of clients with a key: they are lost, come back, take over, replace each other, or never return."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.wire.rawws import WebSocket

if TYPE_CHECKING:
    from tests.faults.lives import Visitor

__all__ = ["back", "expiring", "handedOver", "lostWhileAsked", "replaced", "takenOver"]


def _key(visitor: Visitor) -> str:
    return f"{visitor.random.getrandbits(128):032x}"


def _ask(visitor: Visitor, key: str, room: str = "", **more: str) -> str:
    """The packet that asks for a room with a key."""
    name = room or f"kept-{visitor.random.randrange(40)}"
    body = {"userId": f"user-{key[:6]}", "roomName": name, "resume": key, **more}
    return "421" + json.dumps(["join-room", body])


def _enter(visitor: Visitor, *packets: str, revision: int = 0, query: str = "") -> WebSocket:
    chosen = revision or visitor.revision
    return visitor.webSocket(chosen, *(() if chosen == 3 else ("40",)), *packets, query=query)


def _answer(socket: WebSocket, word: str) -> None:
    while word not in (message := str(socket.read())):
        assert '"ok":false' not in message, message


def _lose(visitor: Visitor, socket: WebSocket) -> None:
    visitor.random.choice((socket.close, socket.connection.reset))()


def expiring(visitor: Visitor) -> None:
    socket = _enter(visitor, _ask(visitor, _key(visitor)), '42["broadcast",{"text":"hello"},{"n":1}]')
    _answer(socket, '"outcome":"joined"')
    _lose(visitor, socket)


def back(visitor: Visitor) -> None:
    """Comes back twice, and leaves."""
    ask = _ask(visitor, _key(visitor))
    socket = _enter(visitor, ask)
    _answer(socket, '"outcome":"joined"')
    for _ in range(2):
        _lose(visitor, socket)
        socket = _enter(visitor, ask)
        _answer(socket, '"outcome":')
    socket.sendText("41")
    socket.close()


def takenOver(visitor: Visitor) -> None:
    """Is on a second connection while the first is open, and then lost."""
    ask = _ask(visitor, _key(visitor))
    first = _enter(visitor, ask)
    _answer(first, '"outcome":"joined"')
    second = _enter(visitor, ask)
    _answer(second, '"outcome":')
    first.close()
    _lose(visitor, second)


def handedOver(visitor: Visitor) -> None:
    """Has its key in the handshake."""
    key, revision = _key(visitor), visitor.revision
    query = f"&resume={key}" if revision == 3 else ""
    hello = () if revision == 3 else ("40" + json.dumps({"resume": key}),)
    socket = visitor.webSocket(revision, *hello, _ask(visitor, key), query=query)
    _answer(socket, '"outcome":"joined"')
    _lose(visitor, socket)
    socket = visitor.webSocket(revision, *hello, query=query)
    _answer(socket, '["resumed"')
    _lose(visitor, socket)


def replaced(visitor: Visitor) -> None:
    """Is loaded anew; the page before may be there, or away."""
    first, second = _key(visitor), _key(visitor)
    before = _enter(visitor, _ask(visitor, first))
    _answer(before, '"outcome":"joined"')
    if visitor.random.random() < 0.5:
        _lose(visitor, before)
    after = _enter(visitor, _ask(visitor, second, replaces=first))
    _answer(after, '"outcome":"joined"')
    before.close()
    after.sendText("41")
    after.close()


def lostWhileAsked(visitor: Visitor) -> None:
    """Is lost while a plugin thinks, and comes back or does not."""
    ask = _ask(visitor, _key(visitor), visitor.random.choice(("late", "never")))
    socket = _enter(visitor, ask)
    _lose(visitor, socket)
    if visitor.random.random() < 0.5:
        _lose(visitor, _enter(visitor, ask))
