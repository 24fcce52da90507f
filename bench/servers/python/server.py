"""The same rooms and events on python-socketio and uvicorn with uvloop, as their users would write them.

All settings are the packages' own, but for those that all three servers share. They come from the environment: see
``../../servers.py``.
"""

from __future__ import annotations

import json
import os
from typing import Any

import socketio
import uvicorn

NAMESPACES = ["/", "/socket.io"]

sio = socketio.AsyncServer(
    async_mode="asgi",
    cors_allowed_origins="*",
    ping_interval=float(os.environ["BENCH_PING_INTERVAL"]),
    namespaces=NAMESPACES,
)


def serve(namespace: str) -> None:
    """Take the events of one namespace."""

    @sio.on("join-room", namespace=namespace)  # type: ignore[untyped-decorator]
    async def join(sid: str, text: str) -> None:
        request = json.loads(text)
        await sio.enter_room(sid, request["roomName"], namespace=namespace)
        await sio.emit("user-joined", request["userId"], room=request["roomName"], namespace=namespace)

    @sio.on("leave-room", namespace=namespace)  # type: ignore[untyped-decorator]
    async def leave(sid: str, text: str) -> None:
        request = json.loads(text)
        # Who leaves is told last: what it does then must not meet it still in the room.
        await sio.leave_room(sid, request["roomName"], namespace=namespace)
        await sio.emit("user-left", request["userId"], room=request["roomName"], namespace=namespace)
        await sio.emit("user-left", request["userId"], to=sid, namespace=namespace)

    @sio.on("broadcast", namespace=namespace)  # type: ignore[untyped-decorator]
    async def broadcast(sid: str, message: Any) -> None:
        for room in sio.rooms(sid, namespace=namespace):
            if room != sid:
                await sio.emit("broadcast", message, room=room, namespace=namespace)


for each in NAMESPACES:
    serve(each)

uvicorn.run(
    socketio.ASGIApp(sio),
    host="127.0.0.1",
    port=int(os.environ["BENCH_PORT"]),
    loop="uvloop",
    http="httptools",
    log_level="warning",
    access_log=False,
    ssl_keyfile=os.environ.get("BENCH_KEY"),
    ssl_certfile=os.environ.get("BENCH_CERTIFICATE"),
)
