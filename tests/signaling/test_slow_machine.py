"""Any interleaving of requests, losses and kicks with the answers of slow policies and filters.

Here no model says what exactly happens; promises are checked that hold whatever happens in between.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred

from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Message
from tests.signaling.plugins import Plugins, Seen
from tests.signaling.words import room
from tests.signaling.world import Answer, Client, World

_MOST_PEOPLE, _MOST_MEMBERS = 5, 3
_ROOMS = ("kitchen", "garden")


class Person:
    """A client that has asked for things."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.answers: list[Answer] = []
        self.names: dict[str, str] = {}
        self.isThere = True


class Question:
    """What a plugin has been asked and has not answered."""

    def __init__(self, about: str, sid: str, answer: Deferred[Any], yes: Any) -> None:
        self.about = about
        self.sid = sid
        self.answer = answer
        self.yes = yes


class SlowMachine(RuleBasedStateMachine):
    """A server whose plugins answer when the machine likes, and a witness who is in every room."""

    def __init__(self) -> None:
        super().__init__()
        self.questions: list[Question] = []
        self.people: list[Person] = []
        self.count = 0
        self.presence: list[tuple[str, str, str]] = []
        self.said: dict[str, list[int]] = {}
        self.seen: list[Seen] = []
        self.plugins = Plugins(mayJoin=self._mayJoin, filterMessage=self._filterMessage)
        self.world = World(SignalingOptions(roomsPerPeer=2), self.plugins)
        self.witness = self.world.client()
        for name in _ROOMS:
            self.witness.emit("join-room", room("witness", name))
            self.questions.pop().answer.callback(None)
        self.witness.take()
        self.plugins.take()

    def _mayJoin(self, peer: IPeer, room: IRoom) -> Deferred[None] | None:
        full = room.size > _MOST_MEMBERS  # the witness does not count

        def judge(_: None) -> None:
            if full:
                raise Refused("room-full")

        if self._atOnce():
            judge(None)
            return None
        return self._ask(f"join {room.name}", peer.sid, None).addCallback(judge)

    def _filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Any:
        return message if self._atOnce() else self._ask("message", peer.sid, message)

    def _ask(self, about: str, sid: str, yes: Any) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        self.questions.append(Question(about, sid, answer, yes))
        return answer

    def _atOnce(self) -> bool:
        """Every third question is not a slow one."""
        self.count += 1
        return self.count % 3 == 0

    @property
    def _there(self) -> list[Person]:
        return [person for person in self.people if person.isThere]

    def _somebody(self, data: st.DataObject) -> Person:
        return data.draw(st.sampled_from(self._there))

    @precondition(lambda self: len(self._there) < _MOST_PEOPLE)
    @rule(namespace=st.sampled_from(["/", "/socket.io"]), revision=st.sampled_from([3, 4]))
    def connect(self, namespace: str, revision: Any) -> None:
        self.people.append(Person(self.world.client(namespace, revision)))

    @precondition(lambda self: self._there)
    @rule(data=st.data(), roomName=st.sampled_from(_ROOMS))
    def join(self, data: st.DataObject, roomName: str) -> None:
        """Under a name that nobody ever had."""
        person = self._somebody(data)
        self.count += 1
        person.names[roomName] = f"user {self.count}"
        person.answers.append(person.client.ask("join-room", room(person.names[roomName], roomName)))

    @precondition(lambda self: self._there)
    @rule(data=st.data(), roomName=st.sampled_from(_ROOMS))
    def leave(self, data: st.DataObject, roomName: str) -> None:
        """Under the last name used, which is the right one unless the room had been joined before."""
        person = self._somebody(data)
        name = person.names.get(roomName, "nobody")
        person.answers.append(person.client.ask("leave-room", room(name, roomName)))

    @precondition(lambda self: self._there)
    @rule(data=st.data(), times=st.integers(1, 3))
    def broadcast(self, data: st.DataObject, times: int) -> None:
        person = self._somebody(data)
        for _ in range(times):
            self.count += 1
            sender = str(self.people.index(person))
            person.answers.append(person.client.ask("broadcast", {"sender": sender, "n": self.count}))

    @precondition(lambda self: self._there)
    @rule(data=st.data(), how=st.sampled_from([Client.lose, Client.disconnect]))
    def goes(self, data: st.DataObject, how: Any) -> None:
        person = self._somebody(data)
        person.isThere = False
        how(person.client)

    @precondition(lambda self: self.plugins.peers.keys() - {"witness"})
    @rule(data=st.data())
    def kick(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.plugins.peers.keys() - {"witness"})))
        self.plugins.peers[name].disconnect()
        (person,) = [person for person in self._there if ("<disconnect>",) in person.client.take()]
        person.isThere = False

    @precondition(lambda self: self.questions)
    @rule(data=st.data(), yes=st.booleans())
    def answer(self, data: st.DataObject, yes: bool) -> None:
        question = data.draw(st.sampled_from(self.questions))
        self.questions.remove(question)
        if yes:
            question.answer.callback(question.yes)
        else:
            question.answer.errback(Refused("not-today"))

    @invariant()
    def look(self) -> None:
        """The witness looks around."""
        for event, what, *more in (heard for heard in self.witness.take() if heard[0] != "<ack>"):
            if event == "broadcast":
                self.said.setdefault(what["sender"], []).append(what["n"])
            else:
                self.presence.append((event, what, more[0]["roomName"]))
        self.seen += self.plugins.take()

    @invariant()
    def everyMembershipBeginsAndEndsOnce(self) -> None:
        counts = Counter(self.presence)
        assert all(count == 1 for count in counts.values()), counts
        order = {entry: at for at, entry in enumerate(self.presence)}
        for (event, user, name), at in order.items():
            assert event == "user-joined" or order["user-joined", user, name] < at

    @invariant()
    def theRoomsAreWhatTheWitnessHeard(self) -> None:
        left = {(user, name) for event, user, name in self.presence if event == "user-left"}
        rosters: dict[str, list[str]] = {name: ["witness"] for name in _ROOMS}
        for event, user, name in self.presence:
            if event == "user-joined" and (user, name) not in left:
                rosters[name].append(user)
        assert self.world.rosters() == rosters

    @invariant()
    def theObserverSawTheSame(self) -> None:
        words = {"joined": "user-joined", "left": "user-left"}
        assert [(words[what], user, name) for what, user, name, *_ in self.seen] == self.presence

    @invariant()
    def noRoomHasMoreMembersThanThePolicyAllows(self) -> None:
        assert all(len(roster) <= 1 + _MOST_MEMBERS for roster in self.world.rosters().values())

    @invariant()
    def oneAdmissionAtATimeForEachRoomAndOneQuestionForEachPeer(self) -> None:
        joins = Counter(question.about for question in self.questions if question.about != "message")
        assert all(count == 1 for count in joins.values()), joins
        assert all(count == 1 for count in Counter(question.sid for question in self.questions).values())

    @invariant()
    def messagesOfOneSenderComeInOrderAndOnce(self) -> None:
        for numbers in self.said.values():
            assert numbers == sorted(set(numbers))

    @invariant()
    def everyRequestIsAnsweredInItsTurn(self) -> None:
        for person in self.people:
            given = [answer.given for answer in person.answers]
            assert given == sorted(given, reverse=True)
            assert not person.isThere or self.questions or all(given), "waits for nothing"

    @invariant()
    def allFitsTogether(self) -> None:
        assert self.world.problems() == []

    def teardown(self) -> None:
        while self.questions:
            question = self.questions.pop(0)
            question.answer.callback(question.yes)
            self.everyRequestIsAnsweredInItsTurn()
        self.world.finish()
        self.look()
        self.everyMembershipHasEndedOnce()

    def everyMembershipHasEndedOnce(self) -> None:
        """Every membership of everybody but the witness has ended, once."""
        joined = Counter(entry[1:3] for entry in self.seen if entry[0] == "joined")
        left = Counter(entry[1:3] for entry in self.seen if entry[0] == "left")
        assert left == joined + Counter({("witness", name): 1 for name in _ROOMS})


TestSlowPlugins = SlowMachine.TestCase
TestSlowPlugins.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
