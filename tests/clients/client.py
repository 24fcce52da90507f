"""What a test can do with a client, whichever library is behind it."""

from __future__ import annotations

import abc
import queue
import time
from typing import Any, Final

from tests.clients.kinds import PYTHON, Kind
from tests.support.patience import PATIENCE

# Long enough for a busy machine; a test that waits for it has failed.

# Acknowledged, and changes nothing: nobody is in this room.
_WITHOUT_EFFECT: Final = {"userId": "nobody", "roomName": "a room that nobody ever joins"}


class TookTooLong(AssertionError):
    """What a test waited for has not come."""


class Inbox:
    """What befell a client, in order: filled by the thread that runs the client, emptied by the test."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._items: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()

    def put(self, item: tuple[Any, ...]) -> None:
        """Appends what has just happened."""
        self._items.put(item)

    def take(self, within: float = PATIENCE) -> tuple[Any, ...]:
        """The oldest item, waited for at most `within` seconds; raises TookTooLong."""
        try:
            return self._items.get(timeout=within)
        except queue.Empty:
            raise TookTooLong(f"{self._owner}: nothing within {within} s") from None

    def takeAll(self) -> list[tuple[Any, ...]]:
        """What is there now, without waiting."""
        items = []
        while not self._items.empty():
            items.append(self._items.get())
        return items


class Listener:
    """Somebody who hears things: keeps what the server says, and what happens to the connection ("connect",
    "disconnect", "upgrade"...), in order until the test has looked at it.
    """

    def __init__(self, kind: Kind, name: str) -> None:
        self.kind = kind
        self.name = name
        self.heard = Inbox(f"{name} ({kind})")
        self.life = Inbox(f"{name} ({kind}), its connection")
        self._lived: list[tuple[Any, ...]] = []

    def next(self) -> tuple[Any, ...]:
        """The next event from the server and its arguments."""
        return self.heard.take()

    def expect(self, event: str, *args: Any) -> None:
        """The next thing heard must be this event with exactly these arguments."""
        assert self.next() == (event, *args)

    def expectLife(self, news: str) -> tuple[Any, ...]:
        """Waits until this has happened to the connection, before or after other things; tells the details.

        Each piece of news is told once.
        """
        deadline = time.monotonic() + PATIENCE
        while not (found := [item for item in self._lived if item[0] == news]):
            self._lived.append(self.life.take(deadline - time.monotonic()))
        self._lived.remove(found[0])
        return found[0][1:]


class Client(Listener, abc.ABC):
    """One client of one kind, with one connection, in one namespace."""

    @abc.abstractmethod
    def emit(self, event: str, *args: Any) -> None:
        """Emits an event without asking for an acknowledgement."""

    @abc.abstractmethod
    def askAll(self, event: str, *args: Any) -> list[Any]:
        """Emits an event and waits for the arguments of its acknowledgement."""

    @abc.abstractmethod
    def transport(self) -> str:
        """The transport that the connection is on: polling or websocket."""

    @abc.abstractmethod
    def close(self) -> None:
        """Disconnects for good."""

    def ask(self, event: str, *args: Any) -> Any:
        """Emits an event and waits for its acknowledgement, which has one argument."""
        values = self.askAll(event, *args)
        assert len(values) == 1, f"{self.name}: acknowledged with {len(values)} values: {values}"
        return values[0]

    def join(self, roomName: str, **more: Any) -> Any:
        """Joins under its own name; the answer is the acknowledgement."""
        return self.ask("join-room", {"userId": self.name, "roomName": roomName, **more})

    def leave(self, roomName: str) -> Any:
        """Leaves; the answer is the acknowledgement."""
        return self.ask("leave-room", {"userId": self.name, "roomName": roomName})

    def everything(self) -> list[tuple[Any, ...]]:
        """All that the server has sent to this client so far and the test has not looked at yet.

        What comes in answer to a request comes behind what was sent before it, on every transport.
        """
        self.ask("leave-room", _WITHOUT_EFFECT)
        return self.heard.takeAll()

    def settle(self) -> list[tuple[Any, ...]]:
        """Waits until the client is on the transport that it stays on; tells what it has heard until then.

        python-socketio upgrades before it says that it is connected, the npm clients at any time.
        """
        if self.kind.way == "upgrade" and self.kind.library != PYTHON:
            assert self.expectLife("upgrade") == ("websocket",)
        return self.everything()

    def hearsNothing(self) -> None:
        """Nothing must have come that the test has not looked at."""
        assert self.everything() == []
