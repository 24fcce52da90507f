"""What does not fit together is found, and nothing where all is well."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from typing import Any

import pytest
from txaio import tx

from rtcsignal.engineio.http.exchange import Request, Response
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.service.config.schema import Config
from rtcsignal.service.invariants import census, violations
from rtcsignal.service.server import Server
from rtcsignal.service.wiring import build
from tests.engineio.memory import MemoryLink, SelectingClock
from tests.support.processes import Process
from tests.wire import payloads
from tests.wire.rawws import frame, textFrame, upgradeBytes

AFTER_HANDSHAKE = 0.02


class House:
    """A whole server in memory, with clients on polling and on WebSockets."""

    def __init__(self, clock: SelectingClock) -> None:
        self.clock = clock
        self.server: Server = build(Config(), clock)
        self.server.plugins.start()
        self.links: list[MemoryLink] = []

    def socket(self, query: str = "EIO=3&transport=websocket") -> MemoryLink:
        """A WebSocket."""
        link = MemoryLink(self.server.factory.buildProtocol(None), self.clock)
        self.links.append(link)
        link.send(upgradeBytes("/socket.io/?" + query))
        link.turn()
        self.clock.advance(AFTER_HANDSHAKE)
        return link

    def member(self, userId: str, roomName: str = "kitchen") -> Session:
        """Someone on a WebSocket, in a room."""
        before = set(self.server.engine.registry.sessions)
        link = self.socket()
        link.send(textFrame("42" + json.dumps(["join-room", {"userId": userId, "roomName": roomName}])))
        link.turn()
        (sid,) = set(self.server.engine.registry.sessions) - before
        return self.server.engine.registry.sessions[sid]

    def poller(self, revision: Revision = 3) -> Session:
        """Someone on polling."""
        answer = self.ask("GET", "")
        assert isinstance(answer, Response)
        (first, *_) = payloads.decode(revision, answer.body, "text/plain")
        return self.server.engine.registry.sessions[json.loads(str(first)[1:])["sid"]]

    def ask(self, method: str, sid: str) -> Any:
        """A request of a poller."""
        query = {"EIO": "3", "transport": "polling", **({"sid": sid} if sid else {})}
        return self.server.engine.handle(Request(method, query, {}, b"", "192.0.2.1"))

    def problems(self) -> list[str]:
        """What is found, when the turn is over."""
        self.clock.advance(0)
        return violations(self.server)


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    """A server with two members, one poller, and one who upgrades. What is broken in it is not to be closed."""
    clock = SelectingClock()
    config: Any = tx.config
    monkeypatch.setattr(config, "loop", clock)
    house = House(clock)
    house.member("ann")
    house.member("ben")
    house.poller()
    upgrading = house.socket(f"EIO=3&transport=websocket&sid={house.poller().sid}")
    upgrading.send(textFrame("2probe"))
    upgrading.turn()
    return house


def test_whereAllIsWellItFindsNothing(house: House) -> None:
    assert house.problems() == []
    assert census(house.server) == {
        "sessions": 4,
        "addresses": 1,
        "pollings": 2,
        "websockets": 3,
        "peers": 4,
        "away": 0,
            "kept": 0,
        "rooms": 1,
        "members": 2,
        "waiting": 0,
        "deadlines": 5,
    }


def test_aConnectionThatHasJustBeenAbortedIsNoProblem(house: House) -> None:
    """The reactor says so in the next turn only, and many may be aborted in one."""
    house.member("cas").abort(CloseReason.PING_TIMEOUT)
    assert violations(house.server) == []
    assert house.problems() == []


def test_whenEveryoneHasGoneNothingIsLeft(house: House) -> None:
    for session in list(house.server.engine.registry.sessions.values()):
        session.abort(CloseReason.TRANSPORT_CLOSE)
    for link in house.links:
        link.close()
    house.clock.pump([1] * 5)
    assert house.problems() == []
    assert set(census(house.server).values()) == {0}


def _sessions(house: House, phase: Phase) -> list[Session]:
    return [session for session in house.server.engine.registry.sessions.values() if session.phase is phase]


def _first(house: House) -> Session:
    return _sessions(house, Phase.WEBSOCKET)[0]


def _kitchen(house: House) -> Any:
    return house.server.hub.rooms["kitchen"]


def _seat(house: House) -> Any:
    return next(iter(_kitchen(house).seats.values()))


def _peer(house: House) -> Any:
    application: Any = _first(house).application
    return application.peers["/"]


def _stopHeartbeat(house: House) -> None:
    deadline = _first(house).deadline
    assert deadline is not None
    deadline.cancel()


def _forgetPolling(house: House) -> None:
    polling: Any = house.server.engine
    del polling._polling[_sessions(house, Phase.POLLING)[0].sid]


def _forgetPeer(house: House) -> None:
    application: Any = _first(house).application
    application._peers.clear()


def _loseLink(house: House) -> None:
    engine: Any = house.server.engine
    engine._links.remove(next(link for link in engine.links if link.receiver is _first(house).transport))


def _deafen(house: House) -> None:
    for link in house.server.engine.links:
        link.receiver = None


def _miscount(house: House) -> None:
    registry: Any = house.server.engine.registry
    registry._counts.take("192.0.2.9")


def _endSilently(house: House) -> None:
    _first(house).phase = Phase.CLOSED


def _endProbe(house: House) -> None:
    _sessions(house, Phase.UPGRADING)[0].phase = Phase.POLLING


def _orphanDeadline(house: House) -> None:
    house.server.engine.deadlines.after(60).start(print, None)


def _orphanDeadlineAbove(house: House) -> None:
    house.server.sockets.deadlines.after(60).start(print, None)


def _orphanPolling(house: House) -> None:
    engine: Any = house.server.engine
    engine._polling["nobody"] = next(iter(engine._polling.values()))


def _ghost(house: House) -> None:
    _peer(house).gone()


def _strangersPeer(house: House) -> None:
    _peer(house).session = _sessions(house, Phase.POLLING)[0]


def _wrongNamespace(house: House) -> None:
    _peer(house).namespace = "/elsewhere"


def _emptyRoom(house: House) -> None:
    _kitchen(house).seats.clear()


def _twoNames(house: House) -> None:
    house.server.hub.rooms["garden"] = _kitchen(house)


def _noRoom(house: House) -> None:
    house.server.hub.rooms.clear()


def _forgetSeat(house: House) -> None:
    _seat(house).participant.seats.clear()


def _wrongUser(house: House) -> None:
    _seat(house).userId = "eve"


def _misdirect(house: House) -> None:
    _kitchen(house)._apart[_seat(house).userId] = []


def _wrongSeat(house: House) -> None:
    one, two = _kitchen(house).seats
    seats = _kitchen(house).seats
    seats[one], seats[two] = seats[two], seats[one]


def _watchGone(house: House) -> None:
    hub: Any = house.server.hub
    hub.expiries._timers["somebody"] = None


def _waitGone(house: House) -> None:
    hub: Any = house.server.hub
    hub.waiting._participants["somebody"] = {}


BREAKS: dict[Callable[[House], None], str] = {
    _stopHeartbeat: "has no heartbeat",
    _forgetPolling: "has no polling transport",
    _forgetPeer: "has gone",
    _loseLink: "WebSocket that is gone",
    _deafen: "no one listens to",
    _miscount: "sessions per address",
    _endSilently: "still registered",
    _endProbe: "an upgrade under way",
    _orphanDeadline: "engine: 6 deadlines run, 5 of them belong to something",
    _orphanDeadlineAbove: "sockets: 1 deadlines run, 0 of them belong to something",
    _orphanPolling: "polling transport of no session",
    _ghost: "its connection keeps it",
    _strangersPeer: "the connection of another session",
    _wrongNamespace: "kept as one of /",
    _emptyRoom: "has no members",
    _twoNames: "is registered as garden",
    _noRoom: "the room does not list it",
    _forgetSeat: "does not know of its seat",
    _wrongUser: "are not those of its seats",
    _misdirect: "would go to others",
    _wrongSeat: "the seat of someone else",
    _watchGone: "still watched",
    _waitGone: "still waits",
}


@pytest.mark.parametrize("spoil", BREAKS, ids=lambda spoil: spoil.__name__.strip("_"))
def test_whatIsBrokenIsFound(house: House, spoil: Callable[[House], None]) -> None:
    spoil(house)
    problems = house.problems()
    assert any(word in problem for word in BREAKS[spoil].split("|") for problem in problems), problems


def test_namesInItAreHarmless(house: House) -> None:
    house.member("eve", "a\u2028b")
    house.server.hub.rooms.pop("kitchen")
    assert all("\n" not in problem and "\u2028" not in problem for problem in house.problems())


def test_aProcessLogsItOnSigusr2(server: Callable[..., Process]) -> None:
    process = server()
    process.signal(signal.SIGUSR2)
    process.waitOutput(r"holds sessions 0, .*rooms 0, .*deadlines 0$")
    process.waitOutput(r"consistent: yes$")
    assert process.running


def test_aBrokenFrameIsNoInconsistency(house: House) -> None:
    house.links[0].send(frame(3, b"x"))
    house.links[0].turn()
    assert house.problems() == []
