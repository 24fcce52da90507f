"""What the members of a room do, as data: who says what, who answers, and when the next step begins.

Both loops, `bench.loop` and `native/load.c`, play such a script in many rooms at once. A broadcast carries a mark in
its text, from which a receiver knows who sent it, which one it is of this sender's, and when:

    ~ connection sequence nanoseconds move ~       in hexadecimal, of 8, 8, 16 and 4 digits

What stands behind the mark has to arrive as it was sent, byte by byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

__all__ = [
    "BROADCAST",
    "JOIN",
    "LEAVE",
    "MARK_SIZE",
    "ROOM_SIZE",
    "Dialect",
    "Move",
    "Script",
    "Step",
    "call",
    "fanOut",
    "joinText",
    "markOf",
    "quiet",
    "roomOf",
]

BROADCAST, JOIN, LEAVE = 0, 1, 2
_OFFER, _ANSWER, _CANDIDATE, _HANGUP = 1, 2, 3, 4
MARK_SIZE = 38
ROOM_SIZE = 16
_SDP = (
    r"v=0\r\no=- 20260311 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=msid-semantic: WMS\r\n",
    r"m=audio 9 UDP/TLS/RTP/SAVPF 111 9 0 8 126\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=mid:0\r\n",
    r"a=ice-ufrag:bNch\r\na=ice-pwd:measuring0is0better0than0guessing\r\na=ice-options:trickle\r\na=sendrecv\r\n",
    r"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:126 telephone-event/8000\r\n",
)
_CANDIDATES = (
    " candidate:1 1 udp 1686052607 203.0.113.7 50123 typ srflx raddr 192.0.2.10 rport 50123 generation 0",
    " candidate:2 1 tcp 1518280447 192.0.2.10 9 typ host tcptype active generation 0 network-cost 50",
)


@dataclass(frozen=True)
class Dialect:
    """How a server wants to be spoken to.

    Attributes:
        namespace: Of Socket.IO.
        revision: Of Engine.IO, 3 or 4.
        echo: Senders get their own broadcasts.
        rooms: What names of rooms begin with.
    """

    namespace: str = "/"
    revision: int = 4
    echo: bool = True
    rooms: str = "bench-"

    @property
    def event(self) -> str:
        """What stands in front of an event's JSON text: packet types and namespace."""
        return f"42{self.prefix}"

    @property
    def prefix(self) -> str:
        """The namespace in a packet."""
        return "" if self.namespace == "/" else f"{self.namespace},"


@dataclass(frozen=True)
class Move:
    """Something that one member says. Between `head` and `body` comes a field: the mark, or the number of the room.

    Attributes:
        kind: `BROADCAST`, `JOIN` or `LEAVE`.
        sender: Which member.
        listener: The member that has got it when the answers are said.
        head: The text up to the field.
        body: Of a broadcast: what is compared when it arrives.
        rest: What stands behind it.
        answers: The moves, by number, that are made then.
    """

    kind: int
    sender: int
    listener: int
    head: bytes
    body: bytes
    rest: bytes
    answers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Step:
    """Moves that are made at once.

    Attributes:
        moves: By number; one may be there several times.
        heard: The next step begins when all members together have heard so many events. 0: never.
        completes: With the end of this step a round is complete.
    """

    moves: tuple[int, ...]
    heard: int = 0
    completes: bool = False


@dataclass(frozen=True)
class Script:
    """What happens in a room; after the last step comes the first one again, in the next room.

    Attributes:
        members: How many are in a room.
        hearers: How many of them get a broadcast.
        moves: All that can be said.
        steps: In their order.
        movesOn: The steps begin with joining a room and end with leaving it.
    """

    members: int
    hearers: int
    moves: tuple[Move, ...]
    steps: tuple[Step, ...]
    movesOn: bool = False


def markOf(connection: int, sequence: int, nanoseconds: int, move: int) -> bytes:
    """The field of a broadcast."""
    return b"~%08x%08x%016x%04x~" % (connection, sequence, nanoseconds, move)


def roomOf(group: int, number: int) -> bytes:
    """The field of a join or leave: the room in which a group meets for the `number`-th time."""
    return b"%08x%08x" % (group, number)


def fanOut(dialect: Dialect, members: int, size: int, window: int) -> Script:
    """One member of each room speaks, and says the next thing when it, or else its neighbour, has got the last one.

    Args:
        dialect: Of the server.
        members: In a room.
        size: Of a message, in bytes.
        window: Messages under way at a time. 0: nothing is said but at a fixed rate.
    """
    listener = 0 if dialect.echo else 1 % members
    kind = _CANDIDATE if size < 1000 else _OFFER
    move = _broadcast(dialect, kind, size, 0, listener, answers=(0,) if window else ())
    return Script(members, _hearers(dialect, members), (move,), (Step((0,) * window),))


def quiet(dialect: Dialect, members: int) -> Script:
    """Nobody says anything."""
    return Script(members, _hearers(dialect, members), (), (Step(()),))


def call(dialect: Dialect, members: int, candidates: int = 12, size: int = 2500) -> Script:
    """Everybody joins, calls everybody, hangs up and leaves.

    Of each two the first sends an offer and its candidates; the other one answers, with candidates of its own. The
    call is set up when everything was heard. Broadcasts go to the whole room, as those of plain clients do.

    Args:
        dialect: Of the server.
        members: In a room; each two of them have a connection.
        candidates: Of each side of a connection.
        size: Of an offer and an answer, in bytes.
    """
    moves = [_roomMove(dialect, JOIN, member) for member in range(members)]
    moves += [_roomMove(dialect, LEAVE, member) for member in range(members)]
    leaves = tuple(range(members, 2 * members))
    talk: list[int] = []
    ends: list[int] = []
    for caller in range(members):
        for callee in range(caller + 1, members):
            answers = tuple(range(len(moves), len(moves) + 1 + candidates))
            moves.append(_broadcast(dialect, _ANSWER, size, callee, caller))
            moves += [_broadcast(dialect, _CANDIDATE, 300, callee, caller)] * candidates
            talk += range(len(moves), len(moves) + 1 + candidates)
            moves.append(_broadcast(dialect, _OFFER, size, caller, callee, answers))
            moves += [_broadcast(dialect, _CANDIDATE, 300, caller, callee)] * candidates
            ends.append(len(moves))
            moves.append(_broadcast(dialect, _HANGUP, 0, caller, callee))
    hearers = _hearers(dialect, members)
    everybody = members * (members + 1) // 2
    steps = [Step((member,), heard=member + 1) for member in range(members)]
    steps.append(Step(tuple(talk), heard=2 * len(talk) * hearers, completes=True))
    steps.append(Step(tuple(ends), heard=len(ends) * hearers))
    steps.append(Step(leaves, heard=everybody))
    return Script(members, hearers, tuple(moves), tuple(steps), movesOn=True)


def joinText(dialect: Dialect, member: int, group: int, leave: bool = False) -> bytes:
    """The packet with which a member enters the first room of its group, or leaves it."""
    move = _roomMove(dialect, LEAVE if leave else JOIN, member)
    return move.head + roomOf(group, 0) + move.rest


def _hearers(dialect: Dialect, members: int) -> int:
    return members if dialect.echo else members - 1


def _broadcast(
    dialect: Dialect, kind: int, size: int, sender: int, listener: int, answers: tuple[int, ...] = ()
) -> Move:
    key = "candidate" if kind == _CANDIDATE else "sdp"
    head = f'{dialect.event}["broadcast",{{"userId":"member-{sender:03}","msgType":{kind},"{key}":"'
    rest = '","id":"0","label":0}]' if kind == _CANDIDATE else '"}]'
    room = max(size - len(head) - MARK_SIZE - len(rest), 0)
    body = _filled(_CANDIDATES if kind == _CANDIDATE else _SDP, room)
    return Move(BROADCAST, sender, listener, head.encode(), body.encode(), rest.encode(), answers)


def _filled(lines: tuple[str, ...], room: int) -> str:
    """Text of exactly this length, with no escape cut in two."""
    text = ""
    for line in cycle(lines):
        if len(text) + len(line) > room:
            return text + "." * (room - len(text))
        text += line
    return text


def _roomMove(dialect: Dialect, kind: int, member: int) -> Move:
    event = "join-room" if kind == JOIN else "leave-room"
    head = rf'{dialect.event}["{event}","{{\"userId\":\"member-{member:03}\",\"roomName\":\"{dialect.rooms}'
    return Move(kind, member, member, head.encode(), b"", rb'\"}"]')
