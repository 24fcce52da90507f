"""``rate-limit``: token buckets for connections, addresses and kinds."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.api import ConfigError, Refused
from rtcsignal.policy.builtin.rate_limit import rateLimit as plugin
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer, makeMessage

ROOM = FakeRoom()


class Limit:
    """The plugin on a clock of the test."""

    def __init__(self, **options: Any) -> None:
        self.plugin = plugin.configured(options)
        self.services = FakeServices("rate-limit")
        self.services.clock.advance(1_000_000)
        self.plugin.start(self.services)

    def advance(self, seconds: float) -> None:
        self.services.clock.advance(seconds)

    def send(self, peer: FakePeer, kind: str = "other") -> dict[str, Any] | None:
        """What a refusal says; None if the message passes."""
        message = makeMessage({}, kind=kind)
        try:
            assert self.plugin.filterMessage(peer, ROOM, message) is message
        except Refused as refused:
            assert refused.code == "rate-limited"
            return refused.data
        return None

    def passed(self, peer: FakePeer, most: int, kind: str = "other") -> int:
        """How many messages pass at once."""
        return sum(self.send(peer, kind) is None for _ in range(most))


class TestConnections:
    def test_aBurstPassesAndNoMore(self) -> None:
        assert Limit(peer_rate=10, peer_burst=5).passed(FakePeer(), 20) == 5

    def test_whoIsRefusedHearsWhenToTryAgain(self) -> None:
        limit, peer = Limit(peer_rate=4, peer_burst=2), FakePeer()
        assert limit.passed(peer, 2) == 2
        assert limit.send(peer) == {"retry_after": 0.25, "limit": "connection"}
        limit.advance(0.25)
        assert limit.send(peer) is None

    def test_refusedMessagesCostNothing(self) -> None:
        limit, peer = Limit(peer_rate=1, peer_burst=1), FakePeer()
        assert limit.passed(peer, 100) == 1
        limit.advance(1)
        assert limit.send(peer) is None

    @pytest.mark.parametrize("rate", [0.1, 3.0, 50.0])
    def test_inTheLongRunSoManyPass(self, rate: float) -> None:
        limit, peer = Limit(peer_rate=rate, peer_burst=3), FakePeer()
        passed = 0
        for _ in range(1000):
            passed += limit.passed(peer, 4)
            limit.advance(0.5 / rate)
        assert passed == pytest.approx(500 + 3, abs=2)

    def test_oneDoesNotSlowDownAnother(self) -> None:
        limit = Limit(peer_rate=1, peer_burst=1)
        assert limit.passed(FakePeer("ann"), 10) == limit.passed(FakePeer("bob"), 10) == 1

    def test_roomsOfOneConnectionShare(self) -> None:
        with InMemoryServer(use=[{"rate-limit": {"peer_rate": 1, "peer_burst": 3}}]) as server:
            ann = server.connect()
            ann.join("one", "ann")
            ann.join("two", "ann")
            answers = [ann.broadcast({"roomName": name}) for name in ("one", "two", "one", "two")]
            assert [answer.ok for answer in answers] == [True, True, True, False]
            assert answers[3].value["error"] == {
                "code": "rate-limited",
                "message": "Too many messages.",
                "retry_after": 1,
                "limit": "connection",
            }

    def test_noughtIsNoLimit(self) -> None:
        assert Limit(peer_rate=0, address_rate=0, peer_burst=1, address_burst=1).passed(FakePeer(), 1000) == 1000

    def test_aReloadDoesNotFillTheBucket(self) -> None:
        use = [{"rate-limit": {"peer_rate": 1, "peer_burst": 2}}]
        with InMemoryServer(use=use) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            assert [ann.broadcast({}).ok for _ in range(3)] == [True, True, False]
            assert server.reload(use=use)
            assert ann.broadcast({}).code == "rate-limited"


class TestAddresses:
    def test_connectionsOfAnAddressShare(self) -> None:
        limit = Limit(address_rate=2, address_burst=6)
        assert limit.passed(FakePeer("ann", address="192.0.2.1"), 4) == 4
        bob = FakePeer("bob", address="192.0.2.1")
        assert limit.passed(bob, 4) == 2
        assert limit.send(bob) == {"retry_after": 0.5, "limit": "address"}
        assert limit.send(FakePeer("eve", address="192.0.2.2")) is None

    def test_aNewConnectionDoesNotHelp(self) -> None:
        limit = Limit(address_rate=1, address_burst=3)
        passed = sum(limit.send(FakePeer(sid=str(number))) is None for number in range(20))
        assert passed == 3

    @pytest.mark.parametrize(
        ("one", "other", "shared"),
        [
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            ("::ffff:192.0.2.1", "192.0.2.1", True),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
            ("fe80::1%eth0", "fe80::1%eth1", True),
            ("no:address", "no:address", True),
            ("no:address", "another:one", False),
        ],
    )
    def test_anIpv6NetworkCountsAsOneAddress(self, one: str, other: str, shared: bool) -> None:
        limit = Limit(address_rate=1, address_burst=1)
        assert limit.send(FakePeer(address=one)) is None
        assert (limit.send(FakePeer("bob", address=other)) is None) is not shared

    def test_withoutAnAddressThereIsNoLimitOfOne(self) -> None:
        assert Limit(address_rate=1, address_burst=1).passed(FakePeer(address=""), 50) == 50

    def test_addressesAreForgottenOnceTheirBucketsAreFull(self) -> None:
        limit = Limit(address_rate=1, address_burst=100)
        for number in range(200):
            limit.send(FakePeer(address=f"192.0.2.{number}"))
        slow = FakePeer(address="198.51.100.1")
        limit.passed(slow, 60)
        assert len(limit.plugin._addresses) == 201
        limit.advance(10.1)
        assert list(limit.plugin._addresses) == ["198.51.100.1"]
        assert limit.passed(slow, 100) == 50
        for _ in range(20):
            limit.advance(10.1)
        assert not limit.plugin._addresses

    def test_thereIsAMostOfAddressesToRemember(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rtcsignal.policy.builtin.rate_limit._MOST_ADDRESSES", 3)
        limit = Limit(address_rate=1, address_burst=2)
        for number in range(10):
            assert limit.send(FakePeer(address=f"192.0.2.{number}")) is None
        assert len(limit.plugin._addresses) == 3
        assert limit.passed(FakePeer(address="192.0.2.0"), 5) == 1


class TestKinds:
    def test_eachKindHasALimitOfItsOwn(self) -> None:
        limit, peer = Limit(kinds={"offer": 2, "other": 1}, kind_bursts={"offer": 3}), FakePeer()
        assert limit.passed(peer, 10, "offer") == 3
        assert limit.send(peer, "offer") == {"retry_after": 0.5, "limit": "offer"}
        assert limit.passed(peer, 10, "other") == 5
        assert limit.passed(peer, 100, "candidate") == 100

    def test_whatItRefusesDoesNotCountElsewhere(self) -> None:
        limit, peer = Limit(peer_rate=1, peer_burst=5, kinds={"offer": 1}, kind_bursts={"offer": 1}), FakePeer()
        assert limit.passed(peer, 50, "offer") == 1
        assert limit.passed(peer, 50) == 4


def test_aClockThatIsPutBackLocksNobodyOut() -> None:
    limit, peer = Limit(peer_rate=1, peer_burst=2, address_rate=1, address_burst=2), FakePeer()
    assert limit.passed(peer, 5) == 2
    limit.services.clock.rightNow -= 3600
    assert limit.passed(peer, 5) == 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"peer_rate": -1}, "peer_rate: must be a number of at least 0, not -1"),
        ({"peer_burst": 0}, "peer_burst: must be a whole number of at least 1, not 0"),
        ({"kinds": {"offer": 0}}, "kinds: offer must be more than 0, not 0"),
        ({"kinds": {"offer": 1}, "kind_bursts": {"offer": 0}}, "kind_bursts: offer must be more than 0, not 0"),
        ({"kind_bursts": {"offer": 1}}, "kind_bursts: offer has no rate in kinds"),
    ],
)
def test_wrongOptionsAreNamed(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        plugin.configured(options)
    assert error.value.problems == (problem,)


def test_onlyKindsOfMessagesHaveRates() -> None:
    with pytest.raises(ConfigError, match="offer or answer or candidate or hangup or other"):
        plugin.configured({"kinds": {"ofer": 1}})
