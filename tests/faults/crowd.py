"""Many members of one room, who all say the same at once, from one address.

    python -m tests.faults.crowd PORT COUNT ADDRESS [NAME]

A process of its own, which reads all the time. For the first line on its standard input (JSON: a list of packets, and
how often each member sends it) the members send; an empty line ends it, and with it all connections at once. A packet
that begins with "\\0" is sent as binary, one that begins with "\\1" is the frames themselves, a character a byte.
Members are called NAME and a number, and say their own name where a packet has "{user}".
"""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
from contextlib import suppress

__all__ = ["main"]

_RESET = struct.pack("ii", 1, 0)


def _frame(text: str) -> bytes:
    if text.startswith("\1"):
        return text[1:].encode("latin-1")
    payload, kind = text.encode(), 0x82 if text.startswith("\0") else 0x81
    head = bytes((kind, 0x80 | len(payload))) if len(payload) < 126 else struct.pack(">BBH", kind, 0xFE, len(payload))
    return head + bytes(4) + payload


def _member(port: int, source: str, user: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), source_address=(source, 0))
    link.sendall(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    link.recv(4096)
    join = json.dumps(["join-room", {"userId": user, "roomName": "crowd"}])
    link.sendall(_frame("40") + _frame(f"42{join}"))
    link.setblocking(False)
    return link


def main(port: int, count: int, source: str, name: str = "member ") -> None:
    """See above."""
    links = {user: _member(port, source, user) for user in (f"{name}{number}" for number in range(count))}
    members = {link.fileno(): link for link in links.values()}
    users = {link.fileno(): user for user, link in links.items()}
    poll = select.epoll()
    for descriptor in (0, *members):
        poll.register(descriptor, select.EPOLLIN)
    waiting: dict[int, bytes] = {}
    print("ready", flush=True)
    while True:
        for descriptor, event in poll.poll():
            if descriptor == 0:
                line = sys.stdin.readline().strip()
                if not line:
                    for link in members.values():
                        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    return
                packets, times = json.loads(line)
                for each in members:
                    said = [packet.replace("{user}", users[each]) for packet in packets]
                    waiting[each] = b"".join(map(_frame, said)) * times
                    poll.modify(each, select.EPOLLIN | select.EPOLLOUT)
                continue
            link = members[descriptor]
            with suppress(BlockingIOError, ConnectionError):
                if event & select.EPOLLIN:
                    link.recv(1 << 20)
                if event & select.EPOLLOUT:
                    waiting[descriptor] = waiting[descriptor][link.send(waiting[descriptor]) :]
                    if not waiting[descriptor]:
                        poll.modify(descriptor, select.EPOLLIN)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
