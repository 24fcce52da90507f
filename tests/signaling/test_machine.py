"""Any interleaving of connects, joins, leaves, broadcasts, losses and kicks, against a simple model.

The model says who hears what, in which order. It knows rooms as dicts of people and nothing of the server.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtcsignal.engineio.packet import Revision
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.plugins import Plugins, Seen
from tests.signaling.words import putOut
from tests.signaling.world import Client, Heard, Link, World

_MOST_PEOPLE, _MOST_ROOMS = 6, 2
_ROOMS = st.sampled_from(["kitchen", "garden", "__proto__"])
_USERS = st.sampled_from(["ann", "ben", "cas"])


class Person:
    """A client, where the model believes it to be, and what it should have heard since it was last looked at."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.seats: dict[str, str] = {}
        self.expected: list[Heard] = []
        self.view: IPeer | None = None


class Model:
    """Rooms, and what is told to whom.

    Attributes:
        rooms: Who is where, as whom, in the order in which they came.
        users: The users of each room; one keeps its place until its last connection has gone.
        seen: What an observer should have seen.
    """

    def __init__(self, echo: bool, exact: bool) -> None:
        self.rooms: dict[str, dict[Person, str]] = {}
        self.users: dict[str, list[str]] = {}
        self.seen: list[Seen] = []
        self._echo = echo
        self._exact = exact

    def join(self, person: Person, roomName: str, userId: str) -> dict[str, Any] | str:
        """The acknowledgement or the code of the refusal, as from the other requests."""
        if roomName in person.seats:
            if userId != person.seats[roomName] and not self._exact:
                return "not-your-user-id"
            return self._welcome(person, roomName)
        if len(person.seats) >= _MOST_ROOMS:
            return "too-many-rooms"
        person.seats[roomName] = userId
        self.rooms.setdefault(roomName, {})[person] = userId
        users = self.users.setdefault(roomName, [])
        if userId not in users:
            users.append(userId)
        return self._welcome(person, roomName)

    def joined(self, person: Person, roomName: str) -> None:
        """The room is told, when the joiner has been answered."""
        room, userId = self.rooms[roomName], person.seats[roomName]
        for member in room:
            member.expected.append(("user-joined", userId, *self._more(roomName)))
        self.seen.append(("joined", userId, roomName, len(room)))

    def joinedAgain(self, roomName: str, userId: str) -> None:
        """The original tells a room of every join, by whatever name it is this time."""
        if self._exact:
            for member in self.rooms[roomName]:
                member.expected.append(("user-joined", userId, *self._more(roomName)))

    def leave(self, person: Person, roomName: str, userId: str) -> dict[str, Any] | str:
        if roomName not in person.seats:
            return "not-in-room"
        if userId != person.seats[roomName] and not self._exact:
            return "not-your-user-id"
        return {}

    def left(self, person: Person, roomName: str, reason: str) -> None:
        """The room is told; who left hears it only if it asked to leave."""
        room, userId = self.rooms[roomName], person.seats.pop(roomName)
        for member in room:
            if member is not person or reason == "left":
                member.expected.append(("user-left", userId, *self._more(roomName, reason=reason)))
        del room[person]
        if userId not in room.values():
            self.users[roomName].remove(userId)
        if not room:
            del self.rooms[roomName]
        self.seen.append(("left", userId, roomName, len(room), reason))

    def gone(self, person: Person, reason: str) -> None:
        for roomName in tuple(person.seats):
            self.left(person, roomName, reason)

    def broadcast(self, person: Person, body: dict[str, Any]) -> dict[str, Any] | str:
        get: Any = (lambda key: None) if self._exact else body.get
        names = [name for name in person.seats if get("roomName") in (None, name)]
        if not names:
            return "not-in-room"
        names = [name for name in names if get("userId") in (None, person.seats[name])]
        if not names:
            return "not-your-user-id"
        target = get("targetUserId")
        hearing = {
            member
            for name in names
            for member, userId in self.rooms[name].items()
            if target in (None, userId) and (member is not person or (target is None and self._echo))
        }
        for member in hearing:
            member.expected.append(("broadcast", body))
        return {"delivered": len(hearing)}

    def _welcome(self, person: Person, roomName: str) -> dict[str, Any]:
        members = [{"userId": userId} for userId in self.users[roomName]]
        return {"roomName": roomName, "userId": person.seats[roomName], "members": members}

    def _more(self, roomName: str, **more: str) -> tuple[dict[str, str], ...]:
        return () if self._exact else ({"roomName": roomName, **more},)


def _withoutMessage(heard: Heard) -> Heard:
    """The same without the sentences for people, which are not promised."""
    if heard[0] == "refused":
        return (*heard[:1], {key: value for key, value in heard[1].items() if key != "message"})
    if heard[0] == "<ack>" and "error" in heard[1]:
        return "<ack>", heard[1]["error"]["code"]
    return heard


class HubMachine(RuleBasedStateMachine):
    """The server and the model, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.people: list[Person] = []
        self.count = 0

    @initialize(echo=st.booleans(), exact=st.booleans())
    def start(self, echo: bool, exact: bool) -> None:
        self.plugins = Recording()
        options = SignalingOptions(echo=echo, exact=exact, roomsPerPeer=_MOST_ROOMS)
        self.world = World(options, self.plugins)
        self.model = Model(echo, exact)

    @precondition(lambda self: len(self.people) < _MOST_PEOPLE)
    @rule(kind=st.sampled_from([(3, "/"), (4, "/"), (4, "/socket.io")]))
    def connect(self, kind: tuple[Revision, str]) -> None:
        revision, namespace = kind
        self.count += 1
        self._arrives(self.world.client(namespace, revision, address=f"client {self.count}"))

    @precondition(lambda self: self.people and len(self.people) < _MOST_PEOPLE)
    @rule(data=st.data())
    def connectToTheOtherNamespaceToo(self, data: st.DataObject) -> None:
        link = self._somebody(data).client.link
        free = {"/", "/socket.io"} - {person.client.namespace for person in self._on(link)}
        if free:
            self._arrives(link.client(free.pop()))

    @precondition(lambda self: self.people)
    @rule(data=st.data(), roomName=_ROOMS, userId=_USERS, ask=st.booleans(), asText=st.booleans())
    def join(self, data: st.DataObject, roomName: str, userId: str, ask: bool, asText: bool) -> None:
        person = self._somebody(data)
        isNew = roomName not in person.seats
        answer = self.model.join(person, roomName, userId)
        self._expectAnswer(person, "join-room", roomName, ask, answer)
        if isNew and not isinstance(answer, str):
            self.model.joined(person, roomName)
        elif not isinstance(answer, str):
            self.model.joinedAgain(roomName, userId)
        self._send(person, ask, "join-room", {"userId": userId, "roomName": roomName}, asText)
        person.view = self.plugins.byPerson.get(_key(person)) if person.seats else None

    @precondition(lambda self: self.people)
    @rule(data=st.data(), roomName=_ROOMS, userId=_USERS, ask=st.booleans(), asText=st.booleans())
    def leave(self, data: st.DataObject, roomName: str, userId: str, ask: bool, asText: bool) -> None:
        person = self._somebody(data)
        answer = self.model.leave(person, roomName, userId)
        self._expectAnswer(person, "leave-room", roomName, ask, answer)
        if not isinstance(answer, str):
            self.model.left(person, roomName, "left")
        self._send(person, ask, "leave-room", {"userId": userId, "roomName": roomName}, asText)

    @precondition(lambda self: self.people)
    @rule(
        data=st.data(),
        ask=st.booleans(),
        keys=st.fixed_dictionaries({}, optional={"userId": _USERS, "targetUserId": _USERS, "roomName": _ROOMS}),
    )
    def broadcast(self, data: st.DataObject, ask: bool, keys: dict[str, str]) -> None:
        person = self._somebody(data)
        self.count += 1
        body = {"n": self.count, **keys}
        answer = self.model.broadcast(person, body)
        self._expectAnswer(person, "broadcast", keys.get("roomName"), ask, answer)
        self._send(person, ask, "broadcast", body, False)

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        person = self._somebody(data)
        self._goes(person, "disconnect")
        person.client.disconnect()
        self.settle()

    @precondition(lambda self: self.people)
    @rule(data=st.data(), how=st.sampled_from([Link.lose, Link.sayClose, lambda link: link.transmit("?")]))
    def lose(self, data: st.DataObject, how: Any) -> None:
        link = self._somebody(data).client.link
        for person in self._on(link):
            self._goes(person, "disconnect")
        how(link)
        self.settle()

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def fallSilent(self, data: st.DataObject) -> None:
        silent = self._somebody(data).client.link
        for person in self._on(silent):
            self._goes(person, "timeout")
        for _ in range(10):
            self.passTime(10)
            for link in {person.client.link for person in self.people}:
                link.keepAlive()

    @precondition(lambda self: any(person.seats for person in self.people))
    @rule(data=st.data(), reason=st.sampled_from(["kicked", "spam"]))
    def kick(self, data: st.DataObject, reason: str) -> None:
        person = data.draw(st.sampled_from([person for person in self.people if person.seats]))
        assert person.view is not None
        self._goes(person, reason)
        person.view.disconnect(reason)
        self.settle()
        assert person.client.take() == [*person.expected, *putOut(reason)]

    @invariant()
    def everybodyHeardWhatTheModelSays(self) -> None:
        for person in self.people:
            assert [_withoutMessage(heard) for heard in person.client.take()] == person.expected
            person.expected.clear()

    @invariant()
    def theRoomsAreThoseOfTheModel(self) -> None:
        rosters = {name: list(room.values()) for name, room in self.model.rooms.items()}
        assert self.world.rosters() == rosters

    @invariant()
    def theObserverSawWhatTheModelSays(self) -> None:
        assert self.plugins.take() == self.model.seen
        self.model.seen.clear()

    @invariant()
    def allFitsTogether(self) -> None:
        assert self.world.problems() == []

    def teardown(self) -> None:
        self.world.finish()

    def settle(self) -> None:
        """What somebody has done has happened."""

    def passTime(self, seconds: float) -> None:
        """Time passes."""
        self.world.clock.advance(seconds)

    def _somebody(self, data: st.DataObject) -> Person:
        return data.draw(st.sampled_from(self.people))

    def _on(self, link: Link) -> list[Person]:
        return [person for person in self.people if person.client.link is link]

    def _arrives(self, client: Client) -> None:
        client.take()
        self.people.append(Person(client))

    def _goes(self, person: Person, reason: str) -> None:
        self.people.remove(person)
        self.model.gone(person, reason)

    @staticmethod
    def _expectAnswer(
        person: Person, event: str, roomName: str | None, ask: bool, answer: dict[str, Any] | str
    ) -> None:
        if not isinstance(answer, str):
            if ask:
                person.expected.append(("<ack>", {"ok": True, **answer}))
        elif ask:
            person.expected.append(("<ack>", answer))
        else:
            person.expected.append(("refused", {"event": event, "roomName": roomName, "code": answer}))

    def _send(self, person: Person, ask: bool, event: str, body: dict[str, Any], asText: bool) -> None:
        argument = json.dumps(body) if asText else body
        if ask:
            person.client.ask(event, argument)
        else:
            person.client.emit(event, argument)
        self.settle()


class Recording(Plugins):
    """An observer that can tell the views of all peers apart."""

    def __init__(self) -> None:
        super().__init__()
        self.byPerson: dict[tuple[str, str], IPeer] = {}

    def joined(self, peer: IPeer, room: IRoom) -> None:
        super().joined(peer, room)
        self.byPerson[peer.address, peer.namespace] = peer


def _key(person: Person) -> tuple[str, str]:
    return person.client.link.session.request.address, person.client.namespace


TestHub = HubMachine.TestCase
TestHub.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
