"""A chat: everyone reads what anyone says. Start it with: python chat.py [ENDPOINT]"""

from __future__ import annotations

import sys

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import react

from rtcsignal.embedding import EventNamespace, portFor

chat = EventNamespace()


@chat.on("connecting")
def connecting(handshake):
    return handshake.query.get("name") or "someone"


@chat.on("connect")
def connect(peer):
    chat.emit("news", f"{peer.identity} joined")


@chat.on("say")
def say(peer, text):
    chat.emit("said", peer.identity, text)


@chat.on("disconnect")
def disconnect(peer, reason):
    chat.emit("news", f"{peer.identity} left")


async def main(reactor, endpoint="tcp:8080"):
    port = await serverFromString(reactor, endpoint).listen(portFor({"/": chat}, reactor))
    print(f"listening on port {port.getHost().port}", flush=True)
    await Deferred()


if __name__ == "__main__":
    react(main, sys.argv[1:])
