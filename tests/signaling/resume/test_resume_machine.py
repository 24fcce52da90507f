"""Any interleaving of connections, joins, losses, returns, late frames and slow policies, against a model."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.defer import Deferred

from rtcsignal.engineio.liveness.probes import Probes
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.session import Session
from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions
from tests.signaling.plugins import Plugins
from tests.signaling.resume.resume_model import Line, Model, Place
from tests.signaling.resume.resumer import keyOf
from tests.signaling.world import Client, Heard, World

WINDOW, PACKETS = 40.5, 4  # which no sum of the seconds that pass comes close to, as timers may be a little late
ROOMS = ("kitchen", "cellar")
PAGES = st.integers(0, 2)


class Wire:
    """A connection, as it is and as the model has it."""

    def __init__(self, world: World, number: int, key: str | None, revision: Revision) -> None:
        self.client: Client = world.link(revision).client()
        self.client.take()
        self.line = Line(number, key)
        self.heard: list[Heard] = []
        self.read = 0

    def compare(self) -> None:
        """What was sent is what had to be."""
        self.heard += self.client.take()
        assert [_plain(each) for each in self.heard] == [each.frame for each in self.line.sent]


def _plain(heard: Heard) -> tuple[Any, ...]:
    if heard[0] != "<ack>":
        return heard[:-1] if isinstance(heard[-1], str) and "." in heard[-1] else heard
    answer = heard[1]
    if not answer["ok"]:
        return "<ack>", answer["error"]["code"]
    if "duplicate" in answer:
        return "<ack>", "duplicate", answer["n"]
    if "outcome" in answer:
        return "<ack>", answer["outcome"], answer["received"]
    return "<ack>", answer.get("delivered", "ok")


class Silence(Probes):
    """A heartbeat that watches nobody: the machine says itself who is lost."""

    def start(self, session: Session) -> None:
        """There is nothing to watch."""

    def received(self, session: Session, kind: str, data: str | bytes) -> None:
        """Nobody sends anything of the kind."""

    def ponged(self, session: Session) -> None:
        """Nobody has asked."""


class Page:
    """A page and what it knows. The one without a key never loses anything by itself."""

    def __init__(self, number: int) -> None:
        self.userId = f"user{number}"
        self.key = keyOf(self.userId) if number else None
        self.revision: Revision = 3 if number == 1 else 4
        self.wire: Wire | None = None
        self.seen: Any = None
        self.at: tuple[Place, int] | None = None
        self.known: frozenset[Any] = frozenset()
        self.number = 0

    def reads(self, count: int) -> None:
        """Reads some of what has come, in order, and keeps the last offset."""
        wire = self.wire
        assert wire is not None
        wire.compare()
        for heard, sent in list(zip(wire.heard, wire.line.sent, strict=True))[wire.read : wire.read + count]:
            wire.read += 1
            if sent.place is not None and self.key is not None:
                self.at = sent.place, sent.index
                self.seen = heard[1]["at"] if heard[0] == "<ack>" else heard[-1]
            if sent.token is not None:
                self.known |= {sent.token}

    def request(self, room: str) -> dict[str, Any]:
        resume = {} if self.key is None else {"resume": self.key, "seen": self.seen}
        return {"userId": self.userId, "roomName": room, **resume}


class ResumeMachine(RuleBasedStateMachine):
    """Three pages, two rooms, and one with a policy that thinks for each of them."""

    @initialize()
    def begin(self) -> None:
        self.questions: dict[str, Deferred[None]] = {}
        self.plugins = self._plugins({})
        recovery = RecoveryOptions(window=WINDOW, everybody=False, packets=PACKETS, heldPerAddress=0)
        self.world = World(gates=self.plugins, sockets=SocketOptions(eventsPerSecond=0, turn=0, recovery=recovery))
        self.world.heartbeats.update({3: Silence(self.world.deadlines), 4: Silence(self.world.deadlines)})
        self.model = Model(WINDOW, PACKETS)
        self.pages = [Page(number) for number in range(3)]
        self.given: list[tuple[Wire, Page]] = []
        self.wires: list[Wire] = []
        self.said = 0
        for page in self.pages:
            self._dial(page)

    def _plugins(self, rooms: dict[str, IRoom]) -> Plugins:
        plugins = Plugins(mayJoin=self._mayJoin)
        plugins.rooms = rooms
        return plugins

    def _mayJoin(self, peer: IPeer, room: IRoom) -> Deferred[None] | None:
        if not room.name.startswith("slow"):
            return None
        question: Deferred[None] = Deferred()
        self.questions[room.name] = question
        return question

    def _dial(self, page: Page) -> None:
        page.wire = Wire(self.world, len(self.wires), page.key, page.revision)
        self.wires.append(page.wire)

    def _join(self, wire: Wire, page: Page, room: str, keyed: dict[str, Any], at: Any, known: frozenset[Any]) -> None:
        wire.client.ask("join-room", keyed)
        self.model.join(wire.line, page.userId, room, at, known)

    @rule(which=PAGES, room=st.sampled_from([*ROOMS, "slow"]))
    def join(self, which: int, room: str) -> None:
        page = self.pages[which]
        name = f"slow{which}" if room == "slow" else room
        if page.wire is None:
            self._dial(page)
        assert page.wire is not None
        self._join(page.wire, page, name, page.request(name), page.at, page.known)

    @rule(which=st.integers(1, 2))
    def arriveLate(self, which: int) -> None:
        """What a page has sent on a connection that it has given up since."""
        page = self.pages[which]
        for wire, owner in self.given:
            if owner is page and wire.line.isOpen:
                self._join(wire, page, "kitchen", page.request("kitchen"), page.at, page.known)
                return

    @rule(which=PAGES, room=st.sampled_from(ROOMS))
    def leave(self, which: int, room: str) -> None:
        page = self.pages[which]
        if page.wire is not None:
            page.wire.client.ask("leave-room", {"userId": page.userId, "roomName": room})
            self.model.request(page.wire.line, "leave", room)

    @rule(which=PAGES, room=st.sampled_from(ROOMS), again=st.booleans())
    def say(self, which: int, room: str, again: bool) -> None:
        page = self.pages[which]
        if page.wire is None:
            return
        if not again or not page.number:
            page.number += 1
        self.said += 1
        body = {"roomName": room, "said": self.said}
        page.wire.client.ask("broadcast", body, {"n": page.number})
        self.model.request(page.wire.line, "say", room, body, page.number)

    @rule(which=st.integers(1, 2), count=st.integers(1, 4))
    def read(self, which: int, count: int) -> None:
        if self.pages[which].wire is not None:
            self.pages[which].reads(count)

    @rule(which=st.integers(1, 2), isNoticed=st.booleans(), count=st.integers(0, 3))
    def lose(self, which: int, isNoticed: bool, count: int) -> None:
        """What was not read is lost; the server hears of it now, later or never."""
        page = self.pages[which]
        if page.wire is None:
            return
        page.reads(count)
        wire, page.wire = page.wire, None
        self.given.append((wire, page))
        if isNoticed:
            self._notice(wire)

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def notice(self, data: st.DataObject) -> None:
        wire, _ = self.given.pop(data.draw(st.integers(0, len(self.given) - 1)))
        self._notice(wire)

    def _notice(self, wire: Wire) -> None:
        wire.compare()
        wire.client.lose()
        self.model.lost(wire.line)

    @rule(which=PAGES, room=st.sampled_from(ROOMS))
    def kick(self, which: int, room: str) -> None:
        userId = f"user{which}"
        for place in self.model.rooms.get(room, ()):
            if place.userId == userId:
                view: Any
                (view,) = self.plugins.rooms[room].peersOf(userId)
                self.world.hub.kick(view, "kicked")
                self.model.kick(place, room)
                return

    @rule(which=st.integers(1, 2), room=st.sampled_from(ROOMS), isNoticed=st.booleans(), count=st.integers(0, 2))
    def visit(self, which: int, room: str, isNoticed: bool, count: int) -> None:
        """A connection that does not last: little of what is sent on it arrives."""
        self.lose(which, False, 0)
        self.join(which, room)
        self.lose(which, isNoticed, count)

    @rule(room=st.sampled_from(ROOMS), count=st.integers(1, PACKETS + 1))
    def emit(self, room: str, count: int) -> None:
        for _ in range(count if room in self.model.rooms else 0):
            self.said += 1
            self.plugins.rooms[room].emit("note", self.said)
            self.model.emit(room, ("note", self.said))

    @precondition(lambda self: self.questions)
    @rule(isYes=st.booleans(), data=st.data())
    def decide(self, isYes: bool, data: st.DataObject) -> None:
        room = data.draw(st.sampled_from(sorted(self.questions)))
        question = self.questions.pop(room)
        if isYes:
            question.callback(None)
        else:
            question.errback(Refused("not-today"))
        self.model.verdict(room, isYes)

    @rule()
    def reload(self) -> None:
        """The plugins are replaced; what those before are thinking about is still theirs."""
        self.plugins = self._plugins(self.plugins.rooms)
        self.world.hub.gates = self.plugins

    @rule(seconds=st.sampled_from([1.0, 15.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)
        self.model.advance(seconds)

    @invariant()
    def everyoneIsSentWhatTheModelSays(self) -> None:
        for wire in self.wires:
            if wire.line.isOpen:
                wire.compare()
            assert wire.client.link.session.isOpen == wire.line.isOpen

    @invariant()
    def theRoomsAreThoseOfTheModel(self) -> None:
        rosters = {name: [place.userId for place in places] for name, places in self.model.rooms.items()}
        assert self.world.rosters() == rosters
        assert self.world.problems() == []
        assert self.world.sockets.recovery.away == len(self.model.away)

    def teardown(self) -> None:
        for question in self.questions.values():
            question.callback(None)
        self.world.finish()


TestResume = ResumeMachine.TestCase
TestResume.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
