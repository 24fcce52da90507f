"""Members of rooms on real nodes, who note what they hear, and what is wrong with it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import aiohttp

from tests.support.patience import PATIENCE, START_PATIENCE

__all__ = ["Member", "gather"]


class Member:
    """One client with one connection, a user of its own.

    Args:
        user: Its user id.
        url: Its node.

    Attributes:
        rosters: The users that it knows to be in each of its rooms.
        events: All that it has heard, in order.
        wrong: What must not happen, and did.
        gaps: How many messages of senders it knew have not come.
    """

    def __init__(self, user: str, url: str) -> None:
        self.user = user
        self.url = url
        self.rosters: dict[str, set[str]] = {}
        self.events: list[tuple[Any, ...]] = []
        self.wrong: list[str] = []
        self.gaps = 0
        self.isOpen = False
        self._numbers: dict[str, int] = {}
        self._heard: dict[str, int] = {}
        self._ids = itertools.count()
        self._acks: dict[int, asyncio.Future[Any]] = {}
        self._said: defaultdict[str, itertools.count[int]] = defaultdict(lambda: itertools.count(1))
        self._present: dict[str, list[str]] = {}
        self._changed = asyncio.Condition()

    async def connect(self) -> Member:
        """Connect, over WebSocket."""
        self._http = aiohttp.ClientSession()
        url = self.url.replace("http", "ws", 1) + "/socket.io/?EIO=4&transport=websocket"
        self._socket = await self._http.ws_connect(url, max_msg_size=0)
        await self._socket.receive_str()
        await self._socket.send_str("40")
        await self._socket.receive_str()
        self.isOpen = True
        self._reader = asyncio.ensure_future(self._read())
        return self

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            text: str = message.data
            if text == "2":
                await self._socket.send_str("3")
            elif text.startswith("42"):
                self._hear(*json.loads(text[2:]))
            elif text.startswith("43"):
                number, bracket, rest = text[2:].partition("[")
                answer = json.loads(bracket + rest)[0]
                if "members" in answer:
                    self._present[answer["roomName"]] = [member["userId"] for member in answer["members"]]
                self._acks.pop(int(number)).set_result(answer)
            async with self._changed:
                self._changed.notify_all()
        self.isOpen = False
        for ack in self._acks.values():
            ack.cancel()
        async with self._changed:
            self._changed.notify_all()

    async def ended(self) -> None:
        """Wait until the connection is over, which is known when all that came on it has been read."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: not self.isOpen), START_PATIENCE)

    async def ask(self, event: str, body: Any) -> Any:
        """Send an event, and wait for its answer."""
        number = next(self._ids)
        ack = self._acks[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_str(f"42{number}{json.dumps([event, body])}")
        return await asyncio.wait_for(ack, START_PATIENCE)

    async def join(self, room: str, **more: Any) -> Any:
        """Join a room; the answer says who is there."""
        return await self.ask("join-room", {"userId": self.user, "roomName": room, **more})

    async def leave(self, room: str) -> Any:
        """Leave a room."""
        return await self.ask("leave-room", {"userId": self.user, "roomName": room})

    async def say(self, room: str, **more: Any) -> None:
        """Say the next number."""
        body = {"userId": self.user, "roomName": room, "room": room, "n": next(self._said[room]), **more}
        await self._socket.send_str(f"42{json.dumps(['broadcast', body])}")

    def _hear(self, event: str, *arguments: Any) -> None:
        self.events.append((event, *arguments))
        if event == "user-joined":
            self._joined(arguments[1]["roomName"], arguments[0])
        elif event == "user-left":
            self._left(arguments[1]["roomName"], arguments[0])
        elif event == "broadcast":
            self._broadcast(arguments[0])

    def _joined(self, room: str, user: str) -> None:
        roster = self.rosters.get(room)
        if user == self.user:
            if roster is not None:
                self.wrong.append(f"{self.user} joined {room} twice")
            # Those who were there are in the answer, which comes before this.
            self.rosters[room] = {self.user, *self._present.pop(room, ())}
        elif roster is None:
            self.wrong.append(f"{self.user} heard of {user} in {room}, where it is not")
        elif user in roster:
            self.wrong.append(f"{self.user} heard twice that {user} joined {room}")
        else:
            roster.add(user)

    def _left(self, room: str, user: str) -> None:
        roster = self.rosters.get(room)
        if user == self.user:
            self.rosters.pop(room, None)
            self._heard = {key: n for key, n in self._heard.items() if not key.endswith(f"\0{room}")}
        elif roster is None or user not in roster:
            self.wrong.append(f"{self.user} heard that {user} left {room}, and did not know it there")
        else:
            roster.discard(user)
            self._heard.pop(f"{user}\0{room}", None)

    def _broadcast(self, body: dict[str, Any]) -> None:
        user, room, number = body["userId"], body["room"], body["n"]
        if user not in self.rosters.get(room, ()):
            self.wrong.append(f"{self.user} heard {user} in {room}, and did not know it there")
        key = f"{user}\0{room}"
        last = self._heard.get(key)
        self._heard[key] = number
        if last is not None and number <= last:
            self.wrong.append(f"{self.user} heard {user} say {number} after {last}")
        elif last is not None and number != last + 1:
            self.gaps += number - last - 1

    async def until(self, condition: Any, timeout: float = PATIENCE) -> None:
        """Wait until something holds of this member."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(lambda: condition(self)), timeout)

    async def close(self) -> None:
        """Go."""
        await self._socket.close()
        await self._http.close()
        await asyncio.gather(self._reader, return_exceptions=True)


async def gather(work: Iterable[Any]) -> list[Any]:
    """All of them at once."""
    return await asyncio.gather(*work)
