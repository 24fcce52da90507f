"""Connections that break, clients that die, servers that restart."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence

import pytest

from tests.clients.client import Client, TookTooLong
from tests.clients.kinds import EVERY_KIND, EVERY_NPM_KIND, PYTHON, Kind
from tests.clients.line import Line
from tests.clients.node_client import NodeProcess
from tests.clients.opener import Clients
from tests.support.processes import Process

ServerFactory = Callable[..., Process]

WITNESS = Kind("4.8", "websocket", "/")

# What a client says when it was sent away for good; after any other reason it comes back by itself.
SENT_AWAY = ("io server disconnect", "server disconnect")

# python-socketio, while it polls, takes the close packet of Engine.IO for a dismissal. No other client does.
COMING_BACK = tuple(kind for kind in EVERY_KIND if (kind.library, kind.way) != (PYTHON, "polling"))


@pytest.fixture
def line(sharedServer: Process) -> Iterator[Line]:
    """A line to the shared server that can be cut."""
    made = Line(sharedServer.port)
    yield made
    made.close()


def gather(clients: Clients, process: NodeProcess, url: str, witness: Client, rooms: Sequence[str]) -> list[str]:
    """Connects a client of every kind in one process, the first to the first of these rooms, and so on.

    The witness is in all of them and has heard each come. The answer is their names; all is quiet then.
    """
    for room in dict.fromkeys(rooms):
        assert witness.join(room)["ok"]
    members = [
        clients.connect(kind, f"user {number}", url=url, process=process) for number, kind in enumerate(EVERY_NPM_KIND)
    ]
    for member, room in zip(members, rooms, strict=True):
        assert member.join(room)["ok"]
    for member in members:
        member.settle()
    names = [member.name for member in members]
    heard = [event[1] for event in witness.everything()]
    assert [name for name in heard if name != witness.name] == names
    return names


def hearsThemLeaveOnce(witness: Client, names: Sequence[str], rooms: Sequence[str], reason: str) -> None:
    """The witness hears of each exactly once, in whatever order they go."""
    still = dict(zip(names, rooms, strict=True))
    while still:
        try:
            event, name, details = witness.next()
        except TookTooLong:
            pytest.fail(f"nobody said that {sorted(still)} have left")
        assert (event, details) == ("user-left", {"roomName": still.pop(name), "reason": reason})
    witness.hearsNothing()


def test_clientsWhoseProcessDiesAreAnnouncedOnce(
    clients: Clients, line: Line, newNodeProcess: Callable[[], NodeProcess], room: str
) -> None:
    """Each in a room of its own: what is sent to one who has just died tells a server nothing of its death."""
    process = newNodeProcess()
    rooms = [f"{room}, {number}" for number in range(len(EVERY_NPM_KIND))]
    witness = clients.connect(WITNESS, "witness")
    names = gather(clients, process, line.url, witness, rooms)
    line.settle(len(names))

    process.kill()

    hearsThemLeaveOnce(witness, names, rooms, "disconnect")


def test_clientsThatFallSilentAreAnnouncedOnce(
    server: ServerFactory, clients: Clients, newNodeProcess: Callable[[], NodeProcess], room: str
) -> None:
    """Their connections stay open and nothing comes: the heartbeat tells, on every transport and revision."""
    impatient = server({"socketio": {"ping_interval": 1, "ping_timeout": 5}})
    process = newNodeProcess()
    rooms = [room] * len(EVERY_NPM_KIND)
    witness = clients.connect(WITNESS, "witness", url=impatient.url)
    names = gather(clients, process, impatient.url, witness, rooms)

    process.freeze()

    hearsThemLeaveOnce(witness, names, rooms, "timeout")


def test_whoseLineIsCutComesBackByItselfAndCanJoinAgain(clients: Clients, line: Line, kind: Kind, room: str) -> None:
    witness = clients.connect(kind.other, "witness")
    witness.join(room)
    ann = clients.connect(kind, "ann", url=line.url)
    ann.join(room)
    ann.settle()
    witness.everything()
    line.settle(1)

    line.cut()

    assert ann.expectLife("disconnect")[0] not in SENT_AWAY
    witness.expect("user-left", "ann", {"roomName": room, "reason": "disconnect"})
    line.mend()
    ann.expectLife("connect")
    assert ann.join(room)["ok"]
    for member in (ann, witness):
        member.expect("user-joined", "ann", {"roomName": room})
    assert witness.ask("broadcast", {"userId": "witness", "msgType": 9}) == {"ok": True, "delivered": 2}
    for member in (ann, witness):
        member.expect("broadcast", {"userId": "witness", "msgType": 9})
        member.hearsNothing()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: str(end.name))
def test_clientsComeBackByThemselvesWhenTheServerHasRestarted(
    server: ServerFactory, clients: Clients, room: str, end: signal.Signals
) -> None:
    """Whether it was stopped in order or died: nobody is sent away for good."""
    first = server()
    members = [clients.connect(kind, f"user {number}", url=first.url) for number, kind in enumerate(COMING_BACK)]
    for member in members:
        member.join(room)
    for member in members:
        member.settle()

    first.signal(end)
    for member in members:
        assert member.expectLife("disconnect")[0] not in SENT_AWAY
    assert first.waitExit() == (0 if end is signal.SIGTERM else -end)
    assert "Traceback" not in first.output()
    server({}, "--listen", f"tcp:{first.port}:interface=127.0.0.1")

    for member in members:
        member.expectLife("connect")
        assert member.join(room)["ok"]
    assert members[0].ask("broadcast", {"userId": "user 0", "msgType": 9})["delivered"] == len(members)
    for number, member in enumerate(members):
        arrivals = [("user-joined", later.name, {"roomName": room}) for later in members[number:]]
        assert member.everything() == [*arrivals, ("broadcast", {"userId": "user 0", "msgType": 9})]
