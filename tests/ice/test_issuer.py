"""Who is given which ICE servers, when, and how: on real rooms in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from rtcsignal.api import IceServer, IceServers, Identity, IIceServers
from rtcsignal.ice.servers import IceOptions
from rtcsignal.iceservers import Secret
from rtcsignal.rates import Rate
from rtcsignal.service.config.ice import Ice
from rtcsignal.service.config.iceserver import IceServerUse
from rtcsignal.service.config.schema import Config
from rtcsignal.service.features import iceOptionsOf
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.testing import InMemoryServer
from tests.conftest import LoggedFailures
from tests.signaling.plugins import Plugins
from tests.signaling.world import Client, World

STUN = IceServerUse(urls=("stun:s.example",))
TURN = IceServerUse(urls=("turn:t.example", "turns:t.example:443?transport=tcp"), secret=Secret("north"))
FIXED = IceServerUse(urls=("turn:f.example", "stun:f.example"), username="demo", credential=Secret("word"))


OTHER_PAGE = {"origin": "https://b.example", "host": "b.example"}


def configOf(*servers: IceServerUse, **more: Any) -> Config:
    return Config(ice=Ice(servers=servers, **more))


@pytest.fixture
def worlds() -> Iterator[Callable[..., World]]:
    """Makes worlds, which must be empty in the end."""
    made: list[World] = []

    def make(config: Config, **more: Any) -> World:
        made.append(World(config=config, **more))
        return made[-1]

    yield make
    for world in made:
        world.finish()


def pushes(client: Client) -> list[dict[str, Any]]:
    return [heard[1] for heard in client.take() if heard[0] == "ice-servers"]


def urlsOf(shape: dict[str, Any]) -> list[str]:
    return [url for entry in shape["iceServers"] for url in entry["urls"]]


class TestJoining:
    def test_theAnswerHasThem(self, worlds: Callable[..., World]) -> None:
        ice = worlds(configOf(STUN, TURN, FIXED, ttl=60)).client().join("kitchen", "ann").value["ice"]
        assert set(ice) == {"iceServers", "ttl"}
        stun, turn, fixed = ice["iceServers"]
        assert stun == {"urls": ["stun:s.example"]}
        assert set(turn) == {"urls", "username", "credential"}
        assert turn["username"].startswith("60:")
        assert fixed == {"urls": ["turn:f.example", "stun:f.example"], "username": "demo", "credential": "word"}
        assert ice["ttl"] == 60

    def test_relayOnlyIsSaid(self, worlds: Callable[..., World]) -> None:
        ice = worlds(configOf(TURN, relayOnly=True)).client().join("kitchen", "ann").value["ice"]
        assert ice["iceTransportPolicy"] == "relay"

    def test_withoutServersNothingIsAdded(self, worlds: Callable[..., World]) -> None:
        world = worlds(Config())
        ann = world.client()
        assert set(ann.join("kitchen", "ann").value) == {"ok", "roomName", "userId", "members"}
        for _ in range(100):
            world.clock.advance(20)
            ann.link.keepAlive()
        assert pushes(ann) == []

    def test_inExactModeNothingIsAddedOrPushed(self, worlds: Callable[..., World]) -> None:
        world = worlds(configOf(TURN, ttl=5), options=SignalingOptions(exact=True))
        ann = world.client()
        assert "ice" not in ann.join("kitchen", "ann").value
        ann.emit("ice-servers", {})
        world.clock.pump([0.1] * 60)
        assert pushes(ann) == []


class TestAsking:
    @pytest.fixture
    def world(self, worlds: Callable[..., World]) -> World:
        return worlds(configOf(TURN, ttl=60), options=SignalingOptions(joinsRate=Rate(1, 3)))

    @pytest.mark.parametrize("argument", [(), ({},), (None,), ({"roomName": "kitchen"},)])
    def test_theyAreGivenAnew(self, world: World, argument: tuple[Any, ...]) -> None:
        ann = world.member("kitchen", "ann")
        world.clock.advance(10)
        answer = ann.ask("ice-servers", *argument).value
        assert answer["ok"] is True
        assert answer["iceServers"][0]["username"].startswith("70:")
        assert answer["ttl"] == 60

    def test_withoutAcknowledgementTheyComeAsAnEvent(self, world: World) -> None:
        ann = world.member("kitchen", "ann")
        ann.emit("ice-servers", {})
        (shape,) = pushes(ann)
        assert set(shape) == {"iceServers", "ttl"}

    @pytest.mark.parametrize("argument", [{"roomName": 1}, [], "kitchen", 7])
    def test_whatMakesNoSenseIsRefused(self, world: World, argument: Any) -> None:
        ann = world.member("kitchen", "ann")
        assert ann.ask("ice-servers", argument).value["error"]["code"] == "bad-arguments"

    def test_onlyMembersMayAsk(self, world: World) -> None:
        ann = world.member("kitchen", "ann")
        assert ann.ask("ice-servers", {"roomName": "hall"}).value["error"]["code"] == "not-in-room"
        assert world.client().ask("ice-servers", {}).value["error"]["code"] == "not-in-room"

    def test_thePaceIsThatOfJoins(self, world: World) -> None:
        ann = world.member("kitchen", "ann")
        codes = [ann.ask("ice-servers", {}).value.get("error", {}).get("code") for _ in range(3)]
        assert codes == [None, None, "rate-limited"]


class TestPushes:
    def test_theyComeBeforeEachEnd(self, worlds: Callable[..., World]) -> None:
        world = worlds(configOf(TURN, ttl=60))
        ann = world.member("kitchen", "ann")
        ann.leave("kitchen", "ann")
        last, came = 0.0, []
        for _ in range(2000):
            world.clock.advance(0.1)
            ann.link.keepAlive()
            for shape in pushes(ann):
                came.append(world.clock.seconds() - last)
                last = world.clock.seconds()
                assert int(shape["iceServers"][0]["username"].partition(":")[0]) == math.ceil(last + 60)
        assert len(came) >= 3
        assert all(39 <= each <= 51.2 for each in came)

    def test_whoHasGoneGetsNone(self, worlds: Callable[..., World]) -> None:
        world = worlds(configOf(TURN, ttl=60))
        ann = world.member("kitchen", "ann")
        ann.link.lose()
        assert len(world.features.issuer or "") == 0
        assert world.clock.getDelayedCalls() == []

    def test_whoWasNotGivenAnyGetsNone(self, worlds: Callable[..., World]) -> None:
        world = worlds(configOf(TURN, ttl=5))
        ann = world.client()
        ann.emit("join-room", {"userId": "ann", "roomName": "kitchen"})
        world.clock.pump([0.1] * 60)
        assert pushes(ann) == []

    def test_aReloadIsToldWithinTenSeconds(self, worlds: Callable[..., World]) -> None:
        world = worlds(configOf(TURN, ttl=3600))
        members = [world.member("kitchen", f"u{number}") for number in range(20)]
        stranger = world.client()
        assert world.features.issuer is not None
        world.features.issuer.replace(iceOptionsOf(Ice(servers=(STUN,))))
        world.clock.pump([0.1] * 60)
        assert [urlsOf(pushes(member)[-1]) for member in members] == [["stun:s.example"]] * 20
        assert pushes(stranger) == []

    def test_noServersAnyMoreAreToldOnce(self, worlds: Callable[..., World]) -> None:
        world = worlds(configOf(TURN, ttl=5))
        ann = world.member("kitchen", "ann")
        world.features.reload(Config())
        world.clock.pump([0.1] * 300)
        assert [shape["iceServers"] for shape in pushes(ann)] == [[]]

    def test_whoIsAwayGetsThemWhenTheyAreBack(self) -> None:
        with InMemoryServer(config=configOf(TURN, ttl=10)) as server:
            key = "k" * 22
            ann = server.connect()
            ann.join("kitchen", "ann", resume=key)
            ann.lose()
            server.advance(20)
            back = server.connect(auth={"resume": key})
            server.advance(1.2)
            (shape,) = [event[1] for event in back.take("ice-servers")]
            assert shape["iceServers"][0]["username"].partition(":")[0] in ("30", "31", "32")


class TestGates:
    @pytest.mark.parametrize(
        ("ice", "headers", "roles", "urls"),
        [
            ({"roles": ("caller",)}, {}, (), ["stun:s.example"]),
            ({"roles": ("caller", "x")}, {}, ("caller",), ["stun:s.example", *TURN.urls]),
            ({"origins": ("https://a.example",)}, {}, (), ["stun:s.example", *TURN.urls]),
            ({"origins": ("https://a.example",)}, {"origin": "https://a.example"}, (), ["stun:s.example", *TURN.urls]),
            ({"origins": ("https://a.example",)}, OTHER_PAGE, (), ["stun:s.example"]),
        ],
    )
    def test_relaysAreForSome(
        self, worlds: Callable[..., World], ice: Any, headers: Any, roles: tuple[str, ...], urls: list[str]
    ) -> None:
        gates = Plugins(authenticate=lambda handshake: Identity(roles=frozenset(roles)))
        world = worlds(configOf(STUN, TURN, **ice), gates=gates)
        client = world.client(headers=headers)
        assert urlsOf(client.join("kitchen", "ann").value["ice"]) == urls
        assert urlsOf(client.ask("ice-servers", {}).value) == urls

    def test_ofAMixedServerTheRelaysAreTakenOut(self, worlds: Callable[..., World]) -> None:
        ice = worlds(configOf(FIXED, roles=("caller",))).client().join("kitchen", "ann").value["ice"]
        assert ice["iceServers"] == [{"urls": ["stun:f.example"]}]

    def test_theyFailClosed(
        self, worlds: Callable[..., World], monkeypatch: pytest.MonkeyPatch, loggedFailures: LoggedFailures
    ) -> None:
        def fails(*arguments: object) -> bool:
            raise RuntimeError("no")

        monkeypatch.setattr(IceOptions, "admits", fails)
        ice = worlds(configOf(STUN, TURN)).client().join("kitchen", "ann").value["ice"]
        assert urlsOf(ice) == ["stun:s.example"]
        assert len(loggedFailures.expect(RuntimeError)) == 1


@implementer(IIceServers)
class Provider:
    """Answers as it is told."""

    def __init__(self, name: str, answer: Callable[[], Any]) -> None:
        self.name = name
        self._answer = answer

    def iceServers(self, peer: Any, room: Any) -> Any:
        assert (peer.userId, room.name, peer.origin) == ("ann", "kitchen", None)
        return self._answer()


OWN = IceServers((IceServer(("turn:own.example",), "u", "c"),), 30.0)


def raises() -> Any:
    raise ValueError("down")


async def soon() -> Any:
    return OWN


class TestProviders:
    @pytest.mark.parametrize("answer", [lambda: OWN, lambda: succeed(OWN), soon])
    def test_theirServersFollow(self, answer: Callable[[], Any]) -> None:
        with InMemoryServer(Provider("own", answer), config=configOf(STUN)) as server:
            ice = server.connect().join("kitchen", "ann").value["ice"]
        assert ice["iceServers"][1] == {"urls": ["turn:own.example"], "username": "u", "credential": "c"}
        assert ice["ttl"] == 30

    @pytest.mark.parametrize(
        ("answer", "urls"),
        [
            (raises, []),
            (lambda: None, []),
            (lambda: {"iceServers": []}, []),
            (lambda: IceServers((), -1), []),
            (lambda: IceServers(None), []),  # type: ignore[arg-type]
            (lambda: IceServers((IceServer(("turn:bad",)), IceServer(("stun:good",)))), ["stun:good"]),
            (lambda: IceServers(("stun:x",)), []),  # type: ignore[arg-type]
        ],
    )
    def test_whatIsWrongIsLeftOut(self, answer: Callable[[], Any], urls: list[str]) -> None:
        with InMemoryServer(Provider("own", answer), config=configOf(STUN)) as server:
            assert urlsOf(server.connect().join("kitchen", "ann").value["ice"]) == ["stun:s.example", *urls]

    def test_aJoinWaitsAtMostForTheTimeLimit(self) -> None:
        hanging: list[Deferred[Any]] = []

        def hang() -> Any:
            hanging.append(Deferred())
            return hanging[-1]

        slow, quick = Provider("slow", hang), Provider("quick", lambda: OWN)
        with InMemoryServer(slow, quick, config=configOf(STUN), timeout=2) as server:
            ann = server.connect()
            answer = ann.join("kitchen", "ann")
            server.clock.advance(1.9)
            assert not answer.given
            server.clock.advance(0.2)
            assert urlsOf(answer.value["ice"]) == ["stun:s.example", "turn:own.example"]

    def test_theGatesHoldForThem(self) -> None:
        with InMemoryServer(Provider("own", lambda: OWN), config=configOf(roles=("x",))) as server:
            assert server.connect().join("kitchen", "ann").value["ice"]["iceServers"] == []
