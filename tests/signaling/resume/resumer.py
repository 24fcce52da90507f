"""A client that comes back by a key of its own, as pages of every generation can."""

from __future__ import annotations

import json
from typing import Any

from rtcsignal.engineio.packet import Revision
from tests.signaling.world import Answer, Client, Heard, Link, World

__all__ = ["Resumer", "keyOf"]


def keyOf(name: str) -> str:
    """A key for a client of this name."""
    return f"{name}-{'k' * 30}"


class Resumer:
    """One page: keeps its key and the last offset that it has seen.

    Attributes:
        client: Its connection.
        seen: The last offset; None if it has seen none.
        answer: What its last join was told.
    """

    def __init__(self, world: World, userId: str, revision: Revision = 4, **request: Any) -> None:
        self.world = world
        self.userId = userId
        self.revision: Revision = revision
        self.key = keyOf(userId)
        self.seen: Any = None
        self.answer: dict[str, Any] = {}
        self._request = request
        self._heard: list[Heard] = []
        self.dial()

    def dial(self) -> Link:
        """Opens a connection; whether it gives up the one before is up to the test."""
        link = self.world.link(self.revision, **self._request)
        self.client: Client = link.client()
        assert [heard[0] for heard in self.client.take()] == ["<connect>"]
        return link

    def dialWithKey(self, **more: Any) -> list[Heard]:
        """Opens a connection with the key in its handshake, and hears what it is told there."""
        claim = {"resume": self.key, **({} if self.seen is None else {"seen": self.seen}), **more}
        if self.revision == 3:
            self.client = self.world.link(3, **{**self._request, "query": claim}).client()
        else:
            self.client = self.world.link(4, **self._request).client("/", json.dumps(claim))
        return self.client.take()

    def asks(self, roomName: str = "kitchen", **more: Any) -> Answer:
        """Asks to join, or to be back."""
        seen = {} if self.seen is None else {"seen": self.seen}
        body = {"userId": self.userId, "roomName": roomName, "resume": self.key, **seen, **more}
        return self.client.ask("join-room", body)

    def joins(self, roomName: str = "kitchen", **more: Any) -> str:
        """Joins, which must be granted; hears what follows, and tells the outcome."""
        answer = self.asks(roomName, **more)
        assert answer.ok, answer.value
        self.read(answer)
        outcome: str = self.answer["outcome"]
        return outcome

    def read(self, answer: Answer | None = None) -> None:
        """Reads what has come, as a page does: in order, and with a note of the last offset."""
        for heard in self.client.take():
            if heard[0] == "<ack>":
                if answer is not None and heard[1].get("ok") and "outcome" in heard[1]:
                    self.answer = heard[1]
                    self.seen = self.answer.get("at", self.seen)
            else:
                assert isinstance(heard[-1], str), heard
                assert "." in heard[-1], heard
                self.seen = heard[-1]
                self._heard.append(heard[:-1])

    def take(self) -> list[Heard]:
        """The events since the last time, without their offsets."""
        self.read()
        heard, self._heard = self._heard, []
        return heard

    def lose(self) -> None:
        self.client.lose()

    def comesBack(self, roomName: str = "kitchen") -> str:
        """On another connection, by joining again; tells the outcome."""
        self.dial()
        return self.joins(roomName)
